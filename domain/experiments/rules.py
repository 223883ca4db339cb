"""A comparison in rules: who gets what, when it is decided, and what follows. Pure.

One arm is A, the text that is sent where nothing is decided; every other arm is compared with A. The leading arm wins
when it is better than A beyond the error rate; A wins when it is better than every other. All comparisons of a test
hold together at one error rate (Holm). Decided after hours, there is one look, with Fisher's exact test, or Welch's
for money; decided by evidence, every look counts, with test martingales (`evidence`). Money in uneven arms is judged
by them too: few large amounts in the smaller arm deceive Welch's test more often than its error rate says.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from domain.content import versions
from domain.experiments import evidence, planner, statistics
from domain.experiments.evidence import Evidence
from domain.experiments.statistics import Interval, Moments
from kernel.errors import Invalid

HOLDOUT = "holdout"
WAITS = "waits_for_winner"
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # when a message is due that waits for a decision
NO_WINNER = "no_winner"

METRICS = ("opens", "clicks", "conversions", "revenue")
DECIDE = ("hours", "evidence")
POLICIES = ("send_a", "send_none", "split", "ask")
LONGEST_HOURS = 14 * 24
MOST_HELD_OUT = 50
LARGEST_WEIGHT = 100
ALPHAS = (0.001, 0.2)
SAMPLE_RATIO = 0.001
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """How a comparison is made, as it stands in the approved content.

    Percentages are of everybody who can be reached; `test_percent` None is everybody who is not held out. `hours` count
    from the last message of the test; decided by evidence they are the longest that it may take. `effect` is the
    smallest difference worth finding, in percentage points (for revenue in percent of A's mean).
    """

    weights: tuple[int, ...] = (1,)
    test_percent: int | None = None
    holdout_percent: int = 0
    metric: str = "clicks"
    decide: str = "hours"
    hours: int = 24
    alpha: float = 0.05
    effect: float = 2.0
    no_winner: str = "send_a"

    @property
    def arms(self) -> int:
        return len(self.weights)

    @property
    def martingales(self) -> bool:
        """Return whether the p-values are those of evidence, also where it is decided after hours."""
        return self.decide == "evidence" or (self.metric == "revenue" and len(set(self.weights)) > 1)

    @property
    def tested(self) -> int:
        """Return the percentage that the arms share."""
        return _WHOLE - self.holdout_percent if self.test_percent is None else self.test_percent

    @property
    def cells(self) -> tuple[int, ...]:
        """Return the weights of held out, every arm, and the rest, as whole numbers."""
        whole = sum(self.weights)
        rest = _WHOLE - self.holdout_percent - self.tested
        return (self.holdout_percent * whole, *(self.tested * weight for weight in self.weights), rest * whole)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "weights": list(self.weights)}


def settings_of(content: Mapping[str, Any]) -> Settings | None:
    """Return how a content is compared; None where nothing is compared and nobody is held out."""
    given = content.get(versions.KEY)
    if not given:
        return None
    known = {key: value for key, value in given.items() if key != "variants"}
    return Settings(**{**known, "weights": tuple(known["weights"])})


def checked(settings: Settings) -> Settings:
    """Return settings that can be used; raises Invalid naming what cannot."""
    low, high = ALPHAS
    problems = (
        ("weights", not 1 <= settings.arms <= versions.MOST, f"name 1 to {versions.MOST} variants"),
        ("weights", not all(1 <= weight <= LARGEST_WEIGHT for weight in settings.weights), "are whole numbers from 1"),
        ("holdout_percent", not 0 <= settings.holdout_percent <= MOST_HELD_OUT, f"is 0 to {MOST_HELD_OUT}"),
        ("metric", settings.metric not in METRICS, f"is one of {', '.join(METRICS)}"),
        ("decide", settings.decide not in DECIDE, f"is one of {', '.join(DECIDE)}"),
        ("hours", not 1 <= settings.hours <= LONGEST_HOURS, f"is 1 to {LONGEST_HOURS}"),
        ("alpha", not low <= settings.alpha <= high, f"is {low} to {high}"),
        ("effect", not 0 < settings.effect <= _WHOLE, f"is above 0, at most {_WHOLE}"),
        ("no_winner", settings.no_winner not in POLICIES, f"is one of {', '.join(POLICIES)}"),
        ("test_percent", not 1 <= settings.tested <= _WHOLE - settings.holdout_percent, "leaves nobody, or too many"),
        ("test_percent", settings.arms == 1 and settings.test_percent is not None, "needs a second variant"),
        ("holdout_percent", settings.arms == 1 and not settings.holdout_percent, "or a second variant is needed"),
    )
    for field, wrong, how in problems:
        if wrong:
            raise Invalid(field, how)
    return settings


def allocate(n: int, cells: Sequence[int]) -> list[int]:
    """Return how many of n people each cell gets: exact shares by largest remainder, of equal ones the first."""
    whole = sum(cells)
    sizes = [n * cell // whole for cell in cells]
    order = sorted(range(len(cells)), key=lambda i: (-(n * cells[i] % whole), i))
    for i in order[: n - sum(sizes)]:
        sizes[i] += 1
    return sizes


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of one arm: allocated, handed over, of them measurable (`n`), and who responded.

    Opens and clicks are measurable where the member agreed to tracking. `revenue` is per measurable recipient.
    """

    allocated: int
    sent: int
    n: int
    responses: int
    revenue: Moments

    @property
    def rate(self) -> float:
        return self.responses / self.n if self.n else 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def arm_from(given: Mapping[str, Any]) -> Arm:
    """Read an arm as it was kept."""
    return Arm(**{**given, "revenue": Moments(**given["revenue"])})


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against A: the difference (arm − A) with its interval, and p-values, corrected for their number."""

    arm: int
    difference: float
    interval: Interval
    p: float
    corrected: float
    evidence: float


class Verdict(StrEnum):
    WAITING = "waiting"
    WINNER = "winner"
    NOT_ENOUGH_DATA = "not_enough_data"
    NO_DIFFERENCE = "no_difference"
    SAMPLE_RATIO = "sample_ratio"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the figures say now.

    `needed` recipients per arm find the smallest difference worth finding; it is asked where nothing was found.
    """

    verdict: Verdict
    winner: int | None
    comparisons: tuple[Comparison, ...]
    sample_ratio_p: float
    needed: int | None


def judge(settings: Settings, arms: Sequence[Arm], proofs: Sequence[Evidence], *, over: bool) -> Judgement:
    """Judge a test at one look; `proofs` are the evidence of every arm after A, `over` says that its time is up.

    Decided after hours, nothing is decided before it is over, so that looking does not matter.
    """
    final = over and not settings.martingales
    comparisons = _compared(settings, arms, proofs, final=final)
    ratio = statistics.sample_ratio_p([arm.sent for arm in arms], [arm.allocated for arm in arms])
    found = Judgement(Verdict.WAITING, None, comparisons, ratio, None)
    if settings.arms == 1 or not (over or settings.decide == "evidence"):
        return found
    winner = _winner(settings, arms, comparisons)
    if ratio < SAMPLE_RATIO:
        return replace(found, verdict=Verdict.SAMPLE_RATIO) if over or winner is not None else found
    if winner is not None:
        return replace(found, verdict=Verdict.WINNER, winner=winner)
    if not over:
        return found
    needed = recipients_needed(settings, arms[0])
    enough = needed is not None and min(arm.n for arm in arms) >= needed
    return replace(found, verdict=Verdict.NO_DIFFERENCE if enough else Verdict.NOT_ENOUGH_DATA, needed=needed)


def value_of(settings: Settings, arm: Arm) -> float:
    """Return what an arm is compared by: its rate, or its revenue per recipient in minor units."""
    return arm.revenue.mean if settings.metric == "revenue" else arm.rate


def _winner(settings: Settings, arms: Sequence[Arm], comparisons: Sequence[Comparison]) -> int | None:
    leader = max(range(len(arms)), key=lambda n: (value_of(settings, arms[n]), -n))
    against = [comparisons[leader - 1]] if leader else list(comparisons)
    sign = 1 if leader else -1
    proven = all(each.corrected <= settings.alpha and sign * each.difference > 0 for each in against)
    return leader if proven else None


def _compared(
    settings: Settings, arms: Sequence[Arm], proofs: Sequence[Evidence], *, final: bool
) -> tuple[Comparison, ...]:
    made = [_against_a(settings, arms, n, proof, final=final) for n, proof in enumerate(proofs, start=1)]
    corrected = statistics.holm([each.p for each in made])
    return tuple(replace(each, corrected=p) for each, p in zip(made, corrected, strict=True))


def _against_a(settings: Settings, arms: Sequence[Arm], n: int, proof: Evidence, *, final: bool) -> Comparison:
    first, arm = arms[0], arms[n]
    alpha = interval_alpha(settings, first, arm, final=final)
    if settings.metric == "revenue":
        p, interval = statistics.welch(first.revenue, arm.revenue, alpha)
        difference = arm.revenue.mean - first.revenue.mean
        p = p if min(first.responses, arm.responses) >= _FEW_BUYERS else 1.0
    else:
        pair, sizes = (first.responses, arm.responses), (first.n, arm.n)
        p = statistics.fisher_p(pair, sizes) if final else proof.p
        interval = statistics.newcombe(pair, sizes, alpha)
        difference = arm.rate - first.rate
    strongest = max(proof.e_better, proof.e_worse)
    return Comparison(n, difference, interval, p if final else proof.p, 1.0, strongest)


_FEW_BUYERS = 30  # in an arm with fewer, a mean is not yet near a normal distribution


def interval_alpha(settings: Settings, first: Arm, arm: Arm, *, final: bool) -> float:
    """Return the error rate of an interval: shared by all comparisons, and stricter while it may be looked at again."""
    each = settings.alpha / max(1, settings.arms - 1)
    if final:
        return each
    seen = first.responses + arm.responses
    share = seen / max(1, first.n + arm.n)
    information = max(1.0, seen * (1 - share) / 4) if settings.metric != "revenue" else max(1.0, seen / 4)
    return max(_LEAST, math.erfc(evidence.needed_z(information, each) / math.sqrt(2)))


_LEAST = 1e-300  # an error rate that a float still holds


def design(settings: Settings, base: float) -> planner.Design:
    """Return what the planner is asked about a test with this rate in A."""
    return planner.Design(base, settings.arms, settings.alpha, sequential=settings.martingales)


def recipients_needed(settings: Settings, first: Arm) -> int | None:
    """Return the recipients per arm that find the smallest difference worth finding, by what A shows so far."""
    if settings.arms == 1 or first.n == 0:
        return None
    if settings.metric == "revenue":
        return planner.needed_for_mean(design(settings, 0.0), first.revenue, first.revenue.mean * settings.effect / 100)
    base = min(max(first.rate, 0.5 / first.n), 0.98)
    return planner.needed(design(settings, base), min(settings.effect / 100, 0.99 - base))
