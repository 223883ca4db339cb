"""What the worker says in a chat: short, with the absolute date, in German and English."""

from collections.abc import Sequence
from datetime import datetime

from domain.follow_ups.rules import Due, spoken

_DE = {
    "scheduled": "Alles klar, ich melde mich am {first}.",
    "moved": "Alles klar, verschoben: Ich melde mich am {first}.",
    "cancelled": "Alles klar, ich melde mich nicht.",
    "declined": "Alles klar, dann melde ich mich nicht.",
    "ask": "Soll ich mich am {first} melden (1) oder am {second} (2)?",
    "ask_absence": "Danke für die Info. Soll ich mich am {first} melden (1) oder am {second} (2)?",
    "past": "Der Zeitpunkt ist schon vorbei. Wann soll ich mich melden?",
    "too_far": "So weit im Voraus kann ich nicht planen. Nenne mir bitte einen Tag in den nächsten 13 Monaten.",
    "full": "Mehr Erinnerungen kann ich gerade nicht vormerken. Bitte wende dich direkt an das Team.",
}
_EN = {
    "scheduled": "All right, I'll get back to you on {first}.",
    "moved": "All right, moved: I'll get back to you on {first}.",
    "cancelled": "All right, I won't get back to you.",
    "declined": "All right, then I won't get back to you.",
    "ask": "Shall I get back to you on {first} (1) or on {second} (2)?",
    "ask_absence": "Thanks for letting us know. Shall I get back to you on {first} (1) or on {second} (2)?",
    "past": "That moment has passed. When shall I get back to you?",
    "too_far": "I cannot plan that far ahead. Please name a day within the next 13 months.",
    "full": "I cannot note any more reminders at the moment. Please ask the team directly.",
}
_WORDS = {"de": _DE, "en": _EN}


def say(what: str, language: str, dues: Sequence[Due] = (), *, now: datetime) -> str:
    """Return the answer `what` in a language with its dates; their year is named where it is not the present one."""
    dates = [spoken(due, language, now) for due in dues]
    names = dict(zip(("first", "second"), dates, strict=False))
    return _WORDS[language][what].format(**names)
