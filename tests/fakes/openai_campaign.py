"""What a faithful model answers to the forms of a campaign: it reads sources and language from the messages."""

import json
import re

from tests.fakes.openai_personas import Ask, Json, handles

_SOURCE = re.compile(r"^\[([0-9a-f-]{36})\] (offer|chunk|\w+):", re.MULTILINE)
_LANGUAGE = re.compile(r"Language\W{1,3}(de|en)")
_COPY = {
    "de": ("{?first_name: {first_name}, }dein Comeback für {offer1_price}", "Alles in Ruhe, wie es dir passt.",
           ["wir würden uns freuen, dich wieder bei uns zu sehen.",
            "Den {offer1_title} gibt es für {offer1_price} bis {offer1_valid_until}."], "Platz sichern", "Bis bald"),
    "en": ("{?first_name: {first_name}, }your comeback for {offer1_price}", "Everything at your own pace.",
           ["we would love to see you again.",
            "The {offer1_title} is {offer1_price} until {offer1_valid_until}."], "Save my place", "See you soon"),
}  # fmt: skip


def sources(ask: Ask) -> list[tuple[str, str]]:
    """Ids and kinds that stand in the messages."""
    return [(match[1], match[2]) for match in _SOURCE.finditer(ask.text)]


@handles("BriefPlan")
def brief(ask: Ask) -> Json:
    offers = [source for source, kind in sources(ask) if kind == "offer"][:1]
    return {
        "objective": "reactivation",
        "key_message": "Come back",
        "angle": "winback",
        "offer_ids": offers,
        "proof_chunk_ids": [],
        "address": "sie" if '"address": "sie"' in ask.text else "du",
        "must_say": [],
        "open_questions": [] if offers else ["offer_missing"],
    }


@handles("CampaignBase")
def base(ask: Ask) -> Json:
    found = _LANGUAGE.findall(ask.text)
    language = found[-1] if found else "de"
    subject, preheader, paragraphs, label, sign_off = _COPY[language]
    offers = [source for source, kind in sources(ask) if kind == "offer"][:1]
    return {
        "lang": language,
        "email": {
            "subject": subject,
            "preheader": preheader,
            "paragraphs": paragraphs,
            "bullets": [],
            "cta_label": label,
            "sign_off": sign_off,
        },
        "alternative": _other(subject, preheader, paragraphs, label, sign_off)
        if "Alternative: yes" in ask.text
        else None,
        "claims": [{"sentence": paragraphs[1], "kind": "price", "source_ids": offers}] if offers else [],
    }


_WORDS = {
    "de": ["wir freuen uns auf dich.", "Den {offer1_title} gibt es für {offer1_price}."],
    "en": ["we look forward to you.", "The {offer1_title} is {offer1_price}."],
}


_SECOND = {"de": "hast du Zeit und Lust?", "en": "do you have time?"}


@handles("TextBase")
def text(ask: Ask) -> Json:
    language = (_LANGUAGE.findall(ask.text) or ["de"])[-1]
    words = _WORDS[language]
    offers = [source for source, kind in sources(ask) if kind == "offer"][:1]
    claims = [{"sentence": words[1], "kind": "price", "source_ids": offers}] if offers else []
    label = "Platz sichern" if language == "de" else "Save my place"
    other = {"text": " ".join([_SECOND[language], *words[1:]]) if offers else _SECOND[language], "cta_label": label}
    return {
        "lang": language,
        "text": " ".join(words) if offers else words[0],
        "cta_label": label,
        "alternative": other if "Alternative: yes" in ask.text else None,
        "claims": claims,
    }


def _other(subject: str, preheader: str, paragraphs: list[str], label: str, sign_off: str) -> Json:
    return {
        "subject": subject.replace("{?first_name: {first_name}, }", ""),
        "preheader": preheader,
        "paragraphs": paragraphs[::-1],
        "bullets": [],
        "cta_label": label,
        "sign_off": sign_off,
    }


_GROUP = re.compile(r"Group ([\w-]+): language (de|en); ")
_OPENERS = {"de": "schön, dass du bei uns bist.", "en": "good to have you with us."}


@handles("CohortBatch")
def cohorts(ask: Ask) -> Json:
    return {
        "items": [
            {
                "cohort_id": found[1],
                "opener": f"{_OPENERS[found[2]]} {{?favourite_course: {{favourite_course}}!}}",
                "benefit": "",
                "cta": "Los geht es" if found[2] == "de" else "Let us go",
                "sms_line": _OPENERS[found[2]],
                "claims": [],
            }
            for found in _GROUP.finditer(ask.text)
        ]
    }


_TARGET = re.compile(r"(r\d+): language (de|en); ([a-z_:, ]+)")
_LINES = {"de": "Such dir gern eine Zeit aus, die dir passt.", "en": "Feel free to pick a time that suits you."}


@handles("PersonalBatch")
def lines(ask: Ask) -> Json:
    return {
        "items": [
            {"ref": found[1], "line": _LINES[found[2]], "used": found[3].strip().split(", ")[:1]}
            for found in _TARGET.finditer(ask.text)
        ]
    }


_SPOT = re.compile(r'\{"ref": "(f\d+)", "place": "([^"]*)", "text": ("(?:[^"\\]|\\.)*"), "wrong": \[[^\n]*\]\}')


@handles("Edits")
def edits(ask: Ask) -> Json:
    """Turn exclamation marks into full stops and drop what no source says; a subject gets another word."""
    items = []
    for found in _SPOT.finditer(ask.text):
        text = json.loads(found[3]).replace("!", ".")
        if found[2].endswith(".subject"):
            text = f"Neu: {text}"
        items.append({"ref": found[1], "text": re.sub(r"\s*\d+ ?%[^.]*\.?", "", text) or "Neu."})
    return {"items": items, "claims": []}


def unchanged(ask: Ask) -> Json:
    """Return every text as it is: a model that does not mend."""
    return {
        "items": [{"ref": found[1], "text": json.loads(found[3])} for found in _SPOT.finditer(ask.text)],
        "claims": [],
    }


@handles("Scope")
def scope(ask: Ask) -> Json:
    wish = json.dumps(ask.messages[-1]["content"], ensure_ascii=False).lower()
    asks = [
        name for name, word in (("audience", "zielgruppe"), ("facts", "erwähn"), ("tone", "klingt")) if word in wish
    ]
    return {"touches": asks or ["other"], "languages": [], "fields": [], "unclear": "" if asks else "unklar"}
