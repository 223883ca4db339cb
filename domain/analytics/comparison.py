"""Campaigns beside each other: the same shares of the same wholes, and whether chance explains the difference.

Each campaign is compared with the first one. A difference has Newcombe's interval (95 %, for itself) and the p-value
of Fisher's exact test, corrected by Holm for all differences of the answer. Nothing is adjusted: campaigns for other
people, on another channel or at another time differ for those reasons too, and `cautions` names what is known of that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from domain.analytics import money, reports
from domain.analytics.money import Account
from domain.analytics.reports import RATES
from domain.analytics.rollup import SEGMENT, WHOLE
from domain.campaigns import seal
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.experiments import statistics
from domain.experiments.statistics import Interval
from domain.plans import catalog
from domain.plans import service as plans
from kernel import clock, db
from kernel.errors import Invalid
from models import Campaign, CampaignPart, RollupDay

FEWEST, MOST = 2, 10
ALPHA = 0.05
SETTLES = timedelta(days=3)  # most opens and clicks come within them
METRICS: tuple[str, ...] = tuple(RATES)
_LARGEST_EXACT = 1_000_000
Verdict = Literal["higher", "lower", "cannot_tell", "no_data"]


@dataclass(frozen=True, slots=True)
class Share:
    """`n` of `of` messages, with its interval; None where there is nothing to divide by."""

    n: int
    of: int
    interval: Interval | None

    @property
    def per_1000(self) -> float | None:
        """Return how many of a thousand."""
        return 1_000 * self.n / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Difference:
    """A campaign's share minus that of the first campaign; `p` is corrected for all differences of the answer."""

    metric: str
    campaign_id: UUID
    difference: float | None
    interval: Interval | None
    p: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Column:
    """One campaign of a comparison, with cost and revenue over its life; of a segment with revenue alone."""

    campaign: Campaign
    shares: Mapping[str, Share]
    account: Account

    def per_1000(self, amount_minor: int) -> float | None:
        """Return money per thousand messages that reached their recipients."""
        reached = self.shares["opened"].of
        return 1_000 * amount_minor / reached if reached else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Columns in the order asked for, the differences to the first one, and what else sets the campaigns apart."""

    columns: Sequence[Column]
    differences: Sequence[Difference]
    cautions: Sequence[str]
    as_of: datetime


def compare(session: Session, ids: Sequence[UUID], segment_id: UUID | None = None) -> Comparison:
    """Compare two to ten campaigns, or what they did among the members of a segment that the audience of each names.

    Raises Invalid for another number and for a campaign that did not go to the segment, NotFound, PlanLimit.
    """
    plans.require_level(session, catalog.ANALYTICS, "advanced")
    wanted = list(dict.fromkeys(ids))
    if not FEWEST <= len(wanted) <= MOST:
        raise Invalid("ids", f"name {FEWEST} to {MOST} different campaigns, such as ids=…&ids=…")
    found = [campaigns.get(session, one) for one in wanted]
    state, _ = reports.freshen(session)
    if segment_id is None:
        rows = [*_of(session, wanted), RollupDay.link_n == WHOLE]
        accounts = {each: money.of_campaign(session, each) for each in wanted}
    else:
        _went_to(session, found, segment_id)
        rows = [*_of(session, wanted), RollupDay.link_n == SEGMENT, _named(session, segment_id)]
        accounts = _revenues(session, wanted, rows)
    sums = _sums(session, rows)
    columns = [Column(each, _shares(sums.get(each.id, {})), accounts[each.id]) for each in found]
    return Comparison(columns, differences(columns), _cautions(found, clock.now()), state.counted_at)


def _of(session: Session, ids: Sequence[UUID]) -> list[ColumnElement[bool]]:
    return [RollupDay.tenant_id == db.tenant_of(session), RollupDay.campaign_id.in_(ids)]


def _went_to(session: Session, found: Sequence[Campaign], segment_id: UUID) -> None:
    """Raise Invalid for a campaign whose recipients were not chosen by the segment."""
    went = select(CampaignPart.campaign_id).where(
        CampaignPart.tenant_id == db.tenant_of(session),
        CampaignPart.campaign_id.in_([each.id for each in found]),
        CampaignPart.segment_id == segment_id,
    )
    known = set(session.execute(went).scalars())
    for each in found:
        if each.id not in known:
            raise Invalid("segment", f"the campaign '{each.name}' did not go to it: leave it out or choose another one")


def _named(session: Session, segment_id: UUID) -> ColumnElement[bool]:
    """True for the roll-ups of a segment, whose number each campaign has for itself."""
    return exists().where(
        CampaignPart.tenant_id == db.tenant_of(session),
        CampaignPart.campaign_id == RollupDay.campaign_id,
        CampaignPart.n == RollupDay.part,
        CampaignPart.segment_id == segment_id,
    )


def _revenues(session: Session, ids: Sequence[UUID], where: Sequence[ColumnElement[bool]]) -> dict[UUID, Account]:
    """Return the conversions of a segment; cost is not known by segment."""
    accounts = {each: Account(str(each)) for each in ids}
    by = (RollupDay.campaign_id, RollupDay.detail)
    sums = (func.sum(RollupDay.value_minor), func.sum(RollupDay.conversions))
    for campaign_id, currency, value, n in session.execute(
        select(*by, *sums).where(*where, RollupDay.conversions > 0).group_by(*by)
    ):
        revenue = accounts[campaign_id].revenue(currency)
        revenue.value_minor, revenue.conversions = int(value), int(n)
    return accounts


def _sums(session: Session, where: Sequence[ColumnElement[bool]]) -> dict[UUID, dict[str, int]]:
    names = sorted({name for pair in RATES.values() for name in pair})
    rows = session.execute(
        select(RollupDay.campaign_id, *(func.sum(getattr(RollupDay, name)) for name in names))
        .where(*where)
        .group_by(RollupDay.campaign_id)
    )
    return {row[0]: dict(zip(names, map(int, row[1:]), strict=True)) for row in rows}


def _shares(sums: Mapping[str, int]) -> dict[str, Share]:
    return {metric: share(sums.get(part, 0), sums.get(whole, 0)) for metric, (part, whole) in RATES.items()}


def share(n: int, of: int) -> Share:
    """Return a share with Wilson's interval."""
    return Share(n, of, statistics.wilson(n, of) if of else None)


def differences(columns: Sequence[Column]) -> list[Difference]:
    """Return every share of every later column minus that of the first, with p-values that hold together."""
    first = columns[0].shares
    pairs = [(metric, column, first[metric], column.shares[metric]) for column in columns[1:] for metric in METRICS]
    with_data = [pair for pair in pairs if pair[2].of and pair[3].of]
    corrected = statistics.holm([_p(one, two) for _, _, one, two in with_data])
    by_pair = {(metric, column.campaign.id): p for (metric, column, _, _), p in zip(with_data, corrected, strict=True)}
    return [
        _difference(metric, column.campaign.id, one, two, by_pair.get((metric, column.campaign.id)))
        for metric, column, one, two in pairs
    ]


def _p(one: Share, two: Share) -> float:
    """Return the p-value: exact, and beyond a million messages by chi-square, which is then the same."""
    if one.of + two.of <= _LARGEST_EXACT:
        return statistics.fisher_p((one.n, two.n), (one.of, two.of))
    n, of = one.n + two.n, one.of + two.of
    if n in {0, of}:
        return 1.0
    z = (two.n / two.of - one.n / one.of) ** 2 / (n / of * (1 - n / of) * (1 / one.of + 1 / two.of))
    return statistics.chi_square_p(z, 1)


def _difference(metric: str, campaign_id: UUID, one: Share, two: Share, p: float | None) -> Difference:
    if p is None:
        return Difference(metric, campaign_id, None, None, None, "no_data")
    difference = two.n / two.of - one.n / one.of
    interval = statistics.newcombe((one.n, two.n), (one.of, two.of))
    verdict: Verdict = "cannot_tell" if p >= ALPHA else "higher" if difference > 0 else "lower"
    return Difference(metric, campaign_id, difference, interval, p, verdict)


def _cautions(found: Sequence[Campaign], now: datetime) -> list[str]:
    """Return codes of what sets the campaigns apart beside their content."""
    cautions = ["not_randomised"]
    if len({each.channel for each in found}) > 1:
        cautions.append("different_channels")
    if len({seal.canonical(each.audience) for each in found}) > 1:
        cautions.append("different_audiences")
    if any(each.status != Status.SENT or not each.completed_at or each.completed_at > now - SETTLES for each in found):
        cautions.append("still_counting")
    return cautions


def words(difference: Difference, one: str, two: str, language: str) -> str:
    """Say what a difference between the campaigns named `one` and `two` amounts to; German and English."""
    interval = difference.interval or Interval(0.0, 0.0)
    return _WORDS[language][difference.verdict].format(
        metric=_NAMES[language][difference.metric],
        one=one,
        two=two,
        by=_points(abs(difference.difference or 0.0), language).lstrip("+"),
        low=_points(interval.low, language),
        high=_points(interval.high, language),
    )


def _points(share_: float, language: str) -> str:
    """Return percentage points with their sign, as people of the language write them."""
    written = f"{100 * share_:+.1f}"
    return written.replace(".", ",") if language == "de" else written


_NAMES = {
    "de": {
        "reached": "Zustellung", "bounced": "Rückläufer", "opened": "Öffnungen", "clicked": "Klicks",
        "replied": "Antworten", "converted": "Abschlüsse", "unsubscribed": "Abmeldungen", "complained": "Beschwerden",
    },
    "en": {
        "reached": "Delivery", "bounced": "Bounces", "opened": "Opens", "clicked": "Clicks", "replied": "Replies",
        "converted": "Conversions", "unsubscribed": "Unsubscribes", "complained": "Complaints",
    },
}  # fmt: skip
_WORDS = {
    "de": {
        "higher": "{metric}: „{two}“ liegt {by} Prozentpunkte über „{one}“ (95 %: {low} bis {high}); mit Zufall ist "
        "das kaum zu erklären.",
        "lower": "{metric}: „{two}“ liegt {by} Prozentpunkte unter „{one}“ (95 %: {low} bis {high}); mit Zufall ist "
        "das kaum zu erklären.",
        "cannot_tell": "{metric}: Ein Unterschied zwischen „{two}“ und „{one}“ ist von Zufall nicht zu unterscheiden "
        "(95 %: {low} bis {high} Prozentpunkte).",
        "no_data": "{metric}: Für einen Vergleich von „{two}“ mit „{one}“ gibt es keine Nachrichten.",
    },
    "en": {
        "higher": "{metric}: “{two}” is {by} percentage points above “{one}” (95%: {low} to {high}); chance hardly "
        "explains that.",
        "lower": "{metric}: “{two}” is {by} percentage points below “{one}” (95%: {low} to {high}); chance hardly "
        "explains that.",
        "cannot_tell": "{metric}: a difference between “{two}” and “{one}” cannot be told from chance (95%: {low} to "
        "{high} percentage points).",
        "no_data": "{metric}: there are no messages to compare “{two}” with “{one}”.",
    },
}
