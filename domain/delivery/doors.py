"""Doors that learn from answers: what a provider says about an account is kept for every worker, not for one message.

A country that is not permitted is closed for the account, and the others go on. A request to slow down counts: the
account waits twice as long each time, and then pauses. A chat takes one message after the other.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from channels.base import Answered, Door, FailureKind, Mark, Scope, SendFailed, TextParcel
from channels.sms import regions
from channels.twilio import errors
from channels.twilio.errors import Meaning
from domain.delivery.turns import APART, AWAY, Turns
from domain.senders import countries, strain
from domain.senders.strain import Rule
from kernel import db, log
from kernel.errors import AriiaError

_OURS = frozenset({Scope.ACCOUNT, Scope.SENDER})
_JITTER = 0.1
_LESSONS = Counter(
    "ariia_account_lessons_total", "What providers said about an account, not about a message", ["lesson"]
)


@dataclass(slots=True)
class Lessons:
    """What the doors of one account know: closed countries with the code and words that closed them."""

    tenant_id: UUID
    account_id: UUID
    closed: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Learning:
    """A door to Twilio that keeps what is said about its account."""

    door: Door[TextParcel]
    lessons: Lessons

    async def send(self, parcel: TextParcel, mark: Mark | None = None) -> Answered:
        """Hand over one message, unless its country is closed. Raises SendFailed; what `mark` raises passes through."""
        country = regions.country_of(parcel.to) if self.lessons.closed else None
        if country is not None and country in self.lessons.closed:
            raise _closed("request", *self.lessons.closed[country])
        try:
            return await self.door.send(parcel, mark)
        except SendFailed as failure:
            raise await self._learn(parcel, failure) from failure

    async def _learn(self, parcel: TextParcel, failure: SendFailed) -> SendFailed:
        if failure.kind is FailureKind.PERMANENT_CONFIG and failure.scope is Scope.COUNTRY:
            return await _kept(lambda: self._close(parcel, failure), _closed("answer", failure.code, failure.text))
        if failure.kind is FailureKind.THROTTLE and failure.scope in _OURS:
            return await _kept(lambda: slowed(self.lessons.tenant_id, self.lessons.account_id, failure), failure)
        return failure

    def _close(self, parcel: TextParcel, failure: SendFailed) -> SendFailed:
        with db.tenant_session(self.lessons.tenant_id) as session:
            country = countries.close(
                session, self.lessons.account_id, parcel.to, code=failure.code, words=failure.text
            )
        if country is not None:
            self.lessons.closed[country] = failure.code, failure.text
            _LESSONS.labels("country_closed").inc()
            log.get("delivery").warning("account.country_closed", country=country, code=failure.code)
        return _closed("answer", failure.code, failure.text)

    async def close(self) -> None:
        """Give up what is open."""
        await self.door.close()


def _closed(phase: str, code: str, words: str) -> SendFailed:
    return SendFailed(FailureKind.PROVIDER_DECLINE, phase, code, words, scope=Scope.COUNTRY)


async def _kept(keep: Callable[[], SendFailed], otherwise: SendFailed) -> SendFailed:
    """Return what was learned; a database that is away costs the lesson, and never the message's own answer."""
    try:
        return await asyncio.to_thread(keep)
    except (SQLAlchemyError, AriiaError) as error:
        log.get("delivery").warning("account.lesson_lost", error=type(error).__name__)
        return otherwise


def slowed(tenant_id: UUID, account_id: UUID, failure: SendFailed) -> SendFailed:
    """Count a request to slow down and return it with the wait that this makes; may pause the account."""
    with db.tenant_session(tenant_id) as session:
        wait = heed(session, account_id, failure.code, failure.text, first=failure.retry_after)
    return SendFailed(failure.kind, failure.phase, failure.code, failure.text, wait, failure.scope, failure.attempts)


def heed(session: Session, account_id: UUID, code: str, words: str, *, first: float | None) -> float:
    """Count a request to slow down, `first` seconds at first, and return the seconds to wait; may pause the account.

    Raises NotFound for an account that is gone.
    """
    meaning = errors.named(code) or Meaning(FailureKind.THROTTLE)
    begin = 1.0 if first is None else first
    rule = Rule(begin, max(begin, meaning.longest or 0.0), meaning.pauses_at, meaning.pause)
    seen = strain.note(session, account_id, code, rule, words)
    _LESSONS.labels("paused" if seen.paused else "slowed").inc()
    if seen.paused:
        log.get("delivery").warning("account.paused", account=str(account_id), code=code)
    return seen.wait * (1 + _JITTER * random.random())  # noqa: S311 - jitter, not a secret


class ChatDoors:
    """Doors to chats: one message at a time into each chat, a second apart, whoever else sends.

    The doors of one event loop share a connection; the last one that is closed gives it up.
    """

    def __init__(self, tenant_id: UUID, account_id: UUID, open_: Callable[[], Door[TextParcel]]) -> None:
        self._ids = tenant_id, account_id
        self._open = open_
        self._turns: dict[asyncio.AbstractEventLoop, tuple[Turns, int]] = {}
        self._lock = threading.Lock()

    def open(self) -> "TakingTurns":
        """Return a door; call it in the event loop that uses it."""
        loop = asyncio.get_running_loop()
        with self._lock:
            turns, doors = self._turns.get(loop) or (Turns(*self._ids), 0)
            self._turns[loop] = turns, doors + 1
        return TakingTurns(self._open(), turns, self._closed)

    async def _closed(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            turns, doors = self._turns.pop(loop)
            if doors > 1:
                self._turns[loop] = turns, doors - 1
        if doors == 1:
            await turns.close()


@dataclass(frozen=True, slots=True)
class TakingTurns:
    """A door to chats. The chat is taken first: nothing stands between the moment `mark` waits for and the request."""

    door: Door[TextParcel]
    turns: Turns
    closed: Callable[[], Awaitable[None]]

    async def send(self, parcel: TextParcel, mark: Mark | None = None) -> Answered:
        """Hand over one message when it is the chat's turn. Raises SendFailed; what `mark` raises passes through."""
        begun = False

        async def noted() -> None:
            nonlocal begun
            if mark is not None:
                await mark()
            begun = True

        await self._take(parcel.to)
        try:
            return await self.door.send(parcel, noted)
        finally:
            await self.turns.give(parcel.to, APART if begun else 0.0)

    async def _take(self, chat: str) -> None:
        try:
            wait = await self.turns.take(chat)
        except AWAY as error:
            raise SendFailed(FailureKind.TRANSIENT, "request", "", type(error).__name__) from error
        if wait > 0:
            words = "another message is on its way into this chat"
            raise SendFailed(FailureKind.THROTTLE, "request", "", words, wait, Scope.CHAT)

    async def close(self) -> None:
        """Give up what is open."""
        await self.door.close()
        await self.closed()
