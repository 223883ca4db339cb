"""What a set of phrases holds: one goal, one language, one form of address."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """`opening` and `body` are said in this order; `extra` falls away in a short mail. Slots are as in a draft.

    `lively` replaces the opening where exclamation marks are welcome.
    """

    subjects: tuple[str, ...]
    preheader: str
    opening: str
    body: str
    extra: str
    cta: str
    closing: str
    lively: str = ""


SIGN_OFF = {
    ("de", "du"): "Bis bald\n{sender_name}",
    ("de", "sie"): "Mit freundlichen Grüßen\n{sender_name}",
    ("en", "du"): "See you soon\n{sender_name}",
    ("en", "sie"): "Kind regards\n{sender_name}",
}

OFFER = {
    ("de", "du"): "Unser Angebot für dich: {offer1_title} für {offer1_price}{?offer1_old_price:  statt "
    "{offer1_old_price}}{?offer1_valid_until: , gültig bis {offer1_valid_until}}.",
    ("de", "sie"): "Unser Angebot für Sie: {offer1_title} für {offer1_price}{?offer1_old_price:  statt "
    "{offer1_old_price}}{?offer1_valid_until: , gültig bis {offer1_valid_until}}.",
    ("en", "du"): "Our offer for you: {offer1_title} for {offer1_price}{?offer1_old_price:  instead of "
    "{offer1_old_price}}{?offer1_valid_until: , valid until {offer1_valid_until}}.",
    ("en", "sie"): "Our offer for you: {offer1_title} for {offer1_price}{?offer1_old_price:  instead of "
    "{offer1_old_price}}{?offer1_valid_until: , valid until {offer1_valid_until}}.",
}

OFFER_PREHEADER = {
    "de": "{offer1_title} für {offer1_price}{?offer1_valid_until:  – gültig bis {offer1_valid_until}}.",
    "en": "{offer1_title} for {offer1_price}{?offer1_valid_until:  – valid until {offer1_valid_until}}.",
}

PERSONAL = {
    ("de", "du"): "Schreib uns gern, wenn dir etwas dazwischengekommen ist. Wir finden einen Weg, der zu dir passt.",
    ("de", "sie"): "Schreiben Sie uns gern, wenn Ihnen etwas dazwischengekommen ist. Wir finden einen passenden Weg.",
    ("en", "du"): "Just reply if something got in the way. We will find a way that suits you.",
    ("en", "sie"): "Please reply if something got in the way. We will find a way that suits you.",
}
