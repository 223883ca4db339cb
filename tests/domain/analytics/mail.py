"""Campaigns with messages as the ledger holds them after sending, for figures about them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import make
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from kernel.ids import new_id
from models import Campaign, Member, Message

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def members(session: Session, tenant_id: UUID, zones: Sequence[str | None], **fields: object) -> list[UUID]:
    """Members with these zones."""
    rows = [
        {"id": new_id(), "tenant_id": tenant_id, "time_zone": zone, "status": "active", "tags": [], "attributes": {},
         "restricted": False, **fields}
        for zone in zones
    ]  # fmt: skip
    session.execute(insert(Member), rows)
    return [row["id"] for row in rows]


def campaign(session: Session, **fields: object) -> Campaign:
    return make.campaign(session, **fields)


def sent(
    session: Session, made: Campaign, people: Sequence[UUID | None], *, at: datetime = AT, **fields: object
) -> list[UUID]:
    """Messages of a campaign to these members, accepted at `at`."""
    rows = [
        {
            "id": new_id(), "tenant_id": made.tenant_id, "campaign_id": made.id, "member_id": one, "step": 0,
            "channel": made.channel, "address": f"{n}@a.example", "address_norm": f"{n}@a.example", "language": "de",
            "tracked": True, "priority": 5, "state": "sent", "approval_hash": "", "attempt": 1, "accepted_at": at,
            "not_before": at, **fields,
        }
        for n, one in enumerate(people)
    ]  # fmt: skip
    session.execute(insert(Message), rows)
    return [row["id"] for row in rows]


def act(session: Session, message_id: UUID, kind: str, at: datetime | None) -> None:
    """Date, or date anew, the first open or click of a message."""
    column = {"opened": "first_opened_at", "clicked": "first_clicked_at"}[kind]
    session.execute(text(f"UPDATE message SET {column} = :at WHERE id = :id"), {"at": at, "id": message_id})


def grant(session: Session, member_id: UUID, purpose: str, state: str = "granted") -> None:
    from domain.consent import service as consents  # noqa: PLC0415 - only some tests need it

    consents.record(
        session, member_id, channel="email", purpose=purpose, state=state, source="test", actor="t",
        evidence={"wording": "ja"},
    )  # fmt: skip
