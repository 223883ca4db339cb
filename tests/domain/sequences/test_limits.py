"""What a step of a sequence may cost: nobody is written to beyond it, and who waits goes on when it is raised."""

import threading
from datetime import UTC, datetime
from uuid import UUID

import make
import pytest
import texters
from chaos import crowd
from sqlalchemy import func, select, text, update
from walking import ACTOR, enrol, got, live, message, move, places, publish, ready, wanted

from domain.analytics import budget
from domain.campaigns import drafting, revisions
from domain.campaigns import service as campaigns
from domain.delivery import cost
from domain.sequences import queries, run, service
from domain.tiers import service as tiers
from kernel import db
from kernel.errors import Conflict
from models import Campaign, CampaignBudget, CampaignSpend, Message

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SMS = {"text": "{greeting} dein Platz ist frei. Abmelden: STOP. Dein {studio}"}


@pytest.fixture
def studio(tenants, frozen_clock) -> UUID:
    """A mail costs 2 here, and everything is allowed."""
    frozen_clock(START)
    for tenant_id in (tenants.a, tenants.b):
        ready(tenant_id)
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE tenant SET email_price = 2000"))
    return tenants.a


def limited(tenant_id: UUID, *, name: str = "Willkommen", **limits: int) -> tuple[UUID, UUID]:
    """A live sequence of one message with limits; returns its id, and that of the step's campaign."""
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        made = service.create(session, name=name, wanted=wanted(message("a")), actor=ACTOR)
        step = UUID(made.campaigns["a"])
        campaigns.edit(session, step, actor=ACTOR, version=None, changes=limits)
        publish(session, made.id)
        return made.id, step


def people(tenant_id: UUID, n: int, prefix: str = "m") -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        return [make.member(session, f"{prefix}{i}@example.org").id for i in range(n)]


def held(tenant_id: UUID, campaign_id: UUID) -> tuple[str, str | None]:
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        return campaign.status, campaign.hold_reason


def raised(tenant_id: UUID, sequence_id: UUID, ceiling: int) -> None:
    """Somebody puts the step up for review again, raises its ceiling and approves."""
    with db.tenant_session(tenant_id) as session:
        step = service.review_again(session, sequence_id, "a", actor=ACTOR)
        campaigns.edit(session, step, actor=ACTOR, version=None, changes={"cost_ceiling_minor": ceiling})
        make.approve(session, step, revisions.current(session, campaigns.get(session, step)))


def test_a_step_is_held_before_its_ceiling_is_passed_and_goes_on_when_it_is_raised(studio):
    sequence_id, step = limited(studio, cost_ceiling_minor=9)
    with db.tenant_session(studio) as session:
        other = live(session, message("b"), name="Nebenan")
    first, second = people(studio, 4), people(studio, 2, "late")
    enrol(studio, sequence_id, *first)
    move(studio)
    assert (len(got(studio, sequence_id)), held(studio, step)) == (4, ("sending", None))
    enrol(studio, sequence_id, *second)
    enrol(studio, other, *second)
    for _ in range(2):
        move(studio)
        assert (len(got(studio, sequence_id)), held(studio, step)) == (4, ("held", "over_cost_ceiling"))
    assert len(got(studio, other)) == 2
    assert [(row.state, row.step, row.due_at) for row in places(studio, sequence_id) if row.member_id in second] == [
        ("active", "a", None)
    ] * 2
    with db.tenant_session(studio) as session:
        (shown,) = queries.overview(session, service.get(session, sequence_id)).steps
        assert (shown.holds, shown.held) == ("over_cost_ceiling", 2)
        with pytest.raises(Conflict, match="recipients are fixed"):
            campaigns.edit(session, step, actor=ACTOR, version=None, changes={"cost_ceiling_minor": 12})
    raised(studio, sequence_id, 12)
    move(studio)
    assert (len(got(studio, sequence_id)), held(studio, step)) == (6, ("sending", None))
    assert {row.state for row in places(studio, sequence_id)} == {"completed"}


def test_what_costs_nothing_is_no_part_of_the_limit(studio):
    sequence_id, step = limited(studio, cost_ceiling_minor=4)
    ids = people(studio, 2)
    with db.tenant_session(studio) as session:
        refused = [make.member(session, f"no{i}@example.org", consent=False).id for i in range(5)]
    enrol(studio, sequence_id, *refused)
    move(studio)
    enrol(studio, sequence_id, *ids)
    move(studio)
    assert held(studio, step) == ("sending", None)
    assert sorted(got(studio, sequence_id)) == [("a", "pending", None)] * 2 + [("a", "skipped", "no_consent")] * 5


def test_a_budget_stops_a_step_too_and_counts_what_was_really_spent(studio, tenants):
    sequence_id, step = limited(studio, budget_minor=100, cost_ceiling_minor=500)
    with db.tenant_session(studio) as session:
        key = {"tenant_id": studio, "campaign_id": step}
        session.add(CampaignBudget(**key, counted_at=START, zone="Europe/Berlin"))
        session.flush()
        kinds = {"kind": "charged", "currency": "EUR", "amount_minor": 99, "units": 1, "unpriced": 0}
        session.add(CampaignSpend(**key, month=START.date(), **kinds))
    enrol(studio, sequence_id, *people(studio, 1))
    move(studio)
    assert (got(studio, sequence_id), held(studio, step)) == ([], ("held", "over_budget"))
    with db.tenant_session(studio) as session:
        budget.change(session, step, budget_minor=200, actor=ACTOR)
        session.execute(update(CampaignSpend).values(amount_minor=99))
        campaigns.resume(session, step, actor=ACTOR)
    move(studio)
    assert (len(got(studio, sequence_id)), held(studio, step)) == (1, ("sending", None))
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(Campaign.id)).first() is None


def test_workers_together_never_pass_the_ceiling(studio):
    """Batches of ten that cost twenty each: four of ten are paid for, whoever takes them."""
    sequence_id, step = limited(studio, cost_ceiling_minor=95)
    with db.tenant_session(studio) as session:
        crowd.gather(session, 100)
        ids = session.execute(text("SELECT id FROM member")).scalars().all()
    enrol(studio, sequence_id, *ids)
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait()
        while run.batch(studio, sequence_id, 10):
            pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got(studio, sequence_id)), held(studio, step)) == (40, ("held", "over_cost_ceiling"))
    assert sum(row.due_at is None and row.state == "active" for row in places(studio, sequence_id)) == 60
    raised(studio, sequence_id, 200)
    move(studio)
    with db.tenant_session(studio) as session:
        per_member = session.execute(select(func.count(Message.id)).group_by(Message.member_id)).scalars().all()
    assert per_member == [1] * 100


def test_texts_are_reckoned_by_segments_and_country_and_added_up(studio):
    account = texters.account(studio)
    with db.tenant_session(studio) as session:
        session.execute(
            text('UPDATE provider_account SET settings = settings || \'{"price_per_segment": "7.5"}\' WHERE id = :id'),
            {"id": account.id},
        )
        made = service.create(session, name="SMS", wanted=wanted(message("a", channel="sms")), actor=ACTOR)
        step = UUID(made.campaigns["a"])
        campaigns.edit(session, step, actor=ACTOR, version=None, changes={"cost_ceiling_minor": 23})
        content = make.draft_content(cta_url="") | {"languages": {"de": {"sms": SMS}}}
        revision = drafting.write(session, step, content=content, parent_id=None, actor=ACTOR)
        make.approve(session, step, revision)
        service.publish(session, made.id, actor=ACTOR)
    ids = [texters.person(studio, f"+4915112345{n:03}") for n in range(4)]
    for n, fired in ((0, 1), (1, 2), (2, 3)):
        enrol(studio, made.id, ids[n])
        move(studio)
        with db.tenant_session(studio) as session:
            known = cost.recorded(session, step)
        assert known is not None
        assert (known.segments, len(got(studio, made.id))) == (fired, fired)
    enrol(studio, made.id, ids[3])  # 30 would be over 23
    move(studio)
    assert (len(got(studio, made.id)), held(studio, step)) == (3, ("held", "over_cost_ceiling"))
    raised(studio, made.id, 30)
    move(studio)
    assert (len(got(studio, made.id)), held(studio, step)) == (4, ("sending", None))


def test_a_lower_plan_stops_live_sequences_visibly_and_nothing_more_is_written(studio):
    sequence_id, step = limited(studio, cost_ceiling_minor=100)
    enrol(studio, sequence_id, *people(studio, 1))
    with db.tenant_session(studio) as session:
        tiers.change(session, "starter", reason="invoice open", actor="operator")
    move(studio)
    with db.tenant_session(studio) as session:
        row = service.get(session, sequence_id)
        assert row.status == "paused"
        assert row.stop_reason is not None
    assert (got(studio, sequence_id), held(studio, step)) == ([], ("paused", None))
