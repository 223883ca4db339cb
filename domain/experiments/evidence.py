"""Evidence that may be looked at as often as anybody likes: test martingales from the random allocation itself. Pure.

Arms are drawn at random before anything is sent. If an arm made no difference, then of those who have not responded
yet the next ones to respond would be a random draw without putting back. At each look the new responses are compared
with that draw: E(θ) grows by exp(θx) / Z(θ), where x is how many of them the arm got and Z(θ) is the expectation of
exp(θx) under the draw (Fisher's noncentral hypergeometric likelihood ratio). Each factor has expectation 1, so
E is a test martingale, and by Ville's inequality it passes 1/α with a chance of at most α, whenever and however often
somebody looks (Ramdas, Grünwald, Vovk & Shafer, Statistical Science 38, 2023). Nothing is approximated, so it also
holds for few responses. The two directions are watched apart, each with half of the error rate, and E is the mean
over a grid of effects, which is a martingale again.

For amounts of money, new buyers have weights from all buyers together (which the allocation does not touch). Their
indicators are negatively associated, so the product of the single expectations bounds Z from above (Joag-Dev &
Proschan, Annals of Statistics 11, 1983): the error rate holds all the more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from domain.experiments.statistics import hypergeometric_ratio, log_hypergeometric

EFFECTS = (0.05, 0.1, 0.18, 0.3, 0.45, 0.7, 1.0, 1.5)  # log odds ratios
_NOTHING = 1e-18  # a part of a sum that a float does not tell from none


@dataclass(frozen=True, slots=True)
class Evidence:
    """Logarithms of E per effect, for "better than A" and for "worse than A"."""

    better: tuple[float, ...] = (0.0,) * len(EFFECTS)
    worse: tuple[float, ...] = (0.0,) * len(EFFECTS)

    @property
    def e_better(self) -> float:
        return _mean(self.better)

    @property
    def e_worse(self) -> float:
        return _mean(self.worse)

    @property
    def p(self) -> float:
        """Return the two-sided p-value as it is now; valid at every look."""
        return min(1.0, 2 / max(self.e_better, self.e_worse))


def _mean(logs: Sequence[float]) -> float:
    top = max(logs)
    return math.exp(min(top, 700.0)) * sum(math.exp(value - top) for value in logs) / len(logs)


def after_responses(known: Evidence, *, left: tuple[int, int], new: tuple[int, int]) -> Evidence:
    """Return the evidence after a look at yes-or-no responses.

    `left` counts those of A and of the arm who had not responded at the look before, `new` who has since.
    """
    drawn = new[0] + new[1]
    if drawn <= 0 or min(*left, *new) < 0 or new[0] > left[0] or new[1] > left[1]:
        return known
    other = (left[1], left[0])
    better = [log + _grown(theta, new[1], left, drawn) for log, theta in zip(known.better, EFFECTS, strict=True)]
    worse = [log + _grown(theta, new[0], other, drawn) for log, theta in zip(known.worse, EFFECTS, strict=True)]
    return Evidence(tuple(better), tuple(worse))


def _grown(theta: float, x: int, left: tuple[int, int], drawn: int) -> float:
    """Return log(exp(θx) / Z(θ)) for x of `drawn` in the arm.

    Z is summed from its largest part outwards, relative to that: the parts themselves are beyond what a float holds,
    and those that are left out would not change it.
    """
    odds, low, high = math.exp(theta), max(0, drawn - left[0]), min(left[1], drawn)
    b = odds * (left[1] + drawn) + left[0] - drawn  # where the next part is as large: a root of a quadratic
    root = 2 * odds * left[1] * drawn / (b + math.sqrt(b * b - 4 * (odds - 1) * odds * left[1] * drawn))
    top = min(max(int(root), low), high)
    total = 1.0
    for step in (1, -1):
        part, value = 1.0, top
        while low <= value + step <= high and part > _NOTHING * total:
            part *= odds**step * hypergeometric_ratio(value, left, drawn, step)
            total += part
            value += step
    return theta * (x - top) - log_hypergeometric(top, left[1], left[0], drawn) - math.log(total)


def after_amounts(
    known: Evidence, *, left: tuple[int, int], new: tuple[Sequence[float], Sequence[float]], scale: float, most: float
) -> Evidence:
    """Return the evidence after a look at what new buyers spent, in A and in the arm.

    `scale` is a usual amount, amounts above `most` count as `most`: both come from all arms together.
    """
    if scale <= 0 or not (new[0] or new[1]) or min(left) < 0 or sum(left) == 0:
        return known
    share = left[1] / sum(left)
    weights = [[min(amount, most) / scale for amount in arm] for arm in new]
    better, worse = [], []
    for n, theta in enumerate(EFFECTS):
        better.append(known.better[n] + _spent(theta, weights[1], weights[0], share))
        worse.append(known.worse[n] + _spent(theta, weights[0], weights[1], 1 - share))
    return Evidence(tuple(better), tuple(worse))


def _spent(theta: float, mine: Sequence[float], others: Sequence[float], share: float) -> float:
    gained = theta * math.fsum(mine)
    return gained - math.fsum(math.log1p(share * math.expm1(theta * w)) for w in (*mine, *others))


def needed_z(information: float, alpha: float) -> float:
    """Return how many standard errors an effect must show before the evidence passes 2/α at this information.

    `information` is that of the log odds ratio, the inverse of its variance. For the planner: the same mixture in its
    normal limit.
    """
    low, high = 0.0, 40.0
    for _ in range(40):
        z = (low + high) / 2
        logs = [theta * z * math.sqrt(information) - theta * theta * information / 2 for theta in EFFECTS]
        low, high = (z, high) if _mean(logs) < 2 / alpha else (low, z)
    return high
