"""Messages outside campaigns: tests, confirmations, answers. The same ledger, the same gate, the same engine."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import revisions, zones
from domain.campaigns import service as campaigns
from domain.identity import tenants
from kernel import db, outbox
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id, stable_id
from models import AppUser, Member, Message, Notice

TASK = "notices.send"
_FIRST = 0  # before every campaign: somebody waits for it
# What happens to a notice whose transmission got no answer: the person asked for it, so better twice than never.
_RESEND = frozenset({"confirmation", "reply"})


def send(  # noqa: PLR0913 - a message has that many properties
    session: Session,
    *,
    kind: str,
    purpose: str,
    channel: str,
    address: str,
    key: str,
    body: str = "",
    subject: str = "",
    member_id: UUID | None = None,
    account_id: UUID | None = None,
    language: str | None = None,
    actor: str = "system",
    template: Mapping[str, Any] | None = None,
    expires_at: datetime | None = None,
    **about: Any,
) -> UUID:
    """Ask for one message; `key` makes it happen once for a tenant. Returns the message's id.

    `purpose` decides what the gate asks: `marketing` needs a consent, `transactional` only that nothing is suppressed.
    `template` is an approved one of the provider in place of free text: its `template` id and `variables`.
    """
    tenant_id = db.tenant_of(session)
    made = session.execute(
        insert(Notice)
        .values(
            id=new_id(),
            tenant_id=tenant_id,
            kind=kind,
            purpose=purpose,
            channel=channel,
            key=key,
            content={"text": body, "subject": subject, **(template or {})},
            member_id=member_id,
            account_id=account_id,
            created_by=actor,
            **about,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "key"])
        .returning(Notice.id)
    ).scalar_one_or_none()
    if made is None:
        return message_of(session, key)
    message = Message(
        tenant_id=tenant_id,
        id=stable_id(str(tenant_id), "notice", str(made)),
        notice_id=made,
        account_id=account_id,
        member_id=member_id,
        channel=channel,
        purpose=purpose,
        on_ambiguity="resend" if kind in _RESEND else "hold",
        address=address,
        address_norm=address.strip().casefold(),
        language=language or tenants.current(session).language,
        zone=zones.of_address(channel, address.strip()),
        priority=_FIRST,
        state="pending",
        approval_hash="",
        tracked=False,
        expires_at=expires_at,
    )
    session.add(message)
    session.flush()
    outbox.hurry(session, "campaigns", TASK)
    return message.id


def message_of(session: Session, key: str) -> UUID:
    """Return the message of the notice that was asked for by this key; raises NotFound."""
    found = session.execute(
        select(Message.id)
        .join(Notice, (Notice.tenant_id == Message.tenant_id) & (Notice.id == Message.notice_id))
        .where(Notice.tenant_id == db.tenant_of(session), Notice.key == key)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("notice")
    return found


def send_test(
    session: Session, campaign_id: UUID, *, member_id: UUID, to: str, actor: str, language: str | None = None
) -> UUID:
    """Send the current revision of a mail, as `member_id` would get it, to one of the tenant's own people.

    Real data, working links, marked as a test, in no statistics. Raises Invalid for an address that belongs to nobody
    of the team, Conflict where there is nothing to send yet.
    """
    campaign = campaigns.get(session, campaign_id)
    if campaign.current_revision_id is None:
        raise Conflict("There is no draft yet; write one first.", code="no_content")
    if campaign.channel != "email":
        raise Conflict("Only a mail is tested by mail.", code="no_test_for_channel")
    member = db.own(session, Member, member_id, "member")
    address = to.strip().casefold()
    known = session.execute(
        select(AppUser.id).where(
            AppUser.tenant_id == campaign.tenant_id, AppUser.email_norm == address, AppUser.deactivated_at.is_(None)
        )
    ).scalar_one_or_none()
    if known is None:
        raise Invalid("to", "a test goes only to people of your team; invite this person first")
    languages = list(revisions.current(session, campaign).content_json["languages"])
    wanted = language or member.language
    made = send(
        session,
        kind="test",
        purpose="transactional",
        channel=campaign.channel,
        address=to.strip(),
        key=f"test:{new_id()}",
        member_id=member_id,
        language=wanted if wanted in languages else languages[0],
        actor=actor,
        campaign_id=campaign.id,
        revision_id=campaign.current_revision_id,
    )
    audit.append(session, actor=actor, action="campaign.test", subject=str(campaign.id), member=str(member_id))
    return made


_WAITING = text("""
SELECT channel, account_id, min(not_before) AS at FROM message
WHERE tenant_id = :tenant AND campaign_id IS NULL AND state IN ('pending', 'deferred') GROUP BY channel, account_id
""")


def waiting(session: Session) -> list[tuple[str, UUID | None]]:
    """Return through which channels and accounts notices wait to be sent."""
    rows = session.execute(_WAITING, {"tenant": db.tenant_of(session)}).all()
    return [(row.channel, row.account_id) for row in rows]
