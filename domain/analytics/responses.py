"""By the hour at which messages were sent: which share of those that arrived was clicked, or opened, until now.

The heatmap counts acts, and people act after they were written to. This is the other side: what became of the messages
of each hour of the week, with how many they are. It is read from the roll-ups (`reached` and `of_…` count by when a
message was sent) on the tenant's clock. Nothing is adjusted for what was sent then, and to whom; only a test with
variants at different hours tells that apart.

The grades of evidence are those of the heatmap, by the number of responses. A cell is drawn towards the rate of all
messages, the more the less it has seen (gamma-Poisson, its spread estimated from all cells by moments).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.analytics import heatmap, reports
from domain.analytics.heatmap import FEWEST, FEWEST_OF_CELLS, HOURS, WEEKDAYS, Basis, Best, Reason
from domain.campaigns import best_times
from domain.experiments import statistics
from domain.experiments.statistics import Interval
from domain.identity import tenants
from domain.plans import catalog
from domain.plans import service as plans
from kernel import clock

DAYS = 365
Key = tuple[int, int]
_STIFF = 1e9  # cells that differ no more than by chance are all like the whole
_SENT = text("""
SELECT extract(isodow FROM at AT TIME ZONE :zone)::int AS weekday,
  extract(hour FROM at AT TIME ZONE :zone)::int AS hour,
  sum(reached)::bigint AS reached, sum(of_clicked)::bigint AS clicked, sum(of_opened)::bigint AS opened
FROM rollup_quarter
WHERE tenant_id = :tenant AND channel = :channel AND link_n = -1 AND reached > 0 AND at >= :since GROUP BY 1, 2
""")


@dataclass(frozen=True, slots=True)
class Group:
    """So many messages arrived, and so many of them had a response."""

    reached: int = 0
    responded: int = 0

    def __add__(self, other: "Group") -> "Group":
        """Return both together."""
        return Group(self.reached + other.reached, self.responded + other.responded)

    @property
    def rate(self) -> float | None:
        """Return the share; None where nothing arrived."""
        return self.responded / self.reached if self.reached else None

    @property
    def interval(self) -> Interval | None:
        """Return the bounds of the share (95 %, Wilson)."""
        return statistics.wilson(self.responded, self.reached) if self.reached else None


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages of one hour of the week. `index`: 1 is the rate of all; None where there is too little to say so."""

    weekday: int
    hour: int
    group: Group
    index: float | None
    quiet: bool


@dataclass(frozen=True, slots=True)
class Responses:
    """What 168 groups say; `kind` is what counts as a response, `since` the first day of sending that is in it."""

    kind: Literal["clicked", "opened"]
    whole: Group
    basis: Basis
    reason: Reason
    cells: list[Sent]
    best: Best


def show(session: Session, *, channel: str = "email") -> Responses:
    """Return the responses to what a channel sent within `DAYS`. Raises PlanLimit below the plan that has it."""
    plans.require_level(session, catalog.ANALYTICS, "advanced")
    reports.freshen(session)
    tenant = tenants.current(session)
    since = clock.now() - timedelta(days=DAYS)
    asked = {"tenant": tenant.id, "zone": tenant.time_zone, "channel": channel, "since": since}
    rows = session.execute(_SENT, asked).all()
    quiet = best_times.quiet_hours(tenant.quiet_from, tenant.quiet_until)
    clicked = read("clicked", {(row.weekday, row.hour): Group(row.reached, row.clicked) for row in rows}, quiet)
    opened = read("opened", {(row.weekday, row.hour): Group(row.reached, row.opened) for row in rows}, quiet)
    return opened if clicked.basis == "none" and opened.basis != "none" else clicked


def read(
    kind: Literal["clicked", "opened"], sent: Mapping[Key, Group], quiet: frozenset[int] = frozenset()
) -> Responses:
    """Say what groups per (weekday 1-7, hour 0-23) show. An hour within `quiet` is never recommended."""
    whole = sum(sent.values(), start=Group())
    best: Best | None = None
    basis: Basis = "none"
    indices: Mapping[Key, float] = {}
    if whole.responded >= FEWEST_OF_CELLS:
        indices, basis = _indices(sent, whole), "cells"
        best = _best(sent, indices, quiet)
    if best is None and whole.responded >= FEWEST:
        by_hour = {(0, hour): sum((sent.get((day, hour), Group()) for day in WEEKDAYS), Group()) for hour in HOURS}
        found = _indices(by_hour, whole)
        best, basis = _best(by_hour, found, quiet), "hours"
        indices = {(day, hour): index for (_, hour), index in found.items() for day in WEEKDAYS}
    reason: Reason = "enough"
    if best is None:
        indices, basis, reason = {}, "none", "too_few" if whole.responded < FEWEST else "no_pattern"
    cells = [
        Sent(day, hour, sent.get((day, hour), Group()), _rounded(indices.get((day, hour))), hour in quiet)
        for day, hour in product(WEEKDAYS, HOURS)
    ]
    return Responses(kind, whole, basis, reason, cells, best or heatmap.default(quiet))


def _rounded(index: float | None) -> float | None:
    return None if index is None else round(index, 4)


def _indices(sent: Mapping[Key, Group], whole: Group) -> dict[Key, float]:
    """Return the rate of each group against that of all, drawn towards 1: the mean of a gamma-Poisson posterior."""
    means = {key: group.reached * (whole.rate or 0.0) for key, group in sent.items() if group.reached}
    excess = sum((sent[key].responded - mean) ** 2 - mean for key, mean in means.items())
    squares = sum(mean * mean for mean in means.values())
    stiffness = min(_STIFF, squares / excess) if excess > 0 else _STIFF
    return {key: (stiffness + sent[key].responded) / (stiffness + mean) for key, mean in means.items()}


def _best(sent: Mapping[Key, Group], indices: Mapping[Key, float], quiet: frozenset[int]) -> Best | None:
    """Return the group with the highest index that people may be written to in, if it is more than chance."""
    open_ = [key for key in indices if key[1] not in quiet]
    seen = sum((sent[key] for key in open_), Group())
    key = max(open_, key=lambda key: (indices[key], -key[0], -key[1]), default=None)
    if key is None or not heatmap.stands_out(sent[key].responded, sent[key].reached * (seen.rate or 0.0), len(open_)):
        return None
    return Best(key[0] or None, key[1], sent[key].reached, is_default=False)


def words(found: Responses, language: str) -> str:
    """Say in a sentence or two what is recommended and on what it rests; German and English."""
    best = found.best
    when = f"{best.hour:02d}:00"
    if best.weekday is not None:
        when = f"{heatmap.DAY_NAMES[language][best.weekday - 1]}, {when}"
    of = _OF[language][found.kind].format(n=found.whole.responded, of=found.whole.reached)
    return _WORDS[language][found.reason].format(when=when, of=of, n=best.n)


_OF = {
    "de": {
        "clicked": "{n} von {of} zugestellten Nachrichten mit Klick",
        "opened": "{n} von {of} zugestellten geöffnet",
    },
    "en": {
        "clicked": "{n} of {of} messages that arrived had a click",
        "opened": "{n} of {of} that arrived were opened",
    },
}
_WORDS = {
    "de": {
        "enough": "Was um {when} hinausging ({n} Nachrichten), fand am meisten Antwort; insgesamt: {of}. Was dann "
        "geschrieben wurde, und wem, ist nicht herausgerechnet.",
        "too_few": "Zu wenig Daten für eine Aussage: {of}, nötig sind 100. {when} ist nur ein üblicher Zeitpunkt, den "
        "keine Daten belegen.",
        "no_pattern": "Keine Stunde hebt sich vom Zufall ab: {of}. {when} ist nur ein üblicher Zeitpunkt, den keine "
        "Daten belegen.",
    },
    "en": {
        "enough": "What went out at {when} ({n} messages) met with the most response; altogether {of}. It is not "
        "adjusted for what was written then, and to whom.",
        "too_few": "Too little to say: {of}, and 100 are needed. {when} is only a customary time that no data backs.",
        "no_pattern": "No hour stands out from chance: {of}. {when} is only a customary time that no data backs.",
    },
}
