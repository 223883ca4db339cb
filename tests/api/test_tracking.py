"""Opens, clicks and conversions over a real socket, from the door to the rows."""

import random
import string
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from conftest import settled
from sqlalchemy import event, select, text

from domain.identity import service as identity
from domain.tracking import hits, ingest, queries, targets
from kernel import db
from kernel.ids import new_id
from kernel.tokens import BadToken, get_signer, hint_of
from models import Conversion
from tests.domain.tracking import agents
from tests.domain.tracking.conftest import PHONE, Sent, prepare
from tests.domain.webhooks.rounds import deliver

ME = {"user-agent": PHONE}


@pytest.fixture(autouse=True)
def _own_ingest(database):
    yield
    ingest.stop()


@pytest.fixture
def sent(tenants) -> Sent:
    return prepare(tenants.a, 3)


def token(sent: Sent, kind: str, n: int = 0, link: int = 0) -> str:
    hint = hint_of(sent.campaign_id, "de") if kind == "c" else b""
    return get_signer().sign(kind, sent.tenant_id, sent.ids[n], link, hint)


def seen(sent: Sent) -> list[tuple]:
    """What was kept, once the journal is drained."""
    ingest.current().flush()
    return sent.events()


def test_a_mail_that_is_opened_and_clicked_leaves_one_event_each(http, sent):
    picture = http.get(f"/t/o/{token(sent, 'o')}.gif", headers=ME)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/gif")
    assert picture.headers["cache-control"] == "no-store"
    assert picture.content.startswith(b"GIF89a")
    away = http.get(f"/t/c/{token(sent, 'c')}", headers=ME)
    assert away.status_code == 302
    assert away.headers["referrer-policy"] == "no-referrer"
    assert away.headers["cache-control"] == "no-store"
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert asked == {
        "a": ["1"], "b": ["2"], "utm_source": ["ariia"], "utm_medium": ["email"], "utm_campaign": ["herbst"],
        "utm_content": ["link-1"],
    }  # fmt: skip
    assert seen(sent) == [("opened", "human", None, None), ("clicked", "human", None, 0)]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_whoever_asks_without_reading_is_kept_as_a_machine(http, sent, method):
    assert http.request(method, f"/t/o/{token(sent, 'o')}.gif", headers=ME).status_code == 200
    assert http.request(method, f"/t/c/{token(sent, 'c')}", headers=ME).status_code == (302, 204)[method == "OPTIONS"]
    assert [event[:3] for event in seen(sent)] == [("opened", "machine", "method"), ("clicked", "machine", "method")]


def test_a_prefetch_and_a_proxy_are_told_apart(http, sent):
    http.get(f"/t/o/{token(sent, 'o')}.gif", headers={**ME, "Sec-Purpose": "prefetch;prerender"})
    http.get(f"/t/o/{token(sent, 'o', 1)}.gif", headers={"user-agent": agents.PROXIES[1]})
    assert [found[1:3] for found in seen(sent)] == [("machine", "prefetch"), ("proxy", "mail_proxy")]


def test_a_picture_is_shown_for_any_token_and_nothing_is_kept(http, sent):
    for wrong in ("x", token(sent, "c"), token(sent, "u"), "ä", "a" * 5_000):
        assert http.get(f"/t/o/{wrong}.gif", headers=ME).content.startswith(b"GIF89a")
    assert http.get(f"/t/v/{token(sent, 'o')}.gif?id=1", headers=ME).status_code == 200
    assert seen(sent) == []


def test_a_link_that_is_not_ours_gets_one_answer(http, sent):
    ours = token(sent, "c")
    wrong = ["x", ours[:-1] + ("A" if ours[-1] != "A" else "B"), ours + "A", token(sent, "o"), token(sent, "c", link=9)]
    answers = [http.get(f"/t/c/{one}", headers=ME) for one in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["code"] for answer in answers} == {"not_found"}
    assert http.post(f"/t/c/{ours}").status_code == 405
    assert http.get("/t/x").status_code == 404
    assert seen(sent) == []


def test_the_link_that_nobody_sees_leads_nowhere_and_gives_its_visitor_away(http, sent):
    http.get(f"/t/c/{token(sent, 'c')}", headers=ME)
    assert http.get(f"/t/c/{token(sent, 'c', link=0xFFFF)}", headers=ME).status_code == 404
    assert [found[1:] for found in seen(sent)] == [("machine", "honeypot", 0), ("machine", "honeypot", -1)]


def test_ten_thousand_altered_tokens_lead_nowhere(http, sent):
    """By the signature itself: the door refuses before it looks anywhere."""
    ours, signer = token(sent, "c"), get_signer()
    rng = random.Random(7)
    accepted = 0
    for _ in range(10_000):
        place = rng.randrange(len(ours))
        altered = ours[:place] + rng.choice(string.ascii_letters + string.digits + "-_") + ours[place + 1 :]
        if altered == ours:
            continue
        try:
            signer.check("c", altered)
            accepted += 1
        except BadToken:
            continue
    assert accepted == 0
    some = [ours[:n] + ("A" if ours[n] != "A" else "B") + ours[n + 1 :] for n in range(len(ours))]
    assert {http.get(f"/t/c/{one}").status_code for one in some} == {404}


EVIL = ("evil.example", "//evil.example", "https:evil.example", "https://evil.example", "///evil.example/%2f..",
        "\\\\evil.example", "/\\evil.example", "https:///evil.example", "http://www.studio.example@evil.example",
        "http://evil.example#www.studio.example", "javascript:alert(1)", "data:text/html,x", "//evil%E3%80%82example",
        "%0d%0aLocation:%20https://evil.example", "https://evil.example%00.studio.example", "//%0aevil.example",
        "/%09/evil.example", "?next=https://evil.example", ".evil.example", "@evil.example",
        "http://0x7f000001", "https://[::1]/")  # fmt: skip
NAMES = ("url", "u", "next", "to", "target", "redirect", "redirect_uri", "return", "dest", "r", "link", "goto")


def test_no_parameter_changes_where_a_link_leads(http, sent):
    ours = token(sent, "c")
    expected = http.get(f"/t/c/{ours}").headers["location"]
    tried = foreign = 0
    for payload in EVIL:
        for name in NAMES:
            answer = http.get(
                f"/t/c/{ours}?{name}={payload}", headers={"Host": "evil.example", "X-Forwarded-Host": "e"}
            )
            tried += 1
            foreign += answer.headers["location"] != expected
        for path in (f"/t/c/{payload}", f"/t/c/{ours}/{payload}", f"/t/c/{ours}{payload}", f"/t/{payload}"):
            try:
                answer = http.get(path)
            except httpx2.InvalidURL:
                continue
            tried += 1
            foreign += answer.headers.get("location", expected) != expected
    assert tried >= 257
    assert foreign == 0


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//evil.example", None),
        ("https://a.example/ä?q=ü#ö", "https://a.example/%C3%A4?q=%C3%BC#%C3%B6"),
        ("https://a.example/%C3%A4?x=%20", "https://a.example/%C3%A4?x=%20"),
        ("https://a.example/\r\nSet-Cookie: x", "https://a.example/%0D%0ASet-Cookie:%20x"),
    ],
)
def test_only_web_addresses_are_led_to_and_no_header_can_be_smuggled(http, sent, url, location):
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE tracked_link SET url = :url WHERE n = 1"), {"url": url})
        session.execute(text("UPDATE tenant SET utm_links = false"))
    answer = http.get(f"/t/c/{token(sent, 'c', link=1)}")
    assert answer.headers.get("location") == location
    assert answer.status_code == (302 if location else 404)
    assert "set-cookie" not in answer.headers


def test_one_look_into_the_database_serves_every_recipient(http, sent):
    asked = []

    def note(_c, _u, statement, *_):
        if "tracked_link" in statement and "unnest" not in statement:
            asked.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        for n in range(3):
            for link in range(4):
                assert http.get(f"/t/c/{token(sent, 'c', n, link)}").status_code == 302
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert len(asked) == 1


def test_links_of_old_mails_without_a_hint_still_lead_on(http, sent):
    old = get_signer().sign("c", sent.tenant_id, sent.ids[0], 2)
    assert http.get(f"/t/c/{old}").headers["location"].startswith("https://www.studio.example/2?")


def test_while_the_database_is_away_known_links_lead_on_and_unknown_ones_ask_for_patience(http, sent, monkeypatch):
    http.get(f"/t/c/{token(sent, 'c')}", headers=ME)
    other = get_signer().sign("c", sent.tenant_id, sent.ids[0], 0, hint_of(sent.campaign_id, "en"))
    monkeypatch.setattr(targets, "read", lambda *_: (_ for _ in ()).throw(ConnectionError()))
    assert http.get(f"/t/c/{token(sent, 'c', 1, 3)}", headers=ME).status_code == 302
    answer = http.get(f"/t/c/{other}", headers=ME)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert http.get(f"/t/c/{other}", headers=ME).status_code == 302


def test_parameters_can_be_switched_off_for_a_campaign_and_for_the_studio(http, clients, sent):
    plain = "https://www.studio.example/3"

    def led(n: int) -> str:
        fresh = get_signer().sign("c", sent.tenant_id, sent.ids[n], 3)
        return http.get(f"/t/c/{fresh}").headers["location"]

    assert led(0) != plain
    assert clients[0].call("PUT", "/settings", {"utm_links": False}).json()["utm_links"] is False
    assert led(1) == plain
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE campaign SET utm_links = true"))
    assert led(2) != plain


def test_a_visit_is_carried_only_where_the_studio_asked_for_it(http, clients, sent):
    assert targets.VISIT not in http.get(f"/t/c/{token(sent, 'c', link=1)}").headers["location"]
    assert clients[0].call("PUT", "/settings", {"visit_links": True}).status_code == 200
    old = get_signer().sign("c", sent.tenant_id, sent.ids[1], 1)  # not known to the cache yet
    location = http.get(f"/t/c/{old}").headers["location"]
    visit = parse_qs(urlsplit(location).query)[targets.VISIT][0]
    signed = get_signer().read("v", visit)
    assert (signed.tenant_id, signed.ref_id, signed.n) == (sent.tenant_id, sent.ids[1], 1)
    answer = clients[0].post("/campaigns/tracking/conversion", {"external_id": "o-1", "visit": visit})
    assert (answer.status_code, answer.json()["attribution"], answer.json()["link_n"]) == (201, "visit", 1)
    assert answer.json()["campaign_id"] == str(sent.campaign_id)


def test_a_page_reports_a_conversion_by_its_pixel(http, sent):
    visit = get_signer().sign("v", sent.tenant_id, sent.ids[0], 2)
    said = "id=o-7&value=4990&currency=EUR&goal=signup"
    for _ in range(2):
        assert http.get(f"/t/v/{visit}.gif?{said}", headers=ME).content.startswith(b"GIF89a")
    http.head(f"/t/v/{visit}.gif?id=o-8", headers=ME)
    http.get(f"/t/v/{visit}.gif?id=&value=x", headers=ME)
    ingest.current().flush()
    with db.tenant_session(sent.tenant_id) as session:
        row = session.execute(select(Conversion)).scalar_one()
    assert (row.external_id, row.goal, row.value_minor, row.message_id) == ("o-7", "signup", 4_990, sent.ids[0])


def test_the_script_for_pages_is_served_and_small(http):
    answer = http.get("/t/ariia.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "/t/v/" in answer.text
    assert len(answer.content) < 2_000


def test_clients_that_show_messages_themselves_tell_opens_and_clicks(http, sent):
    url = "/api/v1/campaigns/tracking"
    assert http.post(f"{url}/open", json={"token": token(sent, "o")}, headers=ME).json() == {"kept": True}
    assert http.post(f"{url}/open", json={"token": token(sent, "c")}, headers=ME).json() == {"kept": False}
    told = http.post(f"{url}/click", json={"token": token(sent, "c", 1, 2)}, headers=ME)
    assert told.json()["url"].startswith("https://www.studio.example/2?utm_")
    assert http.post(f"{url}/click", json={"token": token(sent, "o")}, headers=ME).status_code == 404
    assert http.post(f"{url}/click", json={"token": "x", "url": "https://evil.example"}).status_code == 422
    assert seen(sent) == [("opened", "human", None, None), ("clicked", "human", None, 2)]


def test_a_conversion_is_kept_once_and_only_with_the_scope(http, clients, sent):
    body = {"external_id": "o-1", "message_id": str(sent.ids[0]), "value_minor": 4990, "currency": "EUR"}
    url = "/campaigns/tracking/conversion"
    first, again = (clients[0].post(url, body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["attribution"] == "message"
    assert clients[1].post(url, body).json()["attribution"] == "none"
    visit = get_signer().sign("v", sent.tenant_id, sent.ids[0], 0)
    assert clients[1].post(url, {"external_id": "o-2", "visit": visit}).status_code == 422
    for wrong in ({"value_minor": -1}, {"currency": "euro"}, {"visit": "x"}, {"at": "2026-01-01T10:00:00"}, {"x": 1}):
        assert clients[0].post(url, {**body, "external_id": "o-3", **wrong}).status_code == 422
    assert clients[0].post(url, {"external_id": "o-4", "member_id": str(new_id())}).status_code == 404
    with db.tenant_session(sent.tenant_id) as session:
        reader = identity.issue_key(session, name="r", actor="t", scopes=frozenset({"campaigns:read"})).secret
    refused = http.post(f"/api/v1{url}", json=body, headers={"Authorization": f"Bearer {reader}"})
    assert refused.status_code == 403


def test_a_conversion_is_told_once_by_the_feed_alone(clients, sent, receiver):
    """Regression: one that the API took was told by the outbox too, under another id."""
    endpoint = clients[0].post("/webhooks", {"url": f"{receiver.url}/x", "events": ["crm.campaign.recipient.*"]}).json()
    receiver.secrets.append(endpoint["secret"])
    body = {"external_id": "o-told", "message_id": str(sent.ids[0]), "goal": "trial"}
    assert clients[0].post("/campaigns/tracking/conversion", body).status_code == 201
    settled()
    deliver(sent.tenant_id)
    assert [got.type for got in receiver.got] == ["crm.campaign.recipient.converted"]
    assert (receiver.got[0].data["message_id"], receiver.got[0].data["goal"]) == (str(sent.ids[0]), "trial")
    assert "crm.campaign.recipient.converted" not in {
        told["type"] for told in clients[0].get("/events", params={"limit": 200}).json()["items"]
    }


def test_the_report_shows_each_link_by_its_place(clients, sent):
    sent.keep(*(sent.hit("clicked", n, link=1, after=20 + n) for n in range(2)))
    sent.keep(sent.hit("clicked", 0, link=1, after=50), sent.hit("clicked", 2, link=3, method="HEAD"))
    found = clients[0].get(f"/campaigns/{sent.campaign_id}/links").json()["items"]
    assert [(one["n"], one["human_clicks"], one["human_unique"], one["machine_clicks"]) for one in found] == [
        (0, 0, 0, 0), (1, 3, 2, 0), (2, 0, 0, 0), (3, 0, 0, 1),
    ]  # fmt: skip
    assert clients[1].get(f"/campaigns/{sent.campaign_id}/links").status_code == 404


def test_events_are_read_by_cursor(clients, sent):
    sent.keep(*(sent.hit("clicked", n % 3, after=20 + n * 3) for n in range(9)))
    url, found, cursor = f"/campaigns/{sent.campaign_id}/events", [], None
    while True:
        page = (
            clients[0].get(url, params={"kind": "clicked", "limit": 4} | ({"cursor": cursor} if cursor else {})).json()
        )
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len({one["id"] for one in found}) == 9
    assert {one["actor"] for one in found} == {"human"}


def plan_of(session, statement: str, parameters: dict) -> str:
    rows = session.execute(text(f"EXPLAIN (COSTS OFF) {statement}"), parameters)
    return "\n".join(row[0] for row in rows)


def test_reports_are_read_by_index(sent):
    sent.keep(*(sent.hit("clicked", n % 3, after=20 + n * 3) for n in range(9)))
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        asked = {"tenant": sent.tenant_id, "campaign": sent.campaign_id}
        clicks = plan_of(session, queries._CLICKS.text, asked)
        events = plan_of(
            session,
            "SELECT * FROM message_event WHERE tenant_id = :tenant AND campaign_id = :campaign "
            "AND kind = 'unsubscribed' ORDER BY id DESC LIMIT 51",
            asked,
        )
    assert "Index Only Scan using ix_message_event_clicks" in clicks
    assert "ix_message_event_rare" in events
    assert "Sort" not in events


def test_hits_of_unknown_kinds_are_not_packed():
    assert set(hits.KINDS) == {"opened", "clicked", "converted"}
