"""The language of sequences: what lets members in, the steps, and what lets them out. What it does not know is refused.

Steps are a list; each goes on to the next of the list, or to a later one by its key, so no member goes in a circle.
"""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from domain.segments import rules as segment_rules
from kernel.errors import Invalid

MOST_STEPS = 50
END = "end"
_MOST_HOURS = 24 * 365
_MOST_DAYS = 365
_DEFAULT_AT = "09:00"

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Text = segment_rules.Text
At = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Channel = Literal["email", "sms", "whatsapp", "telegram"]
Rule = dict[str, Any]


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberCreated(_Node):
    type: Literal["member_created"]


class TagAdded(_Node):
    type: Literal["tag_added"]
    tag: Text


class SegmentJoined(_Node):
    type: Literal["segment_joined"]
    segment_id: UUID


class ActivityDone(_Node):
    type: Literal["activity"]
    kind: Text


class ProductBought(_Node):
    """A purchase: of this product, or of any."""

    type: Literal["purchase"]
    product: Text | None = None


class DateReached(_Node):
    """A day of the member: `days` after it (negative: before it), at a wall time on the member's clock.

    `field` is a column; or `attribute` names one with a day such as 1990-02-28. `every` year, or once.
    """

    type: Literal["date"]
    field: Literal["joined_on", "left_on"] | None = None
    attribute: Text | None = None
    every: Literal["year", "once"] = "year"
    days: Annotated[int, Field(strict=True, ge=-_MOST_DAYS, le=_MOST_DAYS)] = 0
    at: At = _DEFAULT_AT

    @model_validator(mode="after")
    def _names_one_day(self) -> Self:
        if (self.field is None) == (self.attribute is None):
            raise ValueError("give either field or attribute")
        return self


class Manual(_Node):
    """Only by hand, or through the API."""

    type: Literal["manual"]


class Message(_Node):
    """Something to send; its text is the draft of the step's own campaign."""

    type: Literal["message"]
    key: Key
    channel: Channel = "email"
    goal: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    next: Key | None = None


class Delay(_Node):
    """Hours on every clock; or days at the same wall time, or at `at`; or until `at` on one of these weekdays.

    Weekdays count from Monday, 0, on the member's clock.
    """

    type: Literal["delay"]
    key: Key
    hours: Annotated[int, Field(strict=True, ge=1, le=_MOST_HOURS)] | None = None
    days: Annotated[int, Field(strict=True, ge=1, le=_MOST_DAYS)] | None = None
    weekdays: (
        Annotated[list[Annotated[int, Field(strict=True, ge=0, le=6)]], Field(min_length=1, max_length=7)] | None
    ) = None
    at: At | None = None
    next: Key | None = None

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        if [self.hours, self.days, self.weekdays].count(None) != 2:  # noqa: PLR2004 - one of three
            raise ValueError("give one of hours, days and weekdays")
        if self.hours is not None and self.at is not None:
            raise ValueError("at goes with days or weekdays")
        return self

    @property
    def wall(self) -> str:
        """The wall time of weekdays."""
        return self.at or _DEFAULT_AT


class Did(_Node):
    """What the member did with a message of an earlier step."""

    type: Literal["did"]
    what: Literal["opened", "clicked", "converted"]
    step: Key


class Fits(_Node):
    """Whether a rule of segments holds for the member."""

    type: Literal["rule"]
    rule: Rule


class Condition(_Node):
    """Goes on to `yes` or to `no`; without a key: to the next of the list."""

    type: Literal["condition"]
    key: Key
    test: Annotated[Did | Fits, Field(discriminator="type")]
    yes: Key | None = None
    no: Key | None = None


class Tag(_Node):
    type: Literal["tag"]
    key: Key
    add: Annotated[list[Text], Field(max_length=20)] = []
    remove: Annotated[list[Text], Field(max_length=20)] = []
    next: Key | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.add and not self.remove:
            raise ValueError("give tags to add or to remove")
        return self


class End(_Node):
    type: Literal["end"]
    key: Key


class Converted(_Node):
    """Any conversion that a message of this sequence brought."""

    type: Literal["converted"]


class Reentry(_Node):
    """Whether somebody who is through may come in again, and how many days after."""

    allowed: bool = False
    after_days: Annotated[int, Field(strict=True, ge=0, le=3_650)] = 0


Trigger = Annotated[
    MemberCreated | TagAdded | SegmentJoined | ActivityDone | ProductBought | DateReached | Manual,
    Field(discriminator="type"),
]
Step = Annotated[Message | Delay | Condition | Tag | End, Field(discriminator="type")]
Goal = Annotated[Converted | Fits, Field(discriminator="type")]
AnyStep = Message | Delay | Condition | Tag | End


class Definition(_Node):
    """All that a version of a sequence says."""

    trigger: Trigger
    steps: Annotated[list[Step], Field(min_length=1, max_length=MOST_STEPS)]
    goals: Annotated[list[Goal], Field(max_length=10)] = []
    reentry: Reentry = Reentry()

    def step(self, key: str) -> AnyStep | None:
        """Return the step with a key, None where there is none."""
        return next((step for step in self.steps if step.key == key), None)

    def after(self, key: str, wanted: str | None) -> str | None:
        """Return the key that a step goes on to: the one it names, else the next of the list; None at the end."""
        if wanted is not None:
            return None if wanted == END else wanted
        keys = [step.key for step in self.steps]
        place = keys.index(key) + 1
        return keys[place] if place < len(keys) else None

    def following(self, key: str) -> str | None:
        """Return what comes behind a step; behind a condition: what comes where it does not hold."""
        step = self.step(key)
        if step is None or isinstance(step, End):
            return None
        return self.after(key, step.no if isinstance(step, Condition) else step.next)

    def messages(self) -> list[Message]:
        return [step for step in self.steps if isinstance(step, Message)]

    def conditions(self) -> list[Condition]:
        return [step for step in self.steps if isinstance(step, Condition)]

    def fits(self) -> Iterator[Any]:
        """Yield the rules of conditions and goals, checked."""
        for node in [*(condition.test for condition in self.conditions()), *self.goals]:
            if isinstance(node, Fits):
                yield segment_rules.read(node.rule)


def read(raw: Any) -> Definition:
    """Return the checked definition.

    Raises Invalid, naming the place, for an unknown key or type, a step that goes back or nowhere, two steps with one
    key, no message, a condition on a message that does not come before it, or a rule that segments would refuse.
    """
    try:
        made = Definition.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(place or "definition", re.sub("^Value error, ", "", str(first["msg"]))) from None
    _check_order(made)
    for _ in made.fits():
        pass
    return made


def as_json(made: Definition) -> dict[str, Any]:
    """Return the definition as it is stored and shown."""
    found: dict[str, Any] = json.loads(made.model_dump_json(exclude_none=True))
    return found


def _check_order(made: Definition) -> None:
    keys = [step.key for step in made.steps]
    twice = next((key for key in keys if keys.count(key) > 1 or key == END), None)
    if twice is not None:
        raise Invalid("steps", f"the key {twice!r} is taken; give each step a key of its own, and none is '{END}'")
    if not made.messages():
        raise Invalid("steps", "hold no message; add a step of type message")
    for place, step in enumerate(made.steps):
        targets = (step.yes, step.no) if isinstance(step, Condition) else (getattr(step, "next", None),)
        for target in targets:
            if target is not None and target != END and target not in keys[place + 1 :]:
                raise Invalid(f"steps.{step.key}", f"goes on to {target!r}, which is no later step")
        if isinstance(step, Condition) and isinstance(step.test, Did):
            before = {each.key for each in made.steps[:place] if isinstance(each, Message)}
            if step.test.step not in before:
                raise Invalid(f"steps.{step.key}.test.step", f"{step.test.step!r} is no message before this step")
