"""Comparisons from the first message to the last: looking, deciding, letting the rest go.

A decision and the release of the messages that wait for it are one transaction: after any crash either nothing is
decided, or everybody's message stands in the ledger as pending, to be claimed like every other.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.content import versions
from domain.experiments import allocation, queries, release, rules
from domain.experiments import evidence as proving
from domain.experiments.evidence import Evidence
from domain.experiments.queries import Seen
from domain.experiments.release import Course
from domain.experiments.rules import Judgement, Settings, Verdict
from domain.webhooks import events
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid
from kernel.text import blank
from models import (
    Campaign,
    Experiment,
    ExperimentDecision,
    ExperimentLook,
    TenantDue,
)

DUE = "experiments"
PERSON = "person"  # the verdict of a decision that no rule made
EVERY = timedelta(hours=1)
WHILE_PAUSED = timedelta(minutes=10)
LONGEST_SENDING = timedelta(hours=48)  # what of a test is not handed over by then is not waited for
LONGEST_REASON = 1_000
FAILS = "experiment_fails"  # why a campaign is held whose comparison cannot be looked at
MOST_FAILURES = 5
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
_MOST_AT_ONCE = 20
_GOING = (Status.SENDING, Status.SENT)
_OVER = (Status.CANCELLED, Status.FAILED)

_COUNT = text("""
SELECT variant, reason, count(*) AS n FROM message
WHERE tenant_id = :tenant AND campaign_id = :campaign AND (variant IS NOT NULL OR reason IN (:holdout, :waits))
GROUP BY variant, reason
""")


def begin(session: Session, campaign: Campaign) -> Experiment | None:
    """Note what was allocated when the recipients were fixed; None where nothing is compared and nobody held out."""
    revision = revisions.get(session, campaign.id, campaign.approved_revision_id or UUID(int=0))
    settings = rules.settings_of(revision.content_json)
    if settings is None:
        return None
    keys = {"tenant": campaign.tenant_id, "campaign": campaign.id, "holdout": rules.HOLDOUT, "waits": rules.WAITS}
    counts = {(row.variant, row.reason): row.n for row in session.execute(_COUNT, keys)}
    allocated = [sum(n for (variant, _), n in counts.items() if variant == arm) for arm in range(settings.arms)]
    now, compares = clock.now(), settings.arms > 1
    made = Experiment(
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        revision_id=revision.id,
        seed=allocation.seed_of(campaign.id),
        settings=settings.as_json(),
        allocated=allocated,
        waiting=counts.get((None, rules.WAITS), 0),
        held_out=counts.get((None, rules.HOLDOUT), 0),
        status="testing" if compares else "measuring",
        began_at=now,
        next_look_at=now + EVERY if compares else None,
        created_by=campaign.approved_by,
    )
    session.add(made)
    session.flush()
    if made.next_look_at is not None:
        outbox.mark_due(session, DUE, made.next_look_at)
    sizes = {"variants": allocated, "waiting": made.waiting, "held_out": made.held_out}
    audit.append(session, actor="system", action="experiment.begin", subject=str(campaign.id), **sizes)
    return made


def settings_of(experiment: Experiment) -> Settings:
    """Return how a running comparison is made."""
    return Settings(**{**experiment.settings, "weights": tuple(experiment.settings["weights"])})


def due(session: Session) -> list[UUID]:
    """Return the campaigns whose comparison is due to be looked at; `rest` notes when the next one is."""
    now, tenant_id = clock.now(), db.tenant_of(session)
    open_ = (Experiment.tenant_id == tenant_id, Experiment.status == "testing")
    rows = session.execute(
        select(Experiment.campaign_id)
        .where(*open_, Experiment.next_look_at <= now)
        .order_by(Experiment.next_look_at)
        .limit(_MOST_AT_ONCE)
    )
    return list(rows.scalars())


_REST = text("""
WITH nearest AS (SELECT min(next_look_at) AS at FROM experiment WHERE tenant_id = :tenant AND status = 'testing'),
gone AS (DELETE FROM tenant_due d USING nearest
  WHERE d.tenant_id = :tenant AND d.kind = :kind AND nearest.at IS NULL)
UPDATE tenant_due d SET next_due_at = nearest.at FROM nearest
WHERE d.tenant_id = :tenant AND d.kind = :kind AND nearest.at IS NOT NULL
""")


def rest(session: Session) -> None:
    """Note when the next look of any comparison of the tenant is due; the mark is locked before anything is read."""
    tenant_id = db.tenant_of(session)
    session.execute(
        select(TenantDue.kind).where(TenantDue.tenant_id == tenant_id, TenantDue.kind == DUE).with_for_update()
    )
    session.execute(_REST, {"tenant": db.tenant_of(session), "kind": DUE})


def look(session: Session, campaign_id: UUID) -> Judgement | None:
    """Look at a test once: count, add to the evidence, keep both, and decide where the rules say so.

    None where there is nothing to look at: another decided first, or the campaign is paused and will be looked at
    again, or it was ended.
    """
    campaign = campaigns.lock(session, campaign_id)
    experiment = queries.find(session, campaign.id, lock=True)
    if experiment is None or experiment.status != "testing":
        return None
    now = clock.now()
    if campaign.status in _OVER:
        _stop(session, experiment)
        return None
    if campaign.status not in _GOING:
        experiment.next_look_at = now + WHILE_PAUSED
        return None
    experiment.next_look_at = now + EVERY
    experiment.failures, experiment.failed_because = 0, None
    settings, before = settings_of(experiment), queries.last_look(session, experiment)
    found = queries.seen(session, experiment, settings)
    proofs = _proofs(experiment, settings, found, before)
    over = _over(experiment, settings, found, now)
    judged = rules.judge(settings, found.arms, proofs, over=over)
    _keep(session, experiment, found, proofs, judged, now)
    if judged.verdict != Verdict.WAITING:
        _decide(session, campaign, experiment, judged, found)
    session.flush()
    return judged


_FAILED = text("""
UPDATE experiment SET failures = failures + 1, failed_because = :why,
  next_look_at = CAST(:now AS timestamptz)
    + least(CAST(:longest AS interval), CAST(:first AS interval) * (2 ^ least(failures, 20)))
WHERE tenant_id = :tenant AND campaign_id = :campaign AND status = 'testing'
RETURNING failures
""")


def failed(session: Session, campaign_id: UUID, why: str) -> int:
    """Note that a look ended in an error, and look again later, each time twice as late; returns how often in a row.

    After MOST_FAILURES the campaign is held, so that somebody sees it: nothing is decided meanwhile, and what waits
    goes on waiting. It is looked at again once it is resumed; a person may decide too.
    """
    campaign = campaigns.lock(session, campaign_id)
    keys = {"tenant": campaign.tenant_id, "campaign": campaign.id, "now": clock.now(), "why": why[:LONGEST_REASON]}
    found = session.execute(_FAILED, {**keys, "first": _FIRST_WAIT, "longest": _LONGEST_WAIT}).scalar_one_or_none()
    times: int = found or 0
    if times and times % MOST_FAILURES == 0 and campaign.status == Status.SENDING:
        campaigns.hold(session, campaign.id, reason=f"{FAILS}: {why}"[:LONGEST_REASON])
    return times


def _stop(session: Session, experiment: Experiment) -> None:
    """The campaign was ended: nothing is left to decide."""
    experiment.status, experiment.next_look_at = "stopped", None
    _log(session, experiment, verdict="stopped", outcome="stop", winner=None, actor="system", figures={})
    session.flush()


def _over(experiment: Experiment, settings: Settings, found: Seen, now: datetime) -> bool:
    """Return whether the test's time is up; it runs from the moment at which its last message was handed over."""
    if experiment.test_sent_at is None and (found.open == 0 or now >= experiment.began_at + LONGEST_SENDING):
        experiment.test_sent_at = found.last or now
    if experiment.test_sent_at is None:
        return False
    end = experiment.test_sent_at + timedelta(hours=settings.hours)
    if now < end < now + EVERY:
        experiment.next_look_at = end
    return now >= end


def proofs_of(look_: ExperimentLook | None, settings: Settings) -> list[Evidence]:
    """Return the evidence of every arm after A as it was kept with a look."""
    if look_ is None:
        return [Evidence()] * (settings.arms - 1)
    return [Evidence(tuple(each["better"]), tuple(each["worse"])) for each in look_.evidence]


def _proofs(experiment: Experiment, settings: Settings, found: Seen, before: ExperimentLook | None) -> list[Evidence]:
    """Add what came since the look before to the evidence."""
    known = proofs_of(before, settings)
    past = [rules.arm_from(each).responses for each in before.arms] if before else [0] * settings.arms
    since = before.at if before else experiment.began_at
    amounts: list[list[float]] = [[] for _ in range(settings.arms)]
    for buyer in found.buyers:
        if buyer.first > since and buyer.amount > 0:
            amounts[buyer.variant].append(float(buyer.amount))
    everybody = [buyer.amount for buyer in found.buyers if buyer.amount > 0]
    usual = sum(everybody) / len(everybody) if everybody else 0.0
    made = []
    for n, proof in enumerate(known, start=1):
        left = (found.arms[0].n - past[0], found.arms[n].n - past[n])
        if settings.metric == "revenue":
            pair = (amounts[0], amounts[n])
            made.append(proving.after_amounts(proof, left=left, new=pair, scale=usual, most=CAPPED * usual))
        else:
            new = (found.arms[0].responses - past[0], found.arms[n].responses - past[n])
            made.append(proving.after_responses(proof, left=left, new=new))
    return made


CAPPED = 5.0  # so many usual amounts count of one buyer, so that a single large one decides nothing


def _keep(
    session: Session, experiment: Experiment, found: Seen, proofs: Sequence[Evidence], judged: Judgement, now: datetime
) -> None:
    experiment.looks += 1
    session.add(
        ExperimentLook(
            tenant_id=experiment.tenant_id,
            experiment_id=experiment.id,
            n=experiment.looks,
            at=now,
            arms=[arm.as_json() for arm in found.arms],
            evidence=[{"better": list(proof.better), "worse": list(proof.worse)} for proof in proofs],
            sample_ratio_p=judged.sample_ratio_p,
            verdict=judged.verdict,
        )
    )


def _decide(session: Session, campaign: Campaign, experiment: Experiment, judged: Judgement, found: Seen) -> None:
    """Follow the rules that were approved; a sample ratio that cannot be is always a question."""
    course = release.COURSES[settings_of(experiment).no_winner]
    if judged.verdict == Verdict.WINNER:
        course = Course("send", judged.winner)
    elif judged.verdict == Verdict.SAMPLE_RATIO:
        course = release.COURSES["ask"]
    winner = judged.winner if judged.verdict == Verdict.WINNER else None
    _follow(
        session, campaign, experiment, course, winner=winner, verdict=judged.verdict, actor="system", found=found,
        judged=judged,
    )  # fmt: skip


def decide(
    session: Session, campaign_id: UUID, *, outcome: str, variant: int | None, reason: str, actor: str
) -> Experiment:
    """Decide as a person, with a reason: send a variant to the rest, send none, or split it evenly.

    Raises NotFound, Invalid for a variant that there is not or without a reason, and Conflict once it is decided.
    """
    campaign = campaigns.lock(session, campaign_id)
    experiment = queries.get(session, campaign.id, lock=True)
    settings = settings_of(experiment)
    if experiment.status not in {"testing", "asking"}:
        raise Conflict("It is decided already, and the rest was let go.", code="already_decided")
    if campaign.status in _OVER:
        raise Conflict("The campaign was ended; nothing is left to decide.", code="campaign_over")
    if blank(reason) or len(reason) > LONGEST_REASON:
        raise Invalid("reason", f"say in 1 to {LONGEST_REASON} characters why you decide")
    if (outcome == "send") != (variant is not None) or not 0 <= (variant or 0) < settings.arms:
        raise Invalid("variant", f"names one of A to {versions.letter(settings.arms - 1)} where one is sent")
    found = queries.seen(session, experiment, settings)
    proofs = proofs_of(queries.last_look(session, experiment), settings)
    judged = rules.judge(settings, found.arms, proofs, over=False)
    course = Course(outcome, variant)
    _follow(
        session, campaign, experiment, course, winner=variant, verdict=PERSON, actor=actor, found=found,
        judged=judged, reason=reason.strip(),
    )  # fmt: skip
    session.flush()
    return experiment


def _follow(
    session: Session,
    campaign: Campaign,
    experiment: Experiment,
    course: Course,
    *,
    winner: int | None,
    verdict: str,
    actor: str,
    found: Seen,
    judged: Judgement,
    reason: str | None = None,
) -> None:
    released = release.let_go(session, campaign, experiment, course, arms=settings_of(experiment).arms)
    asks = course.outcome == "ask"
    experiment.status, experiment.next_look_at = ("asking" if asks else "decided"), None
    experiment.winner = winner
    experiment.decided_at = None if asks else clock.now()
    figures = {
        "arms": [arm.as_json() for arm in found.arms],
        "comparisons": [
            {"variant": versions.letter(each.arm), "difference": _finite(each.difference),
             "low": _finite(each.interval.low), "high": _finite(each.interval.high), "p": each.corrected,
             "evidence": _finite(each.evidence)}
            for each in judged.comparisons
        ],
        "sample_ratio_p": judged.sample_ratio_p,
        "needed": judged.needed,
    }  # fmt: skip
    _log(
        session, experiment, verdict=verdict, outcome=course.outcome, winner=course.winner, actor=actor,
        figures=figures, reason=reason, released=released,
    )  # fmt: skip
    told = {"verdict": str(verdict), "outcome": course.outcome}
    if course.winner is not None:
        told["variant"] = versions.letter(course.winner)
    kind = "crm.campaign.ab_test.asks" if asks else "crm.campaign.ab_test.decided"
    events.emit(session, kind, aggregate="campaign", id=campaign.id, **told)
    audit.append(
        session, actor=actor, action="experiment.decide", subject=str(campaign.id), reason=reason, released=released,
        **told,
    )  # fmt: skip
    outbox.mark_due(session, "campaigns")


def _finite(figure: float) -> float | None:
    """What nothing is known of has no bounds, and JSON no word for that."""
    return figure if math.isfinite(figure) else None


def _log(
    session: Session,
    experiment: Experiment,
    *,
    verdict: str,
    outcome: str,
    winner: int | None,
    actor: str,
    figures: dict[str, Any],
    reason: str | None = None,
    released: int = 0,
) -> None:
    session.add(
        ExperimentDecision(
            tenant_id=experiment.tenant_id,
            experiment_id=experiment.id,
            at=clock.now(),
            verdict=verdict,
            outcome=outcome,
            winner=winner,
            actor=actor,
            created_by=actor,
            reason=reason,
            figures=figures,
            released=released,
        )
    )
