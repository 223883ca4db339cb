"""Checks of personal lines: the same as of any other text, and that each rests on something."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from domain.content import copy_checks, lines, slots
from domain.content.findings import Finding, Material, block
from kernel.text import blank


def check(content: Mapping[str, Any], language: str, channel: str, material: Material) -> list[Finding]:
    """Return what is wrong with the lines of a language; what the brand requires stands in the text around them."""
    form = str(content.get("form", "du"))
    calm = replace(material, required=())
    found: list[Finding] = []
    for each in lines.of_language(content, language):
        path = lines.path_of(language, channel, str(each["id"]))
        text = str(each["text"])
        shape = list(_shape(text, list(each["insights"]), path))
        found += shape or copy_checks.of_copy({}, [(path, text)], path, language, form, calm)
    return found


def _shape(text: str, insights: list[str], path: str) -> Iterator[Finding]:
    if not insights:
        de, en = "Dieser Satz beruht auf nichts, was bekannt ist.", "This line rests on nothing that is known."
        yield block("shape", path, text, de, en)
    if blank(text) or len(text) > lines.LONGEST:
        de = f"Ein persönlicher Satz hat 1 bis {lines.LONGEST} Zeichen."
        en = f"A personal line has 1 to {lines.LONGEST} characters."
        yield block("length_hard", path, text[:60], de, en)
    try:
        used = slots.names(slots.parse(text))
    except slots.BadSlot:
        used = {""}
    if used:
        de, en = "In einem persönlichen Satz steht kein Platzhalter.", "A personal line holds no placeholder."
        yield block("unresolved_placeholder", path, text[:60], de, en)
