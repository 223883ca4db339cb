"""Payloads of segments."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.base import Input, Output, Stamped
from domain.segments.performance import Span

Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Stille Mitglieder"])]
Kind = Literal["dynamic", "static", "hybrid"]
State = Literal["active", "inactive", "archived"]
Rules = Annotated[
    dict[str, Any],
    Field(
        description="Typed conditions, nested by all, any and not (docs/segments.md). Unknown ones are refused.",
        examples=[
            {
                "type": "all",
                "rules": [
                    {"type": "recent", "field": "last_visit_at", "op": "before_last_days", "days": 30},
                    {"type": "not", "rule": {"type": "tag", "any_of": ["mitarbeiter"]}},
                    {"type": "purchase", "measure": "sum", "op": "at_least", "amount": 10000, "currency": "EUR"},
                ],
            }
        ],
    ),
]
Words = Annotated[dict[str, str], Field(description="By language: de, en.")]


class SegmentIn(Input):
    """A dynamic segment has rules, a static one its members by hand, a hybrid one rules and corrections by hand."""

    name: Name
    description: Annotated[str, Field(max_length=2_000)] | None = None
    kind: Kind = "dynamic"
    rules: Rules | None = None


class SegmentPatch(Input):
    """What changes; fields that are absent stay."""

    name: Name | None = None
    description: Annotated[str, Field(max_length=2_000)] | None = None
    status: State | None = None
    rules: Rules | None = None


class SegmentOut(Stamped):
    name: str
    description: str | None
    kind: str
    status: str
    rules: dict[str, Any] | None
    member_count: int | None
    counted_at: datetime | None
    due_at: Annotated[datetime | None, Field(description="When time may have turned the rules: asked anew then.")]
    problem: Annotated[str | None, Field(description="Why the rules cannot be asked any more.")]


class UsesOut(Output):
    """How many campaigns that are not over, sequences that are not archived, and other segments need a segment."""

    campaigns: int = 0
    sequences: int = 0
    segments: int = 0


class SegmentRow(SegmentOut):
    """A segment in a list, with how much needs it; its own page names what."""

    used_by: UsesOut


class CampaignRef(Output):
    """A campaign that is not over and needs the segment."""

    id: UUID
    name: str
    status: str


class SequenceRef(Output):
    """A sequence that uses the segment: where, and whether in what is published or in its draft alone."""

    id: UUID
    name: str
    status: str
    places: list[str] = Field(examples=[["trigger", "condition loyal", "goal"]])
    published: bool


class SegmentDetail(SegmentOut):
    """With its rules as a sentence in both languages, and the campaigns and sequences that need it."""

    sentence: Words
    campaigns: list[CampaignRef]
    sequences: list[SequenceRef]


class RemovedOut(Output):
    """What a deletion did: these campaigns and sequences need the segment.

    Campaigns on their way are held (`segment_missing`), live sequences are paused and say why.
    """

    campaigns: list[CampaignRef]
    sequences: list[SequenceRef]


class RulesIn(Input):
    rules: Rules
    quick: Annotated[
        bool,
        Field(
            description="Of more than 50,000 members only the sample is asked, also where it holds next to nobody: the "
            "answer while somebody types. Ask without it once they rest."
        ),
    ] = False


class RuleIn(Input):
    rule: Rules
    parent_id: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="The all or any that it belongs to; none: it must hold beside everything else."
    )


class RuleChange(Input):
    rule: Rules


class RuleOut(Output):
    """One rule of the tree; groups hold those that name them as their parent."""

    id: str
    parent_id: str | None
    level: int
    rule: dict[str, Any]
    sentence: Words


class RuleList(Output):
    items: list[RuleOut]


class PersonOut(Output):
    """A member in short; `GET /members/{id}` shows the rest."""

    id: UUID
    external_id: str | None
    first_name: str | None
    last_name: str | None
    language: str | None
    status: str
    tags: list[str]
    last_visit_at: datetime | None


class PlaceOut(PersonOut):
    """A member in a segment: since when, and who put it there, if a person did."""

    joined_at: datetime
    by: Literal["rules", "hand"]
    added_by: str | None
    added_at: datetime | None


class LookOut(Output):
    """Whom unsaved rules mean now; where `exact` is false, the count is about right, from a sample of the members.

    It then lies between `low` and `high` in 95 of 100 cases. `warnings` say why a rule could not be saved as it is.
    """

    count: int
    exact: bool
    low: int
    high: int
    sample: list[PersonOut]
    sentence: Words
    warnings: list[str]


class MembersIn(Input):
    member_ids: list[UUID] = Field(min_length=1, max_length=1_000, examples=[["01a1ff84-f00a-740b-a6ea-25bbbfee6f82"]])


class AddedOut(Output):
    added: int
    member_count: int


class FileProblem(Output):
    line: int
    problem: str


class FileOut(Output):
    """What a file did, or would do; `problems` are those of the first 1,000 rows that have one."""

    dry_run: bool
    rows: int
    added: int
    already: int
    rejected: int
    problems: list[FileProblem]


class PerformanceOut(Output):
    per: str
    currency: str
    spans: list[Span]


class ChoiceOut(Output):
    value: str
    label: Words


class FieldOut(Output):
    """A field of a rule; with options, only those are taken."""

    name: str
    required: bool
    options: list[ChoiceOut]


class TypeOut(Output):
    type: str
    label: Words
    fields: list[FieldOut]


class InsightOut(Output):
    key: str
    label: Words
    values: list[ChoiceOut]


class ValueOut(Output):
    """A value that members have; `kind` is the kind of an attribute or the currency of a product."""

    value: str
    kind: str | None
    count: int


class VocabularyOut(Output):
    """What rules can be made of. Values are counted over the newest 100,000 things of each kind."""

    types: list[TypeOut]
    insights: list[InsightOut]
    values: dict[str, list[ValueOut]]
    deepest: int
    most_rules: int
