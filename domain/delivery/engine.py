"""The sender: claims slices of one campaign and hands them over through a few SMTP sessions.

asyncio lives in here only. Claims and marks are synchronous and run in threads; sessions never touch the
database: they queue ids, and one marker writes them all with one statement per commit.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from channels.base import FailureKind, SendFailed
from channels.email.addresses import BadAddress, envelope
from channels.email.session import Accepted, Envelope, SmtpSession
from channels.email.settings import Relay
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery import claim, marks, render
from domain.delivery.claim import Claimed
from domain.delivery.marks import Answer, Start
from domain.delivery.rules import MOST_ATTEMPTS, Reason, wait_before
from kernel import db, log
from models import Campaign, Suppression

SLICE = 500
_CONTROL_SECONDS = 0.25
_RENEW_SHARE = 4  # the lease is renewed after a quarter of it, and nothing begins in its last quarter
_MOST_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. `more` says whether messages may be left; `stopped_by` is the provider's words, if any."""

    sent: int
    failed: int
    more: bool
    stopped_by: str | None = None


class _LostLease(Exception):  # noqa: N818
    """The mark was refused: another worker or the sweeper has the message now."""


class _Run:
    """One run over one campaign with a few sessions."""

    def __init__(
        self, tenant_id: UUID, campaign_id: UUID, owner: UUID, relay: Relay, sessions: int, lease: int, seconds: float
    ) -> None:
        self._tenant_id = tenant_id
        self._campaign_id = campaign_id
        self._owner = owner
        self._relay = relay
        self._sessions = sessions
        self._lease = lease
        self._until = _boottime() + seconds
        self._lease_end = 0.0
        self._queue: deque[Claimed] = deque()
        self._starts: list[tuple[Start, asyncio.Future[bool]]] = []
        self._answers: list[Answer] = []
        self._mark = asyncio.Event()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._attempts: list[UUID] = []
        self._drained = False
        self._stopping = False
        self._problem: str | None = None
        self._failures = 0
        self._busy = 0
        self.sent = 0
        self.failed = 0
        self._more = True
        self._suppressed_seen: set[str] = set()
        self._rendering: render.Rendering | None = None

    async def go(self) -> Outcome:
        background = [asyncio.create_task(job()) for job in (self._marker, self._keep_lease, self._watch)]
        sessions = [asyncio.create_task(self._session()) for _ in range(self._sessions)]
        try:
            await self._claim_all()
            await asyncio.gather(*sessions)
        finally:
            self._stopping = True
            self._work.set()
            await asyncio.gather(*sessions, return_exceptions=True)
            await self._flush()
            for job in background:
                job.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await asyncio.to_thread(self._hand_back)
        return Outcome(self.sent, self.failed, self._more, self._problem)

    async def _claim_all(self) -> None:
        """Keep the queue filled until nothing is due, time is over or the run must stop."""
        while not self._stopping and _boottime() < self._until:
            before = _boottime()
            taken = await asyncio.to_thread(self._claim)
            if taken is None or taken.looked_at == 0:
                self._more = taken is not None and _boottime() >= self._until
                break
            self._lease_end = max(self._lease_end, before + self._lease)
            self._attempts.append(taken.attempt_id)
            self._queue.extend(taken.messages)
            self._work.set()
            while len(self._queue) > SLICE // 2 and not self._stopping:
                self._room.clear()
                await self._room.wait()
        self._drained = True
        self._work.set()

    def _claim(self) -> claim.Slice | None:
        with db.tenant_session(self._tenant_id) as session:
            campaign = campaigns.get(session, self._campaign_id)
            if campaign.status != Status.SENDING or campaign.approved_revision_id is None:
                return None
            taken = claim.claim(session, campaign, owner=self._owner, lease_seconds=self._lease, size=SLICE)
            if self._rendering is None and taken.messages:
                revision = revisions.get(session, campaign.id, campaign.approved_revision_id)
                self._rendering = render.prepare(session, campaign, revision)
            return taken if campaign.status == Status.SENDING else None

    def _hand_back(self) -> None:
        with db.tenant_session(self._tenant_id) as session:
            claim.hand_back(session, self._tenant_id, owner=self._owner, attempts=self._attempts)

    async def _session(self) -> None:
        session = SmtpSession(self._relay)
        try:
            while (message := await self._next()) is not None:
                self._busy += 1
                try:
                    await self._deliver(session, message)
                finally:
                    self._busy -= 1
        finally:
            await session.close()

    async def _next(self) -> Claimed | None:
        while not self._stopping:
            if self._queue:
                message = self._queue.popleft()
                self._room.set()
                return message
            if self._drained:
                return None
            self._work.clear()
            await self._work.wait()
        return None

    async def _deliver(self, session: SmtpSession, message: Claimed) -> None:
        assert self._rendering is not None  # noqa: S101 - made with the first slice
        if message.address.casefold() in self._suppressed_seen or self._lease_too_short():
            return
        try:
            data = self._rendering.message(
                message.id, message.address, message.member, message.language, tracked=message.tracked
            )
            mail = Envelope(self._rendering.from_address, envelope(message.address), data)
        except BadAddress as error:
            self._answer(Answer(message.id, message.attempt_id, "failed", Reason.NO_ADDRESS, words=str(error)))
            return
        except Exception as error:  # noqa: BLE001 - one bad row must not stop the others
            log.get("delivery").warning("message.render_failed", id=str(message.id), error=type(error).__name__)
            words = type(error).__name__
            self._answer(Answer(message.id, message.attempt_id, "failed", Reason.RENDER_ERROR, words=words))
            return
        await self._transmit(session, message, mail)

    async def _transmit(self, session: SmtpSession, message: Claimed, mail: Envelope) -> None:
        start = Start(message.id, message.attempt_id)
        try:
            accepted = await session.send(mail, lambda: self._marked(start))
        except _LostLease:
            return
        except SendFailed as failure:
            self._answer(self._judge(message, failure))
            return
        self._failures = 0
        self._answer(_sent(message, accepted))

    async def _marked(self, start: Start) -> None:
        """Wait until 'about to transmit' is durable; raises _LostLease when it may not begin."""
        if self._stopping or self._lease_too_short():
            raise _LostLease
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._starts.append((start, granted))
        self._mark.set()
        if not await granted:
            raise _LostLease

    def _lease_too_short(self) -> bool:
        return _boottime() > self._lease_end - self._lease / _RENEW_SHARE

    def _answer(self, answer: Answer) -> None:
        self.sent += answer.state == "sent"
        self.failed += answer.state in {"failed", "bounced"}
        self._answers.append(answer)
        self._mark.set()

    def _judge(self, message: Claimed, failure: SendFailed) -> Answer:
        """Turn a provider's refusal into the message's next state."""
        known: dict[str, Any] = {"code": failure.code, "words": failure.text, "phase": failure.phase}
        kind = failure.kind
        if kind is FailureKind.AMBIGUOUS:
            return Answer(message.id, message.attempt_id, "unknown", Reason.NO_ANSWER, **known)
        if kind is FailureKind.PERMANENT_RECIPIENT:
            return Answer(message.id, message.attempt_id, "bounced", Reason.REFUSED, **known)
        if kind is FailureKind.PERMANENT_CONFIG:
            self._stop(f"{failure.code} {failure.text}".strip())
            return Answer(message.id, message.attempt_id, "pending", None, **known)
        if not failure.retryable:
            return Answer(message.id, message.attempt_id, "failed", Reason.REFUSED, **known)
        self._failures += failure.phase in {"connect", "greeting", "ehlo", "tls", "auth"}
        if self._failures >= _MOST_FAILURES:
            self._stopping = True
        if message.attempt >= MOST_ATTEMPTS:
            return Answer(message.id, message.attempt_id, "failed", Reason.TOO_MANY_ATTEMPTS, **known)
        wait = wait_before(message.attempt, failure.retry_after)
        return Answer(message.id, message.attempt_id, "deferred", Reason.RETRY, wait=wait, **known)

    def _stop(self, words: str) -> None:
        self._problem = words
        self._stopping = True
        self._work.set()
        self._room.set()

    async def _marker(self) -> None:
        while True:
            await self._mark.wait()
            await self._flush()

    async def _flush(self) -> None:
        """Write everything that is queued with one statement; on a database error nothing begins."""
        self._mark.clear()
        waiting, self._starts = self._starts, []
        answers, self._answers = self._answers, []
        if not waiting and not answers:
            return
        starts = [start for start, _ in waiting]
        try:
            granted = await asyncio.to_thread(marks.commit, self._tenant_id, self._owner, starts, answers)
        except Exception as error:  # noqa: BLE001 - the database is away: wait, repeat the answers, begin nothing
            log.get("delivery").warning("marks.failed", error=type(error).__name__)
            self._answers = answers + self._answers
            granted = set()
            await asyncio.sleep(_CONTROL_SECONDS)
            if answers and not self._stopping:
                self._mark.set()
        for start, future in waiting:
            if not future.done():
                future.set_result(start.id in granted)

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._lease / _RENEW_SHARE)
            before = _boottime()
            try:
                await asyncio.to_thread(marks.renew, self._tenant_id, self._owner, self._lease)
            except Exception as error:  # noqa: BLE001 - without a renewal the deadline stops us
                log.get("delivery").warning("lease.not_renewed", error=type(error).__name__)
                continue
            self._lease_end = before + self._lease

    async def _watch(self) -> None:
        """Obey the campaign's state and new suppressions while messages wait in memory."""
        while True:
            await asyncio.sleep(_CONTROL_SECONDS)
            try:
                sending, suppressed = await asyncio.to_thread(self._look)
            except Exception as error:  # noqa: BLE001 - without control nothing new begins
                log.get("delivery").warning("control.unreadable", error=type(error).__name__)
                sending, suppressed = False, set()
            self._suppressed_seen |= suppressed
            if not sending:
                self._stopping = True
                self._work.set()
                self._room.set()

    def _look(self) -> tuple[bool, set[str]]:
        with db.tenant_session(self._tenant_id) as session:
            status = session.execute(
                select(Campaign.status).where(Campaign.tenant_id == self._tenant_id, Campaign.id == self._campaign_id)
            ).scalar_one_or_none()
            waiting = [message.address.casefold() for message in self._queue]
            rows = session.execute(
                select(Suppression.address_norm).where(
                    Suppression.tenant_id == self._tenant_id,
                    Suppression.address_norm.in_(waiting),
                    Suppression.lifted_at.is_(None),
                )
            )
            return status == Status.SENDING, set(rows.scalars())


def _boottime() -> float:
    """A clock that runs on while the machine sleeps, so that a stopped worker knows that its lease is over."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _sent(message: Claimed, accepted: Accepted) -> Answer:
    first = accepted.text.splitlines()[0] if accepted.text else ""
    return Answer(
        message.id, message.attempt_id, "sent", provider_id=first[:200], code=str(accepted.code), words=accepted.text
    )


def send(
    tenant_id: UUID,
    campaign_id: UUID,
    *,
    owner: UUID,
    relay: Relay,
    sessions: int,
    lease_seconds: int,
    seconds: float = 30.0,
) -> Outcome:
    """Send what is due of a campaign for at most `seconds`; safe beside other workers and after any crash.

    A configuration error of the relay (wrong password) holds the campaign with the provider's words; nobody's
    message is used up by it.
    """

    async def run() -> Outcome:
        return await _Run(tenant_id, campaign_id, owner, relay, sessions, lease_seconds, seconds).go()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        outcome = runner.run(run())
    if outcome.stopped_by is not None:
        with db.tenant_session(tenant_id) as session:
            campaigns.hold(session, campaign_id, reason=f"provider: {outcome.stopped_by}"[:300])
    return outcome


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional, and only this thread needs it
    except ImportError:
        return None
    return uvloop.Loop
