"""The page of choices: per channel and purpose, one button for everything, and machines change nothing."""

import email
import email.policy
import html
import re
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import make
import pytest
from sqlalchemy import func, select, text

from domain.audience import service as audience
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.content.member_values import MemberFacts
from domain.delivery import materialise, render
from domain.tracking import ingest
from kernel import clock, db
from kernel.ids import new_id
from kernel.tokens import get_signer
from models import AuditEntry, ContactPoint, Message, MessageEvent, Suppression
from preview import preferences
from tests.preview.raw import raw

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass(frozen=True)
class Reader:
    tenant_id: UUID
    member_id: UUID
    message_id: UUID
    url: str
    unsubscribe: str

    def states(self) -> dict[str, str]:
        with db.tenant_session(self.tenant_id) as session:
            return {f"{c.channel}:{c.purpose}": c.state for c in consents.of_member(session, self.member_id)}

    def suppressed(self) -> set[tuple[str, str]]:
        with db.tenant_session(self.tenant_id) as session:
            return {tuple(row) for row in session.execute(select(Suppression.channel, Suppression.address_norm))}

    def entries(self) -> int:
        with db.tenant_session(self.tenant_id) as session:
            return session.execute(select(func.count()).select_from(AuditEntry)).scalar_one()

    def accepted(self, ago: timedelta) -> None:
        with db.tenant_session(self.tenant_id) as session:
            asked = {"at": clock.now() - ago}
            session.execute(text("UPDATE message SET state = 'sent', accepted_at = :at"), asked)


@pytest.fixture
def reader(tenants, site) -> Reader:
    """Jana gets mails and texts, with tracking, and a message that is an hour old."""
    with db.tenant_session(tenants.a) as session:
        session.execute(
            text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00', name = 'Studio Lindenhof'")
        )
        make.sender(session)
        member = audience.create(
            session, actor="t", contact={"email": "jana@mail.example", "sms": "+491701234567"}, first_name="Jana"
        )
        for channel, purpose in (("email", "marketing"), ("email", "tracking"), ("sms", "marketing"),
                                 ("email", "profiling")):  # fmt: skip
            consents.record(
                session, member.id, channel=channel, purpose=purpose, state="granted", source="t", actor="t",
                evidence={"wording": "ja"},
            )  # fmt: skip
        make.member(session, "otto@mail.example", first_name="Otto")
        materialise.materialise(session, make.started(session).id)
        message = session.execute(select(Message).where(Message.member_id == member.id)).scalar_one()
        message.state, message.accepted_at = "sent", clock.now() - timedelta(hours=1)
        page = preferences.address_of(tenants.a, message.id)
        unsubscribe = get_signer().sign("u", tenants.a, message.id)
        return Reader(tenants.a, member.id, message.id, site + page, f"{site}/u/{unsubscribe}")


def keep(*names: str, action: str = "save", **more: str) -> list[tuple[str, str]]:
    """The form as a browser sends it: everything shown, the boxes that stay ticked, the button."""
    shown = ["email:marketing", "email:tracking", "email:profiling", "sms:marketing"]
    return [*(("shown", name) for name in shown), *(("keep", name) for name in names), ("action", action),
            *more.items()]  # fmt: skip


def test_the_page_shows_every_channel_and_purpose_without_naming_the_reader(reader):
    status, headers, body = raw(reader.url)
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    for words in ("Nachrichten von Studio Lindenhof", "E-Mail", "SMS", "Werbung und Angebote", "•••67",
                  "Öffnungen und Klicks festhalten", "Alles abschalten"):  # fmt: skip
        assert words in body, words
    assert "jana@mail.example" not in body
    assert "1234567" not in body
    assert len(re.findall(r'type="checkbox"', body)) == 4
    german = re.sub(r"<[^>]+>", " ", body)
    assert not re.search(r"\b(?:du|dich|dein\w*|Sie|Ihnen|Ihre?)\b", german)
    assert "Messages from Studio Lindenhof" in raw(reader.url + "?l=en")[2]


def test_one_purpose_can_be_switched_off_and_the_rest_stays(reader):
    before = reader.entries()
    status, _, body = raw(reader.url, "POST", keep("email:marketing", "email:profiling", "sms:marketing"))
    assert status == 200
    assert "Gespeichert." in body
    assert reader.states() == {
        "email:marketing": "granted", "email:tracking": "withdrawn", "email:profiling": "granted",
        "sms:marketing": "granted",
    }  # fmt: skip
    assert reader.suppressed() == set()
    assert reader.entries() == before + 1


def test_one_channel_can_be_switched_off_and_the_other_stays(reader):
    raw(reader.url, "POST", keep("email:marketing", "email:tracking", "email:profiling"))
    assert reader.suppressed() == {("sms", "+491701234567")}
    assert reader.states()["sms:marketing"] == "withdrawn"
    assert reader.states()["email:marketing"] == "granted"
    assert "aus seit" in raw(reader.url)[2]


def test_one_button_switches_everything_off_and_leaves_a_trail(reader, browser):
    before = reader.entries()
    page = browser.open(reader.url)
    done = browser.submit(page.forms[0], action="all_off")
    assert "Alles ist abgeschaltet" in done.answer.text
    assert reader.suppressed() == {("email", "jana@mail.example"), ("sms", "+491701234567")}
    assert set(reader.states().values()) == {"withdrawn"}
    assert reader.entries() >= before + 4
    with db.tenant_session(reader.tenant_id) as session:
        actors = session.execute(select(AuditEntry.actor).order_by(AuditEntry.seq.desc()).limit(4)).scalars()
        assert set(actors) == {f"message:{reader.message_id}"}
    again = reader.entries()
    raw(reader.url, "POST", keep(action="all_off"))
    assert reader.entries() == again


def test_a_pause_stops_advertising_for_thirty_days_and_ends_by_itself(reader, browser):
    page = browser.open(reader.url)
    done = browser.submit(page.forms[0], action="pause")
    assert "Pause bis" in done.answer.text
    assert reader.suppressed() == {("email", "jana@mail.example"), ("sms", "+491701234567")}
    assert set(reader.states().values()) == {"granted"}
    with db.tenant_session(reader.tenant_id) as session:
        rows = session.execute(consents.matching(session)).scalars().all()
        assert {row.reason for row in rows} == {"paused"}
        for row in rows:
            assert timedelta(days=29) < row.expires_at - clock.now() <= timedelta(days=30)
        session.execute(text("UPDATE suppression SET expires_at = clock_timestamp() - interval '1 second'"))
        assert session.execute(consents.matching(session)).scalars().all() == []
    over = raw(reader.url)[2]
    assert "Pause bis" not in over
    assert "30 Tage Pause" in over
    raw(reader.url, "POST", keep(action="pause"))
    with db.tenant_session(reader.tenant_id) as session:
        assert len(session.execute(consents.matching(session)).scalars().all()) == 2


def test_whoever_pauses_can_still_end_everything_and_a_pause_shortens_no_stop(reader, browser):
    raw(reader.url, "POST", keep(action="pause"))
    done = browser.submit(browser.open(reader.url).forms[0], action="all_off")
    assert "Alles ist abgeschaltet" in done.answer.text
    raw(reader.url, "POST", keep(action="pause"))
    with db.tenant_session(reader.tenant_id) as session:
        assert consents.pause(
            session, channel="email", address_norm="jana@mail.example", until=clock.now() + timedelta(days=1),
            source="t", actor="t", evidence={},
        ) is False  # fmt: skip
        rows = session.execute(consents.matching(session)).scalars().all()
        assert {(row.reason, row.expires_at) for row in rows} == {("unsubscribed", None)}
    assert set(reader.states().values()) == {"withdrawn"}


def test_a_filter_that_presses_pause_on_a_fresh_mail_is_asked_once_more(reader, browser):
    reader.accepted(timedelta(seconds=30))
    asked = browser.submit(browser.open(reader.url).forms[0], action="pause")
    assert "30 Tage Pause machen?" in asked.answer.text
    assert reader.suppressed() == set()
    browser.submit(asked.forms[0], action="pause")
    assert len(reader.suppressed()) == 2


def test_what_is_off_cannot_be_switched_on_by_a_link(reader):
    raw(reader.url, "POST", keep(action="all_off"))
    raw(reader.url, "POST", keep("email:marketing", "email:tracking", "sms:marketing", "email:profiling"))
    assert set(reader.states().values()) == {"withdrawn"}
    assert len(reader.suppressed()) == 2


def test_what_the_form_did_not_show_stays(reader):
    raw(reader.url, "POST", [("shown", "email:tracking"), ("action", "save")])
    assert [name for name, state in reader.states().items() if state == "withdrawn"] == ["email:tracking"]
    assert raw(reader.url, "POST", [("action", "save")])[0] == 200
    assert reader.suppressed() == set()


@pytest.mark.parametrize("form", [{"action": "erase"}, {}, {"sure": "yes"}])
def test_an_unknown_action_does_nothing(reader, form):
    assert raw(reader.url, "POST", form)[0] == 422
    assert reader.suppressed() == set()


def test_tokens_of_other_doors_and_of_nobody_open_nothing(reader, site, tenants):
    other = [get_signer().sign(kind, tenants.a, reader.message_id) for kind in "ouc"]
    answers = {raw(f"{site}/preferences/{one}")[0] for one in [*other, "x", reader.url.rpartition("/")[2][:-1] + "_"]}
    assert answers == {404}
    assert raw(f"{site}/u/{reader.url.rpartition('/')[2]}")[0] == 404
    assert raw(f"{site}/preferences/{other[0]}", "POST", keep(action="all_off"))[0] == 404
    foreign = get_signer().sign("p", tenants.b, reader.message_id)
    raw(f"{site}/preferences/{foreign}", "POST", keep(action="all_off"))
    nobody = get_signer().sign("p", tenants.a, new_id())
    assert "keine Nachrichten" in raw(f"{site}/preferences/{nobody}")[2]
    assert reader.suppressed() == set()


def test_the_page_of_somebody_who_is_gone_still_answers(reader):
    with db.tenant_session(reader.tenant_id) as session:
        session.execute(text("UPDATE message SET address = NULL, address_norm = NULL, member_id = NULL"))
    assert "keine Nachrichten" in raw(reader.url)[2]
    assert raw(reader.url, "POST", keep(action="all_off"))[0] == 200


def test_the_unsubscribe_page_leads_to_all_choices_in_two_clicks(reader, browser):
    page = browser.open(reader.unsubscribe)
    link = re.search(r'href="(/preferences/[^"]+)"', page.answer.text)
    assert link is not None
    assert "Alle Kanäle und Möglichkeiten" in page.answer.text
    assert raw(reader.url.rpartition("/preferences")[0] + link[1])[0] == 200


def test_a_message_that_is_a_moment_old_asks_once_more(reader, browser):
    reader.accepted(timedelta(minutes=2, seconds=50))
    page = browser.open(reader.unsubscribe)
    asked = browser.submit(page.forms[0], action="unsubscribe")
    assert "Ein weiterer Klick genügt" in asked.answer.text
    assert reader.suppressed() == set()
    done = browser.submit(asked.forms[0], action="unsubscribe")
    assert "Abgemeldet" in done.answer.text
    assert reader.suppressed() == {("email", "jana@mail.example")}


def test_the_choices_ask_once_more_too_and_remember_what_was_chosen(reader):
    reader.accepted(timedelta(seconds=10))
    _, _, body = raw(reader.url, "POST", keep("email:marketing", "email:profiling", "sms:marketing"))
    assert "Das abschalten?" in body
    assert reader.states()["email:tracking"] == "granted"
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', body)
    assert ("sure", "yes") in fields
    assert "Gespeichert." in raw(reader.url, "POST", [*fields, ("action", "save")])[2]
    assert [name for name, state in reader.states().items() if state == "withdrawn"] == ["email:tracking"]
    asked = raw(reader.url, "POST", keep(action="all_off"))[2]
    assert reader.suppressed() == set()
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', asked)
    raw(reader.url, "POST", [*fields, ("action", "save")])
    assert set(reader.states().values()) == {"withdrawn"}


def test_after_three_minutes_one_click_is_enough(reader, browser):
    reader.accepted(timedelta(minutes=3, seconds=5))
    page = browser.open(reader.unsubscribe)
    assert "Abgemeldet" in browser.submit(page.forms[0], action="unsubscribe").answer.text


def test_a_mailbox_providers_post_is_never_asked_again(reader):
    reader.accepted(timedelta(seconds=1))
    status, headers, body = raw(reader.unsubscribe, "POST", ONE_CLICK)
    assert (status, body) == (200, "ok\n")
    assert "location" not in headers
    assert reader.suppressed() == {("email", "jana@mail.example")}


def test_scanner_changes_nothing(reader, site):
    """Every public address of a mail, again and again, by GET and HEAD: nothing ends, and nobody opened anything."""
    signer = get_signer()
    addresses = [
        reader.url, reader.unsubscribe, f"{site}/t/o/{signer.sign('o', reader.tenant_id, reader.message_id)}.gif",
        f"{site}/t/c/{signer.sign('c', reader.tenant_id, reader.message_id)}",
    ]  # fmt: skip
    before = (reader.states(), reader.suppressed(), reader.entries())
    looks = 0
    for turn in range(40):
        for address in addresses:
            for method in ("GET", "HEAD"):
                status, headers, body = raw(address, method)
                assert status in {200, 302}
                assert "set-cookie" not in headers
                looks += 1
                if turn == 0 and method == "GET":
                    for link in re.findall(r'href="(/(?:u|preferences)/[^"]+)"', body):
                        assert raw(site + link.replace("&amp;", "&"))[0] == 200
    assert looks == 320
    assert (reader.states(), reader.suppressed(), reader.entries()) == before
    ingest.current().flush()
    with db.tenant_session(reader.tenant_id) as session:
        kinds = session.execute(
            select(MessageEvent.actor).where(MessageEvent.kind.in_(("opened", "clicked")))
        ).scalars()
        assert set(kinds) <= {"machine", "unknown"}
        message = session.execute(select(Message).where(Message.id == reader.message_id)).scalar_one()
        assert (message.first_opened_at, message.first_clicked_at, message.unsubscribed_at) == (None, None, None)
    ingest.stop()


def mail_of(reader: Reader, *, tracked: bool) -> bytes:
    """The mail as it is sent to the reader."""
    with db.tenant_session(reader.tenant_id) as session:
        message = session.get_one(Message, (reader.tenant_id, reader.message_id))
        campaign = campaigns.get(session, message.campaign_id)
        rendering = render.prepare(session, campaign, revisions.current(session, campaign))
        return rendering.message(
            message.id, message.address, MemberFacts(id=reader.member_id, first_name="Jana"), "de", tracked=tracked
        )


def links_of(mail: bytes, site: str) -> set[str]:
    """Every address of the service that stands in a mail, in its headers, its text and its page."""
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    parts = [str(parsed["List-Unsubscribe"])]
    for kind in ("plain", "html"):
        part = parsed.get_body((kind,))
        assert part is not None
        parts.append(html.unescape(part.get_content()))
    return {link for part in parts for link in re.findall(rf"{re.escape(site)}[^\s\"<>]+", part)}


NO_WISH = [[], [("List-Unsubscribe", "1")], [("shown", "email:marketing")], [("sure", "yes")], [("action", "")]]


@pytest.mark.parametrize("tracked", [True, False])
def test_a_filter_that_follows_every_link_of_a_mail_changes_nothing(reader, site, tracked):
    links = links_of(mail_of(reader, tracked=tracked), site)
    assert {reader.url, reader.unsubscribe} <= links
    assert len(links) == (4 if tracked else 2)
    before = (reader.states(), reader.suppressed(), reader.entries())
    for link in sorted(links):
        for method in ("GET", "HEAD"):
            assert raw(link, method)[0] in {200, 302}
        for method in ("OPTIONS", "PUT", "DELETE", "PATCH"):
            assert raw(link, method)[0] in {200, 204, 302, 405}
        for form in NO_WISH:
            assert raw(link, "POST", form)[0] in {200, 302, 405, 422}
    assert raw(reader.url, "POST", ONE_CLICK)[0] == 422
    assert (reader.states(), reader.suppressed(), reader.entries()) == before
    ingest.stop()


def test_listmonk_3063_no_fake_one_click(reader, site):
    """Every address that a mail offers for one-click unsubscribing changes something when it is posted to."""
    mail = mail_of(reader, tracked=True)
    headers = mail.partition(b"\r\n\r\n")[0].decode().replace("\r\n ", "")
    uris = re.findall(r"<(https?://[^>]+)>", re.search(r"(?m)^List-Unsubscribe: (.*)$", headers)[1])
    assert len(uris) == 1
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in headers
    assert reader.suppressed() == set()
    assert raw(uris[0], "POST", ONE_CLICK)[0] == 200
    assert reader.suppressed() == {("email", "jana@mail.example")}


def test_an_address_is_recognised_by_its_owner_alone():
    assert preferences.mask("email", "jana@mail.example") == "j•••@mail.example"
    assert preferences.mask("sms", "+491701234567") == "•••67"
    assert preferences.mask("telegram", "12345") == ""


def test_a_number_of_another_reader_is_not_touched(reader, tenants):
    with db.tenant_session(reader.tenant_id) as session:
        other = make.member(session, "paul@mail.example", first_name="Paul")
        session.add(
            ContactPoint(
                tenant_id=tenants.a, member_id=other.id, channel="sms", address="+4917099", address_norm="+4917099"
            )
        )
    raw(reader.url, "POST", keep(action="all_off"))
    assert ("sms", "+4917099") not in reader.suppressed()
