"""The way of an approved campaign into real mailboxes."""

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import make
import pytest
from sqlalchemy import select, text

from ariia.embedded.mailbox import Mailbox
from channels.email import settings as relays
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import engine, flight, materialise, outlets, queries, recovery, service
from domain.delivery.claim import Work
from kernel import db, outbox
from kernel.ids import stable_id
from models import Campaign, Message
from preview import preferences


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox(tmp_path / "mail") as running:
        yield running


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00'"))
        make.sender(session)
    return tenants.a


def send(tenant_id: UUID, campaign_id: UUID, mailbox: Mailbox, sessions: int = 4) -> engine.Outcome:
    return engine.send(
        tenant_id, Work(campaign_id, "email"), outlets.through(relays.parse(mailbox.url), sessions), lease_seconds=20
    )


def finish(tenant_id: UUID) -> None:
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)


def mails(mailbox: Mailbox) -> list[EmailMessage]:
    parsed = [email.message_from_bytes(raw, policy=email.policy.default) for raw in mailbox.messages()]
    return [mail for mail in parsed if isinstance(mail, EmailMessage)]


def test_an_approved_campaign_reaches_everybody_once_and_says_why_not_for_the_rest(studio, tenants, mailbox):
    with db.tenant_session(studio) as session:
        for n in range(40):
            make.member(session, f"m{n}@example.org", first_name="Jörg", last_name="Müller")
        make.member(session, None)
        make.member(session, "twin@example.org", first_name="Ada")
        make.member(session, "TWIN@example.org", first_name="Bo")
        make.member(session, "no@example.org", consent=False)
        gone = make.member(session, "gone@example.org")
        consents.suppress(
            session, channel="email", address_norm="gone@example.org", reason="unsubscribed", source="t", actor="t"
        )
        campaign = make.started(session)
        checked = flight.check(session, campaign)
        campaign_id = campaign.id
        assert checked.targeted == 45
        assert checked.will_send == 41
        assert checked.skipped == {"no_address": 1, "shared_address": 1, "no_consent": 1, "suppressed": 1}
        assert materialise.materialise(session, campaign_id)
    outcome = send(studio, campaign_id, mailbox)
    finish(studio)
    assert outcome.sent == 41
    assert mailbox.count() == 41
    recipients = Counter(mail["Delivered-To"] for mail in mails(mailbox))
    assert set(recipients.values()) == {1}
    with db.tenant_session(studio) as session:
        counts = queries.counts(session, campaign_id)
        assert counts == {"sent": 41, "skipped": 3, "suppressed": 1}
        assert campaigns.get(session, campaign_id).status == "sent"
        why = queries.why(session, campaign_id, gone.id)
        assert why.reason == "suppressed"
        assert "gesperrt" in why.sentence["de"]
    with db.tenant_session(tenants.b) as session:
        assert queries.counts(session, campaign_id) == {}


def test_a_mail_carries_text_html_unsubscribe_and_a_stable_message_id(studio, mailbox):
    with db.tenant_session(studio) as session:
        member = make.member(session, "one@example.org", first_name="Zoë", last_name="Groß", tracking=True)
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    send(studio, campaign_id, mailbox)
    mail = mails(mailbox)[0]
    message_id = stable_id(studio, campaign_id, "0", member.id)
    assert mail["Message-ID"] == f"<{message_id}@studio.example>"
    assert mail["Subject"] == "Zoë, dein Platz ist frei"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html = mail.get_body(("html",)).get_content()
    plain = mail.get_body(("plain",)).get_content()
    assert "Hallo Zoë," in html
    assert "Hallo Zoë," in plain
    assert "/t/c/" in html
    assert "/t/o/" in html
    assert str(mail["List-Unsubscribe"])[1:-1] in html
    for part in (html, plain):
        assert preferences.address_of(studio, message_id) in part


def paths(part: str) -> set[str]:
    """The kinds of our own addresses in a part of a mail."""
    return set(re.findall(r"https?://[^/\s\"<>]+(/(?:t/\w|u|p|v|preferences)/)", part))


@pytest.mark.parametrize("utm_links", [True, False])
def test_without_tracking_consent_no_link_names_the_recipient_but_the_ways_out(studio, mailbox, utm_links):
    with db.tenant_session(studio) as session:
        make.member(session, "plain@example.org")
        campaign_id = make.started(session).id
        campaigns.get(session, campaign_id).utm_links = utm_links
        materialise.materialise(session, campaign_id)
    send(studio, campaign_id, mailbox)
    html = mails(mailbox)[0].get_body(("html",)).get_content()
    plain = mails(mailbox)[0].get_body(("plain",)).get_content()
    assert paths(html) == paths(plain) == {"/u/", "/preferences/"}
    target = "https://www.studio.example/kurse?a=1&b=2"
    if utm_links:
        target += "&utm_source=ariia&utm_medium=email&utm_campaign=herbst&utm_content=link-1"
    assert target in plain.splitlines()
    assert f'"{target.replace("&", "&amp;")}"' in html


def test_a_second_materialise_and_a_second_run_add_nobody(studio, mailbox):
    with db.tenant_session(studio) as session:
        for n in range(10):
            make.member(session, f"again{n}@example.org")
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    with db.tenant_session(studio) as session:
        materialise.materialise(session, campaign_id)
    send(studio, campaign_id, mailbox)
    assert send(studio, campaign_id, mailbox).sent == 0
    assert mailbox.count() == 10


def test_one_comma_after_approval_holds_the_campaign_and_nothing_is_sent(studio, mailbox):
    with db.tenant_session(studio) as session:
        make.member(session, "held@example.org")
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE tenant SET postal_address = postal_address || ','"))
    assert send(studio, campaign_id, mailbox).sent == 0
    assert mailbox.count() == 0
    with db.tenant_session(studio) as session:
        held = campaigns.get(session, campaign_id)
        assert (held.status, held.hold_reason) == ("held", "approval_void")


def test_someone_who_unsubscribes_before_the_claim_gets_nothing(studio, mailbox):
    with db.tenant_session(studio) as session:
        member = make.member(session, "leaves@example.org")
        make.member(session, "stays@example.org")
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    with db.tenant_session(studio) as session:
        assert service.unsubscribe(session, stable_id(studio, campaign_id, "0", member.id), source="one_click")
    send(studio, campaign_id, mailbox)
    assert [mail["Delivered-To"] for mail in mails(mailbox)] == ["stays@example.org"]
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign_id) == {"sent": 1, "suppressed": 1}


def test_quiet_hours_defer_and_never_drop(studio, mailbox):
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '23:59'"))
        make.member(session, "night@example.org")
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    assert send(studio, campaign_id, mailbox).sent == 0
    with db.tenant_session(studio) as session:
        row = session.execute(select(Message).where(Message.campaign_id == campaign_id)).scalar_one()
        assert (row.state, row.reason) == ("deferred", "quiet_hours")
        assert session.execute(select(Campaign.status).where(Campaign.id == campaign_id)).scalar_one() == "sending"


def test_listmonk_1931_suppressed_run_does_not_finish(studio, mailbox):
    with db.tenant_session(studio) as session:
        for n in range(30):
            make.member(session, f"first{n}@example.org")
        for n in range(5):
            make.member(session, f"later{n}@example.org")
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    with db.tenant_session(studio) as session:
        first = session.execute(select(Message.address_norm).order_by(Message.priority, Message.id).limit(30)).scalars()
        for address in first:
            consents.suppress(
                session, channel="email", address_norm=address, reason="complained", source="t", actor="t"
            )
    engine_slice = engine.SLICE
    assert engine_slice >= 30
    send(studio, campaign_id, mailbox)
    finish(studio)
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign_id) == {"sent": 5, "suppressed": 30}


def test_a_member_named_as_markup_or_template_is_inert(studio, mailbox):
    hostile = ["<script>alert(1)</script>", "{{7*7}}", "{first_name}", "=?utf-8?q?x=0D=0ABcc:_evil?=", "a\u202eb"]
    with db.tenant_session(studio) as session:
        for n, name in enumerate(hostile):
            make.member(session, f"hostile{n}@example.org", first_name=name, last_name=name)
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    send(studio, campaign_id, mailbox)
    for mail in mails(mailbox):
        html = mail.get_body(("html",)).get_content()
        assert "<script" not in html
        assert "49" not in mail["Subject"]
        assert mail["Bcc"] is None
        assert "Hallo," in html
        assert mail["Subject"] == "dein Platz ist frei"
