"""Checks on a draft: what blocks an approval, what a person should look at, each with place and reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from domain.content import blocks, facts, slots
from domain.content.compile import CompiledEmail, LayoutFacts, OfferFacts, compile_email
from domain.content.member_values import MemberFacts, values_for

Severity = Literal["block", "warn", "info"]
SUBJECT_HARD, SUBJECT_SOFT = 120, 60
PREHEADER_SOFT = (40, 110)
LARGEST_HTML = 102_000
MOST_EXCLAMATIONS = 1


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
    """What a draft is checked against."""

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


_UNRESOLVED = re.compile(
    r"\{|\}|\bNone\b|\bnull\b|\bundefined\b|lorem ipsum|\[[A-ZÄÖÜ_ ]{3,}\]|Hallo ,|Hi ,|Hello ,", re.IGNORECASE
)
_CODE = re.compile(r"<[a-z/!][^>]*>|javascript:|data:text|=\?utf-8\?|\b(?:[A-Za-z0-9+/]{60,}={0,2})\b", re.IGNORECASE)
_INJECTION = re.compile(
    r"ignore (?:all |the )?previous|ignoriere (?:alle |die )?(?:vorherigen|bisherigen)|system prompt|as an ai|als ki",
    re.IGNORECASE,
)
_SIE = re.compile(r"\b(?:Sie|Ihnen|Ihr|Ihre[mnrs]?)\b")
_DU = re.compile(r"\b(?:du|dich|dir|dein(?:e[mnrs]?)?|euch|euer)\b")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_SHOUT = re.compile(r"\b[A-ZÄÖÜ]{5,}\b")
_SMALL = {
    "de": {"und", "der", "die", "das", "wir", "ist", "nicht", "mit", "dich", "dein", "ein", "für", "auf", "sie", "ihr",
           "ihnen", "zu"},
    "en": {"and", "the", "you", "your", "is", "with", "for", "we", "our", "to", "of", "a", "it", "on"},
}  # fmt: skip


def check_revision(content: Mapping[str, Any], material: Material) -> list[Finding]:
    """Return every finding of every language, the blocking ones first."""
    found: list[Finding] = []
    languages = content.get("languages") or {}
    if not languages:
        found.append(_block("shape", "languages", "", "Es gibt keinen Text.", "There is no text."))
    found.extend(_offers(material))
    for language, channels in languages.items():
        variant = channels.get("email", {}) if isinstance(channels, Mapping) else {}
        path = f"{language}.email"
        problems = blocks.problems(variant)
        if problems:
            found.extend(
                _block(
                    p.code, f"{path}.{p.path}", "", f"So nicht verwendbar: {p.reason}", f"Cannot be used: {p.reason}"
                )
                for p in problems
            )
            continue
        found.extend(_variant(variant, language, path, str(content.get("form", "du")), material))
        found.extend(_renders(variant, language, path, content, material))
    order = {"block": 0, "warn": 1, "info": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def _block(code: str, path: str, excerpt: str, de: str, en: str, ids: tuple[str, ...] = ()) -> Finding:
    return Finding(code, "block", path, excerpt, de, en, ids)


def _warn(code: str, path: str, excerpt: str, de: str, en: str) -> Finding:
    return Finding(code, "warn", path, excerpt, de, en)


def _offers(material: Material) -> list[Finding]:
    found = []
    for n, offer in enumerate(material.offers):
        if offer.valid_until is not None and offer.valid_until < material.day:
            found.append(
                _block(
                    "offer_invalid", f"offers.{n}", offer.title,
                    f"Das Angebot ist am {offer.valid_until:%d.%m.%Y} abgelaufen.",
                    f"The offer ended on {offer.valid_until:%d %B %Y}.", (str(offer.id),),
                )
            )  # fmt: skip
        elif offer.valid_from is not None and offer.valid_from > material.day:
            found.append(
                _block(
                    "offer_invalid", f"offers.{n}", offer.title,
                    f"Das Angebot gilt erst ab {offer.valid_from:%d.%m.%Y}.",
                    f"The offer is valid from {offer.valid_from:%d %B %Y} only.", (str(offer.id),),
                )
            )  # fmt: skip
    return found


def texts_of(variant: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return path and source text of every place where a variant says something."""
    places = [("subject", str(variant["subject"])), ("preheader", str(variant["preheader"]))]
    for n, block in enumerate(variant["blocks"]):
        places.extend((f"blocks.{n}.{key}", str(block[key])) for key in ("text", "label") if key in block)
        places.extend((f"blocks.{n}.items.{i}", str(item)) for i, item in enumerate(block.get("items", ())))
    return places


def _variant(variant: Mapping[str, Any], language: str, path: str, form: str, material: Material) -> list[Finding]:
    places = [(f"{path}.{place}", slots.plain(slots.parse(text))) for place, text in texts_of(variant)]
    cited = _cited(variant, material)
    found: list[Finding] = []
    for place, text in places:
        found.extend(_grounding(place, text, cited, material))
        found.extend(_form_of_text(place, text))
    found.extend(_lengths(variant, path, material, language, form))
    found.extend(_tone(path, " ".join(text for _, text in places), material))
    found.extend(_language(path, " ".join(text for _, text in places), language, form))
    found.extend(_used_offers(variant, path, material))
    return found


def _cited(variant: Mapping[str, Any], material: Material) -> list[facts.Fact]:
    ids = {str(source) for claim in variant.get("claims") or () for source in claim.get("source_ids", ())}
    texts = [material.sources[source] for source in ids if source in material.sources]
    return [fact for text in [*texts, material.brief] for fact in facts.facts(text)]


def _grounding(place: str, text: str, cited: list[facts.Fact], material: Material) -> list[Finding]:
    found = []
    for fact in facts.facts(text):
        if fact.kind == "url":
            host = re.sub(r"^(?:https?://)?", "", fact.value).split("/")[0]
            if host not in material.approved_hosts:
                found.append(
                    _block(
                        "url_not_allowed",
                        place,
                        fact.excerpt,
                        "Diese Adresse ist nicht freigegeben.",
                        "This address is not approved.",
                    )
                )
        elif fact.kind in facts.HARD and not facts.supports(cited, fact):
            code = "contact_outside_profile" if fact.kind in {"email", "phone"} else "fact_ungrounded"
            found.append(
                _block(
                    code, place, fact.excerpt,
                    f"„{fact.excerpt}“ steht in keiner zitierten Quelle und nicht im Auftrag.",
                    f"'{fact.excerpt}' is in no cited source and not in the brief.",
                )
            )  # fmt: skip
        elif fact.kind in {"superlative", "health"} and not facts.supports(cited, fact):
            found.append(
                _warn(
                    "superlative",
                    place,
                    fact.excerpt,
                    "Ein Superlativ oder Heilversprechen ohne Beleg.",
                    "A superlative or health claim without proof.",
                )
            )
    return found


def _form_of_text(place: str, text: str) -> list[Finding]:
    found = []
    match = _CODE.search(text)
    if match:
        found.append(
            _block(
                "encoded_or_code",
                place,
                match.group(0)[:60],
                "Code hat in einem Text nichts verloren.",
                "Code does not belong into a text.",
            )
        )
    match = _INJECTION.search(text)
    if match:
        found.append(
            _warn(
                "injection_suspected",
                place,
                match.group(0),
                "Das klingt nach einer eingeschleusten Anweisung.",
                "This sounds like a planted instruction.",
            )
        )
    return found


def _used_offers(variant: Mapping[str, Any], path: str, material: Material) -> list[Finding]:
    used = {block["offer"] for block in variant["blocks"] if block["type"] == "offer_card"}
    for _, text in texts_of(variant):
        used |= {int(name[5]) for name in slots.names(slots.parse(text)) if name.startswith("offer")}
    return [
        _block(
            "offer_invalid",
            path,
            f"offer {n}",
            "Der Text nennt ein Angebot, das es nicht gibt.",
            "The text names an offer that is not there.",
        )
        for n in sorted(used)
        if n > len(material.offers)
    ]


def _lengths(variant: Mapping[str, Any], path: str, material: Material, language: str, form: str) -> list[Finding]:
    compiled = _compiled(variant, language, form, material)
    rendered = compiled.render(_longest_values())
    found = []
    subject, preheader = len(rendered.subject), len(rendered.preheader)
    if subject > SUBJECT_HARD:
        found.append(
            _block(
                "length_hard",
                f"{path}.subject",
                rendered.subject,
                f"Der Betreff hat bis zu {subject} Zeichen, höchstens {SUBJECT_HARD}.",
                f"The subject has up to {subject} characters, at most {SUBJECT_HARD}.",
            )
        )
    elif subject > SUBJECT_SOFT:
        found.append(
            _warn(
                "length_soft",
                f"{path}.subject",
                rendered.subject,
                f"Der Betreff hat bis zu {subject} Zeichen; viele Postfächer zeigen {SUBJECT_SOFT}.",
                f"The subject has up to {subject} characters; many inboxes show {SUBJECT_SOFT}.",
            )
        )
    if not PREHEADER_SOFT[0] <= preheader <= PREHEADER_SOFT[1]:
        found.append(
            _warn(
                "length_soft",
                f"{path}.preheader",
                rendered.preheader,
                f"Die Vorschauzeile hat {preheader} Zeichen; gut sind {PREHEADER_SOFT[0]} bis {PREHEADER_SOFT[1]}.",
                f"The preheader has {preheader} characters; {PREHEADER_SOFT[0]} to {PREHEADER_SOFT[1]} are good.",
            )
        )
    if len(rendered.html.encode()) > LARGEST_HTML:
        found.append(
            _block(
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
    return values | {"link:0": "https://www.example", "unsubscribe_url": "https://www.example/u", "pixel": ""}


def _tone(path: str, text: str, material: Material) -> list[Finding]:
    found = []
    count = text.count("!")
    if count > MOST_EXCLAMATIONS:
        found.append(
            _warn(
                "tone_limits",
                path,
                "!" * count,
                f"{count} Ausrufezeichen; höchstens {MOST_EXCLAMATIONS}.",
                f"{count} exclamation marks; at most {MOST_EXCLAMATIONS}.",
            )
        )
    shout = _SHOUT.search(text)
    if shout:
        found.append(
            _warn("tone_limits", path, shout.group(0), "Ganze Wörter in Großbuchstaben.", "Whole words in capitals.")
        )
    if len(_EMOJI.findall(text)) > MOST_EXCLAMATIONS:
        found.append(_warn("tone_limits", path, "", "Mehrere Emojis.", "Several emojis."))
    folded = text.casefold()
    found.extend(
        _warn("forbidden_phrase", path, phrase, "Diese Formulierung ist ausgeschlossen.", "This phrase is ruled out.")
        for phrase in material.forbidden
        if phrase.casefold() in folded
    )
    return found


def _language(path: str, text: str, language: str, form: str) -> list[Finding]:
    words = re.findall(r"[^\W\d_]+", text.casefold())
    scores = {lang: sum(word in small for word in words) for lang, small in _SMALL.items()}
    other = "en" if language == "de" else "de"
    found = []
    if scores.get(other, 0) > scores.get(language, 0) + 2:
        found.append(
            _block(
                "language_mismatch",
                path,
                "",
                "Der Text ist nicht in dieser Sprache.",
                "The text is not in this language.",
            )
        )
    if language == "de":
        wrong = _SIE.search(re.sub(r"(?:^|[.!?:]\s+)Sie\b", "", text)) if form == "du" else _DU.search(text)
        if wrong:
            found.append(
                _warn(
                    "form_mixed",
                    path,
                    wrong.group(0),
                    f"Der Text soll „{form.title() if form == 'sie' else form}“ sagen.",
                    "The form of address is mixed.",
                )
            )
    return found


def _compiled(variant: Mapping[str, Any], language: str, form: str, material: Material) -> CompiledEmail:
    return compile_email(
        variant,
        language=language,
        form=form,
        offers=material.offers,
        cta_url="https://www.example",
        facts=material.layout,
    )


def _renders(
    variant: Mapping[str, Any], language: str, path: str, content: Mapping[str, Any], material: Material
) -> list[Finding]:
    """Render for sample members: nothing unresolved may be seen by anybody, and the way out must be there."""
    form = str(content.get("form", "du"))
    compiled = _compiled(variant, language, form, material)
    fixed = {"link:0": "https://www.example/x", "unsubscribe_url": "https://www.example/unsubscribe", "pixel": ""}
    for member in material.members or (MemberFacts(id=_NOBODY),):
        values = values_for(member, language=language, form=form, time_zone=material.time_zone, now=material.now)
        rendered = compiled.render(values | fixed)
        for name, text in (("subject", rendered.subject), ("preheader", rendered.preheader), ("text", rendered.text)):
            match = _UNRESOLVED.search(text)
            if match:
                return [
                    _block(
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
                _block("unsubscribe_missing", path, "", "Der Abmeldelink fehlt.", "The unsubscribe link is missing.")
            ]
    return []


_NOBODY = UUID(int=0)
