"""Every limit and level of every tier, at its number and one later, and where the verbs ask for it."""

import comparing
import make
import pytest

from domain.campaigns import reviews
from domain.campaigns import service as campaigns
from domain.experiments import drafts
from domain.experiments.rules import Settings
from domain.plans import service as plans
from domain.plans.catalog import AB_TESTS, AI_CONTENT, ANALYTICS, BROADCASTS, FEATURES, LIMITS, TEMPLATES, Tier
from domain.templates import service as templates
from kernel import db
from kernel.errors import PlanLimit
from kernel.ids import new_id
from models import CampaignCount, Tenant

_ORDER = list(Tier)


def on(tenant_id, tier):
    with db.tenant_session(tenant_id) as session:
        session.get_one(Tenant, tenant_id).tier = tier


def complete(refused, limit, tier) -> None:
    """What every refusal says."""
    extra = refused.value.extra
    assert refused.value.status == 402
    assert {"limit", "used", "allowed", "resets_at", "lifted_by"} <= set(extra)
    assert extra["limit"] == limit.key
    assert _ORDER.index(Tier(extra["lifted_by"])) > _ORDER.index(tier)
    assert extra["lifted_by"] in refused.value.detail
    assert extra["lifted_by"] in refused.value.translations["de"]
    assert "Ausweg" in refused.value.translations["de"]


def test_every_limit_of_every_tier_holds_at_its_number_and_not_one_later(tenants):
    walked = set()
    for tier in Tier:
        on(tenants.a, tier)
        for limit in LIMITS.values():
            with db.tenant_session(tenants.a) as session:
                amount = limit.amount(tier)
                for _ in range(amount if amount is not None else 3):
                    plans.spend(session, limit, new_id())
                if amount is not None:
                    with pytest.raises(PlanLimit) as refused:
                        plans.spend(session, limit, new_id())
                    complete(refused, limit, tier)
                    assert (refused.value.extra["used"], refused.value.extra["allowed"]) == (amount, amount)
                    assert (refused.value.extra["resets_at"] is None) == (limit.per == "standing")
                    walked.add((tier, limit.key))
                session.rollback()
    assert len(walked) == sum(amount is not None for limit in LIMITS.values() for amount in limit.amounts)


def test_every_level_of_every_feature_is_there_from_its_first_tier_on(tenants):
    for tier in Tier:
        on(tenants.a, tier)
        with db.tenant_session(tenants.a) as session:
            for feature in FEATURES.values():
                levels = list(dict.fromkeys(level for level in feature.levels if level is not None))
                for n, level in enumerate(levels):
                    mine = feature.level(tier)
                    if mine is not None and levels.index(mine) >= n:
                        assert plans.require_level(session, feature, level) == mine
                        continue
                    with pytest.raises(PlanLimit) as refused:
                        plans.require_level(session, feature, level)
                    complete(refused, feature, tier)
                    lifted = Tier(refused.value.extra["lifted_by"])
                    assert feature.level(lifted) == level, "the first tier that has it"
                with pytest.raises(ValueError, match="no level"):
                    plans.require_level(session, feature, "golden")


@pytest.mark.parametrize(
    ("tier", "level", "alternatives"),
    [
        ("starter", None, False),
        ("professional", "basic", False),
        ("business", "advanced", True),
        ("enterprise", "advanced + context", True),
    ],
)
def test_what_the_agent_may_write_follows_the_tier_and_a_run_keeps_its_own(tenants, tier, level, alternatives):
    on(tenants.a, tier)
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        if level is None:
            with pytest.raises(PlanLimit) as refused:
                reviews.generate(session, make.campaign(session, goal="Komm").id, actor="t")
            complete(refused, AI_CONTENT, Tier(tier))
            return
        assert reviews.generate(session, make.campaign(session, goal="Komm").id, actor="t").tier == level
        other = make.campaign(session, goal="Komm").id
        wanted = reviews.Options(alternatives=True)
        if alternatives:
            assert reviews.generate(session, other, actor="t", options=wanted).tier == level
        else:
            with pytest.raises(PlanLimit) as refused:
                reviews.generate(session, other, actor="t", options=wanted)
            assert (refused.value.extra["lifted_by"], refused.value.extra["needs"]) == ("business", "advanced")


def broadcasts(session):
    return next((meter.used, meter.reserved) for meter in plans.meters(session) if meter.limit is BROADCASTS)


def test_a_broadcast_is_reserved_by_the_approval_and_used_up_by_the_first_hand_over(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org")
        campaign = make.started(session)
        assert broadcasts(session) == (1, 1)
        campaigns.begun(session, campaign.id)
        campaigns.begun(session, campaign.id)
        assert broadcasts(session) == (1, 0)
    with db.tenant_session(tenants.b) as session:
        assert broadcasts(session) == (0, 0)


@pytest.mark.parametrize(("handed_over", "left"), [(None, (0, 0)), ("sent", (1, 0)), ("unknown", (1, 0))])
def test_a_cancelled_campaign_gives_its_broadcast_back_unless_something_left_the_house(tenants, handed_over, left):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org")
        campaign = make.started(session)
        if handed_over is not None:
            session.add(CampaignCount(tenant_id=tenants.a, campaign_id=campaign.id, state=handed_over, shard=0, n=1))
            session.flush()
        campaigns.cancel(session, campaign.id, actor="t")
        assert broadcasts(session) == left


def test_a_void_approval_gives_the_broadcast_back_and_the_next_one_takes_it_again(tenants):
    on(tenants.a, "starter")
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org")
        campaign, revision = make.drafted(session)
        make.approve(session, campaign.id, revision)
        campaigns.edit(
            session,
            campaign.id,
            actor="t",
            version=None,
            changes={"audience": {"kind": "all_members", "statuses": ["active"]}},
        )
        assert broadcasts(session) == (0, 0)
        make.approve(session, campaign.id, revision)
        assert broadcasts(session) == (1, 1)
        other, revision = make.drafted(session)
        with pytest.raises(PlanLimit):
            make.approve(session, other.id, revision)


def test_one_of_too_many_templates_works_only_in_the_place_of_another(tenants):
    with db.tenant_session(tenants.a) as session:
        made = [
            templates.create(session, name=f"T{n}", description=None, kind="email", content=make.email(), actor="t")
            for n in range(3)
        ]
        templates.change(session, made[2].id, actor="t", content=None, active=False)
    on(tenants.a, "starter")
    with db.tenant_session(tenants.a) as session:
        with pytest.raises(PlanLimit) as refused:
            templates.change(session, made[2].id, actor="t", content=None, active=True)
        complete(refused, TEMPLATES, Tier.STARTER)
    with db.tenant_session(tenants.a) as session:
        templates.change(session, made[0].id, actor="t", content=None, active=False)
        templates.change(session, made[2].id, actor="t", content=None, active=True)
        templates.change(session, made[2].id, actor="t", content=None, active=True)
        with pytest.raises(PlanLimit):
            templates.change(session, made[0].id, actor="t", content=None, active=True)


def test_what_a_draft_from_before_a_downgrade_wants_is_asked_for_again_at_its_approval(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org")
        compared, parent = make.drafted(session)
        chosen = Settings(weights=(1, 1))
        revision = drafts.write(
            session, compared.id, variants=[comparing.B], settings=chosen, parent_id=parent.id, actor="t"
        )
        best, of_best = make.drafted(session)
        window = {"per_member": True, "send_time": "best", "window_hours": 4}
        campaigns.schedule(session, best.id, actor="t", at="2030-01-01T09:00", time_zone="Europe/Berlin", **window)
        asked = ((compared.id, revision, AB_TESTS), (best.id, of_best, ANALYTICS))
    on(tenants.a, "professional")
    for campaign_id, seen, feature in asked:
        with db.tenant_session(tenants.a) as session, pytest.raises(PlanLimit) as refused:
            make.approve(session, campaign_id, seen)
        complete(refused, feature, Tier.PROFESSIONAL)
        assert refused.value.extra["lifted_by"] == "business"
    with db.tenant_session(tenants.a) as session:
        plain = drafts.clear(session, compared.id, parent_id=revision.id, actor="t")
        make.approve(session, compared.id, plain)
        assert broadcasts(session) == (1, 1)
    on(tenants.a, "business")
    with db.tenant_session(tenants.a) as session:
        make.approve(session, best.id, of_best)
