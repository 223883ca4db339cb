"""The sender: claims slices of one campaign, or of a channel's notices, and hands them over through a few doors.

asyncio lives in here only. Claims and marks are synchronous and run in threads; sessions never touch the
database: they queue ids, and one marker writes them all with one statement per commit.
"""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from channels.base import Answered, Door, FailureKind, Scope, SendFailed
from channels.email.addresses import BadAddress
from domain.delivery import answers, marks, stop_loss, supply
from domain.delivery.answers import Answer, Start
from domain.delivery.claim import Claimed, Work
from domain.delivery.outlets import Outlet
from domain.delivery.pace import Pace
from domain.delivery.rules import Reason, boottime, wait_before
from kernel import log
from kernel.ids import new_id

SLICE = 500
_CONTROL_SECONDS = 0.25
_RENEW_SHARE = 4  # the lease is renewed after a quarter of it, and nothing begins in its last quarter
_MOST_IN_A_ROW = 5  # refusals that concern the relay, before the run gives up for now
_STRAGGLER_SECONDS = 5.0
_OURS = frozenset({Scope.ACCOUNT, Scope.SENDER})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. `stopped_by`: why nothing more of this may go out, as the campaign's hold reason says it.

    `harmful`: something was refused for the sender's fault.
    """

    sent: int
    failed: int
    commits: int
    stopped_by: str | None = None
    harmful: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Whose messages, by whom, and through what. `lease` and `seconds` in seconds; `stop` ends the run early."""

    tenant_id: UUID
    work: Work
    owner: UUID
    outlet: Outlet
    lease: int
    seconds: float
    stop: threading.Event


class _Due(NamedTuple):
    """A claimed message, and until when it is ours, on the clock of `boottime`."""

    message: Claimed
    lease_until: float


class _NotNow(Exception):  # noqa: N818
    """It must not be transmitted: paused, opted out, lease lost, or stopping."""


class _Run:
    """One run with a few doors."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._marker = marks.Marker(job.tenant_id, job.owner)
        self._until = boottime() + job.seconds
        self._renewed_until = 0.0
        self._leasing = asyncio.Lock()
        self._queue: deque[_Due] = deque()
        self._busy: dict[int, float] = {}
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._drained = False
        self._stopping = False
        self._problem: str | None = None
        self._in_a_row = 0
        self._harmful = False
        self._sent = 0
        self._failed = 0
        self._opted_out: set[str] = set()
        self._slow: dict[str, float] = {}
        self._supply = supply.Supply(job.tenant_id, job.work, job.outlet, job.owner, job.lease)
        rate, more = job.outlet.rate, self._supply.more_slots
        self._pace = Pace(rate, more, until=self._until) if rate is not None else None

    async def go(self) -> Outcome:
        marker = asyncio.create_task(self._marker.run())
        background = [asyncio.create_task(work()) for work in (self._keep_lease, self._control)]
        sessions = [asyncio.create_task(self._session(n)) for n in range(self._job.outlet.sessions)]
        try:
            await self._claim_all()
            await asyncio.gather(*sessions)
        finally:
            self._end()
            await asyncio.gather(*sessions, return_exceptions=True)
            self._marker.close(self._job.lease)
            await marker
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self._hand_back()
        return Outcome(self._sent, self._failed, self._marker.commits, self._problem, self._harmful)

    def _end(self) -> None:
        self._stopping = True
        if self._pace is not None:
            self._pace.close()
        self._queue.clear()
        self._work.set()
        self._room.set()

    async def _claim_all(self) -> None:
        """Keep the queue filled until nothing is due, the time is over or the run must stop."""
        while not self._stopping and (boottime() < self._until or self._waits_for_a_straggler()):
            taken = await self._claim_one()
            if taken is None or (taken.looked_at == 0 and taken.wait is None):
                break
            if taken.wait is not None and not await self._wait_for_tokens(taken.wait):
                break
            self._work.set()
            while len(self._queue) > SLICE // 2 and not self._stopping:
                self._room.clear()
                await self._room.wait()
        self._drained = True
        self._work.set()

    def _waits_for_a_straggler(self) -> bool:
        """One session hangs and others are free: they go on instead of waiting for it."""
        hanging = sum(boottime() - since > _STRAGGLER_SECONDS for since in self._busy.values())
        return 0 < hanging < self._job.outlet.sessions

    async def _wait_for_tokens(self, seconds: float) -> bool:
        """The rate of the account is used up for now. False when waiting is not worth it in this run."""
        if boottime() + seconds > self._until:
            return False
        await asyncio.sleep(min(seconds, _CONTROL_SECONDS * 8))
        return not self._stopping

    async def _claim_one(self) -> supply.Taken | None:
        async with self._leasing:
            before = boottime()
            try:
                taken = await asyncio.to_thread(self._supply.claim, SLICE)
            except SQLAlchemyError as error:
                log.get("delivery").warning("claim.failed", error=type(error).__name__)
                return None
        if taken is not None and not self._stopping:
            lease_until = before + self._job.lease
            self._queue.extend(_Due(message, lease_until) for message in taken.messages)
            if self._pace is not None:
                self._pace.add(taken.slots, taken.begin_at)
        return taken

    async def _hand_back(self) -> None:
        try:
            await asyncio.to_thread(self._supply.hand_back, list(self._marker.unwritten))
        except SQLAlchemyError as error:  # the lease runs out, and the sweeper takes them back
            log.get("delivery").warning("claim.not_handed_back", error=type(error).__name__)

    async def _session(self, n: int) -> None:
        door = self._job.outlet.open()
        try:
            while (work := await self._next()) is not None:
                self._busy[n] = boottime()
                try:
                    await self._deliver(door, work)
                finally:
                    del self._busy[n]
        finally:
            await door.close()

    async def _next(self) -> _Due | None:
        while not self._stopping:
            if self._queue:
                work = self._queue.popleft()
                self._room.set()
                return work
            if self._drained:
                return None
            self._work.clear()
            await self._work.wait()
        return None

    async def _deliver(self, door: Door[Any], due: _Due) -> None:
        message = due.message
        slot = await self._pace.soon() if self._pace is not None else None
        if self._pace is not None and slot is None:
            return  # no slot any more in this run: it is handed back
        if self._stopping or message.address_norm in self._opted_out or self._too_late(due.lease_until):
            return
        start = Start(message.id, message.attempt_id)
        if (wait := self._slowed(message.address_norm)) > 0:
            self._answer(Answer(*start.key, "deferred", Reason.THROTTLED, wait=wait, counted=False))
            return
        try:
            parcel = self._supply.parcel(message)
        except BadAddress as error:
            self._answer(Answer(*start.key, "failed", Reason.INVALID_ADDRESS, words=str(error)))
            return
        except Exception as error:  # noqa: BLE001 - one bad row must not stop the others
            log.get("delivery").warning("message.render_failed", id=str(message.id), error=type(error).__name__)
            self._answer(Answer(*start.key, "failed", Reason.RENDER_ERROR, words=type(error).__name__))
            return
        await self._transmit(door, due, parcel, slot)

    def _slowed(self, address_norm: str) -> float:
        """Return for how many seconds the provider of this address wants no more."""
        until = self._slow.get(address_norm.rpartition("@")[2])
        return 0.0 if until is None else until - boottime()

    async def _transmit(self, door: Door[Any], due: _Due, parcel: Any, slot: float | None) -> None:
        message, lease_until = due.message, due.lease_until
        start = Start(message.id, message.attempt_id)
        begun = False

        async def mark() -> None:
            nonlocal begun
            if self._stopping or self._too_late(lease_until) or not await self._marker.may_begin(start):
                raise _NotNow
            begun = True
            in_turn = self._pace is None or await self._pace.moment(slot)
            if not in_turn or self._too_late(lease_until):
                self._answer(Answer(*start.key, "pending", Reason.NOT_TRANSMITTED, counted=False))
                raise _NotNow

        try:
            answered = await door.send(parcel, mark)
        except _NotNow:
            return
        except SendFailed as failure:
            self._refused(start, message, failure)
            await self._slow_down(message, failure)
        except Exception as error:  # noqa: BLE001 - not the relay's fault, and the others go on
            log.get("delivery").exception("message.send_failed", id=str(message.id))
            state, reason = ("unknown", Reason.NO_ANSWER) if begun else ("failed", Reason.RENDER_ERROR)
            self._answer(Answer(*start.key, state, reason, words=type(error).__name__))
        else:
            self._in_a_row = 0
            self._supply.faults.note(fault=False)
            self._answer(_sent(start, answered))

    def _too_late(self, lease_until: float) -> bool:
        """True in the last quarter of the lease: whoever was stopped that long begins nothing."""
        return boottime() > max(lease_until, self._renewed_until) - self._job.lease / _RENEW_SHARE

    def _answer(self, answer: Answer) -> None:
        self._sent += answer.state == "sent"
        self._failed += answer.state in {"failed", "bounced"}
        self._marker.answered(answer)

    def _refused(self, start: Start, message: Claimed, failure: SendFailed) -> None:
        self._answer(answers.refused(start, message.attempt, failure))
        if failure.kind is FailureKind.PERMANENT_CONFIG:
            self._stop(f"relay: {failure.code} {failure.text}".strip())
            return
        fault = stop_loss.is_sender_fault(failure)
        self._harmful = self._harmful or fault
        if self._supply.faults.note(fault=fault):
            self._stop("stop_loss")
            return
        if failure.kind is FailureKind.THROTTLE and failure.scope is Scope.DOMAIN:
            wait = wait_before(message.attempt, failure.retry_after)
            self._slow[message.address_norm.rpartition("@")[2]] = boottime() + wait
            return
        self._in_a_row = self._in_a_row + 1 if answers.slows_down(failure) else 0
        if self._in_a_row >= _MOST_IN_A_ROW:
            self._end()

    async def _slow_down(self, message: Claimed, failure: SendFailed) -> None:
        """The provider asked the sender to wait: this run, and every other one."""
        if self._pace is None or failure.kind is not FailureKind.THROTTLE or failure.scope not in _OURS:
            return
        wait = wait_before(message.attempt, failure.retry_after)
        self._pace.pause(wait)
        try:
            await asyncio.to_thread(self._supply.slow_down, wait)
        except SQLAlchemyError as error:  # this run waits; the others are told so by the provider
            log.get("delivery").warning("pace.not_slowed", error=type(error).__name__)

    def _stop(self, problem: str) -> None:
        self._problem = problem
        self._end()

    async def _keep_lease(self) -> None:
        job = self._job
        while True:
            await asyncio.sleep(job.lease / _RENEW_SHARE)
            async with self._leasing:
                before = boottime()
                try:
                    await self._marker.renew(job.lease)
                except (SQLAlchemyError, psycopg.Error) as error:  # without a renewal the deadline stops us
                    log.get("delivery").warning("lease.not_renewed", error=type(error).__name__)
                    continue
                self._renewed_until = before + job.lease

    async def _control(self) -> None:
        """Obey pause, cancel, stop and new suppressions while messages wait in memory."""
        while not self._stopping:
            await asyncio.sleep(_CONTROL_SECONDS)
            if self._job.stop.is_set():
                self._end()
                break
            try:
                waiting = [due.message.address_norm for due in self._queue]
                sending, opted_out = await asyncio.to_thread(self._supply.look, waiting)
            except SQLAlchemyError:  # no mark becomes durable then either: nothing begins
                continue
            self._opted_out |= opted_out
            if not sending:
                self._end()
        await self._hand_back()


def _sent(start: Start, answered: Answered) -> Answer:
    return Answer(
        *start.key,
        "sent",
        provider_id=answered.provider_id,
        words=answered.reply,
        segments=getattr(answered, "segments", None),
    )


def send(
    tenant_id: UUID,
    work: Work,
    outlet: Outlet,
    *,
    lease_seconds: int,
    seconds: float = 30.0,
    stop: threading.Event | None = None,
) -> Outcome:
    """Send what is due for about `seconds`; safe beside other runs and after any crash.

    An outlet that takes nothing from this sender (wrong password), and answers that harm the sender, hold the campaign
    with their words; nobody's message is used up by that. `stop` ends the run within a moment; what was not begun is
    handed back.
    """
    never = threading.Event()
    job = Job(tenant_id, work, new_id(), outlet, lease_seconds, seconds, stop or never)

    async def run() -> Outcome:
        return await _Run(job).go()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        outcome = runner.run(run())
    if outcome.stopped_by is not None:
        supply.hold(tenant_id, work, outlet, outcome.stopped_by[:300])
    if outcome.harmful:
        supply.watch_sender(tenant_id, work)
    return outcome


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional, and only this thread needs it
    except ImportError:
        return None
    return uvloop.Loop
