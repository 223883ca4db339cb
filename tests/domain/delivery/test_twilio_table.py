"""Every code of the provider's table, end to end: what it does to the message, the person, the account, the campaign.

Once as the answer of the send call, once in a report about a message that was taken.
"""

from datetime import timedelta
from uuid import UUID

import make
import pytest
import texters
from chaos import crowd
from fakes.http_provider import Fault
from sqlalchemy import select, text
from texters import counts, drain, run

from ariia.tasks import callbacks as reading
from ariia.tasks import campaigns as tasks
from channels.base import FailureKind, Scope
from channels.twilio import errors, webhook
from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.delivery import flight, materialise, service
from domain.returns import callbacks
from domain.senders import accounts, countries, strain
from kernel import clock, db
from kernel.errors import NotFound
from models import Message, Suppression

PHONES = ("+4915112345601", "+4915112345602", "+436641234567")  # two in Germany, one in Austria


@pytest.fixture
def studio(tenants) -> tuple[UUID, UUID]:
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            crowd.no_quiet_hours(session)
    return tenants.a, texters.account(tenants.a).id


def started(tenant_id: UUID, *phones: str) -> UUID:
    for phone in phones:
        texters.person(tenant_id, phone)
    with db.tenant_session(tenant_id) as session:
        campaign = make.campaign(session, channel="sms")
        words = {"text": "{greeting} komm wieder vorbei. Dein {studio}. Abmelden: STOP"}
        content = make.draft_content(cta_url="") | {"languages": {"de": {"sms": words}}}
        revision = drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        make.approve(session, campaign.id, revision)
        campaigns.start(session, campaign.id, actor="t")
        materialise.materialise(session, campaign.id)
        return campaign.id


def only(tenant_id: UUID) -> Message:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(Message)).scalar_one()


def due_now(tenant_id: UUID, account_id: UUID) -> None:
    """Let the time pass that a message, and the account's rate, were told to wait."""
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE message SET not_before = clock_timestamp()"))
        session.execute(text("DELETE FROM rate_bucket"))
        session.execute(
            text("UPDATE account_strain SET until = clock_timestamp() - interval '1 second' WHERE account_id = :id"),
            {"id": account_id},
        )


def no(code: int, *, status: int = 400) -> Fault:
    return Fault(status, {"code": code, "message": f"words of {code}", "status": status})


# What a code does at once: state and reason of the message, the suppression, whether the account is paused and the
# campaign held, and which country is closed.
ANSWERED = {
    FailureKind.TRANSIENT: ("deferred", "retry", None),
    FailureKind.THROTTLE: ("deferred", "throttled", None),
    FailureKind.PERMANENT_RECIPIENT: ("bounced", "refused", ("hard_bounce", "all")),
    FailureKind.PERMANENT_CONTENT: ("failed", "refused", None),
    FailureKind.PERMANENT_CONFIG: ("deferred", "relay_refuses", None),
    FailureKind.SENDER_FAULT: ("failed", "refused", None),
    FailureKind.OPTOUT: ("bounced", "opted_out", ("opt_out", "marketing")),
    FailureKind.PROVIDER_DECLINE: ("failed", "declined", None),
}
ROWS = errors.table()


def in_country(row: errors.Row) -> bool:
    return row.meaning.scope is Scope.COUNTRY


def pauses(row: errors.Row) -> bool:
    """Whether the first answer with this code already pauses the account."""
    shut = row.meaning.kind is FailureKind.PERMANENT_CONFIG and not in_country(row)
    return shut or row.meaning.pauses_at == 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.code))
def test_a_code_of_the_send_call_has_its_whole_consequence(studio, tenants, twilio, row):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, PHONES[0])
    twilio.faults.append(no(row.code))
    for _ in range(6):  # until it was asked; each run ends before the shortest wait is over
        run(tenant_id, campaign_id, seconds=0.5)
        if only(tenant_id).provider_code is not None:
            break
    state, reason, suppressed = ANSWERED[row.meaning.kind]
    if in_country(row):
        state, reason = "failed", "country_closed"
    message = only(tenant_id)
    if message.state != "pending" or reason != "relay_refuses":  # that one has no wait, and is woken by the next look
        assert (message.state, message.reason) == (state, reason)
    assert message.provider_code == str(row.code)
    assert message.attempt == (1 if state != "deferred" or row.meaning.kind is FailureKind.TRANSIENT else 0)
    with db.tenant_session(tenant_id) as session:
        found = session.execute(select(Suppression.reason, Suppression.purpose)).one_or_none()
        account = accounts.get(session, account_id)
        closed = [one.country for one in session.execute(countries.closed(session, account_id)).scalars()]
        status = campaigns.get(session, campaign_id).status
    assert found == suppressed
    assert (account.state, closed) == ("paused" if pauses(row) else "active", ["DE"] if in_country(row) else [])
    held = row.meaning.kind is FailureKind.PERMANENT_CONFIG and not in_country(row)
    assert status == ("held" if held else "sending")
    assert twilio.messages == []
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(Suppression)).first() is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.code))
def test_a_code_of_a_report_has_the_same_consequence(studio, twilio, row):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, PHONES[0])
    assert drain(tenant_id, campaign_id) == {"sent": 1}
    sid = twilio.messages[0]["sid"]
    receipt = webhook.read_status(sid, "undelivered", str(row.code), "words")
    with db.tenant_session(tenant_id) as session:
        callbacks.keep(session, account_id, only(tenant_id).id, receipt)
    reading.read(tenant_id, account_id)
    state, reason, suppressed = ANSWERED[row.meaning.kind]
    if row.meaning.kind is FailureKind.PERMANENT_CONFIG:
        state, reason = "failed", "country_closed" if in_country(row) else "relay_refuses"
    message = only(tenant_id)
    assert (message.state, message.provider_code) == (state, str(row.code))
    assert message.reason == ("refused" if state == "bounced" else reason)
    assert message.provider_id == (None if state == "deferred" else sid)
    with db.tenant_session(tenant_id) as session:
        found = session.execute(select(Suppression.reason, Suppression.purpose)).one_or_none()
        account = accounts.get(session, account_id)
        closed = [one.country for one in session.execute(countries.closed(session, account_id)).scalars()]
    assert found == suppressed
    assert (account.state, closed) == ("paused" if pauses(row) else "active", ["DE"] if in_country(row) else [])


def test_a_country_without_permission_is_closed_for_this_account_and_the_others_go_on(studio, tenants, twilio):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, *PHONES)

    def answer(seen):
        refused = seen.method == "POST" and b"To=%2B49" in seen.body
        return (400, no(21408).body) if refused else usual(seen)

    usual, twilio.answer = twilio.answer, answer
    assert drain(tenant_id, campaign_id) == {"sent": 1, "failed": 2}
    asked = sum(seen.method == "POST" for seen in twilio.requests)
    with db.tenant_session(tenant_id) as session:
        assert accounts.get(session, account_id).state == "active"
        row = session.execute(countries.closed(session, account_id)).scalar_one()
        assert (row.country, row.code, "words of 21408" in row.words) == ("DE", "21408", True)
        assert set(session.execute(select(Message.reason).where(Message.state == "failed")).scalars()) == {
            "country_closed"
        }
        checked = flight.check(session, make.campaign(session, channel="sms"))
        assert (checked.will_send, checked.skipped) == (1, {"country_closed": 2})
        assert service.retry_failed(session, campaign_id, actor="t") == 2
    assert drain(tenant_id, campaign_id) == {"sent": 1, "failed": 2}
    assert sum(seen.method == "POST" for seen in twilio.requests) == asked  # a closed country is not asked for again
    twilio.answer = usual
    with db.tenant_session(tenants.b) as session, pytest.raises(NotFound):
        countries.reopen(session, account_id, "DE", actor="t")
    with db.tenant_session(tenant_id) as session:
        countries.reopen(session, account_id, "de", actor="t")
        service.retry_failed(session, campaign_id, actor="t")
    assert drain(tenant_id, campaign_id) == {"sent": 3}


def test_a_text_is_tried_five_times_and_a_code_that_nobody_knows_three_times(studio, twilio):
    tenant_id, account_id = studio
    for code, most, phone in ((63012, 5, PHONES[0]), (30003, 3, PHONES[1]), (99_999, 3, PHONES[2])):
        campaign_id = started(tenant_id, phone)
        with db.tenant_session(tenant_id) as session:
            session.execute(text("DELETE FROM message WHERE address_norm <> :p AND campaign_id = :id"),
                            {"p": phone, "id": campaign_id})  # fmt: skip
        before = len(twilio.requests)
        for _ in range(most + 2):
            twilio.faults.append(no(code))
            run(tenant_id, campaign_id)
            due_now(tenant_id, account_id)
        twilio.faults.clear()
        assert len(twilio.requests) - before == most
        with db.tenant_session(tenant_id) as session:
            row = session.execute(select(Message).where(Message.campaign_id == campaign_id)).scalar_one()
        assert (row.state, row.reason, row.attempt) == ("failed", "too_many_attempts", most)


def test_a_sender_that_is_over_its_limit_waits_twice_as_long_and_then_pauses(studio, twilio):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, PHONES[0])
    waits = []
    for _ in range(2):
        twilio.faults.append(no(63018))
        run(tenant_id, campaign_id)
        with db.tenant_session(tenant_id) as session:
            waits.append(session.execute(text(
                "SELECT extract(epoch FROM not_before - updated_at)::float8 FROM message")).scalar_one())  # fmt: skip
            assert accounts.get(session, account_id).state == "active"
        due_now(tenant_id, account_id)
    assert 58 <= waits[0] <= 67
    assert 118 <= waits[1] <= 133
    twilio.faults.append(no(63018))
    run(tenant_id, campaign_id)
    with db.tenant_session(tenant_id) as session:
        account = accounts.get(session, account_id)
        assert (account.state, "63018" in (account.paused_reason or "")) == ("paused", True)
        assert account.paused_until is not None
        assert timedelta(minutes=55) < account.paused_until - clock.now() <= timedelta(hours=1)
    due_now(tenant_id, account_id)
    tasks.send(tenant_id, campaign_id)  # nothing leaves, and nothing is held: it passes by itself
    assert len(twilio.messages) == 0
    message = only(tenant_id)
    assert (message.state, message.attempt) == ("deferred", 0)
    with db.tenant_session(tenant_id) as session:
        assert campaigns.get(session, campaign_id).status == "sending"
        session.execute(text("UPDATE provider_account SET paused_until = clock_timestamp() - interval '1 second'"))
    tasks.send(tenant_id, campaign_id)
    assert counts(tenant_id, campaign_id) == {"sent": 1}


def test_requests_that_come_together_are_one_and_a_quiet_time_begins_anew(studio):
    tenant_id, account_id = studio
    rule = strain.Rule(60, 3_600, 3, 3_600)
    with db.tenant_session(tenant_id) as session:
        seen = [strain.note(session, account_id, "63018", rule, "x") for _ in range(8)]
        assert not any(each.paused for each in seen)
        assert strain.times(session, account_id) == {"63018": 1}
        session.execute(text("UPDATE account_strain SET until = clock_timestamp() - interval '301 seconds'"))
        assert strain.note(session, account_id, "63018", rule, "x").wait == pytest.approx(60, abs=2)
        assert strain.times(session, account_id) == {"63018": 1}
        for _ in range(40):
            session.execute(text("UPDATE account_strain SET until = clock_timestamp() - interval '1 second'"))
            last = strain.note(session, account_id, "20429", strain.Rule(0.5, 30), "x")
        assert last.wait == pytest.approx(30, abs=2)
        assert accounts.get(session, account_id).state == "active"
        accounts.pause(session, account_id, "by hand")
        accounts.resume(session, account_id, actor="t")
        assert strain.times(session, account_id) == {}


def test_two_requests_of_three_that_are_too_many_lose_and_double_nobody(studio, twilio):
    tenant_id, account_id = studio
    phones = [f"+49151555{n:05d}" for n in range(40)]
    campaign_id = started(tenant_id, *phones)
    twilio.faults.extend(no(20429, status=429) if n % 3 else Fault() for n in range(40))
    for _ in range(200):
        run(tenant_id, campaign_id, seconds=0.5)  # the wait that it was told is skipped below
        if counts(tenant_id, campaign_id) == {"sent": 40}:
            break
        due_now(tenant_id, account_id)
    assert counts(tenant_id, campaign_id) == {"sent": 40}
    assert sorted(message["to"] for message in twilio.messages) == phones


def report(tenant_id: UUID, account_id: UUID, message: Message, sid: str, status: str, code: str | None = None) -> None:
    receipt = webhook.read_status(sid, status, code)
    assert receipt is not None
    with db.tenant_session(tenant_id) as session:
        callbacks.keep(session, account_id, message.id, receipt)
    reading.read(tenant_id, account_id)


def test_a_phone_that_was_off_is_tried_again_and_reports_of_the_lost_attempt_change_nothing(studio, twilio):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, PHONES[0])
    run(tenant_id, campaign_id)
    with db.tenant_session(tenant_id) as session:
        campaigns.complete(session, campaign_id)
    first = twilio.messages[0]["sid"]
    report(tenant_id, account_id, only(tenant_id), first, "undelivered", "30003")
    with db.tenant_session(tenant_id) as session:
        assert campaigns.get(session, campaign_id).status == "sending"  # it is not complete any more
    report(tenant_id, account_id, only(tenant_id), first, "sent")
    due_now(tenant_id, account_id)
    run(tenant_id, campaign_id)
    second = twilio.messages[1]["sid"]
    assert (only(tenant_id).state, only(tenant_id).provider_id, only(tenant_id).attempt) == ("sent", second, 2)
    report(tenant_id, account_id, only(tenant_id), first, "failed", "30003")
    assert (only(tenant_id).state, only(tenant_id).provider_id) == ("sent", second)
    report(tenant_id, account_id, only(tenant_id), second, "undelivered", "30003")
    due_now(tenant_id, account_id)
    run(tenant_id, campaign_id)
    report(tenant_id, account_id, only(tenant_id), twilio.messages[2]["sid"], "undelivered", "30003")
    assert (only(tenant_id).state, only(tenant_id).reason) == ("failed", "undelivered")
    assert len(twilio.messages) == 3


def test_what_arrived_after_all_is_not_sent_again(studio, twilio):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, PHONES[0])
    run(tenant_id, campaign_id)
    sid = twilio.messages[0]["sid"]
    report(tenant_id, account_id, only(tenant_id), sid, "undelivered", "30008")
    assert only(tenant_id).state == "deferred"
    report(tenant_id, account_id, only(tenant_id), sid, "delivered")
    due_now(tenant_id, account_id)
    run(tenant_id, campaign_id)
    assert (only(tenant_id).state, only(tenant_id).provider_id, len(twilio.messages)) == ("delivered", sid, 1)


def test_a_lost_attempt_of_a_cancelled_campaign_has_failed(studio, twilio):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, PHONES[0])
    run(tenant_id, campaign_id)
    with db.tenant_session(tenant_id) as session:
        campaigns.cancel(session, campaign_id, actor="t")
    report(tenant_id, account_id, only(tenant_id), twilio.messages[0]["sid"], "undelivered", "30003")
    assert (only(tenant_id).state, only(tenant_id).reason) == ("failed", "undelivered")


def test_texts_that_carriers_filter_hold_the_campaign(studio, twilio):
    tenant_id, account_id = studio
    phones = [f"+49151666{n:05d}" for n in range(24)]
    campaign_id = started(tenant_id, *phones)
    assert drain(tenant_id, campaign_id) == {"sent": 24}
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(select(Message.id, Message.provider_id).order_by(Message.id)).all()
        for row in rows[:15]:
            callbacks.keep(session, account_id, row.id, webhook.read_status(row.provider_id, "undelivered", "30007"))
    reading.read(tenant_id, account_id)
    with db.tenant_session(tenant_id) as session:
        assert campaigns.get(session, campaign_id).status == "sending"  # 15 of 500 are the allowed three percent
        row = rows[15]
        callbacks.keep(session, account_id, row.id, webhook.read_status(row.provider_id, "undelivered", "30007"))
    reading.read(tenant_id, account_id)
    with db.tenant_session(tenant_id) as session:
        held = campaigns.get(session, campaign_id)
        assert (held.status, held.hold_reason) == ("held", "stop_loss")


def test_what_whatsapp_declined_is_not_tried_again_for_a_day(studio, twilio):
    tenant_id, account_id = studio
    campaign_id = started(tenant_id, PHONES[0], PHONES[1])
    assert drain(tenant_id, campaign_id) == {"sent": 2}
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(select(Message.id, Message.provider_id).order_by(Message.id)).all()
        for row, code in zip(rows, ("63032", "30004"), strict=True):
            callbacks.keep(session, account_id, row.id, webhook.read_status(row.provider_id, "failed", code))
    reading.read(tenant_id, account_id)
    assert counts(tenant_id, campaign_id) == {"failed": 2}
    with db.tenant_session(tenant_id) as session:
        campaigns.complete(session, campaign_id)
        assert service.retry_failed(session, campaign_id, actor="t") == 1
        session.execute(text("UPDATE message SET updated_at = updated_at - interval '25 hours'"))
        assert service.retry_failed(session, campaign_id, actor="t") == 1
