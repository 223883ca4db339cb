"""Deciding on a draft: generate, ask for changes, approve, reject. A decision is one compare-and-set on a hash."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.audit import service as audit
from domain.campaigns import revisions, seal
from domain.campaigns import schedule as schedules
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb, follow
from domain.content import places, versions
from domain.plans import catalog
from domain.plans import service as plans
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid, NotFound
from kernel.settings import get_settings
from kernel.text import blank
from models import AgentQuestion, AgentRun, Campaign, DraftRevision, FindingOverride, Review, Sender, Tenant

MOST_AGENT_REVISIONS = 10
LONGEST_COMMENT = 2_000
MOST_PLACES = 20
LONGEST_PLACE = 80
_PLACE = {"language", "channel", "cohort", "field"}


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides on which revision, and what they saw."""

    actor: str
    revision_id: UUID
    content_hash: str
    name: str | None = None
    comment: str | None = None
    wishes: tuple[str, ...] = ()
    scope: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes about its work.

    `unattended`: nobody is there to answer, so it writes on without the claim and leaves a finding. `alternatives`: a
    second way to say the same, in one reply. `judge`: a second reader leaves notes. `without_ai`: the built-in writer,
    whatever is configured.
    """

    unattended: bool = False
    alternatives: bool = False
    without_ai: bool = False
    judge: bool = False

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"ask": "never"} if self.unattended else {}
        if self.alternatives:
            found["alternatives"] = True
        if self.judge:
            found["judge"] = True
        return {**found, **({"writer": "builtin"} if self.without_ai else {})}


_USUAL = Options()


def generate(
    session: Session, campaign_id: UUID, *, actor: str, variation: int = 0, options: Options = _USUAL
) -> AgentRun:
    """Ask the agent for a draft.

    Raises PlanLimit without AI content or the level that `alternatives` or `judge` need, Invalid without a goal.
    """
    level = plans.require(session, catalog.AI_CONTENT)
    if options.alternatives:
        plans.require_level(session, catalog.AI_CONTENT, "advanced")
    if options.judge:
        plans.require_level(session, catalog.AI_CONTENT, "advanced + context")
    campaign = campaigns.lock(session, campaign_id)
    if not (campaign.goal or "").strip():
        raise Invalid("goal", "is empty; say in one sentence what the campaign is for")
    campaigns.move(session, campaign, Verb.GENERATE, actor=actor)
    how: dict[str, Any] = {"variation": variation, "options": options.as_json()}
    return _queue(session, campaign, kind="generate", level=level, actor=actor, **how)


def _queue(session: Session, campaign: Campaign, *, kind: str, level: str, actor: str, **fields: Any) -> AgentRun:
    if _agent_runs(session, campaign) >= MOST_AGENT_REVISIONS:
        raise Conflict(
            f"The agent wrote {MOST_AGENT_REVISIONS} revisions of this campaign. Edit the last one by hand.",
            code="revision_limit",
        )
    run = AgentRun(
        tenant_id=campaign.tenant_id,
        kind=kind,
        campaign_id=campaign.id,
        parent_revision_id=campaign.current_revision_id,
        tier=level,
        token_limit=get_settings().llm_run_token_limit,
        brief_version=_brief_version(session, campaign),
        created_by=actor,
        **fields,
    )
    session.add(run)
    session.flush()
    outbox.enqueue(session, "agents.run", id=run.id)
    return run


def _brief_version(session: Session, campaign: Campaign) -> int:
    """Return the number of the brief: the goal is the first, every round of answers makes another."""
    rounds = session.execute(
        select(func.count(AgentQuestion.run_id.distinct())).where(
            AgentQuestion.tenant_id == campaign.tenant_id,
            AgentQuestion.campaign_id == campaign.id,
            AgentQuestion.answer.is_not(None),
        )
    ).scalar_one()
    return 1 + int(rounds)


def _agent_runs(session: Session, campaign: Campaign) -> int:
    rows = session.execute(
        select(DraftRevision.id).where(
            DraftRevision.tenant_id == campaign.tenant_id,
            DraftRevision.campaign_id == campaign.id,
            DraftRevision.run_id.is_not(None),
        )
    )
    return len(rows.all())


def request_changes(session: Session, campaign_id: UUID, decision: Decision) -> AgentRun:
    """Send the draft back with feedback; the next revision is written from it.

    `decision.scope` confines it to places of the draft. Raises Invalid without a comment or wish or for a scope that
    means nothing, Conflict when the draft is no longer the current one.
    """
    if blank(decision.comment or "") and not decision.wishes:
        raise Invalid("comment", "say what should change, or choose a wish")
    if len(decision.comment or "") > LONGEST_COMMENT:
        raise Invalid("comment", f"at most {LONGEST_COMMENT} characters")
    level = plans.require(session, catalog.AI_CONTENT)
    campaign = campaigns.lock(session, campaign_id)
    follow(Status(campaign.status), Verb.REVISE)
    revision = _as_seen(session, campaign, decision)
    decision = replace(decision, scope=_scope(decision.scope, revision, campaign.channel))
    review = _record(session, campaign, revision, "revise", decision)
    campaigns.move(session, campaign, Verb.REVISE, actor=decision.actor, revision=revision.n)
    more: dict[str, Any] = {"feedback_id": review.id, "options": _carried(session, revision.run_id)}
    return _queue(session, campaign, kind="revise", level=level, actor=decision.actor, **more)


def _carried(session: Session, run_id: UUID | None) -> dict[str, Any]:
    """Return what was asked of the run that another one goes on from, and is asked of that one too."""
    run = session.get(AgentRun, run_id) if run_id is not None else None
    return {name: run.options[name] for name in ("alternatives", "judge") if name in run.options} if run else {}


def _scope(scope: dict[str, Any], revision: DraftRevision, channel: str) -> dict[str, Any]:
    """Return the places that the feedback is confined to, each with language, channel, cohort or field."""
    wanted = scope.get("places", [scope] if scope else [])
    if not isinstance(wanted, list) or len(wanted) > MOST_PLACES:
        raise Invalid("scope", f"holds at most {MOST_PLACES} places")
    for place in wanted:
        if not isinstance(place, dict) or not place or set(place) - _PLACE or not all(map(_short, place.values())):
            raise Invalid("scope", f"a place names some of {', '.join(sorted(_PLACE))}")
        if not places.meant(revision.content_json, channel, [place]):
            raise Invalid("scope", f"the draft has no text at {', '.join(f'{k} {v}' for k, v in place.items())}")
    return {"places": wanted} if wanted else {}


def _short(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_PLACE


def _as_seen(session: Session, campaign: Campaign, decision: Decision) -> DraftRevision:
    if campaign.current_revision_id != decision.revision_id:
        raise Conflict(
            "There is a newer draft. Open the new preview and decide on that one.",
            code="superseded",
            current_revision_id=str(campaign.current_revision_id) if campaign.current_revision_id else None,
        )
    revision = revisions.get(session, campaign.id, decision.revision_id)
    if revision.content_hash != decision.content_hash:
        raise Conflict("The content is not the one you saw. Open the preview again.", code="hash_mismatch")
    return revision


def _record(
    session: Session, campaign: Campaign, revision: DraftRevision, verb: str, decision: Decision, **fields: Any
) -> Review:
    review = Review(
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        revision_id=revision.id,
        verb=verb,
        comment=decision.comment,
        wishes=list(decision.wishes),
        scope=decision.scope,
        actor=decision.actor,
        actor_name=decision.name,
        content_hash=revision.content_hash,
        created_by=decision.actor,
        **{"evidence": decision.evidence, **fields},
    )
    session.add(review)
    session.flush()
    return review


def approve(session: Session, campaign_id: UUID, decision: Decision) -> Campaign:
    """Approve exactly what was seen, seal it, and reserve the plan's broadcast, in one transaction.

    Raises Conflict (newer draft, other hash, open blocker, no sender, no imprint, nobody to write to) and PlanLimit:
    no broadcast left, or a draft from before a downgrade that wants more than the plan has now.
    """
    campaign = campaigns.lock(session, campaign_id)
    follow(Status(campaign.status), Verb.APPROVE)
    revision = _as_seen(session, campaign, decision)
    _within_plan(session, campaign, revision)
    _ready_to_approve(session, campaign, revision)
    campaign.approved_count = _audience_size(session, campaign)
    campaigns.reserve(session, campaign)
    campaign.approved_revision_id = revision.id
    campaign.approval_hash = seal.seal_of(session, campaign, revision.id)
    campaign.approved_at, campaign.approved_by = clock.now(), decision.name or decision.actor
    evidence = {**decision.evidence, "audience_count": campaign.approved_count, "schedule": campaign.schedule}
    _record(session, campaign, revision, "approve", decision, approval_hash=campaign.approval_hash, evidence=evidence)
    campaigns.move(
        session,
        campaign,
        Verb.APPROVE,
        actor=decision.actor,
        name=decision.name,
        revision=revision.n,
        seal=campaign.approval_hash,
        audience_count=campaign.approved_count,
    )
    if campaign.scheduled_for is not None and campaign.scheduled_for > clock.now():
        campaigns.move(session, campaign, Verb.SCHEDULE, actor=decision.actor)
        campaigns.hold_if_templates_fail(session, campaign)
        outbox.mark_due(session, "campaigns")
    session.flush()
    return campaign


def withdraw(session: Session, campaign_id: UUID, *, actor: str, name: str | None, reason: str) -> Campaign:
    """Take an approval back before anything was sent; the same draft is up for review again.

    Raises IllegalStep once it is being sent, and Conflict where it is on hold with its recipients fixed: then pausing
    and cancelling are the ways out.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status == Status.HELD:
        campaigns.not_fixed(campaign)
    campaigns.move(session, campaign, Verb.WITHDRAW, actor=actor, name=name, reason=reason)
    campaigns.void(session, campaign, because=f"withdrawn by {name or actor}: {reason}".strip(": "), actor=actor)
    session.flush()
    return campaign


def _within_plan(session: Session, campaign: Campaign, revision: DraftRevision) -> None:
    if versions.KEY in revision.content_json:
        plans.require(session, catalog.AB_TESTS)
    if campaign.schedule is not None and schedules.window(campaign.schedule) is not None:
        plans.require_level(session, catalog.ANALYTICS, "advanced")


def _ready_to_approve(session: Session, campaign: Campaign, revision: DraftRevision) -> None:
    blockers = revisions.open_blockers(session, revision)
    if blockers:
        raise Conflict(
            f"{len(blockers)} finding(s) block the approval, the first: {blockers[0].get('code')}. "
            "Ask for a change, or waive it by name and reason.",
            code="blocked",
            findings=blockers,
        )
    tenant = session.get_one(Tenant, campaign.tenant_id)
    if not tenant.postal_address or not tenant.imprint_url:
        raise Conflict("The postal address or imprint is missing. Add both in the settings.", code="imprint_missing")
    if campaign.sender_id is None or session.get(Sender, campaign.sender_id) is None:
        raise Conflict("The campaign has no sender. Choose one.", code="sender_missing")


def _audience_size(session: Session, campaign: Campaign) -> int:
    if campaign.kind == campaigns.DRIP:  # members come to it one by one
        return 0
    size = selection.count(session, campaign.audience)
    if size == 0:
        raise Conflict("Nobody is in this audience now. Change the audience.", code="audience_empty")
    return size


def reject(session: Session, campaign_id: UUID, decision: Decision) -> Campaign:
    """Put the draft aside, with a reason; the campaign is a draft again."""
    if blank(decision.comment or ""):
        raise Invalid("comment", "say why it is rejected")
    campaign = campaigns.lock(session, campaign_id)
    follow(Status(campaign.status), Verb.REJECT)
    revision = _as_seen(session, campaign, decision)
    _record(session, campaign, revision, "reject", decision)
    campaigns.move(session, campaign, Verb.REJECT, actor=decision.actor, revision=revision.n)
    campaigns.revoke_links(session, campaign.id, because="rejected")
    session.flush()
    return campaign


def comment(session: Session, campaign_id: UUID, decision: Decision) -> Review:
    """Add a remark without deciding."""
    text = (decision.comment or "").strip()
    if not text or len(text) > LONGEST_COMMENT:
        raise Invalid("comment", f"write 1 to {LONGEST_COMMENT} characters")
    campaign = campaigns.get(session, campaign_id)
    return _record(session, campaign, revisions.get(session, campaign.id, decision.revision_id), "comment", decision)


def waive(session: Session, campaign_id: UUID, finding_key: str, *, actor: str, name: str, reason: str) -> None:
    """Let one blocking finding pass, by name and reason.

    Raises NotFound where the current revision has no such finding, Invalid without a reason.
    """
    if blank(reason) or blank(name):
        raise Invalid("reason", "say who waives the finding and why")
    campaign = campaigns.lock(session, campaign_id)
    revision = revisions.current(session, campaign)
    if finding_key not in {finding["key"] for finding in revision.findings_json}:
        raise NotFound("finding")
    if finding_key in revisions.waived(session, revision.id):
        return
    session.add(
        FindingOverride(
            tenant_id=campaign.tenant_id,
            revision_id=revision.id,
            finding_key=finding_key,
            by=name,
            reason=reason,
            created_by=actor,
        )
    )
    audit.append(
        session, actor=actor, action="finding.waive", subject=str(campaign.id), finding=finding_key, reason=reason
    )
    session.flush()


def answer(session: Session, campaign_id: UUID, question_id: UUID, *, text: str, actor: str) -> AgentRun | None:
    """Answer a question of the agent; the last answer starts a new run. Raises Conflict if it was answered before."""
    campaign = campaigns.lock(session, campaign_id)
    rows = session.execute(
        select(AgentQuestion).where(
            AgentQuestion.tenant_id == db.tenant_of(session),
            AgentQuestion.campaign_id == campaign.id,
        )
    )
    questions = {question.id: question for question in rows.scalars()}
    if question_id not in questions:
        raise NotFound("question")
    question = questions[question_id]
    if question.answered_at is not None:
        raise Conflict("This question is already answered.", code="already_answered")
    question.answer, question.answered_by, question.answered_at = text, actor, clock.now()
    session.flush()
    if any(other.answered_at is None for other in questions.values()):
        return None
    level = plans.require(session, catalog.AI_CONTENT)
    campaigns.move(session, campaign, Verb.ANSWER, actor=actor)
    options = _carried(session, question.run_id)
    return _queue(session, campaign, kind="answer", level=level, actor=actor, options=options)
