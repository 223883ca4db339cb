"""Checks of SMS, WhatsApp and Telegram texts: lengths, the way out, the sender's name, variables of a template."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from channels.sms import segments
from domain.content import copy_checks, slots
from domain.content.compile_text import CompiledText, compile_text, compile_variables
from domain.content.findings import Finding, Material, block, warn
from domain.content.member_values import MemberFacts, values_for

# Most characters of a message: Twilio's Body (its documentation of messages), Telegram's sendMessage in UTF-16 units.
LONGEST = {"sms": segments.LONGEST, "whatsapp": 1_600, "telegram": 4_096}
LONGEST_VARIABLE = 1_024
MOST_SEGMENTS = 2
_STOP = re.compile(r"\bSTOPP?\b")
_NUMBERED = re.compile(r"[1-9]\d?")
_NOBODY = MemberFacts(id=UUID(int=0))


def check(
    channel: str, variant: Mapping[str, Any], language: str, path: str, content: Mapping[str, Any], material: Material
) -> list[Finding]:
    """Return what is wrong with a variant of the right shape, for the sample members and for the longest values."""
    form = str(content.get("form", "du"))
    known: dict[str, Any] = {
        "channel": channel,
        "language": language,
        "form": form,
        "offers": material.offers,
        "cta_url": str(content.get("cta_url") or ""),
        "facts": material.layout,
    }
    found: list[Finding] = []
    if "template" in variant:
        return _variables(compile_variables(variant, **known), path, language, form, material)
    compiled = compile_text(variant, **known)
    samples = [compiled.fill(values) for values in _samples(compiled, language, form, material)]
    longest = compiled.fill(longest_values(compiled, material.link))
    found += _unresolved(samples, f"{path}.text")
    found += _length([*samples, longest], channel, path)
    if "cta_url" in compiled.slots and not compiled.links:
        de, en = "Der Text hat einen Link, aber kein Ziel dafür.", "The text has a link, but nowhere to lead."
        found.append(block("link_missing", f"{path}.text", "{cta_url}", de, en))
    if channel == "sms":
        found += [*_sms(samples, path, material), *_cost(samples, f"{path}.text")]
    elif channel == "whatsapp":
        de = "Freier Text erreicht nur, wer in den letzten 24 Stunden geschrieben hat; alle anderen eine Vorlage."
        en = "Free text reaches only people who wrote within the last 24 hours, a template everybody else."
        found.append(warn("template_needed", path, "", de, en))
    return found


def units(text: str, channel: str) -> int:
    """Return the length as the channel counts it: UTF-16 units for Telegram, characters otherwise."""
    return len(text.encode("utf-16-le")) // 2 if channel == "telegram" else len(text)


def longest_values(compiled: CompiledText, link: str) -> dict[str, str]:
    """Return values as long as the registry lets them be, in letters that no SMS has for free."""
    values = {name: "Ş" * slots.REGISTRY[name].longest for name in compiled.slots if slots.REGISTRY[name].personal}
    return values | {f"link:{n}": link for n in range(len(compiled.links))}


def _samples(compiled: CompiledText, language: str, form: str, material: Material) -> Iterator[dict[str, str]]:
    links = {f"link:{n}": material.link for n in range(len(compiled.links))}
    for member in (*material.members, _NOBODY):
        yield values_for(member, language=language, form=form, time_zone=material.time_zone, now=material.now) | links


def _unresolved(samples: list[str], path: str) -> list[Finding]:
    for text in samples:
        match = copy_checks.UNRESOLVED.search(text)
        if match or not text:
            de, en = "Hier bleibt ein Platzhalter oder nichts stehen.", "A placeholder, or nothing, is left here."
            return [block("unresolved_placeholder", path, match.group(0) if match else "", de, en)]
    return []


def _length(texts: list[str], channel: str, path: str) -> list[Finding]:
    most = max(units(text, channel) for text in texts)
    if most <= LONGEST[channel]:
        return []
    de = f"Der Text hat mit den längsten Namen bis zu {most} Zeichen, höchstens {LONGEST[channel]}."
    en = f"The text has up to {most} characters with the longest names, at most {LONGEST[channel]}."
    return [block("length_hard", f"{path}.text", "", de, en)]


def _sms(samples: list[str], path: str, material: Material) -> list[Finding]:
    found = []
    names = [name.casefold() for name in (material.layout.tenant_name, material.layout.sender_name) if name]
    if not all(any(name in text.casefold() for name in names) for text in samples):
        de = "Die SMS nennt nicht, von wem sie kommt. Setze {studio} oder {sender_name} ein."
        en = "The SMS does not say whom it is from. Use {studio} or {sender_name}."
        found.append(block("sender_unnamed", f"{path}.text", "", de, en))
    if not all(_STOP.search(text) for text in samples):
        de, en = "Der Weg zur Abmeldung fehlt (STOP).", "The way to opt out is missing (STOP)."
        found.append(block("unsubscribe_missing", f"{path}.text", "", de, en))
    return found


def _cost(samples: list[str], path: str) -> list[Finding]:
    """Say how many parts the samples take, and which letters of the text itself, the last sample, make it dear."""
    most = max(segments.cost(text).segments for text in samples)
    own = segments.cost(samples[-1]).offenders
    found = []
    if own:
        signs = " ".join(each.character for each in own)
        plain = " ".join(each.instead for each in own if each.instead)
        de = f"Mit „{signs}“ passen nur 67 statt 153 Zeichen in einen Teil." + (f" Besser: {plain}" if plain else "")
        en = f"With '{signs}' only 67 instead of 153 characters fit into a part." + (
            f" Better: {plain}" if plain else ""
        )
        found.append(warn("sms_encoding", path, signs, de, en))
    if most > MOST_SEGMENTS:
        de = f"Die SMS braucht bis zu {most} Teile, und jeder kostet; gut sind höchstens {MOST_SEGMENTS}."
        en = f"The SMS takes up to {most} parts, and each one costs; at most {MOST_SEGMENTS} are good."
        found.append(warn("sms_segments", path, "", de, en))
    return found


def _variables(
    compiled: Mapping[str, CompiledText], path: str, language: str, form: str, material: Material
) -> list[Finding]:
    found = []
    numbers = sorted(int(name) for name in compiled if _NUMBERED.fullmatch(name))
    if numbers and numbers != list(range(1, len(numbers) + 1)):
        de, en = "Die Variablen sind nicht lückenlos nummeriert.", "The variables are not numbered without gaps."
        found.append(block("template_mismatch", f"{path}.variables", "", de, en))
    for name, variable in compiled.items():
        place = f"{path}.variables.{name}"
        filled = [variable.fill(values) for values in _samples(variable, language, form, material)]
        if any(not text for text in filled):
            de = "Diese Variable ist bei manchen leer, und WhatsApp lehnt das ab. Setze Worte ein, die immer da sind."
            en = "This variable is empty for some people, which WhatsApp refuses. Use words that are always there."
            found.append(block("template_mismatch", place, "", de, en))
        found += _unresolved([text for text in filled if text], place)
        most = max(len(text) for text in (*filled, variable.fill(longest_values(variable, material.link))))
        if most > LONGEST_VARIABLE:
            de = f"Die Variable hat bis zu {most} Zeichen, höchstens {LONGEST_VARIABLE}."
            en = f"The variable has up to {most} characters, at most {LONGEST_VARIABLE}."
            found.append(block("length_hard", place, "", de, en))
    return found
