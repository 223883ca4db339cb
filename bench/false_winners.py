"""How often a test of variants names a false winner, and how often it finds what is there: `./dev bench false_winners`.

Options: `--tests 400` of each kind, `--seed 1`, `--quick`. No database: the rules themselves, on simulated people who
respond over a day while somebody looks each hour. False winners: rates from 0.1 % to 60 %, two to eight variants,
even and uneven shares, both ways to decide, and money of every skew. A kind is above the error rate when a true rate of
α gives so many false winners less than once in ten thousand times. Found: a difference for which the planner says that
so many recipients find it with a chance of 80 %.
"""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import simulated
from simulated import Dice, Spending

from bench import measure
from domain.experiments import planner, rules
from domain.experiments.rules import Settings

LOOKS = 24
PER_ARM = 500
RATES = (0.001, 0.01, 0.1, 0.6)
SHARES = ((1, 1), (9, 1), (1, 9), (1, 1, 1, 1), (3, 1, 1, 1, 1, 1, 1, 2))
SPENDING: dict[str, Spending] = {
    "one price": lambda _dice, n: np.full(n, 4_900.0),
    "exponential": lambda dice, n: dice.exponential(4_000, n),
    "log-normal, σ 1.5": lambda dice, n: dice.lognormal(8, 1.5, n),
    "Pareto 1.6": lambda dice, n: 2_000 * (1 + dice.pareto(1.6, n)),
}
DESIGNS = ((0.001, 0.004), (0.02, 0.02), (0.1, 0.05), (0.1, 0.1), (0.5, 0.2))


def kinds() -> Iterator[tuple[str, Settings, float, int, Spending | None]]:
    """Yield every kind of test without a difference: name, settings, rate, people, what they spend."""
    for decide, rate, weights in itertools.product(rules.DECIDE, RATES, SHARES):
        settings = Settings(weights=weights, decide=decide)
        yield f"{decide}, {weights}, {rate:.1%}", settings, rate, PER_ARM * len(weights), None
    for decide, weights, (name, spending) in itertools.product(rules.DECIDE, SHARES[:4], SPENDING.items()):
        settings = Settings(weights=weights, decide=decide, metric="revenue")
        people = 400 * sum(weights)  # 40 buyers in the smallest arm
        yield f"revenue, {decide}, {weights}, {name}", settings, 0.1, people, spending


def false_winners(dice: Dice, n: int) -> dict[str, float]:
    """Return the share of tests without a difference that named a winner, by kind."""
    found = {}
    for name, settings, rate, people, spending in kinds():
        rates = [rate] * settings.arms
        won = sum(simulated.run(dice, settings, rates, people, LOOKS, spending).winner is not None for _ in range(n))
        found[name] = won / n
        print(f"{won / n:7.2%} false winners: {name}", flush=True)
    return found


def power(dice: Dice, n: int) -> dict[str, float]:
    """Return the share of tests that found a difference with so many recipients as the planner asks for."""
    found = {}
    for decide, (base, effect) in itertools.product(rules.DECIDE, DESIGNS):
        settings = Settings(weights=(1, 1), decide=decide)
        per_arm = planner.needed(rules.design(settings, base), effect) or 0
        rates = (base, base + effect)
        won = sum(simulated.run(dice, settings, rates, 2 * per_arm, LOOKS).winner == 1 for _ in range(n))
        name = f"{decide}, {base:.1%} + {effect:.1%}, {per_arm:,} per arm"
        found[name] = won / n
        print(f"{won / n:7.2%} found: {name}", flush=True)
    return found


def main() -> None:
    """Simulate, and keep the figures."""
    options = measure.options(__doc__, tests=(400, "tests of each kind"), seed=(1, "of the random numbers"))
    n = 40 if options.quick else options.tests
    dice = np.random.default_rng(options.seed)
    false, found = false_winners(dice, n), power(dice, n)
    above = [name for name, share in false.items() if share * n > simulated.bound(n, Settings().alpha)]
    below = [name for name, share in found.items() if (1 - share) * n > simulated.bound(n, 1 - planner.POWER)]
    most, least = max(false, key=false.__getitem__), min(found, key=found.__getitem__)
    measure.keep(
        "false winners of tests of variants",
        goal=f"of {len(false)} kinds none above 5 % at hourly looks; {len(found)} differences found as planned, 80 %",
        seen=f"{len(above)} above; at most {false[most]:.1%} ({most}); found at least {found[least]:.1%} ({least})",
        met=not above and not below,
        quick=options.quick,
        tests=n,
        false=false,
        found=found,
    )


if __name__ == "__main__":
    main()
