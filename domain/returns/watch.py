"""Asking a provider about messages that it should have reported: what was sent and never confirmed, and the unknown.

A message that is only `sent` after half an hour is asked for hourly, for a day. An unknown one is looked for among
what the provider sent to its number: found, it is proven; certainly not there, it may be sent again; else it stays.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from channels.base import SendFailed
from channels.twilio import webhook
from channels.twilio.settings import Account
from channels.twilio.webhook import Known
from domain.campaigns import frame, revisions
from domain.campaigns import service as campaigns
from domain.delivery import outlets, proof, texts
from domain.returns import callbacks, charges, consequences
from domain.senders import accounts
from kernel import clock, db, log, outbox
from kernel.errors import AriiaError, NotFound
from kernel.vault import BadSeal
from models import Member, Message, Notice

TASK = "returns.watch"
SLICE = 200
FIRST_LOOK = timedelta(minutes=10)
_POLL, _LOOK_UP = "twilio_poll", "twilio_look_up"
_ABSENT = "20404"
_PREFIX = {"sms": "", "whatsapp": "whatsapp:"}
_EARLIER = timedelta(minutes=1)  # clocks differ
_NOBODY = "look"  # whoever only asks sends from nobody

_DUE = """
SELECT m.id, m.state, m.channel, m.provider_id, m.address, m.created_at FROM message m
LEFT JOIN campaign c ON c.tenant_id = m.tenant_id AND c.id = m.campaign_id
LEFT JOIN sender s ON s.tenant_id = m.tenant_id AND s.id = c.sender_id
LEFT JOIN provider_look l ON l.tenant_id = m.tenant_id AND l.message_id = m.id
WHERE m.tenant_id = :tenant AND m.state IN ('sent', 'unknown') AND m.channel IN ('sms', 'whatsapp')
  AND coalesce(m.account_id, s.account_id) = :account AND m.address IS NOT NULL
  AND m.updated_at > clock_timestamp() - interval '24 hours'
  AND (m.state = 'unknown' OR m.provider_id IS NOT NULL) {due}
ORDER BY m.updated_at LIMIT :most
"""
_LATE = """AND CASE m.state
  WHEN 'sent' THEN m.updated_at < clock_timestamp() - interval '30 minutes'
    AND coalesce(l.looked_at < clock_timestamp() - interval '1 hour', true)
  ELSE m.updated_at < clock_timestamp() - interval '10 minutes'
    AND coalesce(l.looked_at < clock_timestamp() - interval '10 minutes', true) END"""
_DUE_NOW, _ANY = text(_DUE.format(due=_LATE)), text(_DUE.format(due=""))
_NOTE = text("""
INSERT INTO provider_look (tenant_id, message_id, looked_at, looks, found)
VALUES (:tenant, :id, clock_timestamp(), 1, :found)
ON CONFLICT (tenant_id, message_id) DO UPDATE
SET looked_at = excluded.looked_at, looks = provider_look.looks + 1, found = excluded.found
""")
_WAITS = text("""
SELECT EXISTS (SELECT FROM outbox WHERE tenant_id = :tenant AND task = :task AND attempts = 0
  AND arguments ->> 'id' = :account)
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for its proof; `body` is what it said, where that is known."""

    account_id: UUID
    id: UUID
    state: str
    channel: str
    provider_id: str | None
    address: str
    since: datetime
    body: str | None = None


def expect(session: Session, account_id: UUID) -> None:
    """Have the account's provider asked in ten minutes about what it did not report; once, however often it is said."""
    keys = {"tenant": db.tenant_of(session), "task": TASK, "account": str(account_id)}
    if not session.execute(_WAITS, keys).scalar_one():
        outbox.enqueue(session, TASK, id=account_id, due_at=clock.now() + FIRST_LOOK)


def run(tenant_id: UUID, account_id: UUID, most: int = SLICE) -> int:
    """Ask about what is due; returns about how many. A provider that does not answer is asked the next time.

    No transaction is open while the provider is asked.
    """
    with db.tenant_session(tenant_id) as session:
        try:
            credentials = outlets.twilio_account(accounts.get(session, account_id), _NOBODY)
        except (NotFound, BadSeal, ValueError, KeyError):
            return 0
        due = _waiting(session, account_id, most)
    asked = 0
    for one in due:
        try:
            _ask(tenant_id, credentials, one)
        except SendFailed as failure:
            log.get("returns").warning("watch.stopped", account=str(account_id), code=failure.code, kind=failure.kind)
            break
        asked += 1
    with db.tenant_session(tenant_id) as session:
        if session.execute(_ANY, _keys(session, account_id, 1)).first() is not None:
            expect(session, account_id)
    return asked


def _keys(session: Session, account_id: UUID, most: int) -> dict[str, object]:
    return {"tenant": db.tenant_of(session), "account": account_id, "most": most}


def _waiting(session: Session, account_id: UUID, most: int) -> list[Waiting]:
    rows = session.execute(_DUE_NOW, _keys(session, account_id, most)).all()
    return [
        Waiting(
            account_id,
            row.id,
            row.state,
            row.channel,
            row.provider_id,
            row.address,
            row.created_at,
            body_of(session, row.id) if row.state == "unknown" else None,
        )
        for row in rows
    ]


def body_of(session: Session, message_id: UUID) -> str | None:
    """Return what a message said, made again; None where the provider's template made it."""
    message = db.own(session, Message, message_id, "message")
    if message.notice_id is not None:
        notice = db.own(session, Notice, message.notice_id, "notice")
        return str(notice.content.get("text") or "") or None
    campaign = campaigns.get(session, message.campaign_id or UUID(int=0))
    member = session.get(Member, message.member_id) if message.member_id else None
    if campaign.approved_revision_id is None or member is None:
        return None
    revision = revisions.get(session, campaign.id, campaign.approved_revision_id)
    made = texts.prepare(session, campaign, revision).message(
        message.id, message.address or "", frame.member_facts(member), message.language, tracked=message.tracked
    )
    return made.body or None


def _ask(tenant_id: UUID, credentials: Account, one: Waiting) -> None:
    from channels.twilio import client  # noqa: PLC0415 - the library takes a second to load

    if one.state == "unknown":
        found, complete = client.look(credentials, _PREFIX[one.channel], one.address, one.since - _EARLIER)
        with db.tenant_session(tenant_id) as session:
            _note(session, one, _resolve(session, one, found, complete=complete))
        return
    try:
        known = client.status_of(credentials, one.provider_id or "")
    except SendFailed as failure:
        if failure.code != _ABSENT:
            raise
        with db.tenant_session(tenant_id) as session:
            _note(session, one, "gone")
        return
    with db.tenant_session(tenant_id) as session:
        _note(session, one, _apply(session, one, known, _POLL))


def _note(session: Session, one: Waiting, found: str) -> None:
    session.execute(_NOTE, {"tenant": db.tenant_of(session), "id": one.id, "found": found})


def _apply(session: Session, one: Waiting, known: Known, source: str) -> str:
    charges.note(session, one.id, known.price)
    receipt = webhook.read_status(known.sid, known.status, known.code, known.words)
    if receipt is None or receipt.state is None:
        return "on_its_way"
    outcome = callbacks.apply(session, one.id, receipt, one.state, account_id=one.account_id, source=source)
    if outcome == receipt.state:
        consequences.stop_harmful(session, consequences.campaign_of_fault(session, one.id, receipt))
    return outcome


def _resolve(session: Session, one: Waiting, found: list[Known], *, complete: bool) -> str:
    """Decide about an unknown message by what the provider sent to its number and nobody else of ours claims."""
    others = _claimed(session, one, [each.sid for each in found]) | {sid for _, sid in proof.retired(session, [one.id])}
    free = [known for known in found if known.sid not in others]
    same = [known for known in free if one.body is None or known.body.strip() == one.body.strip()]
    rivals = 0 if one.body is not None else _rivals(session, one)
    if same and len(same) > rivals:
        known = min(same, key=lambda each: (each.at is None, each.at))
        proof.prove(session, one.id, "sent", source=_LOOK_UP, provider_id=known.sid, at=known.at)
        return _apply(session, one, known, _LOOK_UP)
    if free or not complete:
        return "uncertain"
    try:
        return "absent" if proof.absent(session, one.id, _LOOK_UP) else "nothing_new"
    except AriiaError as refusal:  # its campaign was cancelled: nothing is sent again
        return refusal.code


def _claimed(session: Session, one: Waiting, sids: list[str]) -> set[str]:
    rows = session.execute(
        select(Message.provider_id).where(
            Message.tenant_id == db.tenant_of(session), Message.id != one.id, Message.provider_id.in_(sids)
        )
    )
    return {sid for sid in rows.scalars() if sid}


def _rivals(session: Session, one: Waiting) -> int:
    """How many other unknown messages to this number could be what was found, where no text tells them apart."""
    rows = session.execute(
        select(Message.id).where(
            Message.tenant_id == db.tenant_of(session),
            Message.channel == one.channel,
            Message.address == one.address,
            Message.state == "unknown",
            Message.id != one.id,
        )
    )
    return len(rows.all())
