"""Holding a campaign for what comes back after the relay took its mail.

A relay accepts everything and learns later what the far side makes of it. So complaints count, and so do the bounces
that are about the sender: both against the mails of the campaign that were handed over.
"""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from domain.campaigns import service as campaigns
from domain.delivery import sender_watch, stop_loss
from kernel import db, log
from kernel.errors import Conflict

COMPLAINED = sender_watch.COMPLAINED
SENDER_FAULT = sender_watch.SENDER_FAULT

# The kind is written out, so that the partial index of rare events serves.
_COUNTS: dict[str, TextClause] = {
    kind: text(
        "SELECT count(*) FROM message_event "  # noqa: S608 - kinds of our own
        f"WHERE tenant_id = :tenant AND campaign_id = :campaign AND kind = '{kind}'"
    )
    for kind in (COMPLAINED, SENDER_FAULT)
}
_HANDED_OVER = text("""
SELECT count(*) FROM (
  SELECT 1 FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign
    AND state IN ('sent', 'delivered', 'read', 'bounced') ORDER BY id LIMIT :enough) handed
""")


def stop_harmful(session: Session, campaign_id: UUID, kind: str) -> bool:
    """Hold a campaign of which too many mails drew a complaint, or a refusal that is the sender's; True when held now.

    Called after the event of that `kind` was written. Counts no more mails than decide. What is too much for the
    sender, over all its campaigns, stops all of them.
    """
    held = _stop_campaign(session, campaign_id, kind)
    return sender_watch.stop_if_harmful(session, campaign_id, kind) or held


def _stop_campaign(session: Session, campaign_id: UUID, kind: str) -> bool:
    keys = {"tenant": db.tenant_of(session), "campaign": campaign_id}
    harmed = session.execute(_COUNTS[kind], keys).scalar_one()
    share, too_many = _LIMITS[kind]
    if not too_many(harmed, 0):
        return False
    enough = int(harmed / share) + 1
    if not too_many(harmed, session.execute(_HANDED_OVER, {**keys, "enough": enough}).scalar_one()):
        return False
    try:
        campaigns.hold(session, campaign_id, reason="stop_loss")
    except Conflict:  # it is complete, or was cancelled
        log.get("returns").info("campaign.not_held", id=str(campaign_id))
        return False
    return True


_LIMITS: dict[str, tuple[float, Callable[[int, int], bool]]] = {
    COMPLAINED: (stop_loss.COMPLAINTS, stop_loss.too_many_complaints),
    SENDER_FAULT: (stop_loss.SENDER_FAULTS, stop_loss.too_many_faults),
}
