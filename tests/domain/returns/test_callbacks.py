"""What the provider reports: in any order, several times, late, or not at all."""

import random
from collections.abc import Iterator
from uuid import UUID

import pytest
import texters
from fakes.http_provider import Fault
from fakes.twilio import FakeTwilio
from sqlalchemy import func, select, text

from ariia.tasks import callbacks as tasks
from ariia.tasks import campaigns as sending
from channels.twilio import webhook
from channels.twilio.webhook import Receipt
from domain.returns import callbacks, watch
from kernel import db, settings
from kernel.ids import new_id
from models import Consent, Message, MessageEvent, Outbox, ProviderCallback, ProviderLook, Suppression

SID = "SM" + "a" * 32


@pytest.fixture
def twilio(database) -> Iterator[FakeTwilio]:
    with FakeTwilio() as running:
        settings.use(settings.get_settings().model_copy(update={"twilio_url": running.url}))
        yield running


def receipt(status: str, code: str | None = None, *, sid: str = SID) -> Receipt:
    found = webhook.read_status(sid, status, code)
    assert found is not None
    return found


def keep(
    tenant_id: UUID, account_id: UUID, message_id: UUID, *receipts: Receipt, token: str | None = None
) -> list[bool]:
    with db.tenant_session(tenant_id) as session:
        return [callbacks.keep(session, account_id, message_id, each, token=token) is not None for each in receipts]


def state_of(tenant_id: UUID, message_id: UUID) -> str:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(Message.state).where(Message.id == message_id)).scalar_one()


@pytest.fixture
def studio(tenants) -> tuple[UUID, UUID]:
    return tenants.a, texters.account(tenants.a).id


def test_a_message_moves_forward_whatever_the_order(studio):
    tenant_id, account_id = studio
    message = texters.notice(tenant_id, account_id)
    texters.become(tenant_id, message, "sending")
    assert keep(tenant_id, account_id, message, receipt("delivered"), receipt("queued"), receipt("sent")) == [True] * 3
    assert state_of(tenant_id, message) == "sending"  # kept, and not yet applied
    tasks.read(tenant_id, message)
    assert state_of(tenant_id, message) == "delivered"
    keep(tenant_id, account_id, message, receipt("read"))
    tasks.read(tenant_id, message)
    with db.tenant_session(tenant_id) as session:
        row = session.execute(select(Message)).scalar_one()
        outcomes = dict(session.execute(select(ProviderCallback.status, ProviderCallback.outcome)).all())
    assert (row.state, row.provider_id) == ("read", SID)
    assert outcomes == {"delivered": "delivered", "queued": "on_its_way", "sent": "nothing_new", "read": "read"}


def test_a_report_is_taken_once_by_its_status_and_by_the_providers_token(studio, tenants):
    tenant_id, account_id = studio
    message = texters.notice(tenant_id, account_id)
    assert keep(tenant_id, account_id, message, receipt("sent"), receipt("sent")) == [True, False]
    assert keep(tenant_id, account_id, message, receipt("delivered"), token="t1") == [True]
    assert keep(tenant_id, account_id, message, receipt("read"), token="t1") == [False]
    other = texters.account(tenants.b).id
    foreign = texters.notice(tenants.b, other)
    assert keep(tenants.b, other, foreign, receipt("sent"), token="t1") == [True]
    with db.tenant_session(tenant_id) as session:
        waiting = session.execute(select(func.count()).where(Outbox.task == callbacks.TASK)).scalar_one()
    assert waiting == 2


def test_a_failure_after_the_delivery_is_noted_and_changes_nothing(studio):
    tenant_id, account_id = studio
    texters.person(tenant_id)
    message = texters.notice(tenant_id, account_id)
    texters.become(tenant_id, message, "sent")
    keep(tenant_id, account_id, message, receipt("delivered"))
    tasks.read(tenant_id, message)
    keep(tenant_id, account_id, message, receipt("undelivered", "30005"), receipt("failed", "30008"))
    tasks.read(tenant_id, message)
    with db.tenant_session(tenant_id) as session:
        assert session.execute(select(Suppression)).first() is None
        assert set(session.execute(select(ProviderCallback.outcome)).scalars()) == {"delivered", "too_late"}
    assert state_of(tenant_id, message) == "delivered"


@pytest.mark.parametrize(
    ("status", "code", "state", "reason", "suppressed"),
    [
        ("undelivered", "30005", "bounced", "refused", ("hard_bounce", "all")),
        ("failed", "21610", "bounced", "refused", ("opt_out", "marketing")),
        ("undelivered", "30003", "deferred", "retry", None),
        ("undelivered", "63018", "deferred", "throttled", None),
        ("failed", "63016", "failed", "refused", None),
        ("failed", "30002", "failed", "relay_refuses", None),
        ("undelivered", "30034", "failed", "country_closed", None),
        ("undelivered", "30007", "failed", "refused", None),
        ("failed", "63049", "failed", "declined", None),
        ("failed", None, "failed", "undelivered", None),
        ("undelivered", "99999", "failed", "undelivered", None),
    ],
)
def test_a_code_means_the_same_in_a_report(studio, status, code, state, reason, suppressed):
    tenant_id, account_id = studio
    message = texters.notice(tenant_id, account_id)
    texters.become(tenant_id, message, "sent")
    keep(tenant_id, account_id, message, receipt(status, code))
    tasks.read(tenant_id, message)
    with db.tenant_session(tenant_id) as session:
        row = session.execute(select(Message)).scalar_one()
        found = session.execute(select(Suppression.reason, Suppression.purpose)).one_or_none()
    assert (row.state, row.reason, row.provider_code) == (state, reason, code)
    assert found == suppressed


def test_a_report_about_nothing_of_ours_is_kept_and_changes_nothing(studio):
    tenant_id, account_id = studio
    keep(tenant_id, account_id, new_id(), receipt("delivered"))
    tasks.read(tenant_id, new_id())
    with db.tenant_session(tenant_id) as session:
        assert session.execute(select(ProviderCallback.outcome)).scalar_one() == "unbound"


MANY = 300
# What the provider may report about one message; each path ends in one state.
PATHS = (
    (("queued", None), ("sent", None), ("delivered", None), ("read", None)),
    (("queued", None), ("sent", None), ("delivered", None)),
    (("sending", None), ("sent", None)),
    (("queued", None), ("sent", None), ("undelivered", "30003")),
    (("queued", None), ("failed", "30005")),
)


def _messages(tenant_id: UUID, account_id: UUID, n: int) -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            text("""
            WITH made AS (INSERT INTO notice (id, tenant_id, kind, purpose, channel, key, content)
              SELECT new_id(), :tenant, 'test', 'transactional', 'sms', 'k' || n, '{"text": "x"}'
              FROM generate_series(1, :n) n RETURNING id, key)
            INSERT INTO message (tenant_id, id, notice_id, account_id, channel, address, address_norm, language,
              tracked, priority, state, approval_hash, step, attempt, purpose)
            SELECT :tenant, new_id(), id, :account, 'sms', p, p, 'de', false, 5, 'sending', '', 0, 1, 'transactional'
            FROM (SELECT id, '+49151' || lpad(substr(key, 2), 8, '0') AS p FROM made) m RETURNING id
            """),
            {"tenant": tenant_id, "account": account_id, "n": n},
        )
        return list(rows.scalars())


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_repeated_reports_end_like_ordered_ones(studio, seed):
    tenant_id, account_id = studio
    ids = sorted(_messages(tenant_id, account_id, MANY))
    paths = {message: PATHS[n % len(PATHS)] for n, message in enumerate(ids)}
    plan = [(message, *step) for message, path in paths.items() for step in path]
    chance = random.Random(seed)
    plan += chance.sample(plan, 200)
    chance.shuffle(plan)
    sids = {message: f"SM{n:032x}" for n, message in enumerate(ids)}
    for start in range(0, len(plan), 500):
        with db.tenant_session(tenant_id) as session:
            for message, status, code in plan[start : start + 500]:
                callbacks.keep(session, account_id, message, receipt(status, code, sid=sids[message]))
        with db.tenant_session(tenant_id) as session:
            callbacks.read(session)
    tasks.read(tenant_id, ids[0])
    expected = dict(zip(PATHS, ("read", "delivered", "sent", "deferred", "bounced"), strict=True))
    with db.tenant_session(tenant_id) as session:
        found = dict(session.execute(select(Message.id, Message.state)).all())
        assert session.execute(select(ProviderCallback).where(ProviderCallback.processed_at.is_(None))).first() is None
        suppressed = session.execute(select(func.count()).select_from(Suppression)).scalar_one()
    assert {message: expected[path] for message, path in paths.items()} == found
    assert suppressed == MANY / len(PATHS)


def test_the_report_may_come_before_our_own_answer_is_written(studio, twilio):
    tenant_id, account_id = studio

    def at_once(message: dict) -> None:
        token = twilio.callbacks[message["sid"]].partition("#")[0].rpartition("/")[2]
        from kernel.tokens import get_signer  # noqa: PLC0415

        signed = get_signer().read("s", token)
        keep(tenant_id, account_id, signed.ref_id, receipt("delivered", sid=message["sid"]))
        tasks.read(tenant_id, signed.ref_id)

    twilio.before_answer = at_once
    ids = [texters.notice(tenant_id, account_id, phone=f"+49151123456{n:02d}") for n in range(20)]
    sending.send_notices(tenant_id, tenant_id)
    assert {state_of(tenant_id, message) for message in ids} == {"delivered"}
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(select(Message.provider_id)).scalars()
        assert set(rows) == {message["sid"] for message in twilio.messages}


def test_what_was_never_reported_is_asked_for_after_half_an_hour_and_then_hourly(studio, twilio):
    tenant_id, account_id = studio
    old, young, gone = (texters.notice(tenant_id, account_id, body=body) for body in ("a", "b", "c"))
    sending.send_notices(tenant_id, tenant_id)
    sids = {message["body"]: message["sid"] for message in twilio.messages}
    for message in twilio.messages:
        message["status"] = "delivered" if message["body"] == "a" else "sent"
    texters.become(tenant_id, old, "sent", ago="31 minutes", provider_id=sids["a"])
    texters.become(tenant_id, young, "sent", ago="29 minutes", provider_id=sids["b"])
    texters.become(tenant_id, gone, "sent", ago="25 hours", provider_id=sids["c"])
    assert watch.run(tenant_id, account_id) == 1
    assert [state_of(tenant_id, each) for each in (old, young, gone)] == ["delivered", "sent", "sent"]
    texters.become(tenant_id, young, "sent", ago="40 minutes", provider_id=sids["b"])
    assert [watch.run(tenant_id, account_id) for _ in range(3)] == [1, 0, 0]
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE provider_look SET looked_at = looked_at - interval '61 minutes'"))
    assert watch.run(tenant_id, account_id) == 1
    with db.tenant_session(tenant_id) as session:
        looks = dict(session.execute(select(ProviderLook.message_id, ProviderLook.looks)).all())
        assert session.execute(select(func.count()).where(Outbox.task == watch.TASK)).scalar_one() == 1
    assert looks == {old: 1, young: 2}


def test_with_a_fifth_of_the_reports_lost_every_message_ends_where_it_is(studio, twilio):
    tenant_id, account_id = studio
    ids = [texters.notice(tenant_id, account_id, phone=f"+491511234{n:04d}") for n in range(60)]
    sending.send_notices(tenant_id, tenant_id)
    chance = random.Random(5)
    ends = {message["sid"]: chance.choice(("delivered", "undelivered")) for message in twilio.messages}
    for message in twilio.messages:
        message["status"], message["error_code"] = ends[message["sid"]], 30004
        if chance.random() >= 0.2:
            code = "30004" if ends[message["sid"]] == "undelivered" else None
            with db.tenant_session(tenant_id) as session:
                ours = session.execute(select(Message.id).where(Message.provider_id == message["sid"])).scalar_one()
            keep(tenant_id, account_id, ours, receipt(ends[message["sid"]], code, sid=message["sid"]))
    tasks.read(tenant_id, account_id)
    with db.tenant_session(tenant_id) as session:
        lost = session.execute(select(func.count()).where(Message.state == "sent")).scalar_one()
        session.execute(text("UPDATE message SET updated_at = updated_at - interval '31 minutes' WHERE state = 'sent'"))
    assert lost > 0
    assert watch.run(tenant_id, account_id) == lost
    with db.tenant_session(tenant_id) as session:
        found = dict(session.execute(select(Message.provider_id, Message.state)).all())
    assert found == {sid: "failed" if end == "undelivered" else end for sid, end in ends.items()}
    assert len(found) == len(ids)


def unknown(tenant_id: UUID, account_id: UUID, twilio: FakeTwilio, *, lost: bool, body: str = "Hallo") -> UUID:
    """A message whose answer never came: the provider has it, or not."""
    message = texters.notice(tenant_id, account_id, body=body)
    twilio.faults.append(Fault(drop_before=lost, drop_after=not lost))
    sending.send_notices(tenant_id, tenant_id)
    assert state_of(tenant_id, message) == "unknown"
    with db.tenant_session(tenant_id) as session:
        session.execute(
            text("UPDATE message SET updated_at = updated_at - interval '11 minutes' WHERE id = :id"), {"id": message}
        )
    return message


def test_an_unknown_message_that_the_provider_has_is_proven_and_one_that_it_has_not_is_sent_again(studio, twilio):
    tenant_id, account_id = studio
    there = unknown(tenant_id, account_id, twilio, lost=False, body="da")
    away = unknown(tenant_id, account_id, twilio, lost=True, body="weg")
    texters.notice(tenant_id, account_id, body="anderes")
    sending.send_notices(tenant_id, tenant_id)
    assert watch.run(tenant_id, account_id) == 2
    assert (state_of(tenant_id, there), state_of(tenant_id, away)) == ("sent", "pending")
    with db.tenant_session(tenant_id) as session:
        row = session.execute(select(Message).where(Message.id == there)).scalar_one()
        assert row.provider_id == twilio.messages[0]["sid"]
        kinds = session.execute(select(MessageEvent.kind).where(MessageEvent.message_id == away)).scalars().all()
        assert kinds[-1] == "pending"
    sending.send_notices(tenant_id, tenant_id)
    assert [message["body"] for message in twilio.messages] == ["da", "anderes", "weg"]


def test_what_cannot_be_told_apart_stays_unknown(studio, twilio):
    tenant_id, account_id = studio
    message = unknown(tenant_id, account_id, twilio, lost=True, body="weg")
    twilio.messages.append(twilio.messages[0] | {"sid": SID, "body": "von jemand anderem"} if twilio.messages else {
        "sid": SID, "body": "von jemand anderem", "to": texters.PHONE, "status": "sent", "date_sent": None,
        "date_created": None, "account_sid": twilio.sid, "error_code": None,
    })  # fmt: skip
    assert watch.run(tenant_id, account_id) == 1
    assert state_of(tenant_id, message) == "unknown"
    with db.tenant_session(tenant_id) as session:
        assert session.execute(select(ProviderLook.found)).scalar_one() == "uncertain"


def test_a_provider_that_does_not_answer_is_asked_again_later(studio, twilio):
    tenant_id, account_id = studio
    message = unknown(tenant_id, account_id, twilio, lost=True)
    twilio.faults.append(Fault(503, {}))
    assert watch.run(tenant_id, account_id) == 0
    assert state_of(tenant_id, message) == "unknown"
    with db.tenant_session(tenant_id) as session:
        assert session.execute(select(func.count()).where(Outbox.task == watch.TASK)).scalar_one() == 1
        assert session.execute(select(Consent)).first() is None
