"""The recipients of a campaign as a file: who, where to, what came of it and when."""

from collections.abc import Iterator
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import and_

from domain.delivery import queries
from kernel import db, tables
from models import Member, Message

COLUMNS: dict[str, Any] = {
    "member_id": Message.member_id,
    "external_id": Member.external_id,
    "first_name": Member.first_name,
    "last_name": Member.last_name,
    "channel": Message.channel,
    "address": Message.address,
    "language": Message.language,
    "variant": Message.variant,
    "state": Message.state,
    "reason": Message.reason,
    "provider_code": Message.provider_code,
    "not_before": Message.not_before,
    "accepted_at": Message.accepted_at,
    "first_opened_at": Message.first_opened_at,
    "first_clicked_at": Message.first_clicked_at,
    "unsubscribed_at": Message.unsubscribed_at,
    "message_id": Message.id,
}


def recipients(
    tenant_id: UUID,
    campaign_id: UUID,
    form: Literal["csv", "json"],
    *,
    state: str | None = None,
    reason: str | None = None,
) -> Iterator[str]:
    """Return a campaign's recipients that fit the filters, in pieces and in a transaction of its own.

    As CSV or as a JSON array. Who is erased has neither name nor address.
    """
    write = tables.as_csv if form == "csv" else tables.as_json
    with db.tenant_session(tenant_id) as session:
        statement = (
            queries.recipients(session, campaign_id, state=state, reason=reason)
            .outerjoin(Member, and_(Member.tenant_id == Message.tenant_id, Member.id == Message.member_id))
            .with_only_columns(*COLUMNS.values())
            .order_by(Message.id)
        )
        yield from write(list(COLUMNS), session.execute(statement, execution_options={"yield_per": tables.PIECE}))
