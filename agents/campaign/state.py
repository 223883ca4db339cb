"""What travels through the graph: plain values, and how parallel branches are joined."""

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from agents.campaign.feedback import Style
from agents.campaign.levels import Level
from agents.campaign.replies import BriefPlan
from domain.brand.service import UNSAVED, Brand
from domain.content.cohorts import Cohort
from domain.content.lines import Target


@dataclass(frozen=True, slots=True)
class Source:
    """A pinned source as writers see it."""

    id: str
    kind: str
    title: str
    text: str
    hash: str
    language: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "kind": self.kind, "title": self.title, "excerpt": self.text, "hash": self.hash,
            "language": self.language,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """What every writing call of a run has before it; the same for all of them."""

    goal: str
    sources: list[Source]
    style: Style
    brand: Brand = UNSAVED
    feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Todo:
    """What a run writes; everything else is the previous revision's, byte for byte.

    `plan`: decide the message anew. `languages`: base copies, and their personal lines. `cohorts`: ids. `places`: paths
    of single texts.
    """

    plan: bool = True
    languages: tuple[str, ...] = ()
    cohorts: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def merge_parts(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Join parts by key; two branches that write one key are a mistake of ours."""
    clash = sorted(set(left) & set(right))
    if clash:
        raise ValueError(f"two branches wrote {clash}")
    return left | right


class State(TypedDict, total=False):
    goal: str
    feedback: list[str]
    places: list[dict[str, str]]
    previous: dict[str, Any] | None
    previous_claims: list[dict[str, Any]]
    channel: str
    languages: list[str]
    cohorts: list[Cohort]
    targets: list[Target]
    level: Level
    brand: Brand
    style: Style
    unattended: bool
    mends: bool
    alternatives: bool
    judged: bool
    notes: dict[str, str]
    changed: list[str]
    todo: Todo
    sources: list[Source]
    search: dict[str, str]
    plan: BriefPlan
    parts: Annotated[dict[str, Any], merge_parts]
    snippets: Annotated[dict[str, Any], merge_parts]
    personal: Annotated[dict[str, Any], merge_parts]
    lost_lines: Annotated[int, operator.add]
    edits: dict[str, str]
    edit_claims: list[dict[str, Any]]
    content: dict[str, Any]
    claims: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    problems: Annotated[list[str], operator.add]
    questions: list[dict[str, Any]]
    repairs: int
    shortened: bool
    cuts: int
    revision_id: str


class BaseTask(TypedDict):
    """What one parallel branch of the writing gets."""

    channel: str
    language: str
    plan: BriefPlan
    desk: Desk
    alternative: bool


class CohortTask(TypedDict):
    """Ten cohorts for one call, and the base copy of their languages."""

    channel: str
    cohorts: list[Cohort]
    plan: BriefPlan
    desk: Desk
    base: dict[str, dict[str, str]]


class LineTask(TypedDict):
    """Up to 25 targets for one call, and the opening of the base copy of their languages."""

    targets: list[Target]
    plan: BriefPlan
    desk: Desk
    base: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Spot:
    """One text to write anew: what it says now, and what is wrong with it or wished of it."""

    path: str
    text: str
    orders: tuple[str, ...] = field(default=())


def desk_of(state: State) -> Desk:
    """Return what writers have before them in this run."""
    return Desk(
        goal=state["goal"],
        sources=state["sources"],
        style=state["style"],
        brand=state["brand"],
        feedback=tuple(state["feedback"]),
    )
