"""What a run needs of the database: the next slice, the parcels made of it, and whether it may still go on.

Synchronous; the engine calls it in threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.content import cohorts
from domain.delivery import claim, gate, pace, parcels, sender_watch, texts
from domain.delivery.claim import Claimed, Work
from domain.delivery.outlets import Outlet
from domain.delivery.rules import boottime
from domain.delivery.stop_loss import WINDOW, Window
from domain.senders import accounts
from kernel import db, log
from kernel.errors import Conflict
from models import Campaign

_MOST_AGAIN = 8
_REFUSED = "relay: "  # how a hold reason begins when the provider takes nothing from this sender

# The last answers of a campaign, newest first: was the refusal about the sender?
_LAST = text("""
SELECT kind = 'failed' AND reason = 'refused' FROM message_event
WHERE tenant_id = :tenant AND campaign_id = :campaign AND kind IN ('sent', 'failed', 'bounced')
ORDER BY id DESC LIMIT :window
""")

# The other campaigns of a step's sequence that are being sent; one that is held keeps nobody waiting.
_SIBLINGS = text("""
SELECT c.id FROM sequence_campaign own
JOIN sequence_campaign s ON s.tenant_id = own.tenant_id AND s.sequence_id = own.sequence_id
JOIN campaign c ON c.tenant_id = s.tenant_id AND c.id = s.campaign_id
WHERE own.tenant_id = :tenant AND own.campaign_id = :campaign AND c.id <> own.campaign_id AND c.status = 'sending'
""")

# One array instead of a parameter for each of hundreds, four times a second.
_OPTED_OUT = text(f"""
SELECT address_norm FROM suppression WHERE tenant_id = :tenant AND channel = :channel
  AND address_norm = ANY(CAST(:waiting AS text[])) AND purpose IN ('{gate.PURPOSE}', 'all') AND lifted_at IS NULL
""")  # noqa: S608 - a purpose of our own


@dataclass(frozen=True, slots=True)
class Taken:
    """A slice, and as many slots of the account's pace, the first at `begin_at` (on the clock of `rules.boottime`).

    `wait`: the rate is used up for now, ask again after so many seconds.
    """

    messages: list[Claimed]
    looked_at: int
    slots: int = 0
    begin_at: float = 0.0
    wait: float | None = None


@dataclass(slots=True)
class Supply:
    """The database's side of one run."""

    tenant_id: UUID
    work: Work
    outlet: Outlet
    owner: UUID
    lease: int
    faults: Window = field(default_factory=Window)
    _maker: parcels.Maker | None = None

    def claim(self, most: int) -> Taken | None:
        """Take the next slice; None when nothing of this may go out now."""
        with db.tenant_session(self.tenant_id) as session:
            if self.work.campaign_id is None:
                self._maker = self._maker or parcels.for_notices(session, self.work.channel)
                return self._take(session, most)
            campaign = campaigns.get(session, self.work.campaign_id)
            if not may_send(session, campaign):
                return None
            self._prepare(session, campaign)
            return self._take(session, most)

    def _prepare(self, session: Session, campaign: Campaign) -> None:
        if self._maker is not None or campaign.approved_revision_id is None:
            return
        revision = revisions.get(session, campaign.id, campaign.approved_revision_id)
        self._maker = parcels.for_campaign(session, campaign, revision)
        rows = session.execute(_LAST, {"tenant": self.tenant_id, "campaign": campaign.id, "window": WINDOW}).scalars()
        self.faults.extend(reversed(rows.all()))

    def _take(self, session: Session, most: int) -> Taken:
        if self.outlet.rate is None:
            taken = claim.claim(session, self.work, owner=self.owner, lease_seconds=self.lease, size=most)
            return Taken(taken.messages, taken.looked_at)
        slots, delay = self._slots(session, most)
        begin_at = boottime() + delay
        if slots == 0:
            return Taken([], 0, wait=delay)
        taken = claim.claim(session, self.work, owner=self.owner, lease_seconds=self.lease, size=slots)
        return Taken(taken.messages, taken.looked_at, slots, begin_at)

    def _slots(self, session: Session, most: int) -> tuple[int, float]:
        rate = self.outlet.rate or 1.0
        wanted = max(1, min(most, int(rate * pace.AHEAD)))
        return pace.take(session, key=self.outlet.key, rate=rate, wanted=wanted)

    def more_slots(self) -> tuple[int, float]:
        """Reserve slots for messages that missed theirs: how many, and the seconds until the first."""
        with db.tenant_session(self.tenant_id) as session:
            return self._slots(session, _MOST_AGAIN)

    def slow_down(self, seconds: float) -> None:
        """The provider asked this sender to wait: no run of any process gets a slot before."""
        with db.tenant_session(self.tenant_id) as session:
            pace.slow_down(session, key=self.outlet.key, seconds=seconds)

    def parcel(self, message: Claimed) -> Any:
        """Return the finished message for the door. Raises BadAddress, or whatever is wrong with its row."""
        if self._maker is None:
            raise RuntimeError("nothing was claimed")
        return self._maker.make(message)

    def hand_back(self, answered: Sequence[UUID] = ()) -> None:
        """Return what was claimed and not begun; what has an answer that is still to be written stays."""
        with db.tenant_session(self.tenant_id) as session:
            claim.hand_back(session, self.tenant_id, self.owner, answered)

    def look(self, waiting: list[str]) -> tuple[bool, set[str]]:
        """Return whether to go on, and who of those waiting has been suppressed meanwhile."""
        with db.tenant_session(self.tenant_id) as session:
            opted_out: set[str] = set()
            if waiting and self.work.campaign_id is not None:
                keys = {"tenant": self.tenant_id, "channel": self.outlet.channel, "waiting": waiting}
                opted_out = set(session.execute(_OPTED_OUT, keys).scalars())
            return self._may_go_on(session), opted_out

    def _may_go_on(self, session: Session) -> bool:
        if self.work.campaign_id is None:
            return True
        status = session.execute(
            select(Campaign.status).where(Campaign.tenant_id == self.tenant_id, Campaign.id == self.work.campaign_id)
        ).scalar_one_or_none()
        return status == Status.SENDING


def may_send(session: Session, campaign: Campaign) -> bool:
    """Ask about the campaign as a whole, before every slice; one with an obstacle is held."""
    if campaign.status != Status.SENDING or campaign.approved_revision_id is None:
        return False
    if (reason := gate.obstacle(session, campaign)) is not None:
        campaigns.hold(session, campaign.id, reason=reason)
        return False
    return True


def slice_of(session: Session, campaign: Campaign, *, owner: UUID, lease_seconds: int, size: int) -> claim.Slice:
    """Take the next slice of a campaign, if it may go out at all."""
    if not may_send(session, campaign):
        return claim.Slice([], 0, owner)
    return claim.claim(session, work_of(session, campaign), owner=owner, lease_seconds=lease_seconds, size=size)


def work_of(session: Session, campaign: Campaign) -> Work:
    """Return what a run over a campaign sends."""
    revision = revisions.get(session, campaign.id, campaign.approved_revision_id or UUID(int=0))
    free = texts.free_text_languages(revision, campaign.channel) if campaign.channel == "whatsapp" else []
    chats = cohorts.rest_on_chats(revision.content_json)
    if campaign.kind != campaigns.DRIP:
        return Work(campaign.id, campaign.channel, None, free, chats=chats)
    siblings = session.execute(_SIBLINGS, {"tenant": campaign.tenant_id, "campaign": campaign.id}).scalars().all()
    return Work(campaign.id, campaign.channel, None, free, chats=chats, patient=True, siblings=siblings)


def hold(tenant_id: UUID, work: Work, outlet: Outlet, reason: str) -> None:
    """Stop what goes out through an outlet that takes nothing: hold the campaign, and pause the account."""
    with db.tenant_session(tenant_id) as session:
        log.get("delivery").warning("outlet.refuses", channel=outlet.channel, account=str(outlet.account_id or ""))
        if outlet.account_id is not None and reason.startswith(_REFUSED):
            accounts.pause(session, outlet.account_id, reason)
        if work.campaign_id is None:
            return
        try:
            campaigns.hold(session, work.campaign_id, reason=reason)
        except Conflict:  # it was cancelled meanwhile
            log.get("delivery").info("campaign.not_held", id=str(work.campaign_id))


def watch_sender(tenant_id: UUID, work: Work) -> None:
    """Stop the sender of messages that were refused for the sender's fault, where all that it sends is too often."""
    kind = sender_watch.SENDER_FAULT
    with db.tenant_session(tenant_id) as session:
        if work.campaign_id is None:
            sender_watch.stop_for_notice(session, channel=work.channel, account_id=work.account_id, kind=kind)
        else:
            sender_watch.stop_if_harmful(session, work.campaign_id, kind)
