"""Reading one conversation in isolation: enums out, never words. Worst case of a hostile chat: one wrong enum."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from agents import guards, prompts
from agents.call import Caller, Question
from agents.follow_up import when
from agents.follow_up.phrases import language_of
from agents.follow_up.reading import plain, topic_of
from agents.insights.replies import Insights
from agents.prompts import Section
from domain.conversations import insights
from domain.conversations.insights import Insight
from domain.follow_ups.rules import Topic

FOLDER = Path(__file__).resolve().parent / "prompts"
_TOKENS = 400
_BY_RULES, _SURE, _UNSURE = 0.6, 0.9, 0.5
_LONGEST = 1_000

_SIGNS: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "intent": (
        ("leave", re.compile(r"\b(?:k[üu]ndig\w*|cancel my (?:membership|contract)|quit(?:ting)?|terminate)\b")),
        ("pause", re.compile(r"\b(?:pausier\w*|pause|stilllegen|freeze|pausing)\b")),
        ("return", re.compile(r"\b(?:wieder (?:anfangen|einsteigen|kommen)|come back|start again|return to)\b")),
        ("join", re.compile(r"\b(?:mitglied werden|anmelden|beitreten|sign up|join|become a member)\b")),
        ("book", re.compile(r"\b(?:buchen|buch\w* |reservier\w*|book|reserve)\b")),
        ("complain", re.compile(r"\b(?:beschwer\w*|[äa]rger\w*|unversch[äa]mt|complain\w*|terrible|unacceptable)\b")),
        ("praise", re.compile(r"\b(?:super kurs|tolles? (?:training|kurs|team)|great class|love (?:it|the class))\b")),
    ),
    "objection": (
        ("price", re.compile(r"\b(?:zu teuer|kostet zu viel|kann ich mir nicht leisten|too expensive|can't afford)\b")),
        ("time", re.compile(r"\b(?:keine zeit|zu wenig zeit|no time|too busy|swamped)\b")),
        ("distance", re.compile(r"\b(?:zu weit|weit weg|umgezogen|too far|moved away)\b")),
        ("crowded", re.compile(r"\b(?:zu voll|[üu]berf[üu]llt|too crowded|overcrowded|always full)\b")),
        ("undecided", re.compile(r"\b(?:unsicher|[üu]berlege noch|unschl[üu]ssig|not sure|need to think|undecided)\b")),
    ),
    "preferred_time": (
        ("weekend", re.compile(r"\b(?:am wochenende|wochenends|on weekends|at the weekend)\b")),
        ("morning", re.compile(r"\b(?:morgens|vormittags|fr[üu]h am morgen|in the mornings?|mornings)\b")),
        ("noon", re.compile(r"\b(?:mittags|in der mittagspause|at noon|lunch ?break)\b")),
        ("afternoon", re.compile(r"\b(?:nachmittags|in the afternoons?|afternoons)\b")),
        ("evening", re.compile(r"\b(?:abends|nach der arbeit|nach feierabend|in the evenings?|evenings|after work)\b")),
    ),
}


Line = tuple[UUID, datetime, str]


def by_rules(lines: Sequence[Line]) -> list[Insight]:
    """Return what the member's messages say by plain words; the latest message decides. Times on the member's clock."""
    found: dict[str, Insight] = {}
    for message_id, at, text in lines:
        for key, value in _read(text[:_LONGEST], at):
            found[key] = Insight(key, value, message_id, _BY_RULES)
    return list(found.values())


def _read(text: str, at: datetime) -> list[tuple[str, str]]:
    words = plain(text)
    read = [
        (key, value)
        for key, signs in _SIGNS.items()
        for value in [next((name for name, sign in signs if sign.search(words)), None)]
        if value is not None
    ]
    topic = topic_of(text)
    if topic is not None and topic != Topic.GENERAL:
        read.append(("topic", str(topic)))
    if (until := absent_until(text, at)) is not None:
        read.append((insights.ABSENCE, until))
    return read


def absent_until(text: str, at: datetime) -> str | None:
    """Return the first day after an absence that a message tells of, computed by code."""
    told = when.absence(text, ref=at, lang=language_of(text, "de"))
    if not isinstance(told, when.Resolution) or "?" in text or told.value - at > timedelta(days=400):
        return None
    return told.value.date().isoformat()


def by_model(lines: Sequence[Line], caller: Caller, conversation_id: UUID) -> list[Insight]:
    """Ask the model for the form; absences are computed by code all the same. Raises CallStopped."""
    references = {f"m{n}": message_id for n, (message_id, _, _) in enumerate(lines, start=1)}
    mark = guards.marker(caller.tenant_id, conversation_id, "insights")
    body = "\n".join(
        f"{name}:\n{guards.datamark(text, mark, limit=_LONGEST)}"
        for name, (_, _, text) in zip(references, lines, strict=True)
    )
    prompt = prompts.load(FOLDER, "insights")
    rules = prompt.fill({"announcement": guards.announcement(mark)})
    messages = prompts.frame(rules, stable=(), volatile=[Section("Messages", body)])

    def check(form: Insights) -> list[str]:
        keys = [item.key for item in form.items]
        wrong = [f"{item.key} cannot be {item.value}" for item in form.items if item.value not in _values(item.key)]
        wrong += [f"there is no message {item.message}" for item in form.items if item.message not in references]
        return [*wrong, *(["a key stands twice"] if len(keys) != len(set(keys)) else [])]

    question = Question("insights", prompt.id, prompt.version, messages, Insights, _TOKENS, check=check)
    form = caller.ask(question).value
    read = [
        Insight(item.key, item.value, references[item.message], _SURE if item.sure else _UNSURE) for item in form.items
    ]
    return [*read, *(one for one in by_rules(lines) if one.key == insights.ABSENCE)]


def _values(key: str) -> tuple[str, ...]:
    return insights.VALUES[key]
