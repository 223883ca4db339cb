"""The language of segments: typed conditions, nested by all, any and not. What it does not know is refused.

Every condition is true or false for a member, never unknown: what a member does not have is false, also under `not`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from channels.email.addresses import normalise_address
from kernel.errors import Invalid

DEEPEST = 8
MOST_RULES = 100
_MOST_VALUES = 200
_MOST_DAYS = 36_500
_LARGEST = 10**30
_VALUE = "is a text of at most 200 characters, a finite number, or true or false"
_YEAR = "(?!0000)[0-9]{4}"
_LEAP = "(?!0000)([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
# A day of the calendar, for PostgreSQL and Python alike: what only looks like one is none.
DAY_TEXT = (
    f"^({_YEAR}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|{_YEAR}-(0[13-9]|1[0-2])-(29|30)"
    f"|{_YEAR}-(0[13578]|1[02])-31|{_LEAP}-02-29)$"
)
_DAY_TEXT = re.compile(DAY_TEXT)
RECEIVED = ("sent", "delivered", "read")  # states of a message that its member got: a bounce took it back

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
Values = Annotated[list[Text], Field(min_length=1, max_length=_MOST_VALUES)]
Days = Annotated[int, Field(strict=True, ge=0, le=_MOST_DAYS)]
Channel = Literal["email", "sms", "whatsapp", "telegram"]
TextField = Literal["external_id", "first_name", "last_name", "salutation", "language", "time_zone", "favourite_course"]
DayField = Literal["joined_on", "left_on", "last_visit_at", "created_at"]
Compare = Literal["at_least", "at_most", "exactly"]
InsightKey = Literal["topic", "intent", "objection", "preferred_time", "absent_until"]
INSIGHTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "topic": ("membership", "trial", "course", "appointment", "offer", "payment"),
        "intent": ("join", "return", "pause", "leave", "book", "ask", "complain", "praise"),
        "objection": ("price", "time", "distance", "crowded", "undecided"),
        "preferred_time": ("morning", "noon", "afternoon", "evening", "weekend"),
        "absent_until": (),
    }
)


RuleId = Annotated[str, StringConstraints(pattern="^[0-9a-z]{1,32}$")]


class _Node(BaseModel):
    """`id` names a rule within its segment; it says nothing about members."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: RuleId | None = None


class TextRule(_Node):
    """A text of the member, compared letter by letter."""

    type: Literal["text"]
    field: TextField
    op: Literal["is", "contains", "starts_with"]
    any_of: Values


class KnownRule(_Node):
    """Whether the member has a value at all."""

    type: Literal["known"]
    field: TextField | DayField


class StatusRule(_Node):
    type: Literal["status"]
    any_of: Annotated[list[Literal["active", "paused", "left", "prospect"]], Field(min_length=1, max_length=4)]


class DayRule(_Node):
    """A day of the member in the tenant's zone, against a fixed day."""

    type: Literal["day"]
    field: DayField
    op: Literal["before", "on", "after"]
    day: Annotated[date, Field(ge=date(1900, 1, 1), le=date(2900, 1, 1))]


class RecentRule(_Node):
    """A day of the member, against today in the tenant's zone: at most so many days ago, or longer ago."""

    type: Literal["recent"]
    field: DayField
    op: Literal["in_last_days", "before_last_days"]
    days: Days


class AttributeRule(_Node):
    """An attribute of the member, where it is of this kind; days are texts such as 2026-11-21."""

    type: Literal["attribute"]
    name: Text
    kind: Literal["text", "number", "flag", "day"]
    op: Literal["is", "contains", "at_least", "at_most", "known"]
    value: (
        Annotated[bool, Field(strict=True)]
        | Annotated[int, Field(strict=True, ge=-_LARGEST, le=_LARGEST)]
        | Annotated[float, Field(strict=True, allow_inf_nan=False)]
        | Text
        | None
    ) = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        ops = {
            "text": ("is", "contains", "known"),
            "number": ("is", "at_least", "at_most", "known"),
            "flag": ("is", "known"),
            "day": ("is", "at_least", "at_most", "known"),
        }[self.kind]
        if self.op not in ops:
            raise ValueError(f"op of a {self.kind} is one of {', '.join(ops)}")
        if self.op == "known":
            if self.value is not None:
                raise ValueError("known takes no value")
            return self
        wanted = {"text": (str,), "number": (int, float), "flag": (bool,), "day": (str,)}[self.kind]
        if type(self.value) not in wanted:
            raise ValueError(f"value is no {self.kind}")
        if self.kind == "day" and not is_day(str(self.value)):
            raise ValueError("value is no day such as 2026-11-21")
        return self


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar, such as 2026-11-21."""
    return _DAY_TEXT.fullmatch(text) is not None


class TagRule(_Node):
    type: Literal["tag"]
    any_of: Values


class ContactRule(_Node):
    """An address on a channel; `domains` are those after the @ of an e-mail address, in any way of writing them."""

    type: Literal["contact"]
    channel: Channel
    domains: Values | None = None

    @model_validator(mode="after")
    def _domains_are_of_email(self) -> Self:
        if self.domains is not None and self.channel != "email":
            raise ValueError("only e-mail addresses have domains")
        return self


def written(domains: Sequence[str]) -> list[str]:
    """Return domains as addresses hold them: in lower case, as A-labels (RFC 5890), without an @ before."""
    return [_domain(each.strip().removeprefix("@")) for each in domains]


def _domain(name: str) -> str:
    try:
        return normalise_address(f"x@{name}").partition("@")[2]
    except ValueError:
        return name.lower()


class ConsentRule(_Node):
    """A consent that is in this state and, where granted, not past its end."""

    type: Literal["consent"]
    channel: Channel
    purpose: Literal["marketing", "tracking"]
    state: Literal["pending", "granted", "withdrawn"]


class ActivityRule(_Node):
    """How many activities, of a kind and subject, since so many days."""

    type: Literal["activity"]
    kind: Text | None = None
    subject: Text | None = None
    in_last_days: Days | None = None
    op: Compare = "at_least"
    count: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 1


class PurchaseRule(_Node):
    """How many purchases, or how much in cents of one currency, of a product, since so many days.

    `days_since` are days from the last one to today in the tenant's zone; who never bought has none.
    """

    type: Literal["purchase"]
    product: Text | None = None
    in_last_days: Days | None = None
    measure: Literal["count", "sum", "days_since"] = "count"
    op: Compare = "at_least"
    amount: Annotated[int, Field(strict=True, ge=0, lt=2**53)] = 1
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = None

    @model_validator(mode="after")
    def _sums_have_a_currency(self) -> Self:
        if (self.measure == "sum") != (self.currency is not None):
            raise ValueError("a sum, and only a sum, names its currency")
        if self.measure == "days_since" and (self.in_last_days is not None or self.amount > _MOST_DAYS):
            raise ValueError(f"days_since takes at most {_MOST_DAYS} days and no in_last_days")
        return self


class CampaignRule(_Node):
    """What a member did with messages: of one campaign, or of any."""

    type: Literal["campaign"]
    did: Literal["received", "opened", "clicked", "converted"]
    campaign_id: UUID | None = None
    in_last_days: Days | None = None


class InsightRule(_Node):
    """What conversations say about a member and is not past its end; without `any_of`, anything about the key."""

    type: Literal["insight"]
    key: InsightKey
    any_of: Annotated[list[Text], Field(min_length=1, max_length=20)] | None = None

    @model_validator(mode="after")
    def _words_are_of_the_key(self) -> Self:
        strange = sorted(set(self.any_of or []) - set(INSIGHTS[self.key]))
        if strange:
            choice = ", ".join(INSIGHTS[self.key]) or "nothing: leave any_of out"
            raise ValueError(f"{strange[0]!r} is nothing that is known of {self.key}; use {choice}")
        return self


class SegmentRule(_Node):
    """Whether a member is in another segment."""

    type: Literal["segment"]
    segment_id: UUID


class AllRule(_Node):
    type: Literal["all"]
    rules: Annotated[list["Rule"], Field(min_length=1, max_length=MOST_RULES)]


class AnyRule(_Node):
    type: Literal["any"]
    rules: Annotated[list["Rule"], Field(min_length=1, max_length=MOST_RULES)]


class NotRule(_Node):
    type: Literal["not"]
    rule: "Rule"


Leaf = (
    TextRule | KnownRule | StatusRule | DayRule | RecentRule | AttributeRule | TagRule | ContactRule | ConsentRule
    | ActivityRule | PurchaseRule | CampaignRule | InsightRule | SegmentRule
)  # fmt: skip
Rule = Annotated[Leaf | AllRule | AnyRule | NotRule, Field(discriminator="type")]
for _group in (AllRule, AnyRule, NotRule):
    _group.model_rebuild()
READ: TypeAdapter[Any] = TypeAdapter(Rule)


def read(rules: Any) -> Any:
    """Return the checked rule.

    Raises Invalid, naming the place, for an unknown type, field, operator or key, a value of another type, more than
    MOST_RULES rules or more than DEEPEST levels.
    """
    _measure(rules)
    try:
        return READ.validate_python(rules)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        if "value" in first["loc"]:  # whichever of its types was tried first says nothing
            raise Invalid(f"rules.{place.partition('.value')[0]}.value", _VALUE) from None
        raise Invalid(f"rules.{place}" if place else "rules", _words(first)) from None


def _words(error: Any) -> str:
    """Return what is wrong and the way out; what pydantic says of a choice by `type` is for programmers."""
    if error["type"] == "union_tag_not_found":
        return "a rule is an object with a `type`, such as all, any, not, recent or tag"
    if error["type"] == "union_tag_invalid":
        return f"{error['ctx']['tag']!r} is no type of rule; use one of {error['ctx']['expected_tags']}"
    return str(error["msg"])


def _measure(rules: Any) -> None:
    """Refuse what is too deep or too large before anything recursive looks at it."""
    level, number, waiting = 0, 0, [rules]
    while waiting:
        level += 1
        number += len(waiting)
        if level > DEEPEST:
            raise Invalid("rules", f"are nested deeper than {DEEPEST} levels; flatten them or use another segment")
        if number > MOST_RULES:
            raise Invalid("rules", f"are more than {MOST_RULES}; split them into several segments")
        waiting = [inner for rule in waiting if isinstance(rule, dict) for inner in _inside(rule)]


def _inside(rule: dict[str, Any]) -> list[Any]:
    inner = rule.get("rules")
    return [*(inner if isinstance(inner, list) else []), *([rule["rule"]] if "rule" in rule else [])]


def as_json(rule: Any) -> dict[str, Any]:
    """Return the rule as it is stored and shown: without what is at its default."""
    found: dict[str, Any] = json.loads(rule.model_dump_json(exclude_none=True))
    return found


def segments_of(rule: Any) -> set[UUID]:
    """Return the segments that a rule refers to."""
    return {found.segment_id for found in each(rule) if isinstance(found, SegmentRule)}


def each(rule: Any) -> Iterator[Any]:
    """Yield a rule and all that stand in it, outer ones first, in their order."""
    waiting = [rule]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += reversed(inner(found))


def inner(rule: Any) -> list[Any]:
    """Return the rules that stand directly inside a rule."""
    if isinstance(rule, AllRule | AnyRule):
        return list(rule.rules)
    return [rule.rule] if isinstance(rule, NotRule) else []
