"""The blocks of a message: what writers may produce, and nothing else. They hold texts with slots, never HTML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.content import slots
from kernel.text import blank

MOST_BLOCKS = 60
LONGEST_TEXT = 3_000
_FIELDS: dict[str, dict[str, type]] = {
    "heading": {"text": str},
    "paragraph": {"text": str},
    "bullets": {"items": list},
    "offer_card": {"offer": int},
    "button": {"label": str, "url": str},
    "signature": {"text": str},
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a content cannot be used: where, which rule, and the way out."""

    path: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `texts` are its parsed texts in reading order."""

    type: str
    texts: tuple[tuple[slots.Node, ...], ...] = ()
    offer: int = 0


@dataclass(frozen=True, slots=True)
class EmailVariant:
    """One language of an e-mail, parsed."""

    subject: tuple[slots.Node, ...]
    preheader: tuple[slots.Node, ...]
    blocks: tuple[Block, ...]
    claims: tuple[Mapping[str, Any], ...] = field(default=())


class BadContent(ValueError):  # noqa: N818
    """A content that does not have the shape of an e-mail; `problems` says where."""

    def __init__(self, found: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.reason}" for problem in found))
        self.problems = found


def parse_email(content: Mapping[str, Any]) -> EmailVariant:
    """Return the parsed variant. Raises BadContent naming every place that is wrong."""
    found: list[Problem] = []
    subject = _text(content, "subject", "subject", found)
    preheader = _text(content, "preheader", "preheader", found)
    raw = content.get("blocks")
    if not isinstance(raw, list) or not raw:
        found.append(Problem("blocks", "shape", "give at least one block"))
        raw = []
    if len(raw) > MOST_BLOCKS:
        found.append(Problem("blocks", "shape", f"at most {MOST_BLOCKS} blocks"))
    blocks = tuple(_block(block, f"blocks.{n}", found) for n, block in enumerate(raw[:MOST_BLOCKS]))
    unknown = sorted(set(content) - {"subject", "preheader", "blocks", "claims"})
    if unknown:
        found.append(Problem(unknown[0], "shape", "is no part of an e-mail"))
    if found:
        raise BadContent(found)
    claims = content.get("claims") or []
    return EmailVariant(subject, preheader, blocks, tuple(claim for claim in claims if isinstance(claim, dict)))


def problems(content: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a variant, empty when it can be used."""
    try:
        parse_email(content)
    except BadContent as error:
        return error.problems
    return []


def _text(holder: Mapping[str, Any], key: str, path: str, found: list[Problem]) -> tuple[slots.Node, ...]:
    value = holder.get(key)
    if not isinstance(value, str) or blank(value):
        found.append(Problem(path, "shape", "is missing or empty"))
        return ()
    return _nodes(value, path, found)


def _nodes(value: str, path: str, found: list[Problem]) -> tuple[slots.Node, ...]:
    if len(value) > LONGEST_TEXT:
        found.append(Problem(path, "length_hard", f"has more than {LONGEST_TEXT} characters"))
        return ()
    try:
        return slots.parse(value)
    except slots.BadSlot as error:
        found.append(Problem(path, error.code, str(error)))
        return ()


def _block(raw: Any, path: str, found: list[Problem]) -> Block:
    kind = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        found.append(Problem(path, "shape", f"type must be one of {', '.join(_FIELDS)}"))
        return Block("paragraph")
    wanted = _FIELDS[kind]
    if set(raw) != {"type", *wanted} or any(
        not isinstance(raw.get(key), kinds) or isinstance(raw.get(key), bool) for key, kinds in wanted.items()
    ):
        found.append(Problem(path, "shape", f"a {kind} holds exactly {', '.join(wanted)}"))
        return Block(kind)
    if kind == "offer_card":
        if not 1 <= raw["offer"] <= slots.OFFERS:
            found.append(Problem(f"{path}.offer", "offer_invalid", f"name offer 1 to {slots.OFFERS}"))
        return Block(kind, offer=raw["offer"])
    if kind == "bullets":
        texts = tuple(_text({"item": item}, "item", f"{path}.items.{n}", found) for n, item in enumerate(raw["items"]))
        return Block(kind, texts)
    if kind == "button":
        if raw["url"] != "cta_url":
            found.append(Problem(f"{path}.url", "url_not_allowed", "a button leads to cta_url"))
        return Block(kind, (_text(raw, "label", f"{path}.label", found),))
    return Block(kind, (_text(raw, "text", f"{path}.text", found),))
