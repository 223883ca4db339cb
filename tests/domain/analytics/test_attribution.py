"""Who gets a conversion, under every model and window, against a plain count in Python."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import ledger
import make
import pytest
from conftest import make_tenant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import Happened
from sqlalchemy import text, update

from domain.analytics import attribution
from domain.analytics.attribution import Model
from domain.audience import service as audience
from kernel import db
from kernel.errors import Invalid, PlanLimit
from kernel.ids import new_id
from models import Tenant

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_SALE = text("""
INSERT INTO conversion (id, tenant_id, external_id, goal, value_minor, currency, at, source, attribution, campaign_id,
  message_id, member_id)
VALUES (new_id(), :tenant, new_id()::text, 'purchase', :value, 'EUR', :at, 'api', :how, :campaign, :message, :member)
""")
_GIVE = text("UPDATE message SET member_id = :member WHERE id = :id")


def scene(tenant, n=3):
    """A member with messages of so many campaigns, tracked."""
    with db.tenant_session(tenant) as session:
        member = make.member(session, None, consent=False).id
    sent = ledger.messages(tenant, [(k, "email", "de", None) for k in range(n)], campaigns=n)
    with db.tenant_session(tenant) as session:
        for each in sent:
            session.execute(_GIVE, {"member": member, "id": each.id})
    return member, sent


def sell(tenant, member, at, value=1_000, named=None):
    asked = {"tenant": tenant, "value": value, "at": at, "member": member, "how": "message" if named else "none"}
    with db.tenant_session(tenant) as session:
        session.execute(
            _SALE, asked | {"campaign": named.campaign if named else None, "message": named.id if named else None}
        )


def credited(tenant, **asked):
    with db.tenant_session(tenant) as session:
        return attribution.attribute(session, date(2026, 1, 1), date(2026, 12, 31), **asked)


def shares(found):
    return {each.campaign_id: (round(each.conversions, 4), each.values.get("EUR", 0)) for each in found.campaigns}


def test_each_model_gives_the_credit_to_its_touch_and_linear_loses_no_cent(tenants):
    member, (one, two, three) = scene(tenants.a)
    day = timedelta(days=1)
    ledger.write(
        tenants.a,
        [
            Happened(one, "opened", NOON - 5 * day, "human"),
            Happened(two, "clicked", NOON - 3 * day, "human", link_n=0),
            Happened(two, "clicked", NOON - 2 * day, "human", link_n=1),
            Happened(three, "opened", NOON - day, "proxy"),
            Happened(one, "clicked", NOON - day / 2, "machine", link_n=0),
            Happened(one, "clicked", NOON + day, "human", link_n=0),
        ],
    )
    sell(tenants.a, member, NOON)
    sell(tenants.b, None, NOON, 77)
    assert shares(credited(tenants.a)) == {two.campaign: (1.0, 1_000)}  # the tenant's setting is the last click
    assert shares(credited(tenants.a, model=Model.LAST_TOUCH)) == {three.campaign: (1.0, 1_000)}
    assert shares(credited(tenants.a, model=Model.FIRST_TOUCH)) == {one.campaign: (1.0, 1_000)}
    linear = credited(tenants.a, model=Model.LINEAR)
    assert shares(linear) == {
        one.campaign: (0.3333, 334), two.campaign: (0.3333, 333), three.campaign: (0.3333, 333),
    }  # fmt: skip
    assert (linear.conversions, linear.values) == (1.0, {"EUR": 1_000})
    narrow = credited(tenants.a, window_days=1)
    assert (narrow.campaigns, narrow.nobody.conversions, narrow.window_days) == ([], 1.0, 1)
    other = credited(tenants.b)
    assert (other.campaigns, other.nobody.values) == ([], {"EUR": 77})


def test_a_conversion_that_names_its_message_belongs_there_also_when_the_member_is_erased(tenants):
    member, (one, two, _) = scene(tenants.a)
    ledger.write(tenants.a, [Happened(two, "clicked", NOON - timedelta(hours=1), "human", link_n=0)])
    sell(tenants.a, member, NOON, named=one)
    assert shares(credited(tenants.a)) == {one.campaign: (1.0, 1_000)}
    assert shares(credited(tenants.a, model=Model.LINEAR)) == {one.campaign: (0.5, 500), two.campaign: (0.5, 500)}
    with db.tenant_session(tenants.a) as session:
        audience.delete(session, member, actor="t")
    for model in Model:
        assert shares(credited(tenants.a, model=model)) == {one.campaign: (1.0, 1_000)}


_touches = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-15 * 24, 24), st.sampled_from(["opened", "clicked"]),
              st.sampled_from(["human", "proxy", "machine", "unknown"])),
    max_size=12,
)  # fmt: skip


def _expected(touches, sales, model, days):
    """The same rule in the plainest words."""
    kinds = {("clicked", "human")}
    if model is not Model.LAST_CLICK:
        kinds |= {("opened", "human"), ("opened", "proxy")}
    pick = min if model is Model.FIRST_TOUCH else max
    got = defaultdict(Fraction)
    for hour in sales:
        seen = defaultdict(list)
        for n, when, kind, actor in touches:
            if (kind, actor) in kinds and hour - days * 24 <= when <= hour:
                seen[n].append(when)
        dated = {n: pick(whens) for n, whens in seen.items()}
        if not dated:
            got[None] += 1
        elif model is Model.LINEAR:
            for n in dated:
                got[n] += Fraction(1, len(dated))
        else:
            best = pick(dated.values())
            got[tuple(sorted(n for n, when in dated.items() if when == best))] += 1
    return got


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(touches=_touches, sales=st.lists(st.integers(-24, 0), min_size=1, max_size=3), days=st.integers(1, 14))
def test_every_model_and_window_agrees_with_a_plain_count(database, touches, sales, days):

    tenant = make_tenant(f"credit-{new_id().hex[-12:]}")
    member, sent = scene(tenant)
    ledger.write(
        tenant,
        [Happened(sent[n], kind, NOON + timedelta(hours=hour), actor) for n, hour, kind, actor in touches],
    )
    for hour in sales:
        sell(tenant, member, NOON + timedelta(hours=hour), value=100)
    number = {each.campaign: n for n, each in enumerate(sent)}
    for model in Model:
        found = credited(tenant, model=model, window_days=days)
        assert found.conversions == pytest.approx(len(sales), abs=0.001)
        assert found.values == {"EUR": 100 * len(sales)}
        assert sum(each.values.get("EUR", 0) for each in (*found.campaigns, found.nobody)) == 100 * len(sales)
        wanted = _expected(touches, sales, model, days)
        assert found.nobody.conversions == pytest.approx(float(wanted.pop(None, 0)), abs=0.001)
        seen = {number[each.campaign_id]: each.conversions for each in found.campaigns}
        if model is Model.LINEAR:
            assert seen == {n: pytest.approx(float(share), abs=0.001) for n, share in wanted.items()}
        else:  # of touches in the same moment any one gets it
            assert sum(seen.values()) == sum(wanted.values())
            assert set(seen) <= {n for tied in wanted for n in tied}


def test_settings_say_which_model_and_window_and_lower_plans_have_none(tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(attribution_model="linear", conversion_days=30))
    found = credited(tenants.a)
    assert (found.model, found.window_days) == (Model.LINEAR, 30)
    with pytest.raises(Invalid):
        credited(tenants.a, window_days=91)
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(tier="professional"))
    with pytest.raises(PlanLimit) as refused:
        credited(tenants.a)
    assert refused.value.extra["lifted_by"] == "business"
