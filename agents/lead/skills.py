"""What a turn may ask for, and how it is read: by rules without a model, by one selector call with one."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents import guards, prompts
from agents.call import Caller, Question
from agents.campaign import feedback
from agents.llm.errors import CallStopped
from agents.prompts import Section
from domain.agent_tasks.requester import Requester
from kernel import log

Intent = Literal[
    "draft_campaign",
    "estimate_audience",
    "task_status",
    "revise_campaign",
    "propose_followup",
    "list_followups",
    "search_knowledge",
    "handoff",
    "clarify",
]
_ALWAYS = ("handoff", "clarify")
_OF_TASKS = "task_status"
_SKILLS = (
    "draft_campaign", "estimate_audience", "revise_campaign", "propose_followup", "list_followups", "search_knowledge",
)  # fmt: skip
PROMPTS = Path(__file__).parent / "prompts"
_OUTPUT_TOKENS = 400
_LONGEST_GOAL = 1_000
_LONGEST_QUERY = 400


class Selection(BaseModel):
    """The selector's form."""

    model_config = ConfigDict(extra="forbid")

    intent: Intent
    goal: Annotated[str, Field(max_length=_LONGEST_GOAL)] | None
    channel: Literal["email", "whatsapp", "telegram", "sms"] | None
    inactive_days: Annotated[int, Field(ge=1, le=3_650)] | None
    query: Annotated[str, Field(max_length=_LONGEST_QUERY)] | None
    feedback: Annotated[str, Field(max_length=_LONGEST_GOAL)] | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked, with typed arguments; never the history of the chat."""

    intent: str
    arguments: dict[str, Any] = field(default_factory=dict)
    by: str = "rules"


def open_to(requester: Requester) -> tuple[str, ...]:
    """Return what this requester may ask for: the skills held, and what everybody may."""
    held = tuple(skill for skill in _SKILLS if requester.may(skill))
    return (*held, _OF_TASKS, *_ALWAYS)


_COUNT = {
    "ein": 1, "eine": 1, "einem": 1, "einer": 1, "einen": 1, "a": 1, "one": 1, "zwei": 2, "two": 2, "drei": 3,
    "three": 3, "vier": 4, "four": 4, "sechs": 6, "six": 6, "acht": 8, "eight": 8, "zwölf": 12, "twelve": 12,
}  # fmt: skip
_DAYS = {"tag": 1, "day": 1, "woche": 7, "week": 7, "monat": 30, "month": 30, "jahr": 365, "year": 365}
_ABSENT = re.compile(
    r"inakti|inactive|abwesend|weggeblieben|(?:nicht|nimmer|lange)\s+(?:mehr\s+)?(?:da|hier|gekommen|trainiert|besucht)"
    r"|(?:not|n't)\s+(?:been|come|visited|trained)|absent|lapsed",
    re.IGNORECASE,
)
_SPAN = re.compile(rf"\b(\d{{1,3}}|{'|'.join(_COUNT)})\s+(tag|day|woche|week|monat|month|jahr|year)\w*", re.IGNORECASE)
_MANY = (
    r"(?:kampagne|newsletter|mailing|rundmail|serienmail|aktion|angebotsmail|campaign|broadcast|"
    r"(?:mail|e-mail|sms|nachricht|whatsapp|email|message)\s+(?:an|to)\s+(?:alle|unsere|die|all|our|the|every))"
)
_DRAFT = (
    r"\b(?:entw(?:irf|erft?|erfen)|erstell(?:e|en)?|schreib(?:e|t|en)?|mach(?:e|t|en)?|plane?n?|bereite?|"
    rf"draft|create|write|make|prepare|plan)\b.{{0,80}}{_MANY}"
)
_PERSON = (
    r"\b(?:mensch(?:en)?|mitarbeiter\w*|jemande[mn]|berater\w*|human|real person|somebody|someone)\b.{0,40}"
    r"\b(?:sprechen|reden|verbinden|talk|speak|connect)|\b(?:talk|speak|connect\w*)\b.{0,30}"
    r"\b(?:human|person|somebody|someone)\b|\bbeschwer\w+|\bcomplain\w*"
)
_DECIDE = (
    r"\bfreigeben\b|\bgib\b.{0,40}\bfrei\b|\bgenehmig\w*|\bapprov\w+|"
    r"\b(?:versende|verschicke?|sende|schicke?)\b.{0,40}\b(?:los|ab|raus|jetzt|sofort|kampagne|alle)\b|"
    r"\bsend\b.{0,30}\b(?:it|now|out|campaign|all|everyone)\b|\bstart\w*\b.{0,30}\b(?:kampagne|campaign|versand)"
)
_HOW_MANY = (
    r"\b(?:wie ?viele|wieviel|how many)\b.{0,60}"
    r"\b(?:mitglied\w*|leute|personen|kund\w+|empf\w+|members?|people|customers?|recipients?)"
)
_HOW_FAR = r"\bwie (?:steht|weit)\b|\bschon fertig\b|\bstatus\b|\bstand der\b|\bhow far\b|\bprogress\b|\bis it ready\b"
_WHICH = (
    r"\b(?:welche|zeig\w*|which|show|list)\b.{0,40}"
    r"\b(?:erinnerung\w*|vorgemerkt\w*|follow-?ups?|reminders?)"
)
_LATER = (
    r"\bmeld(?:e|et|en)?\b.{0,20}\b(?:dich|euch|sie sich|ihr euch)\b|\berinner\w*\s+mich|\bremind me|"
    r"\b(?:get back|reach out|write) to me\b|\bcontact me (?:again|in|on|next)"
)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (intent, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for intent, pattern in (
        ("draft_campaign", _DRAFT),
        ("handoff", _PERSON),
        ("handoff", _DECIDE),
        ("estimate_audience", _HOW_MANY),
        ("task_status", _HOW_FAR),
        ("list_followups", _WHICH),
        ("propose_followup", _LATER),
    )
)
_ASKS = re.compile(
    r"\?|^\s*(?:was|wann|wo|wer|wie|welche\w*|warum|wieso|kann ich|darf ich|gibt es|habt ihr|what|when|where|who|how|"
    r"which|why|can i|may i|is there|are there|do you|does)\b",
    re.IGNORECASE,
)
_CHANNELS = (
    ("email", r"\be-?mails?\b|\bmails?\b"),
    ("whatsapp", r"whats\s?app"),
    ("telegram", r"telegram"),
    ("sms", r"\bsms\b"),
)


def is_order(text: str) -> bool:
    """Say whether the words ask for what only people do, to approve or to send, and not for something to be written."""
    flags = re.IGNORECASE | re.DOTALL
    return re.search(_DECIDE, text, flags) is not None and re.search(_DRAFT, text, flags) is None


def audience_of(text: str) -> dict[str, Any]:
    """Return whom the words mean: all members, or those who have not come for a while."""
    found = _SPAN.search(text) if _ABSENT.search(text) else None
    if found is None:
        return {"kind": "all_members"}
    count = int(found[1]) if found[1].isdecimal() else _COUNT[found[1].casefold()]
    return {"kind": "all_members", "inactive_days": min(count * _DAYS[found[2].casefold()], 3_650) or 1}


def channels_in(text: str) -> list[str]:
    """Return the channels that are named."""
    return [name for name, pattern in _CHANNELS if re.search(pattern, text, re.IGNORECASE)]


def channel_of(text: str) -> str:
    """Return the one channel that is meant, else e-mail; what is no mail is named on purpose."""
    return (channels_in(text) or ["email"])[-1]


def _arguments(intent: str, text: str) -> dict[str, Any]:
    """Return the typed arguments of an intent, made of the text alone."""
    if intent == "draft_campaign":
        return {"goal": text[:_LONGEST_GOAL], "audience": audience_of(text), "channels": channels_in(text) or ["email"]}
    if intent == "estimate_audience":
        return {"audience": audience_of(text), "channel": channel_of(text)}
    if intent == "search_knowledge":
        return {"query": text[:_LONGEST_QUERY]}
    return {"feedback": text[:_LONGEST_GOAL]} if intent == "revise_campaign" else {}


@dataclass(frozen=True, slots=True)
class RuleSelector:
    """German and English patterns; what they do not know is asked back."""

    def choose(self, text: str, intents: tuple[str, ...], *, in_review: bool) -> Choice:
        for intent, pattern in _RULES:
            if pattern.search(text):
                return self._made(intent if intent in intents else "handoff", text)
        if in_review and "revise_campaign" in intents and feedback.read([text], feedback.Style()).changed:
            return self._made("revise_campaign", text)
        if _ASKS.search(text):
            return self._made("search_knowledge" if "search_knowledge" in intents else "handoff", text)
        return self._made("clarify", text)

    def _made(self, intent: str, text: str) -> Choice:
        return Choice(intent, _arguments(intent, text))


@dataclass(frozen=True, slots=True)
class ModelSelector:
    """One call per turn, in the ledger and within the tenant's budget; where it stops, the rules choose."""

    caller: Caller
    mark: str

    def choose(self, text: str, intents: tuple[str, ...], *, in_review: bool) -> Choice:
        offered = tuple(intent for intent in intents if intent != "revise_campaign" or in_review)
        try:
            chosen = self._ask(text, offered)
        except CallStopped as stopped:
            log.get("agents").warning("lead.by_rules", outcome=stopped.outcome.value, code=stopped.code)
            return RuleSelector().choose(text, intents, in_review=in_review)
        return Choice(chosen.intent, _typed(chosen, text), "model")

    def _ask(self, text: str, offered: tuple[str, ...]) -> Selection:
        def not_offered(reply: Selection) -> list[str]:
            return [] if reply.intent in offered else [f"intent is one of {', '.join(offered)}"]

        prompt = prompts.load(PROMPTS, "route")
        rules = prompt.fill({"intents": ", ".join(offered), "announcement": guards.announcement(self.mark)})
        question = Question(
            purpose="lead.route",
            prompt_id=prompt.id,
            prompt_version=prompt.version,
            messages=prompts.frame(rules, stable=[], volatile=[Section("Message", guards.datamark(text, self.mark))]),
            form=Selection,
            max_output_tokens=_OUTPUT_TOKENS,
            check=not_offered,
        )
        return self.caller.ask(question).value


def _typed(chosen: Selection, text: str) -> dict[str, Any]:
    """Return the arguments of the model's choice; what it left out is read from the text."""
    arguments = _arguments(chosen.intent, text)
    if "audience" in arguments and chosen.inactive_days is not None:
        arguments["audience"] = {"kind": "all_members", "inactive_days": chosen.inactive_days}
    if "channels" in arguments and chosen.channel not in {None, *arguments["channels"]}:
        arguments["channels"] = [chosen.channel]
    if "channel" in arguments and chosen.channel is not None:
        arguments["channel"] = chosen.channel
    for name in ("goal", "query", "feedback"):
        said = (getattr(chosen, name) or "").strip()
        if name in arguments and len(said) > 2:  # noqa: PLR2004 - shorter says nothing
            arguments[name] = said
    return arguments
