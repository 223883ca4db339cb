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
        "claims": [{"sentence": paragraphs[1], "kind": "price", "source_ids": offers}] if offers else [],
    }


@handles("Scope")
def scope(ask: Ask) -> Json:
    wish = json.dumps(ask.messages[-1]["content"], ensure_ascii=False).lower()
    return {
        "shorter": "kürz" in wish or "short" in wish,
        "no_exclamation": "ausruf" in wish,
        "address": "sie" if "per sie" in wish else None,
        "tone": None,
        "other_offer": False,
        "other_subject": False,
        "other": "",
    }
