"""Doing it: the turn is noted, the follow-up written and the answer asked for in one transaction, so once."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from langgraph.runtime import Runtime
from sqlalchemy.orm import Session

from agents.follow_up.context import Context
from agents.follow_up.deciding import RESOLVER_VERSION, Action, Decided
from agents.follow_up.reading import Intent, Reading, topic_of
from agents.follow_up.state import State
from agents.follow_up.wording import say
from domain.follow_ups import rules, seen, store, turns
from domain.follow_ups.rules import ANSWER_WITHIN, Due, Why
from domain.follow_ups.store import Wish
from domain.follow_ups.turns import Turn
from kernel import clock
from kernel.errors import Conflict, Invalid, PlanLimit
from models import FollowUp

_ACTOR = "follow_up"
_LONGEST_WORDS = 120
_REASONS = {Intent.EXPLICIT: "asked", Intent.ABSENCE: "away", Intent.PROMISE: "promised"}

# What a step says (None: nothing), and the follow-up that it is about.
Done = tuple[str | None, FollowUp | None, tuple[Due, ...]]
_NOTHING: Done = (None, None, ())


def propose(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn = state["turn"]
    decided = state.get("decided") or Decided(Action.NONE)
    with runtime.context.open_session() as session:
        store.lock(session, turn.member_id)
        if not seen.is_first(
            session,
            turn.turn_id,
            member_id=turn.member_id,
            at=turn.at,
            topic=topic_of(turn.text),
            outcome=decided.action,
        ):
            return {"outcome": "read_before"}
        turns.gather_soon(session, turn)
        if decided.action == Action.NONE:
            return {"outcome": str(decided.action)}
        said, row, dues = _done(session, turn, state["reading"], decided)
        seen.note(session, turn.turn_id, outcome=said or "none", follow_up_id=row.id if row is not None else None)
        language = state["reading"].language
        if said is not None and turn.author == "member":
            turns.answer(session, turn, say(said, language, dues, now=clock.now()), language)
    return {"outcome": said or "none"}


def _done(session: Session, turn: Turn, reading: Reading, decided: Decided) -> Done:
    """Take the step; where the member or the plan has no room, say so, and leave everything as it was."""
    try:
        with session.begin_nested():
            return _STEPS[decided.action](session, turn, reading, decided)
    except (Conflict, PlanLimit):
        return ("full", None, ()) if reading.intent != Intent.ABSENCE else _NOTHING
    except Invalid:
        return _NOTHING


def _schedule(session: Session, turn: Turn, reading: Reading, decided: Decided) -> Done:
    made = store.schedule(session, _wish(session, turn, reading, decided), decided.dues[0], actor=_ACTOR)
    return ("moved" if made.before is not None else "scheduled"), made.row, decided.dues


def _ask(session: Session, turn: Turn, reading: Reading, decided: Decided) -> Done:
    if turn.full:
        raise Conflict("There is no room for another.", code="follow_ups_open")
    until = clock.now() + ANSWER_WITHIN
    wish = _wish(session, turn, reading, decided)
    row = store.propose(session, wish, decided.dues, until=until, actor=_ACTOR)
    return ("ask_absence" if reading.intent == Intent.ABSENCE else "ask"), row, decided.dues


def _move(session: Session, turn: Turn, reading: Reading, decided: Decided) -> Done:
    row = _meant(session, turn, reading, rules.State.PENDING)
    if row is None:
        return _NOTHING
    return "moved", store.move(session, row.id, decided.dues[0], actor=_ACTOR), decided.dues


def _cancel(session: Session, turn: Turn, reading: Reading, _decided: Decided) -> Done:
    row = _meant(session, turn, reading, rules.State.PENDING, rules.State.PROPOSED)
    if row is None:
        return _NOTHING
    return "cancelled", store.cancel(session, row.id, actor=_ACTOR, why=Why.ASKED), ()


def _accept(session: Session, turn: Turn, reading: Reading, decided: Decided) -> Done:
    row = _meant(session, turn, reading, rules.State.PROPOSED)
    if row is None:
        return _NOTHING
    if decided.dues:
        row.options = [due.stored() for due in decided.dues]
        session.flush()
    made = store.confirm(session, row, 0 if decided.dues else reading.option or 0, actor=_ACTOR)
    return "scheduled", made.row, (store.due_of(made.row),)


def _decline(session: Session, turn: Turn, reading: Reading, _decided: Decided) -> Done:
    row = _meant(session, turn, reading, rules.State.PROPOSED)
    if row is None:
        return _NOTHING
    return "declined", store.cancel(session, row.id, actor=_ACTOR, why=Why.DECLINED), ()


def _past(_session: Session, _turn: Turn, reading: Reading, decided: Decided) -> Done:
    return (str(decided.action), None, ()) if reading.intent == Intent.EXPLICIT else _NOTHING


_STEPS: Mapping[Action, Callable[[Session, Turn, Reading, Decided], Done]] = MappingProxyType(
    {
        Action.SCHEDULE: _schedule,
        Action.ASK: _ask,
        Action.MOVE: _move,
        Action.CANCEL: _cancel,
        Action.ACCEPT: _accept,
        Action.DECLINE: _decline,
        Action.PAST: _past,
        Action.TOO_FAR: _past,
    }
)


def _meant(session: Session, turn: Turn, reading: Reading, *states: str) -> FollowUp | None:
    """The follow-up that a turn is about: that of the topic it names, else the newest; a question only in its chat."""
    rows = [
        row
        for row in store.open_of(session, turn.member_id, *states)
        if row.state != rules.State.PROPOSED or row.conversation_id == turn.conversation_id
    ]
    named = [row for row in rows if reading.topic_named and row.topic == reading.topic]
    return next(iter([*named, *rows]), None)


def _wish(session: Session, turn: Turn, reading: Reading, decided: Decided) -> Wish:
    intent = reading.intent or Intent.EXPLICIT
    named = reading.channel
    channel = named if named and turns.may_use(session, turn.member_id, named) else turn.channel
    return Wish(
        member_id=turn.member_id,
        topic=reading.topic,
        reason=_REASONS[intent],
        intent=intent,
        language=reading.language,
        channel=channel,
        conversation_id=turn.conversation_id,
        account_id=turn.account_id if channel == turn.channel else None,
        turn_id=turn.turn_id,
        unless_active=intent != Intent.EXPLICIT,
        context=_context(turn.turn_id, reading, decided, disclosed=turn.disclosed),
    )


def _context(turn_id: UUID, reading: Reading, decided: Decided, *, disclosed: bool) -> dict[str, Any]:
    """What is kept beside a follow-up: ids, enums, and the words for the time; never the turn."""
    intent = reading.intent or Intent.EXPLICIT
    words = reading.time_text if intent != Intent.ABSENCE else None
    return {
        "reason": _REASONS[intent],
        "topic": str(reading.topic),
        "time_text": words[:_LONGEST_WORDS] if words else None,
        "rule_ids": [*reading.rules, *decided.rule_ids],
        "resolver_version": RESOLVER_VERSION,
        "turn_ids": [str(turn_id)],
        "language": reading.language,
        "summary": f"{_REASONS[intent]} · {reading.topic} · {decided.action}",
        "disclosure": disclosed,
    }
