"""What becomes of members in a sequence, in German and English."""

from domain.sequences.course import Exit

Said = tuple[str, str]

COMPLETED: Said = ("Alle Schritte sind durch.", "All steps are done.")
STOPPED: Said = ("Die Sequenz ist angehalten.", "The sequence is paused.")
NOW: Said = ("Ist an der Reihe.", "Its turn has come.")
NEVER_OPEN: Said = ("Die Ruhezeiten lassen keine Stunde übrig.", "The quiet hours leave no hour of the day.")
LEFT: dict[str, Said] = {
    Exit.UNSUBSCRIBED: ("Hat sich abgemeldet.", "Unsubscribed."),
    Exit.COMPLAINED: ("Hat sich beschwert.", "Complained."),
    Exit.BOUNCED: ("Die Adressen nehmen nichts an.", "The addresses take nothing."),
    Exit.GOAL: ("Das Ziel ist erreicht.", "The goal is reached."),
    Exit.ERASED: ("Wurde gelöscht.", "Was erased."),
    Exit.MANUAL: ("Wurde herausgenommen.", "Was taken out."),
    Exit.ARCHIVED: ("Die Sequenz ist archiviert.", "The sequence is archived."),
}


def held(step: str) -> Said:
    """Say that a step may not send now."""
    return (f"Wartet, bis der Schritt „{step}“ senden darf.", f"Waits until the step “{step}” may send.")


def quiet(local: str) -> Said:
    """Say when a message goes out that quiet hours hold, on the member's clock."""
    return (f"Ruhezeit: geht um {local} hinaus.", f"Quiet hours: goes out at {local}.")


def capped(local: str) -> Said:
    """Say when a message goes out that the frequency cap holds, on the member's clock."""
    return (f"Häufigkeitsgrenze: geht um {local} hinaus.", f"Frequency cap: goes out at {local}.")


def waits(local: str, coming: str | None = None) -> Said:
    """Say until when a delay lasts, on the member's clock, and which message comes then, where that is known."""
    if coming is None:
        return (f"Wartet bis {local}.", f"Waits until {local}.")
    return (f"Wartet bis {local}, dann kommt „{coming}“.", f"Waits until {local}; “{coming}” comes next.")
