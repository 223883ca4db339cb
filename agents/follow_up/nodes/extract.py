"""The turn as a form: filled by a model where the tenant allows that, else by rules."""

from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from agents import guards, prompts
from agents.call import Question
from agents.follow_up import reading
from agents.follow_up.context import Context
from agents.follow_up.reading import Decision, Intent, Reading
from agents.follow_up.replies import Extract
from agents.follow_up.state import State
from agents.llm.errors import CallStopped
from agents.prompts import Section
from domain.follow_ups.rules import Topic
from kernel import log

FOLDER = Path(__file__).resolve().parent.parent / "prompts"
_TOKENS = 300


def extract(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn = state["turn"]
    text = turn.text[: reading.LONGEST]
    if turn.author == "studio":
        return {"reading": reading.promise(text, state["signs"], language=state["language"])}
    known = {"pending": turn.pending, "proposed": turn.proposed}
    by_rules = reading.read(text, state["signs"], language=state["language"], **known)
    context = runtime.context
    if context.caller is None or not turn.models or turn.proposed or turn.full:
        return {"reading": by_rules}
    try:
        return {"reading": _asked(context, text)}
    except CallStopped as stop:
        log.get("follow_ups").info("follow_up.by_rules", code=stop.code)
        return {"reading": by_rules}


def _asked(context: Context, text: str) -> Reading:
    """Ask the model for the form; it is believed about words, never about dates."""
    if context.caller is None:
        raise RuntimeError("no model")
    plain = guards.clean(text)
    mark = guards.marker(context.tenant_id, context.turn_id, "turn")
    prompt = prompts.load(FOLDER, "extract")
    rules = prompt.fill({"announcement": guards.announcement(mark)})
    messages = prompts.frame(rules, stable=(), volatile=[Section("Message", guards.datamark(plain, mark))])

    def check(form: Extract) -> list[str]:
        if form.time_text is not None and form.time_text not in plain:
            return ["time_text does not stand in the message word for word"]
        return []

    question = Question("follow_up.extract", prompt.id, prompt.version, messages, Extract, _TOKENS, check=check)
    form = context.caller.ask(question).value
    topic = Topic(form.topic)
    return Reading(
        Decision(form.decision),
        Intent(form.intent),
        form.time_text,
        topic=topic,
        topic_named=topic != Topic.GENERAL,
        channel=form.channel,
        language=form.language,
        rules=("model",),
    )
