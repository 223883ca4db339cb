"""Durable marks by group commit: one statement writes 'about to transmit' and 'answered' of all sessions.

Every transition is fenced: owner, attempt and state must be what the worker believes. A statement whose commit
answer was lost is simply repeated.
"""

import asyncio
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg as dialects
from sqlalchemy.exc import SQLAlchemyError

from domain.delivery import gate
from domain.delivery.answers import Answer, Start
from domain.delivery.rules import Reason
from kernel import log
from kernel.lane import Lane

_LONGEST_WORDS = 500
_PAUSE = 0.25

# `state || ''` keeps the planner on the primary key: an index on the state holds every old version of a hot row.
_MARK = f"""
WITH started AS (
  UPDATE message SET state = 'sending', updated_at = clock_timestamp()
  FROM unnest(CAST(:start_ids AS uuid[]), CAST(:start_attempts AS uuid[])) AS s (id, attempt_id)
  WHERE message.tenant_id = :tenant AND message.id = s.id AND message.attempt_id = s.attempt_id
    AND message.owner = :owner AND message.state || '' IN ('claimed', 'sending')
    AND message.lease_until > clock_timestamp() AND {gate.STILL}
  RETURNING message.id
), answered AS (
  UPDATE message SET
    state = CASE WHEN message.state = 'unknown' AND a.state IN ('pending', 'deferred') THEN 'failed' ELSE a.state END,
    reason = a.reason, segments = coalesce(a.segments, message.segments), provider_id = a.provider_id,
    provider_code = a.code, provider_text = a.words, phase = a.phase,
    attempt = message.attempt - CASE WHEN a.counted THEN 0 ELSE 1 END,
    not_before = CASE WHEN a.wait IS NULL THEN message.not_before ELSE clock_timestamp() + make_interval(secs => a.wait)
      END,
    accepted_at = CASE WHEN a.state = 'sent' THEN clock_timestamp() ELSE message.accepted_at END,
    owner = CASE WHEN a.state = 'unknown' THEN message.owner END, lease_until = NULL, updated_at = clock_timestamp()
  FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
    CAST(:providers AS text[]), CAST(:codes AS text[]), CAST(:words AS text[]), CAST(:phases AS text[]),
    CAST(:waits AS float8[]), CAST(:counted AS bool[]), CAST(:segments AS smallint[]))
    AS a (id, attempt_id, state, reason, provider_id, code, words, phase, wait, counted, segments)
  WHERE message.tenant_id = :tenant AND message.id = a.id AND message.attempt_id = a.attempt_id
    AND message.owner = :owner AND message.state || '' IN ('sending', 'claimed', 'unknown')
  RETURNING message.id, message.campaign_id, message.state, message.reason, message.channel, message.address_norm,
    message.provider_code
), stopped AS (
  INSERT INTO suppression (id, tenant_id, channel, address_norm, purpose, reason, source, evidence, created_by)
  SELECT new_id(), :tenant, channel, address_norm,
    CASE reason WHEN '{Reason.OPTED_OUT}' THEN 'marketing' ELSE 'all' END,
    CASE reason WHEN '{Reason.OPTED_OUT}' THEN 'opt_out' ELSE 'hard_bounce' END,
    'provider', jsonb_build_object('message', id, 'code', provider_code), 'system'
  FROM answered WHERE state = 'bounced' AND address_norm IS NOT NULL
  ON CONFLICT (tenant_id, channel, address_norm, purpose) WHERE lifted_at IS NULL DO UPDATE
    SET reason = excluded.reason, source = excluded.source, evidence = excluded.evidence, expires_at = NULL,
      updated_at = clock_timestamp()
    WHERE suppression.expires_at IS NOT NULL
), told AS (
  INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
  SELECT :tenant, campaign_id, id, state, reason FROM answered WHERE state <> 'pending'
)
SELECT id FROM started
"""  # noqa: S608 - rules of our own
_WRITTEN = str(text(_MARK).compile(dialect=dialects.dialect()))  # type: ignore[no-untyped-call] # from SQLAlchemy

_RENEW = """
WITH renewed AS (
  UPDATE message SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
  WHERE tenant_id = %(tenant)s AND owner = %(owner)s AND state IN ('claimed', 'sending') RETURNING 1
)
SELECT count(*) FROM renewed
"""


async def commit(lane: Lane, owner: UUID, starts: list[Start], answers: list[Answer]) -> set[UUID]:
    """Write both kinds of marks and commit; returns the ids whose transmission may begin."""
    return {row[0] for row in await lane.run(_WRITTEN, _parameters(lane.tenant_id, owner, starts, answers))}


def _parameters(tenant_id: UUID, owner: UUID, starts: list[Start], answers: list[Answer]) -> dict[str, Any]:
    return {
        "tenant": tenant_id,
        "owner": owner,
        "start_ids": [start.id for start in starts],
        "start_attempts": [start.attempt_id for start in starts],
        "ids": [answer.id for answer in answers],
        "attempts": [answer.attempt_id for answer in answers],
        "states": [answer.state for answer in answers],
        "reasons": [answer.reason for answer in answers],
        "providers": [answer.provider_id for answer in answers],
        "codes": [answer.code for answer in answers],
        "words": [(answer.words or "").replace("\x00", "")[:_LONGEST_WORDS] or None for answer in answers],
        "phases": [answer.phase for answer in answers],
        "waits": [answer.wait for answer in answers],
        "counted": [answer.counted for answer in answers],
        "segments": [answer.segments for answer in answers],
    }


class Marker:
    """The only writer of a run: takes what all sessions queued, writes it with one statement, and starts again.

    While the database is away, nobody may begin and the answers wait.
    """

    def __init__(self, tenant_id: UUID, owner: UUID) -> None:
        self._lane = Lane(tenant_id)
        self._owner = owner
        self._starts: list[tuple[Start, asyncio.Future[bool]]] = []
        self._answers: list[Answer] = []
        self._renewals: list[tuple[int, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._closing_at: float | None = None
        self.unwritten: set[UUID] = set()  # messages with an answer that is not durable yet
        self.commits = 0

    async def may_begin(self, start: Start) -> bool:
        """Wait until 'about to transmit' is durable. False: it must not be transmitted."""
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._starts.append((start, granted))
        self._wake.set()
        return await granted

    def answered(self, answer: Answer) -> None:
        """Note an answer; it is written with the next commit."""
        self._answers.append(answer)
        self.unwritten.add(answer.id)
        self._wake.set()

    async def renew(self, lease_seconds: int) -> None:
        """Prolong the lease of everything that this worker holds, in one statement, between two commits of marks.

        Beside them it would lock the same rows in another order. Raises whatever the database says.
        """
        renewed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._renewals.append((lease_seconds, renewed))
        self._wake.set()
        await renewed

    async def run(self) -> None:
        """Write marks until `close` was called and nothing is left."""
        while self._starts or self._answers or self._closing_at is None:
            await self._wake.wait()
            self._wake.clear()
            if self._renewals:
                await self._renew()
            if self._starts or self._answers:
                await self._write()
        await self._lane.close()

    def close(self, patience: float) -> None:
        """Let nobody begin any more; what is queued is written, within `patience` seconds."""
        self._closing_at = asyncio.get_running_loop().time() + patience
        self._wake.set()

    async def _write(self) -> None:
        waiting, self._starts = self._starts, []
        answers, self._answers = self._answers, []
        starts = [start for start, _ in waiting]
        try:
            granted = await commit(self._lane, self._owner, starts, answers)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing begins, and it is written again
            log.get("delivery").warning("marks.not_written", error=type(error).__name__, n=len(starts) + len(answers))
            await self._later(waiting, answers)
            return
        self.commits += 1
        self.unwritten.difference_update(answer.id for answer in answers)
        for start, future in waiting:
            if not future.done():
                future.set_result(start.id in granted)

    async def _renew(self) -> None:
        waiting, self._renewals = self._renewals, []
        keys = {"tenant": self._lane.tenant_id, "owner": self._owner, "lease": max(lease for lease, _ in waiting)}
        failed: Exception | None = None
        try:
            await self._lane.run(_RENEW, keys)
        except (psycopg.Error, SQLAlchemyError) as error:
            failed = error
        for _, renewed in waiting:
            if renewed.done():
                continue
            if failed is None:
                renewed.set_result(None)
            else:
                renewed.set_exception(failed)

    async def _later(self, waiting: list[tuple[Start, asyncio.Future[bool]]], answers: list[Answer]) -> None:
        """Keep what could not be written. When the run ends, who waits is sent away, and that is written instead."""
        if self._closing_at is not None:
            for start, future in waiting:
                if not future.done():
                    future.set_result(False)
                answers.append(Answer(start.id, start.attempt_id, "pending", Reason.NOT_TRANSMITTED, counted=False))
            waiting = []
            if asyncio.get_running_loop().time() > self._closing_at:
                self.unwritten.clear()
                return  # the lease runs out: the sweeper parks what was begun
        self._starts[:0] = waiting
        self._answers[:0] = answers
        await asyncio.sleep(_PAUSE)
        self._wake.set()
