"""Background work on follow-ups: read a chat turn, keep promises, end what a member stopped."""

from uuid import UUID

from prometheus_client import Counter

from domain.follow_ups import closing, fire

LOOKED_AT = Counter("ariia_follow_ups_looked_at_total", "Follow-ups that were due and looked at.")


def run(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Fire, settle and let lapse what is due for the tenant."""
    LOOKED_AT.inc(fire.run(tenant_id))


def close(tenant_id: UUID, member_id: UUID) -> None:
    """End the open follow-ups of a member on every channel that was stopped."""
    closing.after_stop(tenant_id, member_id)


def read(tenant_id: UUID, turn_id: UUID) -> None:
    """Read what a member wrote, and promise, move, cancel, ask or do nothing."""
    from agents.follow_up.run import read as read_turn  # noqa: PLC0415 - the graph library is loaded when first needed

    read_turn(tenant_id, turn_id)


def gather(tenant_id: UUID, conversation_id: UUID) -> None:
    """Read a conversation for insights about its member."""
    from agents.insights.run import read as read_insights  # noqa: PLC0415 - the model layer is loaded when first needed

    read_insights(tenant_id, conversation_id)
