"""Checks of what a text says, whatever the channel: sources, tone, form of address, language."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from domain.content import facts, planted, slots
from domain.content.findings import Finding, Material, block, warn

MOST_EMOJI = {False: 0, True: 3}

UNRESOLVED = re.compile(
    r"\{|\}|\bNone\b|\bnull\b|\bundefined\b|lorem ipsum|\[[A-ZÄÖÜ_ ]{3,}\]|Hallo ,|Hi ,|Hello ,", re.IGNORECASE
)
_CODE = re.compile(r"<[a-z/!][^>]*>|javascript:|data:text|=\?utf-8\?|\b(?:[A-Za-z0-9+/]{60,}={0,2})\b", re.IGNORECASE)
_SIE = re.compile(r"\b(?:Sie|Ihnen|Ihr|Ihre[mnrs]?)\b")
_DU = re.compile(r"\b(?:du|dich|dir|dein(?:e[mnrs]?)?|euch|euer)\b")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_SHOUT = re.compile(r"\b[A-ZÄÖÜ]{5,}\b")
_SMALL = {
    "de": {"und", "der", "die", "das", "wir", "ist", "nicht", "mit", "dich", "dein", "ein", "für", "auf", "sie", "ihr",
           "ihnen", "zu"},
    "en": {"and", "the", "you", "your", "is", "with", "for", "we", "our", "to", "of", "a", "it", "on"},
}  # fmt: skip
_CONTACTS = frozenset({"email", "phone", "iban"})


def of_copy(
    variant: Mapping[str, Any],
    places: Sequence[tuple[str, str]],
    path: str,
    language: str,
    form: str,
    material: Material,
) -> list[Finding]:
    """Return what is wrong with the words of a variant; `places` are the paths and source texts of all of them."""
    said = [(place, slots.plain(slots.parse(text))) for place, text in places]
    cited = _cited(variant, material)
    found: list[Finding] = []
    for place, text in said:
        found.extend(_grounding(place, text, cited, material))
        found.extend(_form_of_text(place, text))
    whole = " ".join(text for _, text in said)
    found.extend(_tone(path, whole, material))
    found.extend(_language(path, whole, language, form))
    found.extend(_used_offers(variant, places, path, material))
    return found


def _cited(variant: Mapping[str, Any], material: Material) -> list[facts.Fact]:
    """Return what is proven: by the cited sources, and by the brief, but for ways to reach somebody.

    A brief may be delegated and an offer come from elsewhere. Where people call, write or pay to stands in a document
    of the tenant, or a person waives it.
    """
    ids = {str(source) for claim in variant.get("claims") or () for source in claim.get("source_ids", ())}
    offers = {str(offer.id) for offer in material.offers}
    known = {source: material.sources[source] for source in ids if source in material.sources}
    strong = [text for source, text in known.items() if source not in offers]
    weak = [material.brief, *(text for source, text in known.items() if source in offers)]
    said = [fact for text in weak for fact in facts.facts(text) if fact.kind not in _CONTACTS]
    return [*(fact for text in strong for fact in facts.facts(text)), *said]


def _grounding(place: str, text: str, cited: list[facts.Fact], material: Material) -> list[Finding]:
    found = []
    for fact in facts.facts(text):
        if fact.kind == "url":
            host = re.sub(r"^(?:https?://)?", "", fact.value).split("/")[0]
            if host not in material.approved_hosts:
                found.append(
                    block(
                        "url_not_allowed",
                        place,
                        fact.excerpt,
                        "Diese Adresse ist nicht freigegeben.",
                        "This address is not approved.",
                    )
                )
        elif fact.kind in facts.HARD and not facts.supports(cited, fact):
            found.append(_unproven(place, fact))
        elif fact.kind in {"superlative", "health"} and not facts.supports(cited, fact):
            found.append(
                warn(
                    "superlative",
                    place,
                    fact.excerpt,
                    "Ein Superlativ oder Heilversprechen ohne Beleg.",
                    "A superlative or health claim without proof.",
                )
            )
    return found


def _unproven(place: str, fact: facts.Fact) -> Finding:
    if fact.kind in _CONTACTS:
        return block(
            "contact_outside_profile", place, fact.excerpt,
            f"„{fact.excerpt}“ steht in keinem zitierten Dokument; Auftrag und Angebot genügen dafür nicht.",
            f"'{fact.excerpt}' is in no cited document; brief and offer are not enough for it.",
        )  # fmt: skip
    return block(
        "fact_ungrounded", place, fact.excerpt,
        f"„{fact.excerpt}“ steht in keiner zitierten Quelle und nicht im Auftrag.",
        f"'{fact.excerpt}' is in no cited source and not in the brief.",
    )  # fmt: skip


def _form_of_text(place: str, text: str) -> list[Finding]:
    found = []
    match = _CODE.search(text)
    if match:
        found.append(
            block(
                "encoded_or_code",
                place,
                match.group(0)[:60],
                "Code hat in einem Text nichts verloren.",
                "Code does not belong into a text.",
            )
        )
    found.extend(warn("injection_suspected", place, words, each.de, each.en) for each, words in planted.found(text))
    return found


def _used_offers(
    variant: Mapping[str, Any], places: Sequence[tuple[str, str]], path: str, material: Material
) -> list[Finding]:
    used = {each["offer"] for each in variant.get("blocks", ()) if each["type"] == "offer_card"}
    for _, text in places:
        used |= {int(name[5]) for name in slots.names(slots.parse(text)) if name.startswith("offer")}
    return [
        block(
            "offer_invalid",
            path,
            f"offer {n}",
            "Der Text nennt ein Angebot, das es nicht gibt.",
            "The text names an offer that is not there.",
        )
        for n in sorted(used)
        if n > len(material.offers)
    ]


def _tone(path: str, text: str, material: Material) -> list[Finding]:
    found = []
    count = text.count("!")
    if count > material.most_exclamations:
        found.append(
            warn(
                "tone_limits",
                path,
                "!" * count,
                f"{count} Ausrufezeichen; höchstens {material.most_exclamations}.",
                f"{count} exclamation marks; at most {material.most_exclamations}.",
            )
        )
    shout = _SHOUT.search(text)
    if shout:
        found.append(
            warn("tone_limits", path, shout.group(0), "Ganze Wörter in Großbuchstaben.", "Whole words in capitals.")
        )
    most = MOST_EMOJI[material.emoji]
    if len(_EMOJI.findall(text)) > most:
        found.append(warn("tone_limits", path, "", f"Mehr als {most} Emojis.", f"More than {most} emojis."))
    folded = text.casefold()
    found.extend(
        warn("forbidden_phrase", path, phrase, "Diese Formulierung ist ausgeschlossen.", "This phrase is ruled out.")
        for phrase in material.forbidden
        if phrase.casefold() in folded
    )
    found.extend(
        block(
            "required_phrase_missing",
            path,
            phrase,
            f"„{phrase}“ muss vorkommen, so sagt es das Markenprofil.",
            f"'{phrase}' must be in it, says the brand profile.",
        )
        for phrase in material.required
        if phrase.casefold() not in folded
    )
    return found


def _language(path: str, text: str, language: str, form: str) -> list[Finding]:
    words = re.findall(r"[^\W\d_]+", text.casefold())
    scores = {lang: sum(word in small for word in words) for lang, small in _SMALL.items()}
    other = "en" if language == "de" else "de"
    found = []
    if scores.get(other, 0) > scores.get(language, 0) + 2:
        found.append(
            block(
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
                warn(
                    "form_mixed",
                    path,
                    wrong.group(0),
                    f"Der Text soll „{form.title() if form == 'sie' else form}“ sagen.",
                    "The form of address is mixed.",
                )
            )
    return found
