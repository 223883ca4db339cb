"""What the service answers to stop, start and help: short, free of advertising, in letters that an SMS has for free."""

from domain.consent.opt_out_words import Wish
from models import Tenant

_CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram"}
_ANSWERS: dict[Wish, dict[str, str]] = {
    Wish.STOP: {
        "de": "{name}: Abgemeldet, es kommt keine Werbung mehr per {channel}. War das nicht gemeint? Antworte START.",
        "en": "{name}: You are unsubscribed, no more marketing by {channel}. Not what you meant? Reply START.",
    },
    Wish.START: {
        "de": "{name}: Wieder angemeldet. Nachrichten per {channel} kommen wie zuvor. Abmelden: STOP",
        "en": "{name}: You are subscribed again and get messages by {channel} as before. To end: STOP",
    },
    Wish.HELP: {
        "de": "{name}. {contact} Keine Nachrichten mehr per {channel}: STOP",
        "en": "{name}. {contact} No more messages by {channel}: STOP",
    },
}


def of(wish: Wish, channel: str, language: str, tenant: Tenant) -> str:
    """Return the answer to a wish, with the business's name, and for help how to reach it."""
    contact = ", ".join(filter(None, (tenant.postal_address, tenant.imprint_url or tenant.website)))
    text = _ANSWERS[wish][language].format(
        name=tenant.name, channel=_CHANNELS[channel], contact=f"{contact}." if contact else ""
    )
    return " ".join(text.split())
