"""The approval page over HTTP: what it shows, and that only a person's two clicks approve."""

import re
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import make
import pytest
from sqlalchemy import func, select, text, update

from api import pages
from ariia.demo.client import Browser, Form, Page
from domain.campaigns import previews, reviews, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.reviews import Decision
from kernel import clock, db
from kernel.errors import Conflict, IllegalStep, Invalid
from kernel.ids import new_id
from models import AgentRun, AgentStep, AuditEntry, Campaign, Member, Review
from tests.preview import studio as studios
from tests.preview.raw import raw
from tests.preview.studio import Studio


def form_of(page: Page) -> Form:
    return next(form for form in page.forms if form.action.partition("?")[0].endswith("/decision"))


def campaign_of(studio: Studio) -> Campaign:
    with db.tenant_session(studio.tenant_id) as session:
        return campaigns.get(session, studio.campaign_id)


def traces(studio: Studio) -> tuple[Any, ...]:
    """Everything that a decision would leave behind."""
    with db.tenant_session(studio.tenant_id) as session:
        found = campaigns.get(session, studio.campaign_id)
        counts = [
            session.execute(select(func.count()).select_from(table)).scalar_one() for table in (Review, AuditEntry)
        ]
        return found.status, found.version, found.approval_hash, *counts


@pytest.fixture
def url(studio: Studio, site: str) -> str:
    return f"{site}/p/{studios.link(studio)}"


def approve_twice(browser: Browser, url: str, name: str = "Mara Krämer") -> Page:
    asked = browser.submit(form_of(browser.open(url)), name=name, decision="approve")
    assert asked.answer.status == 200
    return browser.submit(form_of(asked), decision="approve")


def test_the_page_says_who_gets_what_and_when(browser, url):
    shown = browser.open(url).answer
    assert shown.status == 200
    for words in (
        "Comeback im Herbst",
        "Mara Krämer bittet um deine Freigabe",
        "Version 1",
        "Jana, dein Comeback-Monat für 29 €",
        "Rücken-Fit, Yoga und Geräte: vier Wochen alles",
        "hallo@lindenhof.example",
        '<span class="count">24</span>',
        "Für Werbung auf diesem Kanal liegt keine Einwilligung vor.",
        "Alle Mitglieder",
        "MEZ",
        "und 20 weitere",
        "längster Name",
        "ohne Vornamen",
    ):
        assert words in shown.text, words
    assert shown.text.count("<h1") == 1
    assert '<html lang="de"' in shown.text


def test_the_page_carries_its_policy_and_is_kept_nowhere(url):
    status, headers, body = raw(url)
    assert status == 200
    policy = headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\son[a-z]+=", body)


def test_the_mail_frame_trusts_nothing_and_is_the_mail_of_the_chosen_person(browser, url):
    page = browser.open(url)
    frame = next(frame for frame in page.frames)
    status, headers, body = raw(frame)
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups;" in policy
    assert "script-src" not in policy
    assert headers["cache-control"] == "no-store"
    assert "Hallo Jana," in body
    assert 'sandbox="allow-popups"' in page.answer.text
    assert "srcdoc" not in page.answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing(studio, url, method):
    before = traces(studio)
    for path in (
        "",
        "/mail",
        "?member=x&lang=en&view=text&dark=forced&facts=1&l=en",
        "?decision=approve",
        "/mail?dark=custom",
    ):
        status, _, _ = raw(url + path, method, user_agent="Mozilla/5.0 scanner")
        assert status == 200
    assert raw(url + "/decision", method)[0] == 405
    assert traces(studio) == before


def test_every_chosen_person_and_language_can_be_looked_at(browser, url):
    page = browser.open(url)
    links = dict.fromkeys(link.url for link in page.links if "member=" in link.url)
    assert len(links) == 4
    subjects = set()
    for link in links:
        shown = browser.open(link).answer.text
        subjects.add(re.search(r'class="subject" lang="(\w+)">([^<]+)<', shown).groups())
    assert subjects == {
        ("de", "Jana, dein Comeback-Monat für 29 €"),
        ("en", "Amelia, your comeback month for €29"),
        ("de", "dein Comeback-Monat für 29 €"),
        ("de", "Jörg, dein Comeback-Monat für 29 €"),
    }
    other = browser.open(url + "?lang=en").answer.text
    assert 'class="subject" lang="en">Jana, your comeback month' in other
    plain = browser.open(url + "?view=text").answer.text
    assert '<pre lang="de"' in plain
    assert "<iframe" not in plain
    assert "Platz sichern:\nhttps://www.lindenhof.example/comeback" in plain


def test_two_clicks_approve_exactly_what_was_seen(studio, browser, url):
    asked = browser.submit(form_of(browser.open(url)), name="Mara Krämer", comment="Gut so.", decision="approve")
    assert "Für 24 Personen freigeben?" in asked.answer.text
    assert "Jana, dein Comeback-Monat für 29 €" in asked.answer.text
    assert campaign_of(studio).status == "pending_review"
    done = browser.submit(form_of(asked), decision="approve")
    assert done.answer.status == 200
    assert "Freigegeben von Mara Krämer" in done.answer.text
    assert [form.buttons for form in done.forms if form.action.endswith("/decision")] == [(("decision", "withdraw"),)]
    found = campaign_of(studio)
    assert (found.status, found.approved_by) == ("scheduled", "Mara Krämer")
    with db.tenant_session(studio.tenant_id) as session:
        review = session.execute(select(Review).where(Review.verb == "approve")).scalar_one()
        assert review.comment == "Gut so."
        assert review.evidence["ip"] == "127.0.0.0/24"
        assert review.evidence["seen"] == 24
        assert review.actor.startswith("link:")


def test_a_second_decision_is_refused_and_shows_the_first(studio, browser, url):
    form = form_of(browser.open(url))
    approve_twice(browser, url)
    before = traces(studio)
    late = browser.submit(form, name="Otto", decision="reject", comment="zu spät")
    assert late.answer.status == 409
    assert "Es wurde schon entschieden" in late.answer.text
    assert "Freigegeben von Mara Krämer" in late.answer.text
    assert traces(studio) == before


def test_of_twenty_parallel_approvals_one_counts(studio, browser, url):
    asked = browser.submit(form_of(browser.open(url)), name="Mara", decision="approve")
    fields = form_of(asked).fields | {"decision": "approve"}
    origin = url[: url.index("/p/")]
    answers: list[int] = []

    def press() -> None:
        answers.append(raw(url + "/decision", "POST", fields, Origin=origin)[0])

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, *[409] * 19]
    with db.tenant_session(studio.tenant_id) as session:
        assert (
            session.execute(select(func.count()).select_from(Review).where(Review.verb == "approve")).scalar_one() == 1
        )


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"Origin": "https://evil.example"}, {}),
        ({"Origin": "null"}, {}),
        ({}, {}),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, {}),
        ({"Origin": "OWN"}, {"csrf": "0" * 32}),
        ({"Origin": "OWN"}, {"csrf": ""}),
    ],
)
def test_a_form_from_elsewhere_decides_nothing(studio, browser, url, headers, fields):
    form = form_of(browser.open(url))
    before = traces(studio)
    sent = form.fields | {"name": "Eve", "decision": "reject", "comment": "x"} | fields
    own = url[: url.index("/p/")]
    headers = {name: own if value == "OWN" else value for name, value in headers.items()}
    status, answered, body = raw(url + "/decision", "POST", sent, **headers)
    assert status == 403
    assert "Es wurde nichts geändert" in body
    assert answered["content-type"].startswith("text/html")
    assert traces(studio) == before


def test_a_browser_that_hides_its_origin_may_decide_from_our_page(studio, browser, url):
    sent = form_of(browser.open(url)).fields | {"name": "Mara", "decision": "reject", "comment": "passt nicht"}
    status, headers, _ = raw(url + "/decision", "POST", sent, Origin="null", Sec_Fetch_Site="same-origin")
    assert (status, headers["location"]) == (303, urlsplit(url).path)
    assert campaign_of(studio).status == "draft"


def test_the_form_of_one_link_does_not_open_another(studio, browser, site, url):
    other = f"{site}/p/{studios.link(studio)}"
    form = form_of(browser.open(url))
    status, _, _ = raw(
        other + "/decision", "POST", form.fields | {"name": "E", "decision": "comment", "comment": "x"}, Origin=site
    )
    assert status == 403


def test_a_hash_that_is_not_the_shown_content_approves_nothing(studio, browser, url, site):
    fields = form_of(browser.open(url)).fields | {
        "content_hash": "0" * 64,
        "name": "M",
        "decision": "approve",
        "seen": "24",
    }
    status, _, body = raw(url + "/decision", "POST", fields, Origin=site)
    assert status == 409
    assert "Der Inhalt hat sich inzwischen geändert" in body
    assert campaign_of(studio).approval_hash is None


def test_the_number_is_asked_again_when_it_moved(studio, browser, url):
    asked = browser.submit(form_of(browser.open(url)), name="Mara", decision="approve")
    with db.tenant_session(studio.tenant_id) as session:
        make.member(session, "neu@mail.example", first_name="Nele", last_name="Neu")
    again = browser.submit(form_of(asked), decision="approve")
    assert again.answer.status == 409
    assert "Für 25 Personen freigeben?" in again.answer.text
    assert campaign_of(studio).status == "pending_review"
    browser.submit(form_of(again), decision="approve")
    assert campaign_of(studio).status == "scheduled"


def test_a_link_for_looking_has_no_form_and_takes_no_decision(studio, browser, site, url):
    token = studios.link(studio, purpose="view")
    page = browser.open(f"{site}/p/{token}")
    assert page.answer.status == 200
    assert "nur zum Ansehen" in page.answer.text
    assert page.forms == ()
    from preview import load  # noqa: PLC0415

    fields = {"csrf": load.csrf_of(token), "name": "E", "decision": "comment", "comment": "x"}
    assert raw(f"{site}/p/{token}/decision", "POST", fields, Origin=site)[0] == 403


def test_a_blocking_check_disables_the_approval_until_it_is_waived_by_name(studio, browser, site):
    studios.rewrite(
        studio,
        findings=[
            {"code": "fact_ungrounded", "severity": "block", "path": "de.email.blocks.2.text", "excerpt": "40 %",
             "reason_de": "„40 %“ steht in keiner Quelle.", "reason_en": "'40 %' is in no source."},
        ],
    )  # fmt: skip
    url = f"{site}/p/{studios.link(studio)}"
    page = browser.open(url)
    assert "„40 %“ steht in keiner Quelle." in page.answer.text
    assert "Block 3 · Deutsch" in page.answer.text
    assert re.search(r'value="approve" disabled aria-describedby="why-not"', page.answer.text)
    assert "Eine Prüfung steht der Freigabe im Weg" in page.answer.text
    refused = browser.submit(form_of(page), name="Mara", decision="approve", seen="24")
    assert refused.answer.status == 409
    assert campaign_of(studio).status == "pending_review"
    with db.tenant_session(studio.tenant_id) as session:
        found = previews.revisions.current(session, campaigns.get(session, studio.campaign_id)).findings_json[0]["key"]
        reviews.waive(session, studio.campaign_id, found, actor=make.ACTOR, name="Ina Chef", reason="Preisliste neu")
    page = browser.open(url)
    assert "Zugelassen von Ina Chef: Preisliste neu" in page.answer.text
    approve_twice(browser, url)
    assert campaign_of(studio).status == "scheduled"


def test_a_rejection_needs_a_sentence_and_loses_nothing_that_was_typed(studio, browser, url):
    form = form_of(browser.open(url))
    asked = browser.submit(form, name="Mara Krämer", decision="reject", wishes="shorter")
    assert asked.answer.status == 422
    assert "warum du ablehnst" in asked.answer.text
    assert 'value="Mara Krämer"' in asked.answer.text
    assert 'value="shorter" checked' in asked.answer.text
    assert 'id="problem" tabindex="-1" autofocus' in asked.answer.text
    done = browser.submit(form_of(asked), decision="reject", comment="Passt nicht zum Advent.")
    assert done.answer.status == 200
    assert "Abgelehnt von Mara Krämer" in done.answer.text
    assert "Passt nicht zum Advent." in done.answer.text
    assert campaign_of(studio).status == "draft"
    again = browser.submit(form, name="Otto", decision="approve", seen="24")
    assert again.answer.status in {200, 409, 410}
    assert campaign_of(studio).status == "draft"


def test_a_name_is_asked_for(browser, url):
    asked = browser.submit(form_of(browser.open(url)), decision="approve", comment="So gut.")
    assert asked.answer.status == 422
    assert "gib deinen Namen ein" in asked.answer.text
    assert "So gut.</textarea>" in asked.answer.text


def test_a_change_leads_whoever_asked_to_the_next_version_and_nobody_else(studio, browser, site, url):
    bystander = f"{site}/p/{studios.link(studio)}"
    form = form_of(browser.open(url))
    assert browser.submit(form, name="Mara", decision="revise").answer.status == 422
    working = browser.submit(form, name="Mara", decision="revise", wishes="shorter", comment="Ohne „Schön“.")
    assert "Der Agent überarbeitet den Entwurf" in working.answer.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in working.answer.text
    assert 'data-progress="working 0"' in working.answer.text
    assert not any(form.method == "post" for form in working.forms)
    studios.rewrite(studio, subject="{?first_name: {first_name}, }komm zurück für 29 €")
    old = browser.open(url)
    assert old.answer.status == 410
    assert "Version 2 ist fertig" in old.answer.text
    elsewhere = browser.open(bystander)
    assert elsewhere.answer.status == 410
    assert elsewhere.forms == ()
    assert "ersetzt" in elsewhere.answer.text
    fresh = browser.submit(old.forms[0])
    assert fresh.answer.status == 200
    assert fresh.answer.url != url
    text = fresh.answer.text
    assert "Was sich seit Version 1 geändert hat" in text
    assert "Mara hat gewünscht:" in text
    assert "<del>" in text
    assert "<ins>" in text
    assert "{first_name}" not in text
    approve_twice(browser, fresh.answer.url)
    assert campaign_of(studio).status == "scheduled"


def test_a_link_shows_whom_its_maker_picked_in_every_version(studio, browser, site):
    with db.tenant_session(studio.tenant_id) as session:
        ids = {row.email: row.id for row in session.execute(text(
            "SELECT p.address_norm AS email, p.member_id AS id FROM contact_point p WHERE p.channel = 'email'"
        ))}  # fmt: skip
        known = previews.create(session, studio.campaign_id, actor="t").link.member_ids
        picked = next(id_ for email, id_ in ids.items() if email[0] == "m" and str(id_) not in known)
        for stranger in (ids["nein@mail.example"], new_id()):
            with pytest.raises(Invalid, match="member_ids"):
                previews.create(session, studio.campaign_id, actor="t", member_ids=[picked, stranger])
    url = f"{site}/p/{studios.link(studio, member_ids=[picked])}"
    page = browser.open(url)
    people = re.findall(r"member=([0-9a-f-]{36})", page.answer.text.partition('class="options"')[0])
    assert people[0] == str(picked)
    assert set(people) > set(known)
    browser.submit(form_of(page), name="Mara", decision="revise", wishes="shorter")
    studios.rewrite(studio, subject="Komm zurück")
    fresh = browser.submit(browser.open(url).forms[0])
    assert f"member={picked}" in fresh.answer.text


def test_a_comment_is_kept_and_decides_nothing(studio, browser, url):
    done = browser.submit(form_of(browser.open(url)), name="Mara", decision="comment", comment="<b>Gut</b> & schön")
    assert "&lt;b&gt;Gut&lt;/b&gt; &amp; schön" in done.answer.text
    assert campaign_of(studio).status == "pending_review"
    assert "Dein Kommentar ist gespeichert." in done.answer.text
    assert "noted" not in str(form_of(done).action)
    assert "Dein Kommentar ist gespeichert." not in browser.open(url).answer.text


@pytest.mark.parametrize(
    ("how", "words"),
    [("expired", "abgelaufen"), ("revoked", "zurückgezogen"), ("withdrawn", "Die Kampagne wurde zurückgezogen")],
)
def test_a_link_that_is_over_says_why_and_does_nothing(studio, browser, url, how, words):
    form = form_of(browser.open(url))
    with db.tenant_session(studio.tenant_id) as session:
        if how == "expired":
            session.execute(text("UPDATE preview_link SET expires_at = now() - interval '1 second'"))
        elif how == "revoked":
            link_id = session.execute(text("SELECT id FROM preview_link")).scalar_one()
            previews.revoke(session, studio.campaign_id, link_id, actor=make.ACTOR)
        else:
            campaigns.cancel(session, studio.campaign_id, actor=make.ACTOR)
    before = traces(studio)
    for answer in (
        browser.open(url).answer,
        browser.open(url + "/mail").answer,
        browser.submit(form, name="M", decision="approve", seen="24").answer,
    ):
        assert answer.status == 410
    assert words in browser.open(url).answer.text
    assert "Studio Lindenhof" in browser.open(url).answer.text
    assert traces(studio) == before


def test_unknown_tokens_get_one_answer(browser, site, url):
    bodies = {browser.open(f"{site}/p/{token}?l=de").answer.text for token in ("x", "A" * 43, url[-42:] + "_")}
    assert len(bodies) == 1
    assert browser.open(f"{site}/p/x").answer.status == 404
    assert browser.open(f"{site}/p/x/mail").answer.status == 404
    assert "Lindenhof" not in bodies.pop()


def test_a_link_of_one_tenant_shows_nothing_of_another(tenants, studio, browser, site, url):
    theirs = studios.build(tenants.b, more_people=0)
    with db.tenant_session(tenants.b) as session:
        campaigns.get(session, theirs.campaign_id).name = "Geheim"
        session.execute(text("UPDATE member SET first_name = 'Fremd' WHERE first_name IS NOT NULL"))
    assert "Geheim" not in browser.open(url).answer.text
    member = browser.open(f"{site}/p/{studios.link(theirs)}")
    assert "Fremd" in member.answer.text
    foreign = re.search(r"member=([0-9a-f-]{36})", member.answer.text).group(1)
    shown = browser.open(f"{url}?member={foreign}").answer.text
    assert "Fremd" not in shown
    assert "Jana, dein Comeback-Monat" in shown
    assert "Hallo Jana," in browser.open(f"{url}/mail?member={foreign}").answer.text


def test_the_language_switch_keeps_the_place(browser, url):
    page = browser.open(url + "?l=en&view=text&dark=custom")
    assert '<html lang="en"' in page.answer.text
    assert "Mara Krämer asks for your approval" in page.answer.text
    assert any(link.url.endswith("?l=de&view=text&dark=custom") for link in page.links)
    form = form_of(page)
    assert form.action.endswith("/decision?l=en&view=text&dark=custom")
    asked = browser.submit(form, name="M", decision="reject")
    assert "Please say in a sentence why you reject it." in asked.answer.text
    assert any(urlsplit(link.url).path == urlsplit(url).path for link in asked.links)


def test_the_theme_is_chosen_by_link_or_cookie(url):
    assert "data-theme" not in re.search(r"<html[^>]*>", raw(url)[2]).group(0)
    assert 'data-theme="dark"' in raw(url + "?theme=dark")[2]
    assert 'data-theme="light"' in raw(url, Cookie="theme=light")[2]
    assert "data-theme=" not in re.search(r"<html[^>]*>", raw(url + "?theme=system", Cookie="theme=dark")[2]).group(0)
    assert "data-theme=" not in re.search(r"<html[^>]*>", raw(url, Cookie='theme="><script>')[2]).group(0)


def test_facts_stand_beside_their_source_and_can_be_marked(browser, url):
    page = browser.open(url)
    assert "Der Comeback-Monat kostet 29 € und endet von selbst." in page.answer.text
    assert "Preis: 29,00\xa0€" in page.answer.text
    assert "gültig bis 31. Dezember 2099" in page.answer.text
    assert "Price: €29.00" in browser.open(f"{url}?l=en").answer.text
    frame = page.frames[0]
    assert "<mark" not in browser.open(frame).answer.text
    marked = browser.open(frame + "&facts=1").answer.text
    assert re.search(r"<mark [^>]*>Der Comeback-Monat kostet 29 € und endet von selbst\.<sup", marked)


def test_dark_previews_do_not_depend_on_the_readers_system(browser, url):
    frame = browser.open(url).frames[0]
    assert "@media not all" in browser.open(frame).answer.text
    custom = browser.open(frame + "&dark=custom").answer.text
    assert "@media all" in custom
    assert 'content="dark"' in custom
    assert "filter:invert(1)" in browser.open(frame + "&dark=forced").answer.text


def test_names_of_members_are_text(studio, browser, site):
    with db.tenant_session(studio.tenant_id) as session:
        evil = '<img src=x onerror="alert(1)"> & {{ 7*7 }} sehr langer Name damit er gewählt wird'
        make.member(session, "evil@mail.example", first_name=evil, last_name=evil)
    page = browser.open(f"{site}/p/{studios.link(studio)}").answer.text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|49 sehr", page)


def test_a_used_up_plan_says_so_and_approves_nothing(studio, browser, site, url):
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(text("UPDATE tenant SET tier = 'starter'"))
        other, revision = make.drafted(session)
        decision = Decision(actor=make.ACTOR, name="M", revision_id=revision.id, content_hash=revision.content_hash)
        reviews.approve(session, other.id, decision)
    page = browser.open(url)
    assert "Die Kampagnen des Tarifs sind für diesen Monat aufgebraucht." in page.answer.text
    assert 'class="bar bad"' in page.answer.text
    refused = browser.submit(form_of(page), name="M", decision="approve", seen="24")
    assert refused.answer.status == 402
    assert "1 von 1 verbraucht" in refused.answer.text
    assert campaign_of(studio).status == "pending_review"


def test_pages_work_without_built_assets(monkeypatch, tmp_path, browser, url):
    monkeypatch.setattr(pages, "DIST", tmp_path / "none")
    page = browser.open(url)
    assert page.answer.status == 200
    assert "Die Stile fehlen" in page.answer.text
    assert '<link rel="stylesheet"' not in page.answer.text
    assert approve_twice(browser, url).answer.status == 200


def test_a_link_ends_in_database_time(studio, url, frozen_clock):
    frozen_clock(clock.now() - timedelta(days=30))
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(text("UPDATE preview_link SET expires_at = now() - interval '1 second'"))
    assert raw(url)[0] == 410


def test_a_content_that_is_no_mail_is_explained_not_shown(studio, browser, site):
    said = {"reason_de": "Unbekannter Block.", "reason_en": "Unknown block."}
    finding = {"code": "shape", "severity": "block", "path": "de.email", "excerpt": "", **said}
    studios.rewrite(studio, blocks=[{"type": "video", "text": "x"}], findings=[finding])
    page = browser.open(f"{site}/p/{studios.link(studio)}")
    assert page.answer.status == 200
    assert "lässt sich nicht als Nachricht zeigen" in page.answer.text
    assert "Unbekannter Block." in page.answer.text
    assert page.frames == ()
    assert browser.open(f"{page.answer.url}/mail").answer.status == 200


def withdrawal_of(page: Page) -> Form:
    return next(form for form in page.forms if ("decision", "withdraw") in form.buttons)


def test_an_approval_is_taken_back_by_name_and_the_draft_is_up_for_a_decision_again(studio, browser, url):
    approved = approve_twice(browser, url)
    again = browser.submit(withdrawal_of(approved), name="Mara Krämer", comment="falscher Tag", decision="withdraw")
    assert again.answer.status == 200
    assert ("decision", "approve") in form_of(again).buttons
    found = campaign_of(studio)
    assert (found.status, found.approval_hash, found.approved_by) == ("pending_review", None, None)
    with db.tenant_session(studio.tenant_id) as session:
        review = session.execute(select(Review).where(Review.verb == "approve")).scalar_one()
        assert review.voided_because == "withdrawn by Mara Krämer: falscher Tag"
        states = session.execute(text("SELECT state FROM plan_reservation")).scalars().all()
        assert set(states) == {"released"}


def test_of_a_start_and_a_withdrawal_at_once_one_wins(studio, browser, url):
    approve_twice(browser, url)
    outcomes: list[str] = []

    def attempt(act: Any) -> None:
        try:
            with db.tenant_session(studio.tenant_id) as session:
                act(session)
            outcomes.append(act.__name__)
        except IllegalStep:
            outcomes.append("refused")

    def start(session: Any) -> None:
        campaigns.start(session, studio.campaign_id, actor="user:a")

    def withdraw(session: Any) -> None:
        reviews.withdraw(session, studio.campaign_id, actor="user:b", name=None, reason="halt")

    threads = [threading.Thread(target=attempt, args=(act,)) for act in (start, withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 1
    assert campaign_of(studio).status == ("sending" if "start" in outcomes else "pending_review")


def test_a_link_for_looking_offers_no_withdrawal(studio, browser, url, site):
    with db.tenant_session(studio.tenant_id) as session:
        looking = previews.create(session, studio.campaign_id, actor="user:a", purpose="view", hours=1).token
    approve_twice(browser, url)
    page = browser.open(f"{site}/p/{looking}")
    assert not any(form.action.endswith("/decision") for form in page.forms)


def test_whoever_tries_many_links_is_slowed_down_and_a_good_link_still_opens(url, site):
    answers = [raw(f"{site}/p/{n:043d}") for n in range(40)]
    assert {status for status, _, _ in answers[:20]} == {404}
    status, headers, _ = answers[-1]
    assert status == 429
    assert 1 <= int(headers["retry-after"]) <= 60
    assert raw(url)[0] == 200


def grouped(studio: Studio) -> None:
    """Give everybody who came long ago and likes back training words of their own."""
    with db.tenant_session(studio.tenant_id) as session:
        campaign = campaigns.get(session, studio.campaign_id)
        before = revisions.current(session, campaign)
        items = [
            {"id": "de-away", "language": "de", "stage": "away", "interest": None, "size": 40, "claims": [],
             "texts": {"blocks.2.text": "wir haben dich lange nicht gesehen."}},
        ]  # fmt: skip
        content = before.content_json | {"cohorts": {"bounds": {"new": 30, "active": 14, "quiet": 60}, "items": items}}
        revisions.store(
            session, campaign.id, content_json=content, origin="model", author="agent:x", parent_id=before.id,
            sources=before.sources_json, claims=before.claims_json, findings=[],
        )  # fmt: skip
        session.execute(update(Member).values(last_visit_at=None, joined_on=None))
        session.execute(
            update(Member).where(Member.first_name == "Jana").values(last_visit_at=clock.now() - timedelta(days=90))
        )


def test_a_member_of_a_group_is_shown_its_words_and_everybody_else_the_base_copy(studio, browser, site):
    grouped(studio)
    url = f"{site}/p/{studios.link(studio)}"
    page = browser.open(url).answer.text
    with db.tenant_session(studio.tenant_id) as session:
        ids = {row.first_name: str(row.id) for row in session.execute(select(Member)).scalars()}
    jana = browser.open(f"{url}?member={ids['Jana']}&view=text").answer.text
    joerg = browser.open(f"{url}?member={ids['Jörg']}&view=text").answer.text
    assert "wir haben dich lange nicht gesehen." in jana
    assert "Worte für die Gruppe: lange nicht da" in jana
    assert "40 Personen" in jana
    assert "wir haben dich lange nicht gesehen." not in joerg.partition("Was sich seit Version")[0]
    assert "Worte für die Gruppe" not in joerg
    assert "lange nicht da" in page


def test_every_variant_can_be_looked_at_without_scripts_and_is_part_of_what_is_approved(studio, browser, site):
    before = studios.link(studio)
    revision = studios.compare(studio, "Komm zu uns in den Garten")
    url = f"{site}/p/{studios.link(studio)}"
    first = browser.open(url).answer.text
    other = browser.open(f"{url}?variant=B").answer.text
    assert "Komm zu uns in den Garten" not in first.partition("Was sich seit Version")[0]
    assert "Komm zu uns in den Garten" in other.partition("Was sich seit Version")[0]
    assert 'href="?variant=B"' in first or "variant=B" in first
    assert "Variante A" in first
    assert "Die bessere, sobald es entschieden ist" in first
    assert browser.open(f"{url}?variant=Z").answer.text.count("Komm zu uns in den Garten") == first.count(
        "Komm zu uns in den Garten"
    )
    assert browser.open(f"{site}/p/{before}").answer.status == 410
    frames = re.findall(r'<iframe[^>]* src="([^"]+)"', other)
    people = re.findall(r'<a href="([^"]+member=[^"]+)"', other)
    assert len(frames) == 2
    assert len(people) >= 4
    assert all("variant=B" in address for address in frames + people)
    approve_twice(browser, f"{url}?variant=B")
    campaign = campaign_of(studio)
    assert campaign.approved_revision_id == revision.id


def test_a_change_can_be_confined_to_ticked_places(studio, browser, url):
    form = form_of(browser.open(url))
    answer = browser.submit(form, name="Mara", decision="revise", comment="frischer", places="de.email.subject").answer
    assert answer.status == 200
    with db.tenant_session(studio.tenant_id) as session:
        review = session.execute(select(Review)).scalars().one()
        assert review.scope == {"places": [{"language": "de", "channel": "email", "field": "subject"}]}


def test_a_place_that_is_not_in_the_draft_is_refused(studio, browser, url):
    form = form_of(browser.open(url))
    answer = browser.submit(form, name="Mara", decision="revise", comment="x", places="de.email.nowhere").answer
    assert answer.status == 422
    assert traces(studio)[0] == "pending_review"


def test_the_page_shows_how_far_the_agent_is(studio, browser, url):
    form = form_of(browser.open(url))
    browser.submit(form, name="Mara", decision="revise", wishes="shorter")
    with db.tenant_session(studio.tenant_id) as session:
        run = session.execute(select(AgentRun)).scalars().one()
        session.add(AgentStep(tenant_id=studio.tenant_id, run_id=run.id, node="base", status="done", ms=5, info={}))
    text = browser.open(url).answer.text
    assert 'data-progress="working 60"' in text
    assert '<progress max="100" value="60"' in text
    assert "Schreiben" in text


@pytest.mark.parametrize("held", [True, False])
def test_whoever_rewrites_what_waits_voids_its_approval(studio, browser, url, held):
    approve_twice(browser, url)
    with db.tenant_session(studio.tenant_id) as session:
        if held:
            campaigns.hold(session, studio.campaign_id, reason="offer_expired")
    studios.rewrite(studio, subject="Mit einem Komma, für 29 €")
    campaign = campaign_of(studio)
    assert (campaign.status, campaign.approval_hash, campaign.hold_reason) == ("pending_review", None, None)
    with pytest.raises(IllegalStep), db.tenant_session(studio.tenant_id) as session:
        campaigns.start(session, studio.campaign_id, actor=make.ACTOR)


def test_what_is_on_hold_can_be_approved_again_as_it_is(studio, browser, url, site):
    approve_twice(browser, url)
    with db.tenant_session(studio.tenant_id) as session:
        campaigns.hold(session, studio.campaign_id, reason="audience_drift")
        reviews.withdraw(session, studio.campaign_id, actor=make.ACTOR, name="Mara", reason="angesehen")
    campaign = campaign_of(studio)
    assert (campaign.status, campaign.approval_hash, campaign.hold_reason) == ("pending_review", None, None)
    approve_twice(browser, f"{site}/p/{studios.link(studio)}")
    assert campaign_of(studio).status == "scheduled"


def test_what_is_on_hold_amid_the_sending_stays_as_it_was_approved(studio, browser, url):
    approve_twice(browser, url)
    with db.tenant_session(studio.tenant_id) as session:
        campaigns.hold(session, studio.campaign_id, reason="sender_stopped")
        session.execute(update(Campaign).values(materialised_at=clock.now()))
    for change in (
        lambda session: reviews.withdraw(session, studio.campaign_id, actor="t", name=None, reason=""),
        lambda session: campaigns.edit(
            session, studio.campaign_id, actor="t", version=None, changes={"schedule": None}
        ),
    ):
        with pytest.raises(Conflict, match="recipients are fixed"), db.tenant_session(studio.tenant_id) as session:
            change(session)
    with pytest.raises(Conflict, match="recipients are fixed"):
        studios.rewrite(studio, subject="Anders")
    assert campaign_of(studio).status == "held"
