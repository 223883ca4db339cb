"""Whole runs of the campaign agent over real HTTP: calls, budget, deaths, faults, races, member data."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import make
from conftest import make_tenant
from sqlalchemy import func, select, text, update

from agents import budget
from agents import run as agent
from agents.llm import registry
from bench.agent_metrics import Metric
from domain.campaigns import previews, reviews, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.reviews import Decision
from domain.knowledge import service as knowledge
from kernel import clock, db, settings
from kernel.errors import AriiaError
from models import AgentRun, DraftRevision, ModelCall, PlanUsage, Review
from tests.agents.campaign.crowds import crowd
from tests.fakes import openai_steps
from tests.fakes.openai_server import FakeModelServer, load_campaign_handlers

GOAL = "Reaktiviere Mitglieder, die seit 30 Tagen nicht da waren, mit unserem Herbstangebot"
FAULTS = (
    "server_error", "bad_gateway", "unavailable", "html_page", "too_long", "filtered_prompt", "drop_before_reply",
    "drop_mid_body", "truncated_json", "malformed_json", "fenced", "empty", "null_content", "wrong_shape",
    "duplicate_keys", "nested_bomb", "null_character", "refusal", "content_filter", "length", "no_choices", "no_usage",
    "strange_usage", "invalid_utf8", "not_an_object", "redirect", "unauthorized", "insufficient_quota", "rate_limited",
)  # fmt: skip
FORMS = ("BriefPlan", "CampaignBase", "CohortBatch", "Edits")
NAMED = {"done", "needs_input", "paused_budget", "paused_provider", "failed", "cancelled"}
_slugs = iter(range(1, 1_000_000))


class Death(BaseException):
    """The process is gone: nothing after it runs, nothing catches it."""


@contextmanager
def model(**changes: Any) -> Iterator[FakeModelServer]:
    """A server that answers at once, and a provider that never waits."""
    load_campaign_handlers()
    before = settings.get_settings()
    registry.forget()
    with FakeModelServer() as server:
        values = {"llm_base_url": server.base_url, "llm_model": "fake-model", **changes}
        settings.use(before.model_copy(update=values))
        found = registry.provider()
        if found is not None:
            found.sleep = lambda _seconds: None
        yield server
    settings.use(before)
    registry.forget()


def studio() -> UUID:
    tenant_id = make_tenant(f"quality{next(_slugs)}")
    today = clock.now().date()
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        make.member(session, "a@example.org", first_name="Jörg", language="de")
        make.member(session, "b@example.org", first_name="Ann", language="en")
        knowledge.store_offer(
            session, actor="bench", key="herbst", title="Comeback-Monat im Herbst", price_minor=2900,
            old_price_minor=5900, currency="EUR", valid_from=today - timedelta(days=3),
            valid_until=today + timedelta(days=20), url="https://www.studio.example/herbst",
        )  # fmt: skip
    return tenant_id


def asked(tenant_id: UUID) -> tuple[UUID, UUID]:
    return asked_of(tenant_id, GOAL)


def asked_of(tenant_id: UUID, goal: str) -> tuple[UUID, UUID]:
    """Queue a draft; returns the campaign's and the run's id."""
    with db.tenant_session(tenant_id) as session:
        made = make.campaign(session, goal=goal)
        return made.id, reviews.generate(session, made.id, actor="bench").id


def rows(*, quick: bool) -> list[Metric]:
    return [
        _canaries(500 if quick else 10_000),
        _deaths(8 if quick else 1),
        *_approvals(20 if quick else 200),
        _faults(FAULTS[::6] if quick else FAULTS),
        *_spend(4 if quick else 16),
        *_calls((100, 4_000, 8_000) if quick else (100, 10_000, 100_000)),
        _time(500 if quick else 10_000),
        _one_call(),
    ]


def _canaries(count: int) -> Metric:
    tenant_id = studio()
    with db.tenant_session(tenant_id) as session:
        session.execute(
            text(
                "INSERT INTO member (id, tenant_id, first_name, last_name, external_id, language, status, "
                "favourite_course, last_visit_at, tags, attributes, restricted) SELECT gen_random_uuid(), :tenant, "
                "'Canary' || n, 'Canary' || n, 'canary' || n, 'de', 'active', 'Canary' || n, clock_timestamp() - "
                "make_interval(days => n % 200), '[]', jsonb_build_object('note', 'Canary' || n), false "
                "FROM generate_series(1, :count) n"
            ),
            {"tenant": tenant_id, "count": count},
        )
    with model() as server:
        _, run_id = asked(tenant_id)
        agent.execute(tenant_id, run_id)
        hits = sum(str(request.body).casefold().count("canary") for request in server.requests)
        made = len(server.requests)
    how = (
        f"{count} members whose every name, id, note and course is a canary, searched in all {made} requests of a draft"
    )
    return Metric("4", "member canaries in any request", "0", f"{hits}", hits == 0 and made > 2, how)


@contextmanager
def _dying(at: int) -> Iterator[list[int]]:
    """Die when the n-th transaction begins, or right after it was committed."""
    seen, real = [0], db.tenant_session

    @contextmanager
    def mortal(tenant_id: UUID) -> Iterator[Any]:
        _one_more(seen, at)
        with real(tenant_id) as session:
            yield session
        _one_more(seen, at)

    db.tenant_session = mortal  # type: ignore[assignment]
    try:
        yield seen
    finally:
        db.tenant_session = real


def _one_more(seen: list[int], at: int) -> None:
    seen[0] += 1
    if seen[0] == at:
        raise Death


def _deaths(step: int) -> Metric:
    tenant_id = studio()
    crowd(tenant_id, 240)
    points = finished = once = most = point = 0
    with model() as server:
        while True:
            point += step
            campaign_id, run_id = asked(tenant_id)
            before = len(server.requests)
            with _dying(point) as seen, suppress(Death):
                agent.execute(tenant_id, run_id)
            if seen[0] < point:
                break
            points += 1
            _lapse(tenant_id)
            agent.execute(tenant_id, run_id)
            with db.tenant_session(tenant_id) as session:
                finished += session.get_one(AgentRun, run_id).status == "done"
                counted = select(func.count()).where(DraftRevision.campaign_id == campaign_id)
                once += session.execute(counted).scalar_one() == 1
            bodies = Counter(str(request.body) for request in server.requests[before:])
            most = max(most, sum(bodies.values()) - len(bodies))
    how = (
        "the worker dies at the beginning and after the commit of every transaction of a run with 2 languages and "
        "8 groups, then another worker goes on; repeated calls are requests with a body that was sent before"
    )
    seen_ = f"{finished} of {points} finished, {once} with one revision, at most {most} repeated calls"
    good = finished == once == points and most <= 4
    return Metric("5", "process death at every point", "100 %, 1 revision, ≤ 4 repeated calls", seen_, good, how)


def _lapse(tenant_id: UUID) -> None:
    """Let the leases of the dead worker run out."""
    past = func.clock_timestamp() - timedelta(minutes=5)
    with db.tenant_session(tenant_id) as session:
        session.execute(update(AgentRun).where(AgentRun.lease_until.is_not(None)).values(lease_until=past))
        session.execute(update(ModelCall).where(ModelCall.lease_until.is_not(None)).values(lease_until=past))


def _approvals(count: int) -> Iterator[Metric]:
    tenant_id = studio()
    with db.tenant_session(tenant_id) as session:
        made, revision = make.drafted(session)
        seen = (made.id, revision.id, revision.content_hash)

    def approve(n: int) -> bool:
        try:
            with db.tenant_session(tenant_id) as session:
                decision = Decision(actor=f"user:{n}", name="Mara", revision_id=seen[1], content_hash=seen[2])
                reviews.approve(session, seen[0], decision)
        except AriiaError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = sum(pool.map(approve, range(count)))
    with db.tenant_session(tenant_id) as session:
        kept = session.execute(
            select(func.count()).where(Review.campaign_id == seen[0], Review.verb == "approve")
        ).scalar_one()
        status = campaigns.get(session, seen[0]).status
    how = f"{count} people press at once, 8 at a time; no worker process exists at all, so approving needs none"
    good = won == kept == 1 and status == "approved"
    yield Metric("6", "racing approvals", "exactly 1 effect", f"{won} won, {kept} recorded, {status}", good, how)


def _faults(kinds: tuple[str, ...]) -> Metric:
    tenant_id = studio()
    crowd(tenant_id, 240)
    total = named = most = 0
    for kind in kinds:
        for form in FORMS:
            with model() as server:
                server.script(form, *[getattr(openai_steps, kind)() for _ in range(12)])
                _, run_id = asked(tenant_id)
                if form == "Edits":
                    server.register("CohortBatch", _loud)
                agent.execute(tenant_id, run_id)
                with db.tenant_session(tenant_id) as session:
                    run = session.get_one(AgentRun, run_id)
                    attempts = select(func.max(ModelCall.attempts)).where(ModelCall.run_id == run_id)
                    most = max(most, session.execute(attempts).scalar_one() or 0)
                    total += 1
                    named += run.status in NAMED and run.error_code != "internal"
    how = f"{len(kinds)} kinds of faults, each for good, in every call of {', '.join(FORMS)}"
    seen = f"{named} of {total}, at most {most} HTTP requests per call"
    return Metric(
        "7", "faults that end in a named state", "all, ≤ 3 requests per call", seen, named == total and most <= 3, how
    )


def _loud(ask: Any) -> dict[str, Any]:
    from tests.fakes import openai_campaign  # noqa: PLC0415 - registers its handlers

    answer = openai_campaign.cohorts(ask)
    answer["items"][0]["opener"] = "Heute 70 Prozent sparen."
    return answer


def _spend(runs: int) -> Iterator[Metric]:
    tenant_id = studio()
    limit = 24_000
    with model(llm_month_token_limit=limit) as server:
        queued = [asked(tenant_id)[1] for _ in range(runs)]
        with ThreadPoolExecutor(runs) as pool:
            list(pool.map(partial(agent.execute, tenant_id), queued))
        with db.tenant_session(tenant_id) as session:
            used = session.execute(
                select(func.sum(PlanUsage.used)).where(PlanUsage.limit_key == budget.KEY)
            ).scalar_one()
            booked = session.execute(select(func.sum(ModelCall.in_tokens + ModelCall.out_tokens))).scalar_one()
            stopped = session.execute(select(func.count()).where(AgentRun.status == "paused_budget")).scalar_one()
        billed = server.billed
    how = f"{runs} drafts at once against a month of {limit:,} tokens; {stopped} of them paused, nothing was lost"
    good = used <= limit and stopped > 0
    yield Metric("8.1", "overshoot of the budget", "0", f"{max(0, used - limit)} of {used:,} tokens", good, how)
    same = booked == billed
    yield Metric(
        "8.2", "ledger against the server's own count", "equal", f"{booked:,} and {billed:,}", same, "the same runs"
    )


def _calls(sizes: tuple[int, ...]) -> Iterator[Metric]:
    few = [_counted(size, courses=1, stages=2) for size in sizes]
    how = f"drafts for {', '.join(f'{size:,}' for size in sizes)} members in the same 4 groups"
    shown = ", ".join(str(calls) for calls, _ in few)
    yield Metric("9.1", "model calls as members grow", "identical", shown, len({calls for calls, _ in few}) == 1, how)
    many = [_counted(size, courses=8, stages=4) for size in sizes[1:]]
    how = f"{' and '.join(f'{size:,}' for size in sizes[1:])} members, 2 languages, {many[-1][1]} groups"
    good = len(set(many)) == 1 and many[0][0] <= 12
    yield Metric("9.2", "model calls at 60 groups", "identical, ≤ 12", ", ".join(str(c) for c, _ in many), good, how)


def _counted(size: int, *, courses: int, stages: int) -> tuple[int, int]:
    tenant_id = make_tenant(f"quality{next(_slugs)}")
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        knowledge.store_offer(
            session, actor="bench", key="herbst", title="Herbst", price_minor=2900, currency="EUR", url=None
        )
    crowd(tenant_id, size, courses=courses, stages=stages)
    with model() as server:
        campaign_id, run_id = asked(tenant_id)
        agent.execute(tenant_id, run_id)
        with db.tenant_session(tenant_id) as session:
            revision = revisions.current(session, campaigns.get(session, campaign_id))
        groups = len((revision.content_json.get("cohorts") or {}).get("items", ()))
        return len(server.requests), groups


def _time(members: int) -> Metric:
    tenant_id = studio()
    crowd(tenant_id, members, courses=8)
    with model():
        _, run_id = asked(tenant_id)
        agent.execute(tenant_id, run_id)  # the graph library is loaded once per process
        began = time.perf_counter()
        campaign_id, run_id = asked(tenant_id)
        agent.execute(tenant_id, run_id)
        with db.tenant_session(tenant_id) as session:
            previews.create(session, campaign_id, actor="bench")
        seconds = time.perf_counter() - began
    how = f"{members:,} members, 60 groups, a server that answers at once; until the preview link exists"
    return Metric("10.2", "request to preview", "< 3 s", f"{seconds:.2f} s", seconds < 3, how)


def _one_call() -> Metric:
    tenant_id = studio()
    crowd(tenant_id, 240)
    with model() as server:
        campaign_id, run_id = asked(tenant_id)
        agent.execute(tenant_id, run_id)
        before = len(server.requests)
        with db.tenant_session(tenant_id) as session:
            first = revisions.current(session, campaigns.get(session, campaign_id))
            decision = Decision(
                actor="bench", revision_id=first.id, content_hash=first.content_hash, comment="weniger steif",
                scope={"places": [{"field": "subject", "language": "de"}]},
            )  # fmt: skip
            run_id = reviews.request_changes(session, campaign_id, decision).id
        agent.execute(tenant_id, run_id)
        with db.tenant_session(tenant_id) as session:
            second = revisions.current(session, campaigns.get(session, campaign_id))
        made = len(server.requests) - before
    same = second.content_json["languages"]["en"] == first.content_json["languages"]["en"]
    same = same and second.content_json["cohorts"] == first.content_json["cohorts"]
    how = "feedback on one clicked field of a draft with 2 languages and 8 groups; everything else byte for byte"
    return Metric("15.1", "calls for feedback on one place", "≤ 1", f"{made}", made <= 1 and same, how)
