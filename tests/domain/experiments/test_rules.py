"""Rules of comparisons: exact shares, judgements, and how often they are wrong."""

import math
import random
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
import simulated
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

from domain.experiments import evidence, rules
from domain.experiments.allocation import variant_of
from domain.experiments.evidence import Evidence
from domain.experiments.rules import Arm, Settings, Verdict
from domain.experiments.statistics import Moments
from kernel.errors import Invalid

ALPHA = 0.05
PAIR = Settings(weights=(1, 1))


def arm(responses, n, revenue=None):
    return Arm(n, n, n, responses, revenue or Moments(n, 0.0, 0.0))


@given(n=st.integers(0, 100_000), cells=st.lists(st.integers(0, 5_000), min_size=1, max_size=10).filter(sum))
def test_shares_are_exact(n, cells):
    sizes = rules.allocate(n, cells)
    assert sum(sizes) == n
    for size, cell in zip(sizes, cells, strict=True):
        assert abs(size * sum(cells) - n * cell) < sum(cells)
        assert cell or not size


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weights": (1,) * 27}, "weights"),
        ({"weights": (1, 0)}, "weights"),
        ({"weights": (1,), "holdout_percent": 0}, "holdout_percent"),
        ({"weights": (1,), "holdout_percent": 5, "test_percent": 20}, "test_percent"),
        ({"holdout_percent": 51}, "holdout_percent"),
        ({"holdout_percent": 30, "test_percent": 71}, "test_percent"),
        ({"metric": "joy"}, "metric"),
        ({"decide": "often"}, "decide"),
        ({"hours": 0}, "hours"),
        ({"alpha": 0.5}, "alpha"),
        ({"effect": 0.0}, "effect"),
        ({"no_winner": "coin"}, "no_winner"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, field):
    with pytest.raises(Invalid) as refused:
        rules.checked(replace(PAIR, **changes))
    assert field in str(refused.value)


def test_a_planted_effect_wins_at_the_end_and_not_before():
    arms = (arm(196, 2_000), arm(284, 2_000))
    assert rules.judge(PAIR, arms, [Evidence()], over=False).verdict == Verdict.WAITING
    judged = rules.judge(PAIR, arms, [Evidence()], over=True)
    assert (judged.verdict, judged.winner) == (Verdict.WINNER, 1)
    assert judged.comparisons[0].interval.low > 0


def test_few_people_are_not_enough_data_and_many_are_no_difference():
    few = rules.judge(PAIR, (arm(18, 180), arm(25, 180)), [Evidence()], over=True)
    assert few.verdict == Verdict.NOT_ENOUGH_DATA
    assert few.needed > 2_000
    many = rules.judge(PAIR, (arm(1_000, 10_000), arm(1_005, 10_000)), [Evidence()], over=True)
    assert many.verdict == Verdict.NO_DIFFERENCE


def test_a_ratio_that_cannot_be_stops_even_a_large_effect():
    arms = (Arm(2_000, 2_000, 2_000, 196, Moments(0, 0, 0)), Arm(2_000, 1_700, 1_700, 400, Moments(0, 0, 0)))
    assert rules.judge(PAIR, arms, [Evidence()], over=True).verdict == Verdict.SAMPLE_RATIO


def test_a_wins_only_when_it_beats_every_other():
    three = Settings(weights=(1, 1, 1))
    beats_one = (arm(300, 2_000), arm(150, 2_000), arm(298, 2_000))
    assert rules.judge(three, beats_one, [Evidence()] * 2, over=True).winner is None
    beats_both = (arm(300, 2_000), arm(150, 2_000), arm(160, 2_000))
    assert rules.judge(three, beats_both, [Evidence()] * 2, over=True).winner == 0


def test_revenue_is_judged_by_means_and_only_with_enough_buyers():
    money = Settings(weights=(1, 1), metric="revenue")

    def spent(buyers, each, n=2_000):
        return arm(buyers, n, Moments(n, buyers * each, buyers * each * each))

    assert rules.judge(money, (spent(60, 4_000.0), spent(130, 4_000.0)), [Evidence()], over=True).winner == 1
    assert rules.judge(money, (spent(3, 4_000.0), spent(25, 4_000.0)), [Evidence()], over=True).winner is None


@pytest.mark.parametrize("decide", rules.DECIDE)
@pytest.mark.parametrize(
    ("weights", "rate", "runs"), [((1, 1), 0.12, 150), ((9, 1), 0.5, 100), ((1,) * 4, 0.12, 50), ((1, 1), 0.002, 100)]
)
def test_false_winners_stay_within_the_error_rate_also_when_looked_at_hourly(decide, weights, rate, runs):
    """`./dev bench false_winners` does it with many more."""
    dice, settings = np.random.default_rng(3), Settings(weights=weights, decide=decide)
    found = [
        simulated.run(dice, settings, [rate] * len(weights), 200 * len(weights), 24).winner is not None
        for _ in range(runs)
    ]
    assert sum(found) <= simulated.bound(runs, ALPHA)


def test_few_large_amounts_in_the_smaller_arm_make_no_false_winner():
    """Welch's test alone names one in every eighth of such tests."""
    dice, settings = np.random.default_rng(7), Settings(weights=(9, 1), metric="revenue")
    found = [
        simulated.run(dice, settings, [0.1, 0.1], 4_000, 2, lambda d, n: d.lognormal(8, 1.5, n)).winner
        for _ in range(150)
    ]
    assert sum(winner is not None for winner in found) <= 150 * ALPHA
    assert [simulated.run(dice, settings, [0.05, 0.4], 4_000, 4).winner for _ in range(5)] == [1] * 5


def test_planted_effects_are_found_by_evidence_and_before_the_time_is_up():
    dice = np.random.default_rng(5)
    settings = Settings(weights=(1, 1), decide="evidence")
    found = [simulated.run(dice, settings, [0.08, 0.22], 1_000, 24).winner for _ in range(25)]
    assert found.count(1) >= 24
    assert 0 not in found


def test_the_evidence_is_a_martingale():
    """The expectation of E over every draw of the next responses is E: computed, not sampled."""
    known = evidence.after_responses(Evidence(), left=(60, 40), new=(3, 5))
    left, drawn = (57, 35), 9
    mean = [0.0, 0.0]
    for x in range(drawn + 1):
        after = evidence.after_responses(known, left=left, new=(drawn - x, x))
        chance = stats.hypergeom(sum(left), left[1], drawn).pmf(x)
        mean[0] += chance * after.e_better
        mean[1] += chance * after.e_worse
    assert mean == pytest.approx([known.e_better, known.e_worse], rel=1e-9)


@pytest.mark.parametrize("left", [(5_000, 5_000), (9_000, 1_000), (1, 400), (1_000_000, 1_000_000)])
@pytest.mark.parametrize("shares", [(0.1, 0.4), (0.4, 0.1), (0.0, 0.3), (1.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_a_look_at_thousands_of_responses_is_evidence_too(left, shares):
    """Against the sum over every draw by scipy; what a single look may hold must not be beyond a float."""
    new = tuple(round(size * share) for size, share in zip(left, shares, strict=True))
    found, drawn = evidence.after_responses(Evidence(), left=left, new=new), sum(new)
    settings = Settings(weights=(1, 1), decide="evidence")
    arms = [arm(x, size) for x, size in zip(new, left, strict=True)]
    leader = None if found.p > ALPHA or shares[0] == shares[1] else int(shares[1] > shares[0])
    assert rules.judge(settings, arms, [found], over=False).winner == leader
    if min(left) > 1:
        assert (leader is None) == (shares[0] == shares[1])
    if max(left) > 10_000:
        return
    support = np.arange(max(0, drawn - left[0]), min(left[1], drawn) + 1)
    chances = stats.hypergeom(sum(left), left[1], drawn).logpmf(support)
    for n, theta in enumerate(evidence.EFFECTS):
        for logs, x, values in ((found.better, new[1], support), (found.worse, new[0], drawn - support)):
            assert logs[n] == pytest.approx(theta * x - logsumexp(chances + theta * values), abs=1e-6)


def test_amounts_of_money_stay_within_the_error_rate_and_show_an_effect():
    dice = random.Random(23)

    def run(rates, looks=12, n=400):
        proof, left = Evidence(), [n, n]
        for _ in range(looks):
            new = [[dice.paretovariate(1.6) * 20 for _ in range(n) if dice.random() < rate / looks] for rate in rates]
            everything = [x for each in new for x in each]
            usual = sum(everything) / len(everything) if everything else 0.0
            proof = evidence.after_amounts(proof, left=tuple(left), new=tuple(new), scale=usual, most=5 * usual)
            left = [before - len(each) for before, each in zip(left, new, strict=True)]
            if proof.p <= ALPHA:
                return True
        return False

    runs = 200
    assert sum(run((0.1, 0.1)) for _ in range(runs)) <= simulated.bound(runs, ALPHA)
    assert sum(run((0.05, 0.25)) for _ in range(20)) >= 18


def test_a_member_of_a_sequence_has_one_variant_in_python_and_the_shares_hold():
    members = [uuid4() for _ in range(4_000)]
    counts = [0, 0, 0]
    for member in members:
        counts[variant_of("step:1", member, (2, 1, 1))] += 1
    for count, share in zip(counts, (0.5, 0.25, 0.25), strict=True):
        assert abs(count - share * 4_000) < 5 * math.sqrt(4_000 * share * (1 - share))
