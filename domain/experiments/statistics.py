"""The statistics of comparisons, from the standard library alone. Pure; tested against statsmodels and scipy.

Special functions: the incomplete gamma and beta functions by series and continued fraction (Numerical Recipes, 3rd
ed., §6.2 and §6.4); the normal distribution is the standard library's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

NORMAL = NormalDist()
_TINY = 1e-300
_CLOSE = 1e-15
_MOST_STEPS = 10_000
_FARTHEST = 1e150
_ALIKE = 1 + 1e-7  # tables whose probability differs by rounding alone are equally likely (as in R and scipy)


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, in the unit of what is estimated."""

    low: float
    high: float


def gamma_p(a: float, x: float) -> float:
    """Return the regularised lower incomplete gamma function P(a, x) for a > 0, x ≥ 0."""
    if x <= 0:
        return 0.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    return scale * _gamma_series(a, x) if x < a + 1 else 1 - scale * _gamma_fraction(a, x)


def _gamma_series(a: float, x: float) -> float:
    term = total = 1 / a
    for n in range(1, _MOST_STEPS):
        term *= x / (a + n)
        total += term
        if abs(term) < abs(total) * _CLOSE:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
    """Return Γ(a, x) without its scale, by Lentz's method."""
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    h = d
    for n in range(1, _MOST_STEPS):
        factor = -n * (n - a)
        b += 2
        d = 1 / _kept(factor * d + b)
        c = _kept(b + factor / c)
        h *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return h


def _kept(value: float) -> float:
    """Return a value that can be divided by."""
    return value if abs(value) > _TINY else _TINY


def beta_i(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for a, b > 0."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    scale = math.exp(logs)
    if x < (a + 1) / (a + b + 2):
        return scale * _beta_fraction(a, b, x) / a
    return 1 - scale * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _kept(1 - (a + b) * x / (a + 1))
    h = d
    for n in range(1, _MOST_STEPS):
        even = n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n))
        odd = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1))
        for factor in (even, odd):
            d = 1 / _kept(1 + factor * d)
            c = _kept(1 + factor / c)
            h *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return h


def chi_square_p(statistic: float, freedom: int) -> float:
    """Return the chance of a chi-square value at least this large."""
    return 1 - gamma_p(freedom / 2, statistic / 2)


def student_p(t: float, freedom: float) -> float:
    """Return the two-sided chance of a t value at least this far from 0."""
    return beta_i(freedom / 2, 0.5, freedom / (freedom + t * t))


def sample_ratio_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return the p-value of counts against the shares they should have (chi-square, k - 1 degrees of freedom)."""
    pairs = [(n, weight) for n, weight in zip(counts, weights, strict=True) if weight]
    total, whole = sum(counts), sum(weights)
    if total > sum(n for n, _ in pairs):  # somebody where nobody should be
        return 0.0
    if total == 0 or len(pairs) == 1:
        return 1.0
    statistic = sum((n - total * weight / whole) ** 2 / (total * weight / whole) for n, weight in pairs)
    return chi_square_p(statistic, len(pairs) - 1)


def wilson(successes: int, n: int, alpha: float = 0.05) -> Interval:
    """Return the score interval of a rate (Wilson, 1927)."""
    if n == 0:
        return Interval(0.0, 1.0)
    z = -NORMAL.inv_cdf(alpha / 2)  # from the small side: 1 - α / 2 is 1 to a float long before α is 0
    rate = successes / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return Interval(middle - half if successes else 0.0, middle + half if successes < n else 1.0)


def newcombe(successes: tuple[int, int], sizes: tuple[int, int], alpha: float = 0.05) -> Interval:
    """Return the interval of the difference second − first of two rates (Newcombe, 1998, method 10)."""
    if 0 in sizes:
        return Interval(-1.0, 1.0)
    first, second = (wilson(x, n, alpha) for x, n in zip(successes, sizes, strict=True))
    p, q = successes[0] / sizes[0], successes[1] / sizes[1]
    low = math.sqrt((q - second.low) ** 2 + (first.high - p) ** 2)
    high = math.sqrt((second.high - q) ** 2 + (p - first.low) ** 2)
    return Interval(q - p - low, q - p + high)


def fisher_p(successes: tuple[int, int], sizes: tuple[int, int]) -> float:
    """Return the two-sided p-value of Fisher's exact test: of all tables with these margins, those no more likely."""
    drawn = sum(successes)
    low, high = max(0, drawn - sizes[0]), min(sizes[1], drawn)
    seen = successes[1]
    at = log_hypergeometric(seen, sizes[1], sizes[0], drawn)
    total = 0.0
    for start, step in ((seen, 1), (seen - 1, -1)):
        ratio = math.exp(log_hypergeometric(start, sizes[1], sizes[0], drawn) - at) if low <= start <= high else 0.0
        x = start
        while low <= x <= high:
            total += ratio if ratio <= _ALIKE else 0.0
            following = ratio * hypergeometric_ratio(x, sizes, drawn, step)
            if following < ratio < _CLOSE * max(total, _TINY):
                break
            ratio, x = following, x + step
    return min(1.0, total * math.exp(at))


def hypergeometric_ratio(x: int, sizes: tuple[int, int], drawn: int, step: int) -> float:
    """Return how much likelier x + step (1 or -1) of the second group is than x, among `drawn` without putting back."""
    if step > 0:
        return (sizes[1] - x) * (drawn - x) / ((x + 1) * (sizes[0] - drawn + x + 1))
    return x * (sizes[0] - drawn + x) / ((sizes[1] - x + 1) * (drawn - x + 1)) if x > 0 else 0.0


def log_choose(n: int, k: int) -> float:
    """Return the logarithm of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def log_hypergeometric(x: int, good: int, bad: int, drawn: int) -> float:
    """Return the log of the chance to draw x good ones among `drawn` without putting back; −∞ outside the support."""
    if x < 0 or x > good or drawn - x < 0 or drawn - x > bad:
        return -math.inf
    return log_choose(good, x) + log_choose(bad, drawn - x) - log_choose(good + bad, drawn)


@dataclass(frozen=True, slots=True)
class Moments:
    """Size, sum and sum of squares of a sample."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Return the unbiased variance."""
        return max(0.0, self.squares - self.total * self.total / self.n) / (self.n - 1) if self.n > 1 else 0.0


def welch(first: Moments, second: Moments, alpha: float = 0.05) -> tuple[float, Interval]:
    """Return p-value and interval of the difference second − first of two means (Welch, 1947).

    Without any spread the p-value is 1: nothing is known about how much the means vary.
    """
    difference = second.mean - first.mean
    if first.n < 2 or second.n < 2:  # noqa: PLR2004 - a variance needs two
        return 1.0, Interval(-math.inf, math.inf)
    parts = first.variance / first.n, second.variance / second.n
    error = math.sqrt(sum(parts))
    if error == 0:
        return 1.0, Interval(difference, difference)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (first.n - 1) + parts[1] ** 2 / (second.n - 1))
    half = student_quantile(alpha, freedom) * error
    return student_p(difference / error, freedom), Interval(difference - half, difference + half)


def student_quantile(alpha: float, freedom: float) -> float:
    """Return how far from 0 a t variable lies with the chance alpha, on both sides together, by bisection."""
    low, high = 0.0, 1.0
    while student_p(high, freedom) > alpha and high < _FARTHEST:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, freedom) > alpha else (low, middle)
    return (low + high) / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm, 1979): all of them hold together at one error rate."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, worst = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, p_values[index] * (len(p_values) - rank)))
        corrected[index] = worst
    return corrected


def mean_interval(sample: Moments, alpha: float = 0.05) -> Interval:
    """Return the t interval of a mean."""
    if sample.n < 2:  # noqa: PLR2004 - a variance needs two
        return Interval(-math.inf, math.inf)
    half = student_quantile(alpha, sample.n - 1) * math.sqrt(sample.variance / sample.n)
    return Interval(sample.mean - half, sample.mean + half)
