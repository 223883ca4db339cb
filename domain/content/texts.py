"""The texts of SMS, WhatsApp and Telegram: their shape. They hold slots like a mail, and no markup but `**bold**`."""

from collections.abc import Mapping
from typing import Any

from domain.content import slots
from domain.content.blocks import Problem
from kernel.text import blank

CHANNELS = ("sms", "whatsapp", "telegram")
LONGEST_TEXT = 4_096
LONGEST_LABEL = 60
MOST_VARIABLES = 20
_FIELDS = {
    "sms": frozenset({"text", "claims"}),
    "whatsapp": frozenset({"text", "template", "variables", "claims"}),
    "telegram": frozenset({"text", "button", "claims"}),
}


def problems(channel: str, variant: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a variant of one of CHANNELS, empty when it can be used."""
    found = [Problem(name, "shape", f"is no part of {channel}") for name in sorted(set(variant) - _FIELDS[channel])]
    if channel == "whatsapp" and "template" in variant:
        found += _template(variant)
    else:
        found += _text(variant.get("text"), "text", LONGEST_TEXT)
        if "variables" in variant:
            found.append(Problem("variables", "shape", "belong to a template"))
    if variant.get("button") is not None:
        found += _button(variant["button"])
    if not isinstance(variant.get("claims", []), list):
        found.append(Problem("claims", "shape", "is a list"))
    return found


def _template(variant: Mapping[str, Any]) -> list[Problem]:
    found = []
    if "text" in variant:
        found.append(Problem("text", "shape", "give a text or a template, not both"))
    if not isinstance(variant["template"], str) or blank(variant["template"]):
        found.append(Problem("template", "shape", "is the id of an approved template"))
    variables = variant.get("variables", {})
    if not isinstance(variables, Mapping) or len(variables) > MOST_VARIABLES:
        return [*found, Problem("variables", "shape", f"are at most {MOST_VARIABLES} names with their texts")]
    for name, text in variables.items():
        found += _text(text, f"variables.{name}", LONGEST_TEXT)
    return found


def _button(button: object) -> list[Problem]:
    if not isinstance(button, Mapping) or set(button) != {"label", "url"}:
        return [Problem("button", "shape", "holds exactly label, url")]
    found = _text(button["label"], "button.label", LONGEST_LABEL)
    if button["url"] != "cta_url":
        found.append(Problem("button.url", "url_not_allowed", "a button leads to cta_url"))
    return found


def _text(value: object, path: str, longest: int) -> list[Problem]:
    if not isinstance(value, str) or blank(value):
        return [Problem(path, "shape", "is missing or empty")]
    if len(value) > longest:
        return [Problem(path, "length_hard", f"has more than {longest} characters")]
    try:
        slots.parse(value)
    except slots.BadSlot as error:
        return [Problem(path, error.code, str(error))]
    return []


def texts_of(variant: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return path and source text of every place where a variant says something."""
    places = [("text", str(variant["text"]))] if "text" in variant else []
    places += [(f"variables.{name}", str(text)) for name, text in (variant.get("variables") or {}).items()]
    if variant.get("button"):
        places.append(("button.label", str(variant["button"]["label"])))
    return places
