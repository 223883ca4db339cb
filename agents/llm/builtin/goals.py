"""Which of nine goals a sentence means, by keywords; information where none fits."""

import re

from agents.campaign import promises

GOALS: tuple[tuple[str, str], ...] = (
    ("birthday", r"geburtstag|birthday"),
    ("feedback", r"feedback|umfrage|bewertung|survey|review|zufrieden"),
    (
        "reactivation",
        r"reaktivier|zur[üu]ck(?:hol|gewinn|komm)|inaktiv|nicht (?:mehr )?da|win ?back|inactive|come ?back|reactivat",
    ),
    ("welcome", r"willkommen|begr[üu][ßs]|neumitglied|neue mitglieder|welcome|new members|onboard"),
    ("event", r"event|veranstaltung|workshop|tag der offenen|kurs(?:start|termin)|einlad|invit|open day"),
    ("reminder", r"erinner|frist|letzte chance|remind|deadline|last chance"),
    ("offer", r"angebot|rabatt|aktion|gutschein|preis|sale|offer|discount|deal|promotion"),
    ("newsletter", r"newsletter|neuigkeiten|neues aus|rundbrief|news"),
)
_OFFER = re.compile(GOALS[6][1], re.IGNORECASE)


def classify(goal: str) -> str:
    """Return the goal that the sentence means."""
    return next((name for name, pattern in GOALS if re.search(pattern, goal, re.IGNORECASE)), "information")


def wants_offer(goal: str) -> bool:
    """Say whether the sentence asks for an offer: by its word, or by a price."""
    return _OFFER.search(goal) is not None or bool(promises.promised(goal))
