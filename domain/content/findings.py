"""What checks find in a draft, and what a draft is checked against."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from domain.content.compile import LayoutFacts, OfferFacts
from domain.content.member_values import MemberFacts

Severity = Literal["block", "warn", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a draft. `reason_de` and `reason_en` say it to people."""

    code: str
    severity: Severity
    path: str
    excerpt: str
    reason_de: str
    reason_en: str
    source_ids: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "source_ids": list(self.source_ids)}


@dataclass(frozen=True, slots=True)
class Material:
    """What a draft is checked against. `link` is one as long as those that will be sent."""

    offers: Sequence[OfferFacts]
    sources: Mapping[str, str]
    layout: LayoutFacts
    day: date
    now: datetime
    time_zone: str
    brief: str = ""
    approved_hosts: Sequence[str] = ()
    members: Sequence[MemberFacts] = field(default=())
    forbidden: Sequence[str] = ()
    required: Sequence[str] = ()
    most_exclamations: int = 1
    emoji: bool = False
    channel: str = "email"
    link: str = "https://www.example/x"


def block(code: str, path: str, excerpt: str, de: str, en: str, ids: tuple[str, ...] = ()) -> Finding:
    return Finding(code, "block", path, excerpt, de, en, ids)


def warn(code: str, path: str, excerpt: str, de: str, en: str) -> Finding:
    return Finding(code, "warn", path, excerpt, de, en)
