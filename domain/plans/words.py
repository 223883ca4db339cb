"""What is said about plans, in the languages of the people: by language, `en` and `de`."""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from domain.plans.catalog import Feature, Limit, Tier

LANGUAGES = ("en", "de")
_LOCALES = {"en": "en_GB", "de": "de_DE"}
_LEVELS_DE = {
    "basic": "einfach",
    "standard": "Standard",
    "advanced": "erweitert",
    "advanced + context": "erweitert mit Kontext",
    "enterprise": "Enterprise",
    "yes": "ja",
}


# Where a tier allows one, or one is used: (English, German).
_ONE = {
    "broadcasts": ("broadcast", "Kampagne"),
    "templates": ("template", "Vorlage"),
    "segments": ("segment", "Segment"),
    "follow_ups": ("chat follow-up", "Chat-Follow-up"),
}


def level_name(level: str | None, language: str) -> str:
    """Return a level as people read it; `–` for none."""
    if level is None:
        return "–"
    return _LEVELS_DE[level] if language == "de" else level


def local_time(at: datetime, zone: str, language: str) -> str:
    """Return an instant on the clock of a zone, with the zone's name."""
    pattern = "d. MMMM y, HH:mm" if language == "de" else "d MMMM y, HH:mm"
    said = format_datetime(at.astimezone(ZoneInfo(zone)), pattern, locale=_LOCALES[language])
    return f"{said} ({zone})"


def used_up(limit: Limit, tier: Tier, used: int, resets: datetime | None, zone: str) -> dict[str, str]:
    """Return the sentence for a limit that has no more: what is allowed, what is used, and the ways out."""
    allowed = limit.amount(tier)
    lifted = limit.lifted_by(tier)
    ways = {
        "en": [f"upgrade to {lifted.value}"] if lifted else [],
        "de": [f"auf {lifted.value} wechseln"] if lifted else [],
    }
    if resets is not None:
        ways["en"].append(f"wait until {local_time(resets, zone, 'en')}")
        ways["de"].append(f"bis {local_time(resets, zone, 'de')} warten")
    elif allowed:
        ways["en"].append("delete one that is no longer needed")
        ways["de"].append("löschen, was nicht mehr gebraucht wird")
    monthly = limit.per == "month"
    one = _ONE[limit.key]
    what = {"en": one[0], "de": one[1]} if allowed == 1 else {"en": limit.label_en.lower(), "de": limit.label_de}
    return {
        "en": f"The plan {tier} allows {allowed} {what['en']}{' a month' if monthly else ''}; "
        f"{used} {'is' if used == 1 else 'are'} used. Way out: {' or '.join(ways['en'])}.",
        "de": f"Der Tarif {tier} erlaubt {allowed} {what['de']}{' im Monat' if monthly else ''}; "
        f"{used} {'ist' if used == 1 else 'sind'} verbraucht. Ausweg: {' oder '.join(ways['de'])}.",
    }


def missing(feature: Feature, tier: Tier, level: str | None, lifted: Tier) -> dict[str, str]:
    """Return the sentence for a feature, or a level of it, that a tier does not have."""
    wanted = {language: f" ({level_name(level, language)})" if level else "" for language in LANGUAGES}
    return {
        "en": f"The plan {tier} has no {feature.label_en}{wanted['en']}. Way out: upgrade to {lifted.value}.",
        "de": f"Der Tarif {tier} enthält keine {feature.label_de}{wanted['de']}. Ausweg: auf {lifted.value} wechseln.",
    }
