"""A rule asked of one member in memory: what the statement of `compile` says of the same rows, without a database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any, NamedTuple
from uuid import UUID

from domain.segments import rules
from domain.segments.moment import Moment


class Did(NamedTuple):
    """An activity."""

    kind: str
    subject: str | None
    at: datetime


class Bought(NamedTuple):
    """A purchase, in cents."""

    product: str
    amount_minor: int
    currency: str
    at: datetime


class Agreed(NamedTuple):
    """A consent as it is now."""

    channel: str
    purpose: str
    state: str
    expires_at: datetime | None


class Got(NamedTuple):
    """A message of a campaign and what became of it."""

    campaign_id: UUID
    received: datetime | None
    opened: datetime | None
    clicked: datetime | None


class Said(NamedTuple):
    """An insight that a conversation gave."""

    key: str
    value: str
    expires_at: datetime


@dataclass(slots=True)
class Facts:
    """All that rules may ask about one member. `fields` by column name, `converted` are campaign and time."""

    fields: dict[str, Any]
    contacts: list[tuple[str, str]] = field(default_factory=list)
    consents: list[Agreed] = field(default_factory=list)
    activities: list[Did] = field(default_factory=list)
    purchases: list[Bought] = field(default_factory=list)
    messages: list[Got] = field(default_factory=list)
    converted: list[tuple[UUID, datetime]] = field(default_factory=list)
    insights: list[Said] = field(default_factory=list)
    segments: set[UUID] = field(default_factory=set)


class Evaluator:
    """Asks rules at one moment."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    @singledispatchmethod
    def holds(self, rule: Any, facts: Facts) -> bool:
        """Whether the rule holds for the member."""
        raise TypeError(f"no rule: {type(rule).__name__} for {type(facts).__name__}")

    @holds.register
    def _(self, rule: rules.AllRule, facts: Facts) -> bool:
        return all(self.holds(each, facts) for each in rule.rules)

    @holds.register
    def _(self, rule: rules.AnyRule, facts: Facts) -> bool:
        return any(self.holds(each, facts) for each in rule.rules)

    @holds.register
    def _(self, rule: rules.NotRule, facts: Facts) -> bool:
        return not self.holds(rule.rule, facts)

    @holds.register
    def _(self, rule: rules.TextRule, facts: Facts) -> bool:
        return _text(facts.fields[rule.field], rule.op, rule.any_of)

    @holds.register
    def _(self, rule: rules.KnownRule, facts: Facts) -> bool:
        return facts.fields[rule.field] is not None

    @holds.register
    def _(self, rule: rules.StatusRule, facts: Facts) -> bool:
        return facts.fields["status"] in rule.any_of

    @holds.register
    def _(self, rule: rules.DayRule, facts: Facts) -> bool:
        value = facts.fields[rule.field]
        if value is None:
            return False
        first, next_ = self._edge(value, rule.day), self._edge(value, rule.day + timedelta(days=1))
        return bool({"before": value < first, "on": first <= value < next_, "after": value >= next_}[rule.op])

    @holds.register
    def _(self, rule: rules.RecentRule, facts: Facts) -> bool:
        value = facts.fields[rule.field]
        if value is None:
            return False
        first = self._edge(value, self._moment.today - timedelta(days=rule.days))
        last = self._moment.now if isinstance(value, datetime) else self._moment.today
        return bool(first <= value <= last if rule.op == "in_last_days" else value < first)

    def _edge(self, value: date, day: date) -> Any:
        return self._moment.start_of(day) if isinstance(value, datetime) else day

    @holds.register
    def _(self, rule: rules.AttributeRule, facts: Facts) -> bool:
        value = facts.fields["attributes"].get(rule.name)
        if not _is_of(value, rule.kind):
            return False
        if rule.op == "known":
            return True
        if rule.kind == "text":
            return _text(value, rule.op, [str(rule.value)])
        if rule.kind == "number":
            return _compare(Decimal(str(value)), rule.op, Decimal(str(rule.value)))
        return _compare(value, rule.op, rule.value)

    @holds.register
    def _(self, rule: rules.TagRule, facts: Facts) -> bool:
        return bool(set(rule.any_of) & set(facts.fields["tags"]))

    @holds.register
    def _(self, rule: rules.ContactRule, facts: Facts) -> bool:
        domains = None if rule.domains is None else set(rules.written(rule.domains))
        return any(
            channel == rule.channel and (domains is None or address.rpartition("@")[2] in domains)
            for channel, address in facts.contacts
        )

    @holds.register
    def _(self, rule: rules.ConsentRule, facts: Facts) -> bool:
        return any(
            (each.channel, each.purpose, each.state) == (rule.channel, rule.purpose, rule.state)
            and (rule.state != "granted" or each.expires_at is None or each.expires_at > self._moment.now)
            for each in facts.consents
        )

    @holds.register
    def _(self, rule: rules.ActivityRule, facts: Facts) -> bool:
        found = [
            each
            for each in facts.activities
            if rule.kind in {None, each.kind} and rule.subject in {None, each.subject} and self._recent(each.at, rule)
        ]
        return _compare(len(found), rule.op, rule.count)

    @holds.register
    def _(self, rule: rules.PurchaseRule, facts: Facts) -> bool:
        known = [
            each
            for each in facts.purchases
            if rule.product in {None, each.product}
            and rule.currency in {None, each.currency}
            and self._recent(each.at, rule)
        ]
        if rule.measure == "days_since":
            last = max((each.at for each in known), default=None)
            return last is not None and _compare(self._days_since(last), rule.op, rule.amount)
        found = [each.amount_minor for each in known]
        return _compare(len(found) if rule.measure == "count" else sum(found), rule.op, rule.amount)

    @holds.register
    def _(self, rule: rules.CampaignRule, facts: Facts) -> bool:
        times: Iterable[tuple[UUID, datetime | None]] = (
            facts.converted
            if rule.did == "converted"
            else ((each.campaign_id, getattr(each, rule.did)) for each in facts.messages)
        )
        return any(
            at is not None and rule.campaign_id in {None, campaign_id} and self._recent(at, rule)
            for campaign_id, at in times
        )

    @holds.register
    def _(self, rule: rules.InsightRule, facts: Facts) -> bool:
        return any(
            each.key == rule.key
            and each.expires_at > self._moment.now
            and (rule.any_of is None or each.value in rule.any_of)
            for each in facts.insights
        )

    @holds.register
    def _(self, rule: rules.SegmentRule, facts: Facts) -> bool:
        return rule.segment_id in facts.segments

    def _days_since(self, at: datetime) -> int:
        return (self._moment.today - at.astimezone(self._moment.zone).date()).days

    def _recent(self, at: datetime, rule: Any) -> bool:
        if rule.in_last_days is None:
            return True
        return self._moment.begin(rule.in_last_days) <= at <= self._moment.now


def _text(value: str | None, op: str, wanted: list[str]) -> bool:
    if value is None:
        return False
    ask: Callable[[str], bool] = {
        "is": lambda each: value == each,
        "contains": lambda each: each in value,
        "starts_with": value.startswith,
    }[op]
    return any(ask(each) for each in wanted)


def _compare(left: Any, op: str, right: Any) -> bool:
    if op in {"is", "exactly"}:
        return bool(left == right)
    return bool(left >= right if op == "at_least" else left <= right)


def _is_of(value: Any, kind: str) -> bool:
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) and (kind == "text" or rules.is_day(value))
