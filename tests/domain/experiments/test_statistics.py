"""The statistics against an independent implementation, on tables of every shape."""

import gc
import random

import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, power_proportions_2indep, proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from domain.experiments import planner, statistics
from domain.experiments.statistics import Moments


def tables(n, seed=7, largest=6_000):
    """Pairs of sizes with pairs of successes: small and large, rare and usual, alike and not, and the corners."""
    dice = random.Random(seed)
    for _ in range(n):
        sizes = dice.randint(1, largest), dice.randint(1, largest)
        rate = dice.choice((0.0, 0.002, 0.02, 0.2, 0.5, 0.98, 1.0))
        shift = dice.choice((0.0, 0.0, 0.01, 0.1))
        yield (_some(dice, sizes[0], rate), _some(dice, sizes[1], min(1.0, rate + shift))), sizes


def _some(dice, n, rate):
    return min(n, max(0, round(dice.gauss(n * rate, (n * rate * (1 - rate)) ** 0.5))))


def test_a_thousand_random_tables_agree():
    for successes, sizes in tables(1_000):
        table = [[x, n - x] for x, n in zip(successes, sizes, strict=True)]
        assert statistics.fisher_p(successes, sizes) == pytest.approx(
            stats.fisher_exact(table)[1], rel=1e-7, abs=1e-290
        )
        for x, n in zip(successes, sizes, strict=True):
            mine = statistics.wilson(x, n, 0.04)
            assert (mine.low, mine.high) == pytest.approx(proportion_confint(x, n, 0.04, method="wilson"), abs=1e-12)
        mine = statistics.newcombe(successes, sizes)
        theirs = confint_proportions_2indep(
            successes[1], sizes[1], successes[0], sizes[0], method="newcomb", compare="diff"
        )
        assert (mine.low, mine.high) == pytest.approx(theirs, abs=1e-12)


def test_sample_ratios_and_corrections_agree(monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda: 0)  # theirs collects garbage at every call
    dice = random.Random(11)
    for _ in range(1_000):
        arms = dice.randint(2, 8)
        weights = [dice.randint(1, 9) for _ in range(arms)]
        counts = [dice.randint(50, 70) * weight for weight in weights]
        expected = [sum(counts) * weight / sum(weights) for weight in weights]
        assert statistics.sample_ratio_p(counts, weights) == pytest.approx(
            stats.chisquare(counts, expected).pvalue, rel=1e-7, abs=1e-13
        )
        p_values = [dice.random() ** dice.randint(1, 6) for _ in range(arms)]
        assert statistics.holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_an_arm_that_nobody_was_allocated_to_is_no_part_of_the_ratio():
    assert statistics.sample_ratio_p([1, 0], [1, 0]) == 1.0
    assert statistics.sample_ratio_p([40, 0, 60], [50, 0, 50]) == statistics.sample_ratio_p([40, 60], [50, 50])
    assert statistics.sample_ratio_p([1, 1], [2, 0]) == 0.0


def test_means_agree():
    dice = random.Random(13)
    for _ in range(300):
        samples = [[dice.expovariate(1 / 4_000) for _ in range(dice.randint(5, 60))] for _ in range(2)]
        moments = [Moments(len(s), sum(s), sum(x * x for x in s)) for s in samples]
        p, interval = statistics.welch(*moments)
        theirs = CompareMeans(DescrStatsW(samples[1]), DescrStatsW(samples[0]))
        assert p == pytest.approx(theirs.ttest_ind(usevar="unequal")[1], rel=1e-7)
        assert (interval.low, interval.high) == pytest.approx(theirs.tconfint_diff(usevar="unequal"), rel=1e-7)
        own = statistics.mean_interval(moments[0])
        assert (own.low, own.high) == pytest.approx(DescrStatsW(samples[0]).tconfint_mean(), rel=1e-7)


def test_intervals_hold_for_the_strictest_error_rates():
    """As they are asked for while a large test may be looked at again; 1 - α / 2 would be 1."""
    for alpha in (1e-6, 1e-20, 1e-300):
        z = stats.norm.isf(alpha / 2)
        found, p = statistics.wilson(300_000, 600_000, alpha), 0.5
        half = z * (p * (1 - p) / 600_000 + z * z / (4 * 600_000**2)) ** 0.5 / (1 + z * z / 600_000)
        assert found.high - found.low == pytest.approx(2 * half, rel=1e-9)
    for alpha in (0.2, 1e-6, 1e-20):
        for freedom in (1, 2.5, 30, 4_000):
            assert statistics.student_quantile(alpha, freedom) == pytest.approx(
                stats.t.isf(alpha / 2, freedom), rel=1e-8
            )


def test_special_functions_agree_far_out():
    dice = random.Random(17)
    for _ in range(500):
        a, b, x = dice.uniform(0.2, 80), dice.uniform(0.2, 80), dice.uniform(0, 160)
        assert statistics.gamma_p(a, x) == pytest.approx(stats.gamma.cdf(x, a), abs=1e-12)
        assert statistics.beta_i(a, b, x / 160) == pytest.approx(stats.beta.cdf(x / 160, a, b), abs=1e-11)


def test_the_planner_agrees_and_its_two_questions_are_each_others_answer():
    dice = random.Random(19)
    for _ in range(60):
        base, effect = dice.uniform(0.01, 0.5), dice.uniform(0.005, 0.1)
        per_arm, arms = dice.randint(50, 20_000), dice.randint(2, 5)
        design = planner.Design(base, arms)
        continuous = per_arm * max(0.0, 1 - 1 / (per_arm * effect)) ** 2
        theirs = power_proportions_2indep(
            effect, base, max(continuous, 1e-9), alpha=0.05 / (arms - 1), return_results=False
        )
        # theirs counts the chance to be wrong about the direction as found
        assert planner.power_of(design, per_arm, effect) == pytest.approx(theirs, abs=0.026)
        needed = planner.needed(design, effect)
        assert planner.power_of(design, needed, effect) >= design.power > planner.power_of(design, needed - 1, effect)
        assert planner.detectable(design, needed) == pytest.approx(effect, rel=0.02)


@pytest.mark.parametrize(("base", "effect"), [(0.5, 0.2), (0.1, 0.1), (0.05, 0.1)])
def test_what_the_planner_asks_for_is_enough_for_the_exact_test(base, effect):
    """Every table that may come, weighed by its chance: the exact test finds four of five, and few more."""
    n = planner.needed(planner.Design(base), effect)
    chances = [stats.binom(n, rate) for rate in (base, base + effect)]
    likely = [range(int(each.ppf(1e-6)), int(each.isf(1e-6)) + 1) for each in chances]
    found = sum(
        chances[0].pmf(x) * chances[1].pmf(larger).sum()
        for x in likely[0]
        if (larger := [y for y in likely[1] if y > x and statistics.fisher_p((x, y), (n, n)) <= 0.05])
    )
    assert 0.8 <= found < 0.83


def test_looking_always_costs_recipients():
    once, always = planner.Design(0.1), planner.Design(0.1, sequential=True)
    assert planner.needed(once, 0.02) == 3_941
    assert planner.needed(once, 0.02) < planner.needed(always, 0.02) < 3 * planner.needed(once, 0.02)
    assert planner.detectable(once, 180) > 0.1
