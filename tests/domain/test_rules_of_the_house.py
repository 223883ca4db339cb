"""Lifecycle, plans, audit chain and approval: rules that every path obeys."""

import concurrent.futures
from datetime import UTC, datetime
from uuid import UUID

import make
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import drafting, reviews, seal
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import TABLE, Status, Verb, allowed, follow
from domain.campaigns.reviews import Decision
from domain.knowledge import service as knowledge
from domain.plans import service as plans
from domain.plans.catalog import BROADCASTS, LIMITS, TEMPLATES, Tier
from kernel import clock, db
from kernel.errors import Conflict, IllegalStep, Invalid, PlanLimit
from kernel.ids import new_id
from models import Tenant


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("verb", Verb)
def test_a_step_is_in_the_table_or_names_what_is_possible(status, verb):
    if verb in TABLE[status]:
        assert follow(status, verb) is TABLE[status][verb]
        return
    with pytest.raises(IllegalStep) as refusal:
        follow(status, verb)
    assert refusal.value.extra["allowed"] == sorted(allowed(status))


def test_nothing_is_sent_from_a_state_that_was_not_approved():
    for status, steps in TABLE.items():
        for verb, target in steps.items():
            if target is Status.SENDING:
                assert status in {
                    Status.APPROVED,
                    Status.SCHEDULED,
                    Status.PAUSED,
                    Status.HELD,
                    Status.SENT,
                    Status.FAILED,
                }
                assert verb in {Verb.START, Verb.RESUME, Verb.RETRY_FAILED}


def set_tier(session, tier: str) -> None:
    session.get_one(Tenant, db.tenant_of(session)).tier = tier
    session.flush()


@pytest.mark.parametrize("limit", LIMITS.values(), ids=lambda limit: limit.key)
@pytest.mark.parametrize("tier", Tier)
def test_every_limit_holds_at_its_number_and_not_one_later(tenants, limit, tier):
    amount = limit.amount(tier)
    with db.tenant_session(tenants.a) as session:
        set_tier(session, tier)
        for _ in range(amount if amount is not None else 25):
            plans.spend(session, limit, new_id())
        if amount is None:
            return
        with pytest.raises(PlanLimit) as refusal:
            plans.spend(session, limit, new_id())
        assert refusal.value.extra["used"] == amount
        assert refusal.value.extra["lifted_by"]
    with db.tenant_session(tenants.b) as session:
        plans.spend(session, limit, new_id())


def test_two_hundred_parallel_attempts_on_one_broadcast_give_one(tenants):
    with db.tenant_session(tenants.a) as session:
        set_tier(session, "starter")

    def attempt(_: int) -> bool:
        try:
            with db.tenant_session(tenants.a) as session:
                plans.spend(session, BROADCASTS, new_id())
        except PlanLimit:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(200))) == 1


def test_a_reservation_is_given_back_once_and_use_is_not(tenants):
    subject, used = new_id(), new_id()
    with db.tenant_session(tenants.a) as session:
        for other in (subject, used):
            plans.spend(session, BROADCASTS, other)
            plans.spend(session, BROADCASTS, other)
        plans.consume(session, BROADCASTS, used)
        for other in (subject, subject, used):
            plans.release(session, BROADCASTS, other)
        assert {meter.limit.key: meter.used for meter in plans.meters(session)}["broadcasts"] == 1


@pytest.mark.parametrize(
    ("instant", "first", "resets"),
    [
        (datetime(2026, 3, 31, 21, 59, tzinfo=UTC), "2026-03-01", datetime(2026, 3, 31, 22, tzinfo=UTC)),
        (datetime(2026, 3, 31, 22, 0, tzinfo=UTC), "2026-04-01", datetime(2026, 4, 30, 22, tzinfo=UTC)),
        (datetime(2026, 10, 31, 22, 59, tzinfo=UTC), "2026-10-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "2027-01-01", datetime(2027, 1, 31, 23, tzinfo=UTC)),
    ],
)
def test_months_are_the_tenants_own_over_the_change_of_clocks(instant, first, resets):
    assert plans.period_of(BROADCASTS, "Europe/Berlin", instant).isoformat() == first
    assert plans.resets_at(BROADCASTS, "Europe/Berlin", instant) == resets
    assert plans.resets_at(TEMPLATES, "Europe/Berlin", instant) is None


@pytest.fixture
def approved(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org", tags=["x"])
        campaign, revision = make.drafted(session)
        make.approve(session, campaign.id, revision)
        return campaign.id


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": {"kind": "tags", "tags": ["x"]}},
        {"schedule": {"at": "2030-01-01T09:00", "time_zone": "Europe/Berlin"}},
        {"cost_ceiling_minor": 5},
        {"cta_url": "https://www.studio.example/neu"},
    ],
)
def test_a_sealed_field_that_changes_voids_the_approval(tenants, approved, changes):
    with db.tenant_session(tenants.a) as session:
        campaign = campaigns.edit(session, approved, actor="t", version=None, changes=changes)
        assert (campaign.status, campaign.approval_hash) == ("pending_review", None)
        with pytest.raises(IllegalStep):
            campaigns.start(session, approved, actor="t")


def test_a_name_that_changes_leaves_the_approval(tenants, approved):
    with db.tenant_session(tenants.a) as session:
        campaign = campaigns.edit(session, approved, actor="t", version=None, changes={"name": "Neu"})
        assert campaign.status == "approved"
        assert campaign.approval_hash == seal.seal_of(session, campaign)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE campaign SET audience = jsonb_set(audience, '{inactive_days}', '3')",
        "UPDATE campaign SET cta_url = 'https://evil.example'",
        "UPDATE sender SET from_name = 'Jemand anders'",
        "UPDATE tenant SET postal_address = 'anderswo'",
        "UPDATE campaign SET cost_ceiling_minor = 1",
    ],
)
def test_a_change_behind_the_services_back_stops_the_start(tenants, approved, statement):
    with db.tenant_session(tenants.a) as session:
        session.execute(text(statement))
        session.expire_all()
        with pytest.raises(Conflict) as refusal:
            campaigns.start(session, approved, actor="t")
        assert refusal.value.code == "approval_void"


def test_an_offer_that_changes_after_the_approval_stops_the_start(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org")
        offer = knowledge.store_offer(session, actor="t", key="a", title="Karte", price_minor=2900, currency="EUR")
        campaign = make.campaign(session)
        content = make.draft_content(offers=[str(offer.id)])
        revision = drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        make.approve(session, campaign.id, revision)
        knowledge.store_offer(session, actor="t", offer_id=offer.id, price_minor=3900)
        with pytest.raises(Conflict):
            campaigns.start(session, campaign.id, actor="t")


def test_blockers_stop_an_approval_until_a_named_person_waives_them(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org")
        campaign = make.campaign(session)
        variant = make.email(blocks=[{"type": "paragraph", "text": "jetzt nur 19 €"}])
        content = make.draft_content(languages=()) | {"languages": {"de": {"email": variant}}}
        revision = drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        with pytest.raises(Conflict) as refusal:
            make.approve(session, campaign.id, revision)
        assert refusal.value.code == "blocked"
        key = refusal.value.extra["findings"][0]["key"]
        with pytest.raises(Invalid):
            reviews.waive(session, campaign.id, key, actor="t", name="Mara", reason=" ")
        reviews.waive(session, campaign.id, key, actor="t", name="Mara", reason="steht im Aushang")
        assert make.approve(session, campaign.id, revision).status == "approved"


def test_another_content_than_the_one_seen_cannot_be_approved(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org")
        campaign, first = make.drafted(session)
        drafting.write(session, campaign.id, content=make.draft_content(), parent_id=first.id, actor="t")
        with pytest.raises(Conflict) as refusal:
            make.approve(session, campaign.id, first)
        assert refusal.value.code == "superseded"
        wrong = Decision(actor="t", revision_id=campaign.current_revision_id, content_hash="0" * 64)
        with pytest.raises(Conflict) as refusal:
            reviews.approve(session, campaign.id, wrong)
        assert refusal.value.code == "hash_mismatch"


def test_without_imprint_sender_or_audience_nothing_is_approved(tenants):
    with db.tenant_session(tenants.a) as session:
        campaign, revision = make.drafted(session)
        for code, repair in (
            ("sender_missing", lambda: make.sender(session)),
            ("audience_empty", lambda: make.member(session, "a@example.org")),
        ):
            with pytest.raises(Conflict) as refusal:
                make.approve(session, campaign.id, revision)
            assert refusal.value.code == code
            repair()
            if code == "sender_missing":
                campaigns.edit(
                    session, campaign.id, actor="t", version=None, changes={"sender_id": first_sender(session)}
                )
        session.get_one(Tenant, tenants.a).postal_address = None
        with pytest.raises(Conflict) as refusal:
            make.approve(session, campaign.id, revision)
        assert refusal.value.code == "imprint_missing"


def first_sender(session) -> UUID:
    return session.execute(text("SELECT id FROM sender")).scalar_one()


def test_an_audit_chain_shows_every_tampering(database, tenants):
    with db.tenant_session(tenants.a) as session:
        for n in range(20):
            audit.append(session, actor="t", action="x", subject=str(n), at=clock.now())
        assert audit.verify(session) is None
    for statement in (
        "UPDATE audit_entry SET actor = 'y' WHERE seq = 7",
        "DELETE FROM audit_entry WHERE seq = 7",
        "UPDATE audit_entry SET seq = 70 WHERE seq = 7",
        "DELETE FROM audit_entry WHERE seq > 15",
    ):
        assert _tampered(database, tenants.a, statement), statement


def _tampered(database, tenant_id: UUID, statement: str) -> bool:
    """Change the chain as the owner would, look, and put it back."""
    engine = create_engine(db.driver_url(database.owner_url))
    try:
        with engine.connect() as connection, connection.begin() as attempt:
            connection.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only"))
            connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": str(tenant_id)})
            assert connection.execute(text(statement)).rowcount > 0
            with Session(connection) as session:
                session.info["tenant_id"] = tenant_id
                found = audit.verify(session) is not None
            attempt.rollback()
    finally:
        engine.dispose()
    return found


def test_parallel_appends_leave_no_gap(tenants):
    def append(n: int) -> None:
        with db.tenant_session(tenants.a) as session:
            audit.append(session, actor="t", action="x", subject=str(n))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(50)))
    with db.tenant_session(tenants.a) as session:
        assert audit.verify(session) is None
        assert session.execute(text("SELECT max(seq), count(*) FROM audit_entry")).one() == (50, 50)
