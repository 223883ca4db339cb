"""Reports: totals, rates and series, read from the roll-ups per day and from nothing else.

Counts are by when a thing happened. Rates are by when the message was sent: of the messages sent in the period, the
share that was opened until now. So no rate is above 1, whatever period is asked for.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from domain.analytics import periods, rollup
from domain.analytics.periods import By, Span
from domain.analytics.rollup import SEGMENT, WHOLE
from domain.delivery import queries as delivery
from domain.plans import service as plans
from domain.plans.catalog import ANALYTICS
from kernel import db, log, outbox
from models import Campaign, CampaignPart, RollupDay, TrackedLink

KIND = "analytics"
SECTIONS = {"series": "standard", "channels": "standard", "links": "standard", "languages": "standard",
            "variants": "advanced", "segments": "advanced"}  # fmt: skip
_OF_PLACES = {"links", "segments"}  # what has rows of its own in the roll-ups
_OF_A_CAMPAIGN = {"links", "variants"}  # what means something within one campaign only
_AT_ONCE = 2_000  # so many events may wait and are counted before somebody who asks gets the answer
# Rate → of the messages counted by the second, the share that the first counts too. Both are by time of sending.
RATES: Mapping[str, tuple[str, str]] = {
    "reached": ("reached", "sent"),
    "bounced": ("of_bounced", "attempted"),
    "opened": ("of_opened", "reached"),
    "clicked": ("of_clicked", "reached"),
    "replied": ("of_replied", "reached"),
    "converted": ("of_converted", "reached"),
    "unsubscribed": ("of_unsubscribed", "reached"),
    "complained": ("of_complained", "reached"),
}
COUNTS: tuple[str, ...] = tuple(
    metric for metric in rollup.METRICS if not metric.startswith("of_") and metric not in {"value_minor", "attempted"}
)
_SUMS = ", ".join(f"coalesce(sum({metric}), 0)::bigint AS {metric}" for metric in rollup.METRICS)
_CUTS = {"channels": "channel", "languages": "language", "variants": "variant"}
_PLACE = "campaign_id, link_n, language, part, detail"
Key = tuple[Any, ...]
Grouped = dict[Key, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with what it is a share of; None where there is nothing to divide by."""

    numerator: int
    denominator: int
    per: str

    @property
    def value(self) -> float | None:
        """Return the share, between 0 and 1."""
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything counted of some messages; money by currency in its smallest unit."""

    sums: Mapping[str, int]
    values: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Return the counts by when things happened."""
        return {metric: self.sums.get(metric, 0) for metric in COUNTS}

    @property
    def rates(self) -> dict[str, Rate]:
        """Return the shares of what was sent in the period."""
        return {
            name: Rate(self.sums.get(part, 0), self.sums.get(whole, 0), whole) for name, (part, whole) in RATES.items()
        }


@dataclass(frozen=True, slots=True)
class Part:
    """The figures of one day, week or month."""

    span: Span
    figures: Figures


@dataclass(frozen=True, slots=True)
class Link:
    """The figures of one link of a campaign's content."""

    n: int
    language: str
    url: str | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class SegmentFigures:
    """The figures of the messages to a segment of an audience, whoever is in it now.

    `name` is the one that the segment had when the recipients were fixed last; `targeted` counts messages in whatever
    state.
    """

    segment_id: UUID
    name: str
    targeted: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments as the audiences named them. `overlap`: some messages count in several, so the sums exceed the total."""

    found: Sequence[SegmentFigures]
    overlap: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a campaign, or of a tenant, in a span. A section that the plan has not is None."""

    span: Span
    by: By
    zone: str
    level: str
    as_of: datetime
    behind: int
    targeted: int
    totals: Figures
    skipped: Mapping[str, int]
    failed: Mapping[str, int]
    series: Sequence[Part] | None = None
    channels: Mapping[str, Figures] | None = None
    languages: Mapping[str, Figures] | None = None
    links: Sequence[Link] | None = None
    variants: Mapping[int | None, Figures] | None = None
    segments: Segments | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which days, cut how, with which sections; no section named: all that the plan has."""

    first: date | None = None
    last: date | None = None
    by: By = By.DAY
    sections: frozenset[str] = frozenset()


def overview(session: Session, asked: Asked) -> Report:
    """Return the figures of all campaigns of the tenant; raises PlanLimit for a section that the plan has not."""
    level, sections = _sections(session, asked.sections)
    state, zone = freshen(session)
    span = periods.span(asked.first, asked.last, zone)
    targeted = sum(sum(each.values()) for each in delivery.counts_of_many(session, _started(session, span)).values())
    return _report(session, asked, span, sections - _OF_A_CAMPAIGN, (level, state, zone, targeted))


def performance(session: Session, campaign_id: UUID, asked: Asked) -> Report:
    """Return the figures of one campaign, by default from its first day to its last with anything to count.

    Raises NotFound for a campaign that is not here, PlanLimit for a section that the plan has not.
    """
    db.own(session, Campaign, campaign_id, "campaign")
    level, sections = _sections(session, asked.sections)
    state, zone = freshen(session)
    own = [RollupDay.campaign_id == campaign_id]
    periods.check(asked.first, asked.last)
    span = _life(session, own, asked, zone)
    targeted = sum(delivery.counts(session, campaign_id).values())
    return _report(session, asked, span, sections, (level, state, zone, targeted), campaign_id)


def freshen(session: Session) -> tuple[rollup.State, str]:
    """Count the little that may wait, and return how far the figures are and the zone of their days.

    Where much waits, a worker is told, and the answer says how much.
    """
    state = rollup.state(session)
    if state.zone != state.wanted or 0 < state.behind <= _AT_ONCE:
        _advance(session)
        state = rollup.state(session)
    if state.behind:
        outbox.mark_due(session, KIND)
    return state, state.zone or state.wanted


def _advance(session: Session) -> None:
    try:
        with session.begin_nested():
            rollup.advance(session, most=_AT_ONCE)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        log.get("analytics").warning("figures.not_counted", error=type(error.orig).__name__)


def _sections(session: Session, asked: frozenset[str]) -> tuple[str, frozenset[str]]:
    level = plans.require(session, ANALYTICS)
    had = {name for name, least in SECTIONS.items() if _has(level, least)}
    for section in sorted((asked & SECTIONS.keys()) - had):
        plans.require_level(session, ANALYTICS, SECTIONS[section])
    return level, frozenset(asked & had if asked else had)


def _has(level: str, least: str) -> bool:
    """Return whether a level of analytics is at least another."""
    order = [each for each in ANALYTICS.levels if each is not None]
    return order.index(level) >= order.index(least)


def _started(session: Session, span: Span) -> list[UUID]:
    """Return the campaigns with anything to count in a span."""
    rows = session.execute(
        select(RollupDay.campaign_id).where(*_within(session, span), RollupDay.link_n == WHOLE).distinct()
    )
    return list(rows.scalars())


def _within(session: Session, span: Span) -> list[ColumnElement[bool]]:
    return [
        RollupDay.tenant_id == db.tenant_of(session), RollupDay.day >= span.first, RollupDay.day <= span.last
    ]  # fmt: skip


def _life(session: Session, own: Iterable[ColumnElement[bool]], asked: Asked, zone: str) -> Span:
    known = session.execute(
        select(func.min(RollupDay.day), func.max(RollupDay.day)).where(
            RollupDay.tenant_id == db.tenant_of(session), *own
        )
    ).one()
    last = asked.last or (max(known[1], asked.first or known[1]) if known[1] else None)
    first = asked.first or (min(known[0], last or known[0]) if known[0] else last)
    if first and last and asked.first is None:
        first = max(first, date.fromordinal(last.toordinal() - periods.LONGEST + 1))
    return periods.span(first, last, zone)


def _report(
    session: Session,
    asked: Asked,
    span: Span,
    sections: frozenset[str],
    about: tuple[str, rollup.State, str, int],
    campaign_id: UUID | None = None,
) -> Report:
    level, state, zone, targeted = about
    keys = {"tenant": db.tenant_of(session), "first": span.first, "last": span.last}
    keys |= {"campaign": campaign_id} if campaign_id else {}
    names = ("totals", *(name for name in ("series", *_CUTS) if name in sections))
    whole = _grouped(session, names, asked.by, keys)
    places = _places(session, keys) if sections & _OF_PLACES else {}
    folded = {name: _folded(found) for name, found in whole.items()}
    return Report(
        span=span,
        by=asked.by,
        zone=zone,
        level=level,
        as_of=state.counted_at,
        behind=state.behind,
        targeted=targeted,
        totals=folded["totals"].get((), Figures({})),
        skipped=_by_reason(whole["totals"], "skipped"),
        failed=_by_reason(whole["totals"], "failed"),
        series=_series(folded["series"], span, asked.by) if "series" in folded else None,
        channels=_named(folded["channels"]) if "channels" in folded else None,
        languages=_named(folded["languages"]) if "languages" in folded else None,
        variants=_variants(folded["variants"]) if "variants" in folded else None,
        links=_links(session, places, campaign_id) if campaign_id and "links" in sections else None,
        segments=_segments(session, places, campaign_id, targeted) if "segments" in sections else None,
    )


@lru_cache
def _whole_messages(names: tuple[str, ...], by: By, *, of_campaign: bool) -> TextClause:
    """Return the statement that sums whole messages in several ways, each also by detail, from reading the rows once.

    GROUPING says of a row what it is not summed by: a bit per column, the first one highest.
    """
    columns = {name: column for name, column in _columns(by).items() if name in names}
    which = f"grouping({', '.join(columns.values())})" if columns else "0"
    sets = ", ".join(f"({columns[name]}, detail)" if name in columns else "(detail)" for name in names)
    cells = "".join(f"{column}, " for column in columns.values())
    said = f"""
        SELECT {which}, {cells}detail, {_SUMS} FROM rollup_day
        WHERE {_where(of_campaign=of_campaign)} AND link_n = {WHOLE} GROUP BY GROUPING SETS ({sets})
    """  # noqa: S608 - words of our own
    return text(said)


@lru_cache
def _by_place(*, of_campaign: bool) -> TextClause:
    """Return the statement that sums segments, and of a campaign its links too."""
    wanted = f"link_n <> {WHOLE}" if of_campaign else f"link_n = {SEGMENT}"
    said = f"""
        SELECT {_PLACE}, {_SUMS} FROM rollup_day
        WHERE {_where(of_campaign=of_campaign)} AND {wanted} GROUP BY {_PLACE}
    """  # noqa: S608 - words of our own
    return text(said)


def _where(*, of_campaign: bool) -> str:
    own = " AND campaign_id = :campaign" if of_campaign else ""
    return f"tenant_id = :tenant AND day BETWEEN :first AND :last{own}"


def _columns(by: By) -> dict[str, str]:
    """Return what whole messages are cut by, section for section; weeks and months by their first day."""
    return {"series": "day" if by is By.DAY else f"date_trunc('{by.value}', day)", **_CUTS}


def _grouped(session: Session, names: tuple[str, ...], by: By, keys: Mapping[str, Any]) -> dict[str, Grouped]:
    """Return the sums of whole messages for each section by its key and the detail."""
    columns = [name for name in _columns(by) if name in names]
    everything = (1 << len(columns)) - 1
    of_mask = {everything - (1 << n): name for n, name in enumerate(reversed(columns))} | {everything: "totals"}
    found: dict[str, Grouped] = {name: {} for name in names}
    for mask, *cells in session.execute(_whole_messages(names, by, of_campaign="campaign" in keys), keys):
        name, n = of_mask[mask], len(columns)
        own = () if name == "totals" else (cells[columns.index(name)],)
        found[name][(*own, cells[n])] = _counted(cells[n + 1 :])
    return found


def _counted(cells: Sequence[int]) -> dict[str, int]:
    return {metric: n for metric, n in zip(rollup.METRICS, cells, strict=True) if n}


def _places(session: Session, keys: Mapping[str, Any]) -> Grouped:
    """Return the sums of segments, and of a campaign's links: campaign, link number, language, part, detail."""
    n = _PLACE.count(",") + 1
    rows = session.execute(_by_place(of_campaign="campaign" in keys), keys)
    return {tuple(row[:n]): _counted(row[n:]) for row in rows}


def _folded(by_detail: Grouped) -> dict[Key, Figures]:
    """Bring rows whose key ends with the detail together: money by its currency, everything else in one sum."""
    sums: dict[Key, dict[str, int]] = {}
    values: dict[Key, dict[str, int]] = {}
    for (*key, detail), figures in by_detail.items():
        place = sums.setdefault(tuple(key), {})
        for metric, n in figures.items():
            place[metric] = place.get(metric, 0) + n
        if value := figures.get("value_minor"):
            values.setdefault(tuple(key), {})[detail] = value
    return {key: Figures(found, dict(sorted(values.get(key, {}).items()))) for key, found in sums.items()}


def _by_reason(by_detail: Grouped, metric: str) -> dict[str, int]:
    found = {key[-1]: figures[metric] for key, figures in by_detail.items() if figures.get(metric)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _named(found: Mapping[Key, Figures]) -> dict[str, Figures]:
    return {key[0]: figures for key, figures in sorted(found.items())}


def _variants(found: Mapping[Key, Figures]) -> dict[int | None, Figures]:
    return {None if key[0] == WHOLE else key[0]: figures for key, figures in sorted(found.items())}


def _segments(session: Session, places: Grouped, campaign_id: UUID | None, targeted: int) -> Segments:
    """Return the segments of a campaign in the order of its audience; of a tenant those with figures, by name."""
    rows = {(key[0], key[3], key[4]): figures for key, figures in places.items() if key[1] == SEGMENT}
    named = _parts(session, {campaign_id} if campaign_id else {key[0] for key in rows})
    per_segment: Grouped = {}
    for (campaign, part, detail), figures in rows.items():
        place = per_segment.setdefault((named[campaign, part].segment_id, detail), {})
        for metric, n in figures.items():
            place[metric] = place.get(metric, 0) + n
    folded = _folded(per_segment)
    shown: dict[UUID, SegmentFigures] = {}
    for each in named.values():  # the latest name of a segment stays
        before = shown.get(each.segment_id)
        targeted = each.messages + (before.targeted if before else 0)
        own = folded.get((each.segment_id,), Figures({}))
        shown[each.segment_id] = SegmentFigures(each.segment_id, each.name, targeted, own)
    told = list(shown.values())
    if not campaign_id:
        told.sort(key=lambda each: (each.name, each.segment_id))
    if campaign_id:  # there are more messages by segment than altogether
        return Segments(told, overlap=sum(each.messages for each in named.values()) > targeted)
    return Segments(told, overlap=_overlap(session, named.values()))


def _parts(session: Session, ids: Collection[UUID]) -> dict[tuple[UUID, int], CampaignPart]:
    """Return the segments that campaigns named, the oldest campaign first."""
    if not ids:
        return {}
    rows = session.execute(
        select(CampaignPart)
        .where(CampaignPart.tenant_id == db.tenant_of(session), CampaignPart.campaign_id.in_(ids))
        .order_by(CampaignPart.campaign_id, CampaignPart.n)
    ).scalars()
    return {(each.campaign_id, each.n): each for each in rows}


def _overlap(session: Session, parts: Iterable[CampaignPart]) -> bool:
    """Return whether a message went to more than one segment: there are more of them by segment than altogether."""
    by_campaign: Counter[UUID] = Counter()
    for each in parts:
        by_campaign[each.campaign_id] += each.messages
    totals = delivery.counts_of_many(session, list(by_campaign)) if by_campaign else {}
    return any(n > sum(totals.get(campaign_id, {}).values()) for campaign_id, n in by_campaign.items())


def _series(found: Mapping[Key, Figures], span: Span, by: By) -> list[Part]:
    by_day = {_day(key[0]): figures for key, figures in found.items()}
    return [Part(part, by_day.get(periods.start_of(part.first, by), Figures({}))) for part in periods.parts(span, by)]


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _links(session: Session, places: Grouped, campaign_id: UUID) -> list[Link]:
    found = _folded({(key[2], key[1], key[4]): figures for key, figures in places.items() if key[1] >= 0})
    urls = {
        (row.language, row.n): row.url
        for row in session.execute(
            select(TrackedLink.language, TrackedLink.n, TrackedLink.url).where(
                TrackedLink.tenant_id == db.tenant_of(session), TrackedLink.campaign_id == campaign_id
            )
        )
    }
    return [
        Link(n, language, urls.get((language, n)), found.get((language, n), Figures({})))
        for language, n in sorted(urls.keys() | found.keys())
    ]  # fmt: skip
