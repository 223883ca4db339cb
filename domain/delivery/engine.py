"""The sender: claims slices of one campaign and hands them over through a few SMTP sessions.

asyncio lives in here only. Claims and marks are synchronous and run in threads; sessions never touch the
database: they queue ids, and one marker writes them all with one statement per commit.
"""

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError

from channels.base import FailureKind, SendFailed
from channels.email.addresses import BadAddress, envelope
from channels.email.session import Accepted, Envelope, SmtpSession
from channels.email.settings import Relay
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery import answers, claim, gate, marks, render
from domain.delivery.answers import Answer, Start
from domain.delivery.claim import Claimed
from domain.delivery.rules import Reason
from kernel import db, log
from kernel.errors import Conflict
from kernel.ids import new_id
from models import Campaign, Suppression

SLICE = 500
_CONTROL_SECONDS = 0.25
_RENEW_SHARE = 4  # the lease is renewed after a quarter of it, and nothing begins in its last quarter
_MOST_IN_A_ROW = 5  # refusals that concern the relay, before the run gives up for now
_STRAGGLER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. `stopped_by`: the relay's words, when it takes nothing from this sender at all."""

    sent: int
    failed: int
    commits: int
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Which campaign, by whom, and with what. `lease` and `seconds` in seconds; `stop` ends the run early."""

    tenant_id: UUID
    campaign_id: UUID
    owner: UUID
    relay: Relay
    sessions: int
    lease: int
    seconds: float
    stop: threading.Event


class _NotNow(Exception):  # noqa: N818
    """It must not be transmitted: paused, opted out, lease lost, or stopping."""


class _Run:
    """One run over one campaign with a few sessions."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._marker = marks.Marker(job.tenant_id, job.owner)
        self._until = _boottime() + job.seconds
        self._renewed_until = 0.0
        self._leasing = asyncio.Lock()
        self._queue: deque[tuple[Claimed, float]] = deque()
        self._busy: dict[int, float] = {}
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._drained = False
        self._stopping = False
        self._problem: str | None = None
        self._in_a_row = 0
        self._sent = 0
        self._failed = 0
        self._opted_out: set[str] = set()
        self._rendering: render.Rendering | None = None

    async def go(self) -> Outcome:
        marker = asyncio.create_task(self._marker.run())
        background = [asyncio.create_task(work()) for work in (self._keep_lease, self._control)]
        sessions = [asyncio.create_task(self._session(n)) for n in range(self._job.sessions)]
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
        return Outcome(self._sent, self._failed, self._marker.commits, self._problem)

    def _end(self) -> None:
        self._stopping = True
        self._queue.clear()
        self._work.set()
        self._room.set()

    async def _claim_all(self) -> None:
        """Keep the queue filled until nothing is due, the time is over or the run must stop."""
        while not self._stopping and (_boottime() < self._until or self._waits_for_a_straggler()):
            taken = await self._claim_one()
            if taken is None or taken.looked_at == 0:
                break
            self._work.set()
            while len(self._queue) > SLICE // 2 and not self._stopping:
                self._room.clear()
                await self._room.wait()
        self._drained = True
        self._work.set()

    def _waits_for_a_straggler(self) -> bool:
        """One session hangs and others are free: they go on instead of waiting for it."""
        hanging = sum(_boottime() - since > _STRAGGLER_SECONDS for since in self._busy.values())
        return 0 < hanging < self._job.sessions

    async def _claim_one(self) -> claim.Slice | None:
        async with self._leasing:
            before = _boottime()
            try:
                taken = await asyncio.to_thread(self._claim)
            except SQLAlchemyError as error:
                log.get("delivery").warning("claim.failed", error=type(error).__name__)
                return None
        if taken is not None and not self._stopping:
            self._queue.extend((message, before + self._job.lease) for message in taken.messages)
        return taken

    def _claim(self) -> claim.Slice | None:
        job = self._job
        with db.tenant_session(job.tenant_id) as session:
            campaign = campaigns.get(session, job.campaign_id)
            if campaign.status != Status.SENDING or campaign.approved_revision_id is None:
                return None
            taken = claim.claim(session, campaign, owner=job.owner, lease_seconds=job.lease, size=SLICE)
            if self._rendering is None and taken.messages:
                revision = revisions.get(session, campaign.id, campaign.approved_revision_id)
                self._rendering = render.prepare(session, campaign, revision)
            return taken if campaign.status == Status.SENDING else None

    async def _hand_back(self) -> None:
        def give() -> None:
            with db.tenant_session(self._job.tenant_id) as session:
                claim.hand_back(session, self._job.tenant_id, self._job.owner)

        try:
            await asyncio.to_thread(give)
        except SQLAlchemyError as error:  # the lease runs out, and the sweeper takes them back
            log.get("delivery").warning("claim.not_handed_back", error=type(error).__name__)

    async def _session(self, n: int) -> None:
        session = SmtpSession(self._job.relay)
        try:
            while (work := await self._next()) is not None:
                self._busy[n] = _boottime()
                try:
                    await self._deliver(session, *work)
                finally:
                    del self._busy[n]
        finally:
            await session.close()

    async def _next(self) -> tuple[Claimed, float] | None:
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

    async def _deliver(self, session: SmtpSession, message: Claimed, lease_until: float) -> None:
        if message.address_norm in self._opted_out or self._too_late(lease_until):
            return
        start = Start(message.id, message.attempt_id)
        try:
            mail = self._render(message)
        except BadAddress as error:
            self._answer(Answer(start.id, start.attempt_id, "failed", Reason.INVALID_ADDRESS, words=str(error)))
            return
        except Exception as error:  # noqa: BLE001 - one bad row must not stop the others
            log.get("delivery").warning("message.render_failed", id=str(message.id), error=type(error).__name__)
            words = type(error).__name__
            self._answer(Answer(start.id, start.attempt_id, "failed", Reason.RENDER_ERROR, words=words))
            return
        await self._transmit(session, message, mail, lease_until)

    def _render(self, message: Claimed) -> Envelope:
        assert self._rendering is not None  # noqa: S101 - made with the first slice
        data = self._rendering.message(
            message.id, message.address, message.member, message.language, tracked=message.tracked
        )
        return Envelope(self._rendering.from_address, envelope(message.address), data)

    async def _transmit(self, session: SmtpSession, message: Claimed, mail: Envelope, lease_until: float) -> None:
        start = Start(message.id, message.attempt_id)
        begun = False

        async def mark() -> None:
            nonlocal begun
            if self._stopping or self._too_late(lease_until) or not await self._marker.may_begin(start):
                raise _NotNow
            begun = True
            if self._too_late(lease_until):
                self._answer(Answer(start.id, start.attempt_id, "pending", Reason.NOT_TRANSMITTED, counted=False))
                raise _NotNow

        try:
            accepted = await session.send(mail, mark)
        except _NotNow:
            return
        except SendFailed as failure:
            self._refused(start, message.attempt, failure)
        except Exception as error:  # noqa: BLE001 - not the relay's fault, and the others go on
            log.get("delivery").exception("message.send_failed", id=str(message.id))
            state, reason = ("unknown", Reason.NO_ANSWER) if begun else ("failed", Reason.RENDER_ERROR)
            self._answer(Answer(start.id, start.attempt_id, state, reason, words=type(error).__name__))
        else:
            self._in_a_row = 0
            self._answer(_sent(start, accepted))

    def _too_late(self, lease_until: float) -> bool:
        """True in the last quarter of the lease: whoever was stopped that long begins nothing."""
        return _boottime() > max(lease_until, self._renewed_until) - self._job.lease / _RENEW_SHARE

    def _answer(self, answer: Answer) -> None:
        self._sent += answer.state == "sent"
        self._failed += answer.state in {"failed", "bounced"}
        self._marker.answered(answer)

    def _refused(self, start: Start, attempt: int, failure: SendFailed) -> None:
        self._answer(answers.refused(start, attempt, failure))
        if failure.kind is FailureKind.PERMANENT_CONFIG:
            self._problem = f"{failure.code} {failure.text}".strip()
            self._end()
            return
        self._in_a_row = self._in_a_row + 1 if answers.slows_down(failure) else 0
        if self._in_a_row >= _MOST_IN_A_ROW:
            self._end()

    async def _keep_lease(self) -> None:
        job = self._job
        while True:
            await asyncio.sleep(job.lease / _RENEW_SHARE)
            async with self._leasing:
                before = _boottime()
                try:
                    await asyncio.to_thread(marks.renew, job.tenant_id, job.owner, job.lease)
                except SQLAlchemyError as error:  # without a renewal the deadline stops us
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
                sending, opted_out = await asyncio.to_thread(self._look, [work[0].address_norm for work in self._queue])
            except SQLAlchemyError:  # no mark becomes durable then either: nothing begins
                continue
            self._opted_out |= opted_out
            if not sending:
                self._end()
        await self._hand_back()

    def _look(self, waiting: list[str]) -> tuple[bool, set[str]]:
        job = self._job
        with db.tenant_session(job.tenant_id) as session:
            status = session.execute(
                select(Campaign.status).where(Campaign.tenant_id == job.tenant_id, Campaign.id == job.campaign_id)
            ).scalar_one_or_none()
            rows = session.execute(
                select(Suppression.address_norm).where(
                    Suppression.tenant_id == job.tenant_id,
                    Suppression.channel == "email",
                    Suppression.address_norm.in_(waiting),
                    or_(Suppression.purpose == gate.PURPOSE, Suppression.purpose == "all"),
                    Suppression.lifted_at.is_(None),
                )
            )
            return status == Status.SENDING, set(rows.scalars())


def _boottime() -> float:
    """A clock that runs on while the machine sleeps, so that a stopped worker knows that its lease is over."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _sent(start: Start, accepted: Accepted) -> Answer:
    return Answer(
        start.id,
        start.attempt_id,
        "sent",
        provider_id=accepted.provider_id,
        code=str(accepted.code),
        words=accepted.text,
    )


def send(
    tenant_id: UUID,
    campaign_id: UUID,
    *,
    relay: Relay,
    sessions: int,
    lease_seconds: int,
    seconds: float = 30.0,
    stop: threading.Event | None = None,
) -> Outcome:
    """Send what is due of a campaign for about `seconds`; safe beside other runs and after any crash.

    A relay that takes nothing from this sender (wrong password) holds the campaign with the relay's words; nobody's
    message is used up by it. `stop` ends the run within a moment; what was not begun is handed back.
    """
    never = threading.Event()
    job = Job(tenant_id, campaign_id, new_id(), relay, sessions, lease_seconds, seconds, stop or never)

    async def run() -> Outcome:
        return await _Run(job).go()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        outcome = runner.run(run())
    if outcome.stopped_by is not None:
        _hold(tenant_id, campaign_id, f"relay: {outcome.stopped_by}"[:300])
    return outcome


def _hold(tenant_id: UUID, campaign_id: UUID, reason: str) -> None:
    try:
        with db.tenant_session(tenant_id) as session:
            campaigns.hold(session, campaign_id, reason=reason)
    except Conflict:  # it was cancelled meanwhile
        log.get("delivery").info("campaign.not_held", id=str(campaign_id))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional, and only this thread needs it
    except ImportError:
        return None
    return uvloop.Loop
