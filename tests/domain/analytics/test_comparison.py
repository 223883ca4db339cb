"""Campaigns beside each other: the same wholes, honest differences, nothing of another tenant."""

import random
from datetime import timedelta
from math import comb, sqrt

import pytest
from conftest import settled
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from domain.analytics import comparison
from domain.analytics.comparison import METRICS, Column
from domain.analytics.money import Account
from kernel import db
from kernel.errors import Invalid, NotFound, PlanLimit
from kernel.ids import new_id
from models import Campaign, MessageEvent, Tenant
from tests.domain.analytics import mail


def with_events(session, tenant_id, name: str, n: int, opened: int, clicked: int):
    """A campaign that reached `n` people, of whom the first so many opened and clicked."""
    made = mail.campaign(session)
    session.execute(update(Campaign).where(Campaign.id == made.id).values(name=name))
    ids = mail.sent(session, made, mail.members(session, tenant_id, [None] * n))
    events = [
        {"tenant_id": tenant_id, "campaign_id": made.id, "message_id": one, "kind": kind, "actor": actor,
         "at": mail.AT + timedelta(minutes=n), "reason": None, "link_n": None}
        for n, one in enumerate(ids)
        for kind, actor, upto in (
            ("sent", "system", len(ids)), ("opened", "human", opened), ("clicked", "human", clicked),
            ("clicked", "machine", len(ids)),
        )
        if n < upto
    ]  # fmt: skip
    session.execute(insert(MessageEvent), events)
    return made


def test_differences_are_of_the_same_wholes_and_machines_click_for_nobody(tenants):
    with db.tenant_session(tenants.a) as session:
        one = with_events(session, tenants.a, "Eins", 400, 120, 20)
        two = with_events(session, tenants.a, "Zwei", 200, 62, 40)
    settled()
    with db.tenant_session(tenants.a) as session:
        found = comparison.compare(session, [one.id, two.id, one.id])
        shares = [{name: (each.n, each.of) for name, each in column.shares.items()} for column in found.columns]
        assert [(each["reached"], each["opened"], each["clicked"]) for each in shares] == [
            ((400, 400), (120, 400), (20, 400)), ((200, 200), (62, 200), (40, 200)),
        ]  # fmt: skip
        told = {each.metric: each for each in found.differences}
        assert (told["clicked"].verdict, told["opened"].verdict) == ("higher", "cannot_tell")
        assert told["clicked"].difference == pytest.approx(0.15)
        assert found.columns[1].shares["clicked"].per_1000 == 200
        assert set(found.cautions) == {"not_randomised", "still_counting"}
        said = comparison.words(told["clicked"], "Nr. 1", "Nr. 2", "de")
        assert "„Nr. 2“ liegt 15,0 Prozentpunkte über „Nr. 1“" in said
        assert "cannot be told from chance" in comparison.words(told["opened"], "a", "b", "en")


def test_who_may_compare_what(tenants):
    with db.tenant_session(tenants.b) as session:
        theirs = mail.campaign(session).id
    with db.tenant_session(tenants.a) as session:
        ours = [mail.campaign(session).id for _ in range(2)]
        with pytest.raises(NotFound):
            comparison.compare(session, [ours[0], theirs])
        for ids in ([ours[0], ours[0]], [new_id() for _ in range(11)]):
            with pytest.raises(Invalid, match="2 to 10"):
                comparison.compare(session, ids)
        empty = comparison.compare(session, ours)
        assert {each.verdict for each in empty.differences} == {"no_data"}
        assert comparison.words(empty.differences[0], "a", "b", "de").endswith("keine Nachrichten.")
        session.execute(update(Tenant).values(tier="professional"))
        with pytest.raises(PlanLimit):
            comparison.compare(session, ours)


@st.composite
def groups(draw) -> tuple[int, int]:
    trials = draw(st.integers(1, 300) | st.integers(1, 30))
    return draw(st.integers(0, trials)), trials


def column(shares: dict[str, tuple[int, int]]) -> Column:
    return Column(
        Campaign(id=new_id(), name="x"),
        {metric: comparison.share(*shares.get(metric, (0, 0))) for metric in METRICS},
        Account("x"),
    )


def bounds(n: int, of: int) -> tuple[float, float]:
    """Wilson's bounds: the shares from which what was seen is 1.96 standard errors away."""
    z = 1.959963984540054
    half = z * sqrt(n * (of - n) / of + z * z / 4)
    return (n + z * z / 2 - half) / (of + z * z), (n + z * z / 2 + half) / (of + z * z)


def exact_p(one: tuple[int, int], two: tuple[int, int]) -> float:
    """Fisher's p-value in whole numbers: all tables with these margins that are no likelier, of all."""
    drawn = one[0] + two[0]
    tables = {x: comb(two[1], x) * comb(one[1], drawn - x) for x in range(drawn + 1)}
    return sum(n for n in tables.values() if n <= tables[two[0]]) / comb(one[1] + two[1], drawn)


@given(one=groups(), others=st.lists(groups(), min_size=1, max_size=4))
def test_intervals_and_p_values_are_those_of_the_formulas_and_hold_together(one, others):
    columns = [column({"clicked": each}) for each in (one, *others)]
    found = [each for each in comparison.differences(columns) if each.metric == "clicked"]
    single = sorted(exact_p(one, two) for two in others)
    for difference, two in zip(found, others, strict=True):
        (low_1, high_1), (low_2, high_2) = bounds(*one), bounds(*two)
        p, q = one[0] / one[1], two[0] / two[1]
        low = q - p - sqrt((q - low_2) ** 2 + (high_1 - p) ** 2)
        high = q - p + sqrt((high_2 - q) ** 2 + (p - low_1) ** 2)
        assert (difference.interval.low, difference.interval.high) == pytest.approx((low, high), abs=1e-9)
        own = exact_p(one, two)
        holm = max(min(1.0, each * (len(single) - n)) for n, each in enumerate(single) if each <= own)
        assert difference.p == pytest.approx(holm, abs=1e-7)


def test_alike_campaigns_are_hardly_ever_called_different():
    rng = random.Random(5)

    def drawn() -> Column:
        return column({metric: (sum(rng.random() < 0.1 for _ in range(300)), 300) for metric in METRICS[:4]})

    wrong = sum(
        any(each.verdict in {"higher", "lower"} for each in comparison.differences([drawn() for _ in range(3)]))
        for _ in range(60)
    )
    assert wrong <= 8
