"""Slots: the only places where a member's data enters a text, and the tokenizer that finds them.

`{first_name}` is a slot; `{?favourite_course: Dein Kurs {favourite_course} wartet.}` is a clause that disappears
when its slot is empty. Values are put in once and never read again.
"""

import difflib
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SlotType = Literal["text", "money", "date", "int", "url"]
OFFERS = 3
LONGEST_LINE = 140


@dataclass(frozen=True, slots=True)
class Slot:
    """One row of the registry. `personal` marks member data; `scope` says when the value is known."""

    name: str
    type: SlotType
    longest: int
    scope: Literal["member", "offer", "tenant"]
    label_de: str
    label_en: str
    example: str
    required: bool = False

    @property
    def personal(self) -> bool:
        return self.scope == "member"


def _offer_slots(n: int) -> tuple[Slot, ...]:
    which_de, which_en = f"Angebot {n}", f"offer {n}"
    return (
        Slot(f"offer{n}_title", "text", 120, "offer", f"{which_de}: Titel", f"{which_en}: title", "Comeback-Monat"),
        Slot(f"offer{n}_price", "money", 20, "offer", f"{which_de}: Preis", f"{which_en}: price", "29,00 €"),
        Slot(f"offer{n}_old_price", "money", 20, "offer", f"{which_de}: vorher", f"{which_en}: before", "59,00 €"),
        Slot(f"offer{n}_valid_until", "date", 30, "offer", f"{which_de}: gültig bis", f"{which_en}: until", "30.11."),
        Slot(f"offer{n}_terms", "text", 300, "offer", f"{which_de}: Bedingung", f"{which_en}: terms", "einmalig"),
    )


_ALL = (
    Slot("greeting", "text", 92, "member", "Anrede", "greeting", "Hallo Jörg,", required=True),
    Slot("first_name", "text", 40, "member", "Vorname", "first name", "Jörg"),
    Slot("last_name", "text", 40, "member", "Nachname", "last name", "Müller"),
    Slot("favourite_course", "text", 60, "member", "Lieblingskurs", "favourite course", "Yoga"),
    Slot("last_visit", "date", 30, "member", "letzter Besuch", "last visit", "4. Oktober"),
    Slot("days_since_visit", "int", 5, "member", "Tage seit dem Besuch", "days since the visit", "42"),
    Slot("personal_line", "text", LONGEST_LINE, "member", "persönlicher Satz", "personal line", "Komm gern abends."),
    Slot("studio", "text", 100, "tenant", "Name des Studios", "name of the studio", "Studio Lindenhof", required=True),
    Slot("sender_name", "text", 80, "tenant", "Absender", "sender", "Mara vom Studio", required=True),
    Slot("cta_url", "url", 500, "tenant", "Ziel des Knopfs", "the button's target", "https://www.example"),
    *(slot for n in range(1, OFFERS + 1) for slot in _offer_slots(n)),
)
REGISTRY = MappingProxyType({slot.name: slot for slot in _ALL})

_TOKEN = re.compile(r"\{\?([a-z][a-z0-9_]*):|\{([a-z][a-z0-9_]*)\}|([{}])")


class BadSlot(ValueError):  # noqa: N818
    """A brace that is no slot; `code` is that of the finding."""

    def __init__(self, code: str, detail: str, position: int) -> None:
        super().__init__(detail)
        self.code = code
        self.position = position


@dataclass(frozen=True, slots=True)
class Value:
    """A slot to be filled."""

    name: str


@dataclass(frozen=True, slots=True)
class Clause:
    """Nodes that stand only where the slot has a value."""

    name: str
    nodes: tuple["Node", ...]


Node = str | Value | Clause


def parse(text: str) -> tuple[Node, ...]:
    """Return the nodes of a text. Raises BadSlot for an unknown slot, an open clause or a stray brace."""
    nodes, end = _nodes(text, 0, inside=False)
    if end != len(text):
        raise BadSlot("unresolved_placeholder", "a closing brace without its opening one", end)
    return nodes


def _nodes(text: str, start: int, *, inside: bool) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    position = start
    while (match := _TOKEN.search(text, position)) is not None:
        if match.start() > position:
            nodes.append(text[position : match.start()])
        clause, slot, brace = match.groups()
        if brace == "}" and inside:
            return tuple(nodes), match.end()
        if brace:
            raise BadSlot("unresolved_placeholder", "a brace that is no slot", match.start())
        name = clause or slot
        _known(name, match.start())
        if clause:
            if inside:
                raise BadSlot("unresolved_placeholder", "a clause inside a clause", match.start())
            inner, position = _nodes(text, match.end(), inside=True)
            nodes.append(Clause(name, _without_leading_space(inner)))
        else:
            nodes.append(Value(name))
            position = match.end()
    if inside:
        raise BadSlot("unresolved_placeholder", "a clause without its closing brace", start)
    if position < len(text):
        nodes.append(text[position:])
    return tuple(nodes), len(text)


def _without_leading_space(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    if nodes and isinstance(nodes[0], str):
        return (nodes[0].removeprefix(" "), *nodes[1:])
    return nodes


def _known(name: str, position: int) -> None:
    if name in REGISTRY:
        return
    near = difflib.get_close_matches(name, REGISTRY, n=1)
    hint = f"; did you mean {{{near[0]}}}?" if near else ""
    raise BadSlot("slot_unknown", f"there is no slot {{{name}}}{hint}", position)


def names(nodes: tuple[Node, ...]) -> set[str]:
    """Return every slot that the nodes use."""
    used: set[str] = set()
    for node in nodes:
        if isinstance(node, Value):
            used.add(node.name)
        elif isinstance(node, Clause):
            used |= {node.name} | names(node.nodes)
    return used


def plain(nodes: tuple[Node, ...]) -> str:
    """Return the words between the slots, clauses included, for checks that read the copy."""
    return "".join(
        node if isinstance(node, str) else plain(node.nodes) if isinstance(node, Clause) else "…" for node in nodes
    )
