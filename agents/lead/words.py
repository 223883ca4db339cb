"""What the lead agent says, in German and English."""

from collections.abc import Mapping
from types import MappingProxyType

_SAYS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "confirm_draft": (
        "Soll ich eine Kampagne entwerfen? Ziel: „{goal}“. Für: {audience}. Kanal: {channel}. Ja oder Nein?",
        "Shall I draft a campaign? Goal: '{goal}'. For: {audience}. Channel: {channel}. Yes or no?",
    ),
    "confirm_revise": (
        "Soll ich den Entwurf so überarbeiten: „{feedback}“? Ja oder Nein?",
        "Shall I revise the draft like this: '{feedback}'? Yes or no?",
    ),
    "which_draft": (
        "Welcher Entwurf ist gemeint: {channels}? Nenne den Kanal in deinem Wunsch.",
        "Which draft is meant: {channels}? Name the channel in what you ask for.",
    ),
    "confirm_followup": (
        "Soll ich mich am {when} melden? Ja oder Nein?",
        "Shall I get back to you on {when}? Yes or no?",
    ),
    "begun": (
        "Gut, ich fange an. Die Aufgabe {task} meldet sich, sobald der Entwurf zur Freigabe bereitliegt.",
        "All right, I have begun. Task {task} tells when the draft is up for review.",
    ),
    "promised": ("Alles klar, ich melde mich am {when}.", "All right, I will get back to you on {when}."),
    "dropped": ("Gut, dann nicht.", "All right, I will not."),
    "counted": (
        "{audience}: {members}. Davon dürfen {agreed} auf diesem Kanal angeschrieben werden.",
        "{audience}: {members}. Of these, {agreed} may be written to on this channel.",
    ),
    "status": ("{message} ({percent} %)", "{message} ({percent} %)"),
    "no_task": ("Hier läuft gerade nichts.", "Nothing is under way here."),
    "answer": ("{text} (Quelle: {source})", "{text} (Source: {source})"),
    "unknown": (
        "Das steht nicht in der Wissensbasis. Ich kann die Frage an einen Menschen weitergeben.",
        "The knowledge base does not say. I can pass the question on to a person.",
    ),
    "clarify": (
        "Was soll ich tun: eine Kampagne entwerfen, Mitglieder zählen, oder eine Frage beantworten?",
        "What shall I do: draft a campaign, count members, or answer a question?",
    ),
    "clarify_member": (
        "Das habe ich nicht verstanden. Stell mir eine Frage, oder sag mir, wann ich mich melden soll.",
        "I did not understand. Ask me a question, or tell me when to get back to you.",
    ),
    "when": (
        "Wann soll ich mich melden? Nenne einen Tag, zum Beispiel: in zwei Wochen.",
        "When shall I get back to you? Name a day, for instance: in two weeks.",
    ),
    "too_far": ("Das liegt in der Vergangenheit oder zu weit vorn.", "That is past, or too far ahead."),
    "followups": ("Vorgemerkt: {dates}.", "Planned: {dates}."),
    "no_followups": ("Es ist nichts vorgemerkt.", "Nothing is planned."),
    "people_decide": (
        "Freigeben und senden kann nur ein Mensch. Öffne dazu die Vorschau der Kampagne.",
        "Only a person approves and sends. Open the campaign's preview for that.",
    ),
    "handoff": ("Ich gebe das an einen Menschen weiter.", "I pass this on to a person."),
})  # fmt: skip


def say(key: str, language: str, **values: object) -> str:
    """Return the sentence with its values; they are never read again as a pattern."""
    return _SAYS[key][0 if language == "de" else 1].format(**values)
