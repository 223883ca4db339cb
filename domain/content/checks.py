"""Checks on a draft: what blocks an approval, what a person should look at, each with place and reason."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from domain.content import blocks, cohorts, copy_checks, line_checks, slots, source_checks, text_checks, texts, versions
from domain.content.compile import CompiledEmail, compile_email
from domain.content.findings import Finding, Material, block, warn
from domain.content.member_values import MemberFacts, values_for

EMAIL = "email"
SUBJECT_HARD, SUBJECT_SOFT = 120, 60
PREHEADER_SOFT = (40, 110)
LARGEST_HTML = 102_000
_NOBODY = UUID(int=0)
_ORDER = {"block": 0, "warn": 1, "info": 2}


def check_revision(content: Mapping[str, Any], material: Material) -> list[Finding]:
    """Return every finding of every language and channel, the blocking ones first."""
    found: list[Finding] = []
    languages = content.get("languages") or {}
    if not languages:
        found.append(block("shape", "languages", "", "Es gibt keinen Text.", "There is no text."))
    found.extend(_offers(material))
    found.extend(source_checks.check(material))
    for language, given in languages.items():
        channels = given if isinstance(given, Mapping) else {}
        for channel in dict.fromkeys([material.channel, *channels]):
            said = _channel(channels.get(channel), channel, language, content, material)
            found.extend(said)
            if channel == material.channel and not any(finding.code == "shape" for finding in said):
                found.extend(_cohorts(channels[channel], channel, language, content, material, said))
                found.extend(line_checks.check(content, language, channel, material))
    found.extend(_versions(content, material))
    return sorted(found, key=lambda finding: _ORDER[finding.severity])


def _versions(content: Mapping[str, Any], material: Material) -> list[Finding]:
    """Check every variant of a comparison like the content's own text: languages, words, facts and lengths."""
    found: list[Finding] = []
    languages, channel = set(content.get("languages") or {}), material.channel
    for n, other in versions.each_seen(content):
        for language in sorted(languages ^ set(other["languages"])):
            de, en = "Diese Variante hat nicht dieselben Sprachen.", "This variant has not the same languages."
            found.append(block("shape", f"{versions.key_of(language, n)}.{channel}", versions.letter(n), de, en))
        for language, channels in other["languages"].items():
            own = (content.get("languages") or {}).get(language, {}).get(channel) or {}
            text = channels.get(channel)
            for finding in _channel(text, channel, language, other, material):
                path = finding.path.partition(".")[2]
                found.append(replace(finding, path=f"{versions.key_of(language, n)}.{path}"))
            if isinstance(text, Mapping) and ("template" in text) != ("template" in own):
                de = "Alle Varianten einer Sprache sind Vorlagen, oder alle freier Text."
                en = "All variants of a language are templates, or all of them are free text."
                found.append(block("shape", f"{versions.key_of(language, n)}.{channel}", "", de, en))
    return found


def of_alternatives(content: Mapping[str, Any], material: Material) -> dict[str, list[Finding]]:
    """Return by language what is wrong with the second text that stands beside A for a comparison to come.

    A text that says what A says has a blocker: there would be nothing to compare.
    """
    found: dict[str, list[Finding]] = {}
    channel = material.channel
    for language, channels in (content.get(versions.ALTERNATIVES) or {}).items():
        key = versions.key_of(language, 1)
        said = _channel(channels.get(channel), channel, language, content, material)
        if channels.get(channel) == (content["languages"].get(language) or {}).get(channel):
            de, en = "Der Text sagt dasselbe wie A.", "The text says what A says."
            said.append(block("shape", f"{language}.{channel}", "", de, en))
        found[language] = [replace(each, path=f"{key}.{each.path.partition('.')[2]}") for each in said]
    return found


def of_place(content: Mapping[str, Any], language: str, cohort: str, material: Material) -> list[Finding]:
    """Return what is wrong with the text of a language, or of one of its cohorts, on the material's channel.

    The paths are those of the language. Raises KeyError where the content has no such text.
    """
    variant = content["languages"][language][material.channel]
    if cohort:
        found = {str(each["id"]): each for each in cohorts.of_language(content, language)}
        variant = cohorts.merged(variant, found[cohort])
    return _channel(variant, material.channel, language, content, material)


def _cohorts(
    base: Mapping[str, Any],
    channel: str,
    language: str,
    content: Mapping[str, Any],
    material: Material,
    known: Sequence[Finding],
) -> list[Finding]:
    """Check the copy of every cohort as its members get it; what the base copy has too is said once."""
    said = {(finding.code, finding.path.partition(".")[2], finding.excerpt) for finding in known}
    found: list[Finding] = []
    for each in cohorts.of_language(content, language):
        key = cohorts.key_of(language, each["id"])
        try:
            variant = cohorts.merged(base, each)
        except KeyError as place:
            de, en = "Diese Stelle gibt es im Grundtext nicht.", "The base copy has no such place."
            found.append(block("shape", f"{key}.{channel}.{place.args[0]}", "", de, en))
            continue
        for finding in _channel(variant, channel, language, content, material):
            path = finding.path.partition(".")[2]
            if (finding.code, path, finding.excerpt) not in said:
                found.append(replace(finding, path=f"{key}.{path}"))
    return found


def _channel(
    variant: object, channel: str, language: str, content: Mapping[str, Any], material: Material
) -> list[Finding]:
    path = f"{language}.{channel}"
    if channel != EMAIL and channel not in texts.CHANNELS:
        de, en = "Diesen Kanal gibt es nicht.", "There is no such channel."
        return [block("shape", path, channel, de, en)]
    given = variant if isinstance(variant, Mapping) else {}
    wrong = blocks.problems(given) if channel == EMAIL else texts.problems(channel, given)
    if wrong:
        return [
            block(p.code, f"{path}.{p.path}", "", f"So nicht verwendbar: {p.reason}", f"Cannot be used: {p.reason}")
            for p in wrong
        ]
    form = str(content.get("form", "du"))
    places = [(f"{path}.{place}", text) for place, text in texts_of(given, channel)]
    found = copy_checks.of_copy(given, places, path, language, form, material)
    if channel == EMAIL:
        compiled = _compiled(given, language, form, material)
        return [*found, *_lengths(compiled, path), *_renders(compiled, language, path, form, material)]
    return [*found, *text_checks.check(channel, given, language, path, content, material)]


def _offers(material: Material) -> list[Finding]:
    found = []
    for n, offer in enumerate(material.offers):
        if offer.valid_until is not None and offer.valid_until < material.day:
            found.append(
                block(
                    "offer_invalid", f"offers.{n}", offer.title,
                    f"Das Angebot ist am {offer.valid_until:%d.%m.%Y} abgelaufen.",
                    f"The offer ended on {offer.valid_until:%d %B %Y}.", (str(offer.id),),
                )
            )  # fmt: skip
        elif offer.valid_from is not None and offer.valid_from > material.day:
            found.append(
                block(
                    "offer_invalid", f"offers.{n}", offer.title,
                    f"Das Angebot gilt erst ab {offer.valid_from:%d.%m.%Y}.",
                    f"The offer is valid from {offer.valid_from:%d %B %Y} only.", (str(offer.id),),
                )
            )  # fmt: skip
    return found


def texts_of(variant: Mapping[str, Any], channel: str = EMAIL) -> list[tuple[str, str]]:
    """Return path and source text of every place where a variant says something."""
    if channel != EMAIL:
        return texts.texts_of(variant)
    places = [("subject", str(variant["subject"])), ("preheader", str(variant["preheader"]))]
    for n, each in enumerate(variant["blocks"]):
        places.extend((f"blocks.{n}.{key}", str(each[key])) for key in ("text", "label") if key in each)
        places.extend((f"blocks.{n}.items.{i}", str(item)) for i, item in enumerate(each.get("items", ())))
    return places


def _lengths(compiled: CompiledEmail, path: str) -> list[Finding]:
    rendered = compiled.render(_longest_values())
    found = []
    subject, preheader = len(rendered.subject), len(rendered.preheader)
    if subject > SUBJECT_HARD:
        found.append(
            block(
                "length_hard",
                f"{path}.subject",
                rendered.subject,
                f"Der Betreff hat bis zu {subject} Zeichen, höchstens {SUBJECT_HARD}.",
                f"The subject has up to {subject} characters, at most {SUBJECT_HARD}.",
            )
        )
    elif subject > SUBJECT_SOFT:
        found.append(
            warn(
                "length_soft",
                f"{path}.subject",
                rendered.subject,
                f"Der Betreff hat bis zu {subject} Zeichen; viele Postfächer zeigen {SUBJECT_SOFT}.",
                f"The subject has up to {subject} characters; many inboxes show {SUBJECT_SOFT}.",
            )
        )
    if not PREHEADER_SOFT[0] <= preheader <= PREHEADER_SOFT[1]:
        found.append(
            warn(
                "length_soft",
                f"{path}.preheader",
                rendered.preheader,
                f"Die Vorschauzeile hat {preheader} Zeichen; gut sind {PREHEADER_SOFT[0]} bis {PREHEADER_SOFT[1]}.",
                f"The preheader has {preheader} characters; {PREHEADER_SOFT[0]} to {PREHEADER_SOFT[1]} are good.",
            )
        )
    if len(rendered.html.encode()) > LARGEST_HTML:
        found.append(
            block(
                "length_hard",
                path,
                "",
                "Die E-Mail ist größer als 102 KB; manche Postfächer schneiden sie ab.",
                "The mail is larger than 102 KB; some inboxes cut it.",
            )
        )
    return found


def _longest_values() -> dict[str, str]:
    values = {slot.name: slot.example for slot in slots.REGISTRY.values()}
    return values | _ways_out() | {"link:0": "https://www.example", "pixel": ""}


def _ways_out() -> dict[str, str]:
    return {"unsubscribe_url": "https://www.example/unsubscribe", "preferences_url": "https://www.example/preferences"}


def _compiled(variant: Mapping[str, Any], language: str, form: str, material: Material) -> CompiledEmail:
    return compile_email(
        variant,
        language=language,
        form=form,
        offers=material.offers,
        cta_url="https://www.example",
        facts=material.layout,
    )


def _renders(compiled: CompiledEmail, language: str, path: str, form: str, material: Material) -> list[Finding]:
    """Render for sample members: nothing unresolved may be seen by anybody, and the way out must be there."""
    fixed = _ways_out() | {"link:0": "https://www.example/x", "pixel": ""}
    for member in material.members or (MemberFacts(id=_NOBODY),):
        values = values_for(member, language=language, form=form, time_zone=material.time_zone, now=material.now)
        rendered = compiled.render(values | fixed)
        for name, text in (("subject", rendered.subject), ("preheader", rendered.preheader), ("text", rendered.text)):
            match = copy_checks.UNRESOLVED.search(text)
            if match:
                return [
                    block(
                        "unresolved_placeholder",
                        f"{path}.{name}",
                        match.group(0),
                        "Hier bleibt ein Platzhalter stehen.",
                        "A placeholder is left here.",
                    )
                ]
        if (
            "https://www.example/unsubscribe" not in rendered.html
            or "https://www.example/unsubscribe" not in rendered.text
        ):
            return [
                block("unsubscribe_missing", path, "", "Der Abmeldelink fehlt.", "The unsubscribe link is missing.")
            ]
    return []
