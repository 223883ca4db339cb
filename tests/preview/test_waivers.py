"""Letting a blocking finding pass from the approval page, and what else the page says to people who decide."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from ariia.demo.client import Form, Page
from domain.campaigns import hold_reasons, revisions
from domain.campaigns import service as campaigns
from domain.content import lines, versions
from kernel import clock, db
from models import AuditEntry, Consent, FindingOverride, Member, MemberInsight
from preview import load
from tests.preview import studio as studios

FOUND = {
    "code": "fact_ungrounded", "severity": "block", "path": "de.email.subject", "excerpt": "70 %",
    "reason_de": "„70 %“ steht in keiner Quelle.", "reason_en": "'70 %' is in no source.", "source_ids": [],
}  # fmt: skip


def waivers_of(page: Page) -> list[Form]:
    return [form for form in page.forms if form.action.partition("?")[0].endswith("/waive")]


def passed(studio) -> list[tuple[str, str]]:
    with db.tenant_session(studio.tenant_id) as session:
        return [(row.by, row.reason) for row in session.execute(select(FindingOverride)).scalars()]


def test_a_blocker_passes_by_name_and_reason_and_stands_in_the_record(studio, browser, site):
    studios.rewrite(studio, findings=[FOUND])
    url = f"{site}/p/{studios.link(studio)}"
    page = browser.open(url)
    (form,) = waivers_of(page)
    assert "disabled" in page.answer.text
    for empty in ({"name": "Ina Chef", "reason": " "}, {"name": "", "reason": "Preisliste"}):
        refused = browser.submit(form, **empty)
        assert refused.answer.status == 422
        assert "warum der Hinweis zugelassen wird" in refused.answer.text
    assert passed(studio) == []
    done = browser.submit(form, name=" Ina Chef ", reason="Steht in der neuen Preisliste")
    assert done.answer.status == 200
    assert "Zugelassen von Ina Chef: Steht in der neuen Preisliste" in done.answer.text
    assert waivers_of(done) == []
    assert browser.submit(form, name="Ina Chef", reason="noch einmal").answer.status == 200
    assert passed(studio) == [("Ina Chef", "Steht in der neuen Preisliste")]
    with db.tenant_session(studio.tenant_id) as session:
        entries = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "finding.waive")
        assert session.execute(entries).scalar_one() == 1
        campaign = campaigns.get(session, studio.campaign_id)
        assert revisions.open_blockers(session, revisions.current(session, campaign)) == []


def test_who_may_only_look_or_looks_at_an_old_version_lets_nothing_pass(studio, browser, site, tenants):
    studios.rewrite(studio, findings=[FOUND])
    form = waivers_of(browser.open(f"{site}/p/{studios.link(studio)}"))[0]
    token = studios.link(studio, purpose="view")
    assert waivers_of(browser.open(f"{site}/p/{token}")) == []
    looking = replace(form, action=f"{site}/p/{token}/waive", fields=form.fields | {"csrf": load.csrf_of(token)})
    words = {"name": "Ina", "reason": "darf"}
    assert browser.submit(looking, **words).answer.status == 403
    other = replace(form, fields=form.fields | {"csrf": "x"})
    assert browser.submit(other, **words).answer.status == 403
    unknown = replace(form, fields=form.fields | {"finding": "f" * 16})
    assert browser.submit(unknown, **words).answer.status == 404
    changed = replace(form, fields=form.fields | {"content_hash": "0" * 64})
    assert browser.submit(changed, **words).answer.status == 409
    studios.rewrite(studio, findings=[FOUND], subject="Neu")
    assert browser.submit(form, **words).answer.status == 410
    assert passed(studio) == []
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(FindingOverride)).all() == []


def test_a_held_campaign_says_why_and_what_to_do(studio, browser, site):
    token = studios.link(studio)
    with db.tenant_session(studio.tenant_id) as session:
        campaign = campaigns.get(session, studio.campaign_id)
        campaign.status, campaign.approved_revision_id = "held", studio.revision_id
        campaign.hold_reason = "template_unknown: HX1 (de)"
    shown = browser.open(f"{site}/p/{token}").answer.text
    assert hold_reasons.sentence("template_unknown")["de"] in shown


@pytest.mark.parametrize("reason", [None, "", "never heard of", "relay: 535 wrong password", *hold_reasons.SENTENCES])
def test_every_hold_reason_has_a_sentence_in_both_languages(reason):
    said = hold_reasons.sentence(reason)
    assert set(said) == {"de", "en"}
    assert said["de"] != said["en"]
    assert all(text.endswith(".") and len(text) > 30 for text in said.values())


def test_personal_sentences_are_shown_with_what_they_rest_on_and_to_whom(studio, browser, site):
    with db.tenant_session(studio.tenant_id) as session:
        kim = session.execute(select(Member).where(Member.first_name == "Jana")).scalar_one()
        session.add(Consent(tenant_id=kim.tenant_id, member_id=kim.id, channel="email", purpose="profiling",
                            state="granted", legal_basis="consent", source="test"))  # fmt: skip
        session.add(MemberInsight(tenant_id=kim.tenant_id, member_id=kim.id, key="preferred_time", value="evening",
                                  evidence_message_id=kim.id, source="rules", confidence=0.6,
                                  expires_at=clock.now().replace(year=2099)))  # fmt: skip
        changed = studios.content(studio.offer_id)
        for block in changed["languages"]["de"]["email"]["blocks"][2:3]:
            block["text"] += f" {lines.CLAUSE}"
        target = lines.Target("de", ("preferred_time:evening",), 1_234)
        said = {lines.KEY: {"items": [lines.item(target, "Such dir gern eine Zeit am Abend aus.", target.insights)]}}
        campaign = campaigns.get(session, studio.campaign_id)
        revisions.store(
            session, campaign.id, content_json=changed | said | {"v": 1, "origin": "model"}, origin="model",
            author="agent:1", parent_id=campaign.current_revision_id, sources=[], claims=[], findings=[],
        )  # fmt: skip
    url = f"{site}/p/{studios.link(studio)}"
    shown = browser.open(f"{url}?member={kim.id}&view=text").answer.text
    assert shown.count("Such dir gern eine Zeit am Abend aus.") >= 2  # in the mail, and in the list
    assert "mag den Abend · 1.234 Personen" in " ".join(shown.split())
    assert "oben zu sehen" in shown
    path = f"de.email.lines.{target.id}"
    assert f'value="{path}"' in shown
    assert "Persönlicher Satz" in shown
    other = next(found for found in re.findall(r"member=([0-9a-f-]{36})", shown) if found != str(kim.id))
    assert f'value="{path}"' not in browser.open(f"{url}?member={other}&view=text&lang=de").answer.text


def test_the_second_version_is_shown_as_the_shown_person_would_read_it(studio, browser, site):
    with db.tenant_session(studio.tenant_id) as session:
        campaign = campaigns.get(session, studio.campaign_id)
        content = studios.content(studio.offer_id)
        second = {
            "de": {"email": {**content["languages"]["de"]["email"], "subject": "<b>Zweiter</b> für {first_name}"}}
        }
        made = {"v": 1, "origin": "model", versions.ALTERNATIVES: second}
        revisions.store(
            session, campaign.id, content_json=content | made, origin="model", author="agent:1",
            parent_id=campaign.current_revision_id, sources=[], claims=[], findings=[],
        )  # fmt: skip
        jana = session.execute(select(Member).where(Member.first_name == "Jana")).scalar_one().id
    shown = browser.open(f"{site}/p/{studios.link(studio)}?member={jana}&view=text").answer.text
    assert "Zweite Fassung für einen Vergleich" in shown
    assert "&lt;b&gt;Zweiter&lt;/b&gt; für Jana" in shown
    assert "Zweiter für" not in shown
