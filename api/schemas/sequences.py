"""Payloads of sequences, enrolments and the rehearsal."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from api.schemas.base import Input, Moment, Output, Stamped
from domain.sequences import rehearsal
from domain.sequences.standing import Standing

Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Willkommen"])]
Description = Annotated[str, Field(max_length=2_000)]
Definition = Annotated[
    dict[str, Any],
    Field(
        description="Trigger, steps, goals and re-entry (docs/sequences.md). Unknown types and keys are refused.",
        examples=[
            {
                "trigger": {"type": "member_created"},
                "steps": [
                    {"type": "message", "key": "welcome", "channel": "email", "goal": "Begrüße neue Mitglieder"},
                    {"type": "delay", "key": "three_days", "days": 3, "at": "10:00"},
                    {
                        "type": "condition",
                        "key": "has_read",
                        "test": {"type": "did", "what": "clicked", "step": "welcome"},
                        "yes": "end",
                    },
                    {"type": "message", "key": "reminder", "channel": "email", "goal": "Lade zum Probetraining ein"},
                ],
                "goals": [{"type": "converted"}],
                "reentry": {"allowed": False},
            }
        ],
    ),
]


class SequenceIn(Input):
    """A draft: each message step gets a campaign, whose text is written, previewed and approved as any other."""

    name: Name
    description: Description | None = None
    definition: Definition


class SequencePatch(Input):
    """What changes; fields that are absent stay. A live sequence goes on as published until it is published anew."""

    name: Name | None = None
    description: Description | None = None
    definition: Definition | None = None
    draft_version: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        None, description="The version you read; refused where somebody changed it since."
    )


class SequenceOut(Stamped):
    name: str
    description: str | None
    status: str = Field(description="draft, live, paused or archived.")
    trigger: str
    draft_version: int = Field(description="Counts the changes; send it along with yours.")
    published: int = Field(description="The number of the version that members follow; 0: none yet.")
    stop_reason: str | None = Field(description="Why it was paused, where the service did it.")
    started_at: datetime | None


class StepOut(Output):
    """A step of the draft with its campaign, who waits at it, and its messages per state."""

    key: str
    type: str
    waiting: int
    held: int = Field(description="How many of those wait until the message may be sent.")
    passed: int = Field(description="How many went on from it so far, each pass once.")
    exited: dict[str, int] = Field(description="How many left the sequence at it, by reason.")
    campaign_id: UUID | None
    campaign_status: str | None
    problem: str | None = Field(description="Why the draft's message could not be published, such as not_approved.")
    holds: str | None = Field(description="Why nobody gets the published message now, such as approval_void.")
    messages: dict[str, int]
    conversions: int = Field(description="Conversions that a message of the step brought.")


class SequenceDetail(SequenceOut):
    definition: dict[str, Any]
    unpublished: bool = Field(description="The draft says something else than what is published.")
    enrolments: dict[str, int] = Field(description="How many are active, completed and exited.")
    exits: dict[str, int] = Field(description="How many exited, by reason.")
    steps: list[StepOut]


class VersionOut(Stamped):
    n: int
    definition: dict[str, Any]
    campaigns: dict[str, UUID]


class EnrolIn(Input):
    member_ids: list[UUID] = Field(min_length=1, max_length=1_000, examples=[["01a1ff84-f00a-740b-a6ea-25bbbfee6f82"]])


class EnrolledOut(Output):
    """Who came in; the others are inside already, or were and may not come again."""

    enrolled: int
    member_ids: list[UUID]


class EnrolmentOut(Stamped):
    """Where a member stands in a sequence, in one pass."""

    sequence_id: UUID
    sequence: str = Field(description="The name of the sequence.")
    sequence_status: str
    member_id: UUID | None
    pass_n: int = Field(description="0 the first time, 1 the second.")
    state: str = Field(description="active, completed or exited.")
    reason: str | None = Field(
        description="Why somebody left: unsubscribed, complained, bounced, goal, erased, manual, archived."
    )
    why: str = Field(description="What let them in.")
    step: str | None = Field(description="At which step they are, or left; null behind the last one.")
    since: datetime
    due_at: datetime | None = Field(description="When it goes on; null while the step's message may not be sent.")
    next_message: str | None = Field(description="Which message comes next; null where a condition decides first.")
    done: list[str] = Field(description="The message steps that are behind them.")
    ended_at: datetime | None
    words: dict[str, str] = Field(
        examples=[{"de": "Wartet bis 2026-11-24T10:00+01:00, dann kommt „reminder“.",
                   "en": "Waits until 2026-11-24T10:00+01:00; “reminder” comes next."}]
    )  # fmt: skip

    @classmethod
    def at(cls, found: Standing) -> Self:
        """Return the payload of where somebody stands."""
        row = found.enrolment
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(
            **own, sequence=found.sequence, sequence_status=found.status, next_message=found.next_message,
            words=found.words,
        )  # fmt: skip


class StepCampaignOut(Output):
    """The campaign to write and approve."""

    campaign_id: UUID


class RehearsalIn(Input):
    """On whom, from when, and what they do with the messages. Without members: with the three newest ones."""

    member_ids: list[UUID] = Field(default_factory=list, max_length=10)
    member: dict[str, Any] | None = Field(
        None,
        description="An invented member instead.",
        examples=[{"first_name": "Jörg", "time_zone": "Europe/Berlin", "tags": ["neu"]}],
    )
    does: dict[str, list[Literal["opened", "clicked", "converted"]]] = Field(
        default_factory=dict, description="What they do, by message step.", examples=[{"welcome": ["opened"]}]
    )
    start: Moment | None = Field(None, description="When they come in; without it now.")
    days: Annotated[int, Field(ge=1, le=rehearsal.LONGEST_DAYS, strict=True)] = 365


class EntryOut(Output):
    at: datetime
    local: str = Field(description="The same on the member's clock.")
    kind: str = Field(description="enrolled, message, wait, condition, tag, exit or completed.")
    step: str | None
    why: dict[str, str]
    channel: str | None
    sent_at: datetime | None = Field(
        description="When the message goes out: later than `at` under a frequency cap; null: no open hour."
    )
    skipped: str | None = Field(description="Why the member would not get it now.")


class RehearsedOut(Output):
    member_id: UUID | None
    entries: list[EntryOut]
