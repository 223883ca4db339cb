"""The flight check: targeted, minus each reason, is what will be sent. The same rows are then written."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from domain.campaigns import best_times, content_templates, grounds, revisions
from domain.content import versions
from domain.delivery import cost, gate, reach
from domain.delivery.cost import Estimate
from domain.delivery.rules import Reason
from domain.experiments import rules as comparing
from domain.senders import health
from kernel import db
from models import Campaign, Sender, Tenant


@dataclass(frozen=True, slots=True)
class FlightCheck:
    """Numbers of people; `problems` are codes of what stands in the way of a start.

    `variants`: how many get each variant of a comparison at once; `waiting`: how many get the winner later.
    `send_times`: on what the best time rests of those who can be reached, where the plan wants it (`best_times`).
    """

    targeted: int
    will_send: int
    skipped: dict[str, int]
    ready: bool
    problems: list[str]
    estimate: Estimate | None = None
    variants: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    send_times: dict[str, int] = field(default_factory=dict)


def check(session: Session, campaign: Campaign) -> FlightCheck:
    """Count who would get the campaign now, and say what is missing."""
    revision_id = campaign.approved_revision_id or campaign.current_revision_id
    judged = reach.of(session, campaign, revision_id, cap=gate.cap_of(session))
    rows = session.execute(gate.per_reason(judged)).all()
    counts: dict[str | None, int] = {row[0]: row[1] for row in rows}
    problems = _problems(session, campaign)
    will_send = counts.pop(None, 0)
    shares = _shares(session, campaign, will_send)
    if shares.held_out:
        counts[Reason.HOLDOUT] = shares.held_out
        will_send -= shares.held_out
    skipped = {str(reason): n for reason, n in sorted(counts.items(), key=lambda item: -item[1])}
    if will_send == 0:
        problems.append("nobody_reachable")
    estimated = cost.estimate(session, campaign, judged, will_send)
    if estimated is not None and cost.is_too_dear(campaign, estimated):
        problems.append("over_cost_ceiling")
    targeted = will_send + sum(skipped.values())
    told = (estimated, shares.variants, shares.waiting)
    times = best_times.kinds(session, campaign, judged)
    return FlightCheck(targeted, will_send, skipped, not problems, problems, *told, send_times=times)


@dataclass(frozen=True, slots=True)
class _Shares:
    held_out: int = 0
    variants: dict[str, int] = field(default_factory=dict)
    waiting: int = 0


def _shares(session: Session, campaign: Campaign, reachable: int) -> _Shares:
    """Return how a comparison divides those who can be reached, by the rule that will divide them."""
    revision_id = campaign.approved_revision_id or campaign.current_revision_id
    if revision_id is None:
        return _Shares()
    settings = comparing.settings_of(revisions.get(session, campaign.id, revision_id).content_json)
    if settings is None:
        return _Shares()
    held_out, *arms, waiting = comparing.allocate(reachable, settings.cells)
    return _Shares(held_out, {versions.letter(n): size for n, size in enumerate(arms)}, waiting)


def _problems(session: Session, campaign: Campaign) -> list[str]:
    tenant = session.get_one(Tenant, db.tenant_of(session))
    problems = []
    if not tenant.postal_address or not tenant.imprint_url:
        problems.append("imprint_missing")
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    if sender is None or sender.channel != campaign.channel:
        problems.append("sender_missing")
    elif (obstacle := health.obstacle(session, sender)) is not None:
        problems.append(obstacle)
    if campaign.current_revision_id is None:
        problems.append("no_content")
    elif revisions.open_blockers(session, revisions.current(session, campaign)):
        problems.append("open_blockers")
    if (template := content_templates.problem(session, campaign)) is not None:
        problems.append(template)
    if (expired := grounds.obstacle(session, campaign)) is not None:
        problems.append(expired)
    if campaign.approval_hash is None:
        problems.append("not_approved")
    return problems
