"""From blocks to a message: compiled once per variant and language, filled once per recipient.

The same compiled variant serves the preview and the sending, so what is seen is what is sent.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

from domain.content import blocks, layout, slots
from domain.content.member_values import day_text, money_text

_HOLE = re.compile("\ue000(\\d+)\ue001")
_PRIVATE = re.compile("[\ue000-\ue001]")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_TAG = re.compile(r"<[^<>]{0,200}>")
_CONTROL = re.compile(
    "[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffb\ue000\ue001]"
)
Fill = Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """An offer as a message may state it; money in minor units."""

    id: UUID
    title: str
    price_minor: int
    currency: str
    old_price_minor: int | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    url: str | None = None
    terms: str | None = None


@dataclass(frozen=True, slots=True)
class LayoutFacts:
    """Who sends: what stands in the frame around the blocks."""

    tenant_name: str
    sender_name: str
    postal_address: str
    imprint_url: str
    brand_colour: str = "#0b6480"


@dataclass(frozen=True, slots=True)
class Part:
    """Literals and holes of one part, and what fills each hole, already escaped for the part."""

    pieces: tuple[str | int, ...]
    holes: tuple[Fill, ...]

    def fill(self, values: Mapping[str, str]) -> tuple[str, ...]:
        return tuple([hole(values) for hole in self.holes])

    def join(self, filled: Sequence[str]) -> str:
        return "".join([piece if isinstance(piece, str) else filled[piece] for piece in self.pieces])


class FilledEmail(NamedTuple):
    """The values of the holes for one recipient."""

    subject: tuple[str, ...]
    preheader: tuple[str, ...]
    html: tuple[str, ...]
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """A whole message as people see it."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class CompiledEmail:
    """One variant in one language. `links` are the targets by position; their holes are named `link:<n>`."""

    subject: Part
    preheader: Part
    html: Part
    text: Part
    links: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> FilledEmail:
        """Fill every hole.

        `values` holds the member's slots, `link:<n>`, `unsubscribe_url`, `preferences_url` and `pixel`.
        """
        return FilledEmail(
            self.subject.fill(values), self.preheader.fill(values), self.html.fill(values), self.text.fill(values)
        )

    def join(self, filled: FilledEmail) -> RenderedEmail:
        return RenderedEmail(
            self.subject.join(filled.subject),
            self.preheader.join(filled.preheader),
            self.html.join(filled.html),
            self.text.join(filled.text),
        )

    def render(self, values: Mapping[str, str]) -> RenderedEmail:
        return self.join(self.fill(values))

    def plain_links(self) -> dict[str, str]:
        """Return the values that make every link lead straight to its target."""
        return {f"link:{n}": url for n, url in enumerate(self.links)}


_SIMPLE = re.compile("[ !#-%(-;=?-~]*")  # nothing to compose, to drop or to escape, in no part of a message


def escape_text(value: str) -> str:
    if _SIMPLE.fullmatch(value):
        return value
    return _CONTROL.sub("", _TAG.sub("", unicodedata.normalize("NFC", value)))


def escape_html(value: str) -> str:
    if _SIMPLE.fullmatch(value):
        return value
    return html.escape(_CONTROL.sub("", unicodedata.normalize("NFC", value)), quote=True)


def _strong(text: str) -> str:
    return f"<strong>{text}</strong>"


class Builder:
    """Turns nodes into text with numbered marks, and marks into pieces.

    `bold` shows what stands between two pairs of stars (None: as plain words); `renamed` gives a slot the name under
    which its value comes.
    """

    def __init__(
        self,
        constants: Mapping[str, str],
        escape: Callable[[str], str],
        *,
        bold: Callable[[str], str] | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        self._constants = constants
        self._escape = escape
        self._bold = bold or str
        self._renamed = renamed or {}
        self._holes: list[Fill] = []

    def mark(self, fill: Fill) -> str:
        self._holes.append(fill)
        return f"\ue000{len(self._holes) - 1}\ue001"

    def value(self, name: str) -> str:
        escape = self._escape
        return self.mark(lambda values: escape(values.get(name, "")))

    def literal(self, text: str) -> str:
        return self._escape(_PRIVATE.sub("", text))

    def emphasised(self, text: str) -> str:
        return _BOLD.sub(lambda match: self._bold(match.group(1)), text)

    def words(self, nodes: tuple[slots.Node, ...]) -> str:
        parts = []
        for node in nodes:
            if isinstance(node, str):
                parts.append(self.literal(node))
            elif isinstance(node, slots.Value):
                parts.append(self._slot(node.name))
            else:
                parts.append(self._clause(node))
        return self.emphasised("".join(parts))

    def _slot(self, name: str) -> str:
        if name in self._constants:
            return self._escape(self._constants[name])
        return self.value(self._renamed.get(name, name))

    def _clause(self, clause: slots.Clause) -> str:
        if clause.name in self._constants:
            return self.words(clause.nodes) if self._constants[clause.name] else ""
        parts = [self._prepared(node) for node in clause.nodes]
        name, emphasised = self._renamed.get(clause.name, clause.name), self.emphasised
        return self.mark(
            lambda values: emphasised("".join([part(values) for part in parts])) if values.get(name) else ""
        )

    def _prepared(self, node: slots.Node) -> Fill:
        if isinstance(node, slots.Value) and node.name not in self._constants:
            name, escape = self._renamed.get(node.name, node.name), self._escape
            return lambda values: escape(values.get(name, "")).replace("**", "")
        text = self.literal(node) if isinstance(node, str) else self._slot(node.name)
        return lambda _values: text

    def part(self, text: str) -> Part:
        pieces: list[str | int] = []
        for n, piece in enumerate(_HOLE.split(text)):
            if n % 2:
                pieces.append(int(piece))
            elif piece:
                pieces.append(piece)
        return Part(tuple(pieces), tuple(self._holes))


def constants_of(offers: Sequence[OfferFacts], facts: LayoutFacts, cta_url: str, language: str) -> dict[str, str]:
    """Return the slots that are the same for every recipient."""
    found = {"studio": facts.tenant_name, "sender_name": facts.sender_name, "cta_url": cta_url}
    for n in range(1, slots.OFFERS + 1):
        offer = offers[n - 1] if n <= len(offers) else None
        found |= {f"offer{n}_{name}": text for name, text in _offer_texts(offer, language).items()}
    return found


def _offer_texts(offer: OfferFacts | None, language: str) -> dict[str, str]:
    if offer is None:
        return dict.fromkeys(("title", "price", "old_price", "valid_until", "terms"), "")
    old = offer.old_price_minor
    return {
        "title": offer.title,
        "price": money_text(offer.price_minor, offer.currency, language),
        "old_price": money_text(old, offer.currency, language) if old is not None else "",
        "valid_until": day_text(offer.valid_until, language) if offer.valid_until else "",
        "terms": offer.terms or "",
    }


def compile_email(
    variant: Mapping[str, object],
    *,
    language: str,
    form: str,
    offers: Sequence[OfferFacts],
    cta_url: str,
    facts: LayoutFacts,
) -> CompiledEmail:
    """Compile one language. Raises blocks.BadContent for a content that is no e-mail."""
    parsed = blocks.parse_email(variant)
    constants = constants_of(offers, facts, cta_url, language)
    subject = Builder(constants, escape_text)
    preheader = Builder(constants, escape_text)
    subject_part = subject.part(subject.words(parsed.subject))
    preheader_part = preheader.part(preheader.words(parsed.preheader))
    links = (cta_url,) if cta_url else ()
    return CompiledEmail(
        subject_part,
        preheader_part,
        _html(parsed, constants, facts, language=language, form=form, offers=offers),
        _text(parsed, constants, facts, language=language, form=form),
        links,
    )


def _html(
    parsed: blocks.EmailVariant,
    constants: Mapping[str, str],
    facts: LayoutFacts,
    *,
    language: str,
    form: str,
    offers: Sequence[OfferFacts],
) -> Part:
    builder = Builder(constants, escape_html, bold=_strong)
    drawn = []
    for block in parsed.blocks:
        texts = [builder.words(nodes) for nodes in block.texts]
        offer = _card(block, offers, constants)
        drawn.append(layout.Drawn(block.type, [text.replace("\n", "<br>") for text in texts], offer))
    page = layout.html_page(
        drawn,
        facts=layout.Frame(
            language=language,
            form=form,
            tenant_name=facts.tenant_name,
            postal_address=facts.postal_address,
            imprint_url=facts.imprint_url,
            brand_colour=facts.brand_colour,
            subject=builder.words(parsed.subject),
            preheader=builder.words(parsed.preheader),
            link=builder.value("link:0"),
            unsubscribe=builder.value("unsubscribe_url"),
            preferences=builder.value("preferences_url"),
            pixel=builder.mark(_pixel),
        ),
    )
    return builder.part(page)


def _pixel(values: Mapping[str, str]) -> str:
    url = values.get("pixel")
    return (
        f'<img src="{html.escape(url, quote=True)}" width="1" height="1" alt="" style="display:block">' if url else ""
    )


def _card(block: blocks.Block, offers: Sequence[OfferFacts], constants: Mapping[str, str]) -> dict[str, str] | None:
    if block.type != "offer_card" or block.offer > len(offers):
        return None
    return {
        name: constants[f"offer{block.offer}_{name}"]
        for name in ("title", "price", "old_price", "valid_until", "terms")
    }


def _text(
    parsed: blocks.EmailVariant, constants: Mapping[str, str], facts: LayoutFacts, *, language: str, form: str
) -> Part:
    builder = Builder(constants, escape_text)
    lines: list[str] = []
    for block in parsed.blocks:
        texts = [builder.words(nodes) for nodes in block.texts]
        if block.type == "button":
            lines.append(f"{texts[0]}:\n{builder.value('link:0')}")
        elif block.type == "bullets":
            lines.append("\n".join(f"• {text}" for text in texts))
        elif block.type == "offer_card":
            lines.append(layout.text_card({k: constants[f"offer{block.offer}_{k}"] for k in layout.CARD}, language))
        else:
            lines.extend(texts)
    lines.append(
        layout.text_footer(
            facts.tenant_name,
            facts.postal_address,
            facts.imprint_url,
            unsubscribe=builder.value("unsubscribe_url"),
            preferences=builder.value("preferences_url"),
            language=language,
            form=form,
        )
    )
    return builder.part("\n\n".join(line for line in lines if line) + "\n")
