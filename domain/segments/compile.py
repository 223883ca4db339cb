"""A rule becomes one condition on `member`: one statement, whatever it asks for, with every value a parameter."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    Uuid,
    and_,
    case,
    cast,
    false,
    func,
    not_,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from domain.segments import rules
from domain.segments.moment import Moment
from models import Activity, Consent, ContactPoint, Conversion, Member, MemberInsight, Message, Purchase

_DATES = {"joined_on", "left_on"}

Condition = ColumnElement[bool]
OfSegment = Callable[[UUID], Condition]
Ids = Sequence[UUID] | ColumnElement[Sequence[UUID]]


class Compiler:
    """Compiles rules for one tenant and moment; `of_segment` says who is in another segment.

    `only` says that nobody else is asked about: what belongs to others is not even counted.
    """

    def __init__(self, tenant_id: UUID, moment: Moment, of_segment: OfSegment, only: Ids | None = None) -> None:
        self._tenant_id = tenant_id
        self._moment = moment
        self._of_segment = of_segment
        self._only = only

    @singledispatchmethod
    def condition(self, rule: Any) -> Condition:
        """Return the condition on a member; never NULL."""
        raise TypeError(f"no rule: {type(rule).__name__}")

    @condition.register
    def _(self, rule: rules.AllRule) -> Condition:
        return and_(*(self.condition(each) for each in rule.rules))

    @condition.register
    def _(self, rule: rules.AnyRule) -> Condition:
        return or_(*(self.condition(each) for each in rule.rules))

    @condition.register
    def _(self, rule: rules.NotRule) -> Condition:
        return not_(self.condition(rule.rule))

    @condition.register
    def _(self, rule: rules.TextRule) -> Condition:
        column = getattr(Member, rule.field)
        return _sure(_text(column, rule.op, rule.any_of))

    @condition.register
    def _(self, rule: rules.KnownRule) -> Condition:
        known: Condition = getattr(Member, rule.field).is_not(None)
        return known

    @condition.register
    def _(self, rule: rules.StatusRule) -> Condition:
        return Member.status.in_(rule.any_of)

    @condition.register
    def _(self, rule: rules.DayRule) -> Condition:
        column = getattr(Member, rule.field)
        first, next_ = self._edge(rule.field, rule.day), self._edge(rule.field, rule.day + timedelta(days=1))
        within = {
            "before": column < first,
            "on": and_(column >= first, column < next_),
            "after": column >= next_,
        }[rule.op]
        return _sure(within)

    @condition.register
    def _(self, rule: rules.RecentRule) -> Condition:
        column = getattr(Member, rule.field)
        first = self._edge(rule.field, self._moment.today - timedelta(days=rule.days))
        last = self._moment.today if rule.field in _DATES else self._moment.now
        return _sure(and_(column >= first, column <= last) if rule.op == "in_last_days" else column < first)

    def _edge(self, field: str, day: date) -> Any:
        return day if field in _DATES else self._moment.start_of(day)

    @condition.register
    def _(self, rule: rules.AttributeRule) -> Condition:
        held = type_coerce(Member.attributes, JSONB)[rule.name]
        words = held.astext
        kind = func.jsonb_typeof(held)
        if rule.kind == "number":
            number = cast(words, Numeric)
            return _case(
                kind == "number", true() if rule.op == "known" else _order(number, rule.op, Decimal(str(rule.value)))
            )
        if rule.kind == "flag":
            return _case(kind == "boolean", true() if rule.op == "known" else words == str(rule.value).lower())
        if rule.kind == "day":
            is_day = and_(kind == "string", words.op("~")(rules.DAY_TEXT))
            return _case(is_day, true() if rule.op == "known" else _order(words.collate("C"), rule.op, rule.value))
        return _case(kind == "string", true() if rule.op == "known" else _text(words, rule.op, [str(rule.value)]))

    @condition.register
    def _(self, rule: rules.TagRule) -> Condition:
        tags = type_coerce(Member.tags, JSONB)
        return or_(*(tags.has_key(tag) for tag in rule.any_of))

    @condition.register
    def _(self, rule: rules.ContactRule) -> Condition:
        held = self._owned(ContactPoint).where(ContactPoint.channel == rule.channel)
        if rule.domains is not None:
            domain = func.split_part(ContactPoint.address_norm, "@", -1)
            held = held.where(domain.in_(rules.written(rule.domains)))
        return has(held)

    @condition.register
    def _(self, rule: rules.ConsentRule) -> Condition:
        held = self._owned(Consent).where(
            Consent.channel == rule.channel, Consent.purpose == rule.purpose, Consent.state == rule.state
        )
        if rule.state == "granted":
            held = held.where(or_(Consent.expires_at.is_(None), Consent.expires_at > self._moment.now))
        return has(held)

    @condition.register
    def _(self, rule: rules.ActivityRule) -> Condition:
        rows = self._since(self._owned(Activity), Activity.at, rule.in_last_days)
        if rule.kind is not None:
            rows = rows.where(Activity.kind == rule.kind)
        if rule.subject is not None:
            rows = rows.where(Activity.subject == rule.subject)
        return self._counted(rows, Activity, rule.op, rule.count)

    @condition.register
    def _(self, rule: rules.PurchaseRule) -> Condition:
        rows = self._since(self._owned(Purchase), Purchase.at, rule.in_last_days)
        if rule.product is not None:
            rows = rows.where(Purchase.product == rule.product)
        if rule.currency is not None:
            rows = rows.where(Purchase.currency == rule.currency)
        if rule.measure == "days_since":
            return _once(rows.group_by(Purchase.member_id).having(self._last(rule)))
        if rule.measure == "count":
            return self._counted(rows, Purchase, rule.op, rule.amount)
        total = func.sum(Purchase.amount_minor, type_=BigInteger)
        return self._measured(rows.group_by(Purchase.member_id), total, rule.op, rule.amount)

    def _last(self, rule: rules.PurchaseRule) -> Condition:
        """Say so many days since the last purchase by the two midnights around that day."""
        last = func.max(Purchase.at)
        since, before = self._moment.begin(rule.amount), self._moment.begin(rule.amount - 1)
        found: Mapping[str, Condition] = {
            "at_least": last < before, "at_most": last >= since, "exactly": and_(last >= since, last < before)
        }  # fmt: skip
        return found[rule.op]

    @condition.register
    def _(self, rule: rules.CampaignRule) -> Condition:
        if rule.did == "converted":
            rows = self._since(self._owned(Conversion), Conversion.at, rule.in_last_days)
            rows = rows.where(Conversion.member_id.is_not(None), Conversion.campaign_id.is_not(None))
            campaign: Any = Conversion.campaign_id
        else:
            at: Any = {
                "received": Message.accepted_at,
                "opened": Message.first_opened_at,
                "clicked": Message.first_clicked_at,
            }[rule.did]
            rows = self._since(self._owned(Message), at, rule.in_last_days)
            rows = rows.where(at.is_not(None), Message.member_id.is_not(None), Message.campaign_id.is_not(None))
            if rule.did == "received":
                rows = rows.where(Message.state.in_(rules.RECEIVED))
            campaign = Message.campaign_id
        return has(rows if rule.campaign_id is None else rows.where(campaign == rule.campaign_id))

    @condition.register
    def _(self, rule: rules.InsightRule) -> Condition:
        held = self._owned(MemberInsight).where(
            MemberInsight.key == rule.key, MemberInsight.expires_at > self._moment.now
        )
        return has(held if rule.any_of is None else held.where(MemberInsight.value.in_(rule.any_of)))

    @condition.register
    def _(self, rule: rules.SegmentRule) -> Condition:
        return self._of_segment(rule.segment_id)

    def _owned(self, entity: Any) -> Select[UUID]:
        rows = select(entity.member_id).where(entity.tenant_id == self._tenant_id)
        return rows if self._only is None else rows.where(entity.member_id == any_of(self._only))

    def _since(self, rows: Select[UUID], at: Any, days: int | None) -> Select[UUID]:
        if days is None:
            return rows
        return rows.where(at >= self._moment.begin(days), at <= self._moment.now)

    def _counted(self, rows: Select[UUID], entity: Any, op: str, number: int) -> Condition:
        """Compare how many; whether there is one at all is asked without counting."""
        if (op, number) == ("at_least", 1):
            return has(rows)
        if number == 0 and op != "at_least":
            return not_(has(rows))
        return self._measured(rows.group_by(entity.member_id), func.count(type_=BigInteger), op, number)

    def _measured(self, rows: Select[UUID], measure: Any, op: str, number: int) -> Condition:
        """Compare per member; those without a row have zero, so they count where zero does."""
        holds = _order(measure, op, number)
        if _compare(0, op, number):
            return not_(_once(rows.having(not_(holds))))
        return _once(rows.having(holds))


def _once(rows: Select[UUID]) -> Condition:
    """Say the same of rows that are added up per member: once, where each process of a parallel plan would do it."""
    return _among(rows.cte().prefix_with("MATERIALIZED"))


def has(rows: Select[UUID]) -> Condition:
    """Say that a member is among the members of some rows: joined where it can be, also under `not` (IN could not)."""
    return _among(rows.subquery())


def _among(found: FromClause) -> Condition:
    return select(found.c.member_id).where(found.c.member_id == Member.id).correlate(Member).exists()


def any_of(ids: Ids) -> Any:
    """Return ids, given or asked for, as one array to compare with, however many they are."""
    return func.any(cast(ids if isinstance(ids, ColumnElement) else list(ids), ARRAY(Uuid())))


def _order(left: Any, op: str, right: Any) -> Condition:
    found: Mapping[str, Condition] = {
        "is": left == right, "exactly": left == right, "at_least": left >= right, "at_most": left <= right
    }  # fmt: skip
    return found[op]


def _compare(left: int, op: str, right: int) -> bool:
    return {"exactly": left == right, "at_least": left >= right, "at_most": left <= right}[op]


def _text(column: Any, op: str, values: list[str]) -> Condition:
    if op == "is":
        found: Condition = column.in_(values)
        return found
    if op == "contains":
        return or_(*(func.strpos(column, value) > 0 for value in values))
    return or_(*(func.starts_with(column, value) for value in values))


def _sure(condition: Condition) -> Condition:
    """Make a comparison with a missing value false."""
    return func.coalesce(condition, false())


def _case(applies: Condition, then: Condition) -> Condition:
    """Ask `then` only where it can be asked: a cast of another kind of value would fail."""
    return func.coalesce(case((applies, then), else_=false()), false())
