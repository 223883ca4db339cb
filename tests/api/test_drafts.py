"""Drafts written by hand for every channel, over HTTP."""

import make
import pytest

from tests.api.test_main_path import created

TARGET = "https://www.studio.example/kurse?a=1&b=2"
TEXTS = {
    "sms": {"text": "{greeting} {studio} grüßt: {cta_url}"},
    "whatsapp": {"template": "herbst", "variables": {"1": "{studio}", "2": "{cta_url}"}},
    "telegram": {"text": "{greeting} schön, dass du da bist.", "button": {"label": "Kurse ansehen"}},
}


def body(channel, variant, **fields):
    return {"content": {"form": "du", "cta_url": TARGET, "languages": {"de": {channel: variant}}} | fields}


@pytest.mark.parametrize("channel", TEXTS)
def test_a_text_is_written_checked_and_told_apart_from_a_mail(clients, channel):
    a, b = clients
    campaign = created(a, channel=channel)
    assert campaign["channel"] == channel
    answer = a.post(f"/campaigns/{campaign['id']}/revisions", body(channel, TEXTS[channel]))
    assert answer.status_code == 201, answer.text
    revision = answer.json()
    stored = revision["content"]["languages"]["de"]
    assert list(stored) == [channel]
    assert {key: stored[channel][key] for key in ("text", "template", "variables") if key in TEXTS[channel]} == {
        key: value for key, value in TEXTS[channel].items() if key != "button"
    }
    assert [f["code"] for f in revision["findings"] if f["severity"] == "block"] == []
    assert [row["id"] for row in a.get(f"/campaigns?channel={channel}").json()["items"]] == [campaign["id"]]
    assert a.get("/campaigns?channel=email").json()["items"] == []
    assert b.post(f"/campaigns/{campaign['id']}/revisions", body(channel, TEXTS[channel])).status_code == 404


def test_an_sms_without_its_sender_is_kept_and_cannot_be_approved(clients, approver):
    a, _ = clients
    campaign = created(a, channel="sms")
    revision = a.post(f"/campaigns/{campaign['id']}/revisions", body("sms", {"text": "Komm vorbei."})).json()
    assert [f["code"] for f in revision["findings"] if f["severity"] == "block"] == ["sender_unnamed"]
    decision = {"revision_id": revision["id"], "content_hash": revision["content_hash"]}
    refused = approver.post(f"/campaigns/{campaign['id']}/approve", decision)
    assert (refused.status_code, refused.json()["code"]) == (409, "blocked")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (body("sms", {"text": ""}), "content.languages.de.sms.text"),
        (body("sms", {"text": "a", "subject": "b"}), "content.languages.de.sms.subject"),
        (body("fax", {"text": "a"}), "content.languages.de.fax"),
        (body("telegram", {"text": "a"}), "content.languages.de.sms"),
        (body("sms", {"text": "a"}, form="ihr"), "content.form"),
        (body("sms", {"text": "a"}, cta_url="javascript:alert(1)"), "content.cta_url"),
        (body("sms", {"text": "a"}, offers=["x"]), "content.offers"),
        (body("sms", {"text": "a"}, offers=[str(make.UUID(int=n)) for n in range(4)]), "content.offers"),
        (body("sms", {"text": "a"}, languages={}), "content.languages"),
        (body("sms", {"text": "a"}, languages={"fr": {"sms": {"text": "a"}}}), "content.languages"),
        (body("sms", {"text": "a"}, languages={"de": {}}), "content.languages.de.sms"),
        (body("sms", {"text": "a"}, subject="b"), "content.subject"),
        (body("telegram", {"text": "a", "button": {"label": "b", "url": "https://evil.example"}}), "content.languages"),
    ],
)
def test_a_draft_that_cannot_be_read_is_named_with_its_field(clients, content, field):
    a, _ = clients
    campaign = created(a, channel="sms")
    answer = a.post(f"/campaigns/{campaign['id']}/revisions", content)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    named = [str(problem.get("field")), *(error["field"] for error in problem.get("errors", []))]
    assert any(name.startswith(field) for name in named), named


def test_offers_of_another_tenant_cannot_be_named(clients):
    a, b = clients
    fields = {"key": "x", "title": "Herbst", "price_minor": 2900, "currency": "EUR"}
    foreign = b.post("/offers", fields)
    assert foreign.status_code == 201, foreign.text
    campaign = created(a, channel="sms")
    answer = a.post(f"/campaigns/{campaign['id']}/revisions", body("sms", TEXTS["sms"], offers=[foreign.json()["id"]]))
    assert answer.status_code == 404
