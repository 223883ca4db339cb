"""How large a test must be, before it is begun. Pure.

Two rates are compared by their difference, with the pooled variance under "no difference" (Fleiss, Levin & Paik,
Statistical Methods for Rates and Proportions, 3rd ed., §4.3), and with the correction for continuity (§4.4), which
is what Fisher's exact test takes (Casagrande, Pike & Smith, Biometrics 34, 1978). Several arms against A share the
error rate evenly, which is what Holm asks of the smallest p-value.
"""

import math
from dataclasses import dataclass

from domain.experiments import evidence
from domain.experiments.statistics import NORMAL, Moments

POWER = 0.8
MOST = 100_000_000  # more recipients than this nobody has


@dataclass(frozen=True, slots=True)
class Design:
    """What is compared: the rate expected of A, the number of arms, the error rate, and how it is decided."""

    base: float
    arms: int = 2
    alpha: float = 0.05
    power: float = POWER
    sequential: bool = False

    @property
    def each(self) -> float:
        """Return the error rate of one comparison with A."""
        return self.alpha / max(1, self.arms - 1)


def power_of(design: Design, per_arm: int, effect: float) -> float:
    """Return the chance to find a difference of `effect` (a fraction of 1) with so many recipients per arm.

    Decided by evidence, it is the chance at the last look: looking before can only find it earlier.
    """
    other = design.base + effect
    if not 0 < other < 1 or per_arm < 1:
        return 0.0
    pooled = (design.base + other) / 2
    null = math.sqrt(2 * pooled * (1 - pooled) / per_arm)
    real = math.sqrt((design.base * (1 - design.base) + other * (1 - other)) / per_arm)
    if design.sequential:
        information = per_arm * pooled * (1 - pooled) / 2
        critical, seen = evidence.needed_z(information, design.each), abs(effect)
    else:
        critical, seen = -NORMAL.inv_cdf(design.each / 2), max(0.0, abs(effect) - 1 / per_arm)
    return 1 - NORMAL.cdf((critical * null - seen) / real)


def needed(design: Design, effect: float) -> int | None:
    """Return the recipients per arm that find a difference of `effect` with the design's power; None beyond MOST."""
    low, high = 1, 2
    while power_of(design, high, effect) < design.power:
        low, high = high, high * 2
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power_of(design, middle, effect) < design.power else (low, middle)
    return high


def detectable(design: Design, per_arm: int) -> float | None:
    """Return the smallest rise over the base rate that so many recipients per arm find; None where there is none."""
    low, high = 0.0, 1 - design.base
    if power_of(design, per_arm, high * (1 - 1e-9)) < design.power:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if power_of(design, per_arm, middle) < design.power else (low, middle)
    return high


def detectable_between(base: float, sizes: tuple[int, int], alpha: float) -> float | None:
    """Return the smallest rise over the rate of the first group that two groups of these sizes find."""
    alike = round(2 / (1 / sizes[0] + 1 / sizes[1]))  # even groups in which a difference varies as much
    return detectable(Design(base, alpha=alpha), max(1, alike)) if 0 < base < 1 else None


def needed_for_mean(design: Design, sample: Moments, effect: float) -> int | None:
    """Return the recipients per arm that find a difference of `effect` between means with the spread of a sample.

    Decided by evidence, it counts as many buyers as the sample has for its information. None without spread or effect.
    """
    if effect <= 0 or sample.variance <= 0:
        return None
    critical = -NORMAL.inv_cdf(design.each / 2)
    if design.sequential:
        critical = evidence.needed_z(max(1.0, sample.n / 4), design.each)
    wanted = critical + NORMAL.inv_cdf(design.power)
    found = math.ceil(2 * sample.variance * (wanted / effect) ** 2)
    return found if found <= MOST else None
