"""What people and agents read about a task, in the tenant's language."""

from domain.agent_tasks.states import State

_OF_STATE = {
    State.QUEUED: ("Wartet auf einen freien Platz.", "Waits for its turn."),
    State.RUNNING: ("Der Entwurf wird geschrieben.", "The draft is being written."),
    State.WAITING_REVIEW: (
        "Der Entwurf liegt zur Freigabe vor. Freigeben kann ihn nur ein Mensch.",
        "The draft is up for review. Only a person can approve it.",
    ),
    State.WAITING_INPUT: ("Eine Frage ist offen.", "A question is open."),
    State.PAUSED_BUDGET: (
        "Monatsbudget erreicht, der Entwurf bleibt erhalten.",
        "The monthly budget is used up; the draft is kept.",
    ),
    State.PAUSED_PROVIDER: (
        "Das Sprachmodell antwortet nicht; es geht von selbst weiter.",
        "The model does not answer; it goes on by itself.",
    ),
    State.DONE: ("Erledigt.", "Done."),
    State.FAILED: ("Nicht gelungen.", "Did not succeed."),
    State.CANCELLED: ("Abgebrochen.", "Cancelled."),
    State.REFUSED: ("Nicht begonnen.", "Not begun."),
}


def of_state(state: State, language: str) -> str:
    """Return the sentence for a state."""
    return _OF_STATE[state][0 if language == "de" else 1]


def rejected(language: str) -> str:
    """Return the sentence for a draft that a person put aside."""
    return "Ein Mensch hat den Entwurf abgelehnt." if language == "de" else "A person rejected the draft."


def confirmation(label: str, language: str) -> str:
    """Return the question before anything happens."""
    if language == "de":
        return f"Soll ich das tun: {label}? Antworte mit Ja oder Nein."
    return f"Shall I do this: {label}? Answer yes or no."
