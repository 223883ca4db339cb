"""What travels through the graph: plain values, and how parallel branches are joined."""

import operator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from agents.campaign.feedback import Style
from agents.campaign.replies import BriefPlan


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


def merge_parts(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Join parts by key; two branches that write one key are a mistake of ours."""
    clash = sorted(set(left) & set(right))
    if clash:
        raise ValueError(f"two branches wrote {clash}")
    return left | right


class State(TypedDict, total=False):
    goal: str
    feedback: list[str]
    previous: dict[str, Any] | None
    channel: str
    languages: list[str]
    style: Style
    changed: list[str]
    sources: list[Source]
    plan: BriefPlan
    parts: Annotated[dict[str, Any], merge_parts]
    mended: dict[str, Any]
    content: dict[str, Any]
    claims: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    problems: Annotated[list[str], operator.add]
    questions: list[dict[str, str]]
    repairs: int
    revision_id: str


class BaseTask(TypedDict):
    """What one parallel branch of the writing gets."""

    channel: str
    language: str
    plan: BriefPlan
    sources: list[Source]
    style: Style
    feedback: list[str]
