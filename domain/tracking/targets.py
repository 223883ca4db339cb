"""Where links lead, kept in memory: a click waits for the database only when its content was never asked for here.

A token's hint names campaign and language, so one look serves every recipient. What is older than a minute is asked for
again in the background and used meanwhile, also while the database is away.
"""

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import text

from domain.content import utm
from kernel import db, log
from kernel.errors import AriiaError, NotFound
from kernel.tokens import get_signer

VISIT = "ariia_v"
_MOST = 4_096
_FRESH_SECONDS = 60.0
_PATIENCE_SECONDS = 3.0
_LOOKS_AT_ONCE = 4
_MOST_WAITING = 256
_SAFE = ":/?#[]@!$&'()*+,;=%~-._"
_LINKS = text("""
SELECT l.n, l.url, c.name, m.channel, coalesce(c.utm_links, t.utm_links) AS utm, t.visit_links AS visit
FROM message m
JOIN tenant t ON t.id = m.tenant_id
LEFT JOIN notice o ON o.tenant_id = m.tenant_id AND o.id = m.notice_id
CROSS JOIN LATERAL (SELECT coalesce(m.campaign_id, o.campaign_id) AS id OFFSET 0) w  -- before the join, see claim.py
JOIN campaign c ON c.tenant_id = m.tenant_id AND c.id = w.id
JOIN tracked_link l ON l.tenant_id = m.tenant_id AND l.campaign_id = c.id AND l.language = m.language
WHERE m.tenant_id = :tenant AND m.id = :message
""")
_TIMEOUT = text("SELECT set_config('statement_timeout', '2000', true)")


class NotNow(AriiaError):  # noqa: N818 - an answer
    """The target is not known here and the database does not answer."""

    code = "database_unavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__("The link cannot be looked up right now. Try again in a few seconds.", retry_after=5)


@dataclass(frozen=True, slots=True)
class Targets:
    """The links of one content: addresses that are ready for a Location header, by number."""

    urls: dict[bytes, str]
    visit: bool

    def of(self, token: bytes) -> str:
        """Return where a click leads; raises NotFound for a number that the content does not have."""
        url = self.urls.get(token[34:36])
        if url is None:
            raise NotFound("link")
        if not self.visit:
            return url
        tenant_id, message_id, n = named(token)
        return utm.extend(url, {VISIT: get_signer().sign("v", tenant_id, message_id, n)})


def named(token: bytes) -> tuple[UUID, UUID, int]:
    """Return tenant, message and number of a checked token."""
    return UUID(bytes=token[2:18]), UUID(bytes=token[18:34]), int.from_bytes(token[34:36])


class Cache:
    """Bounded; the least recently used goes first. One look-up at a time per content. For one event loop."""

    def __init__(self, *, most: int = _MOST, fresh: float = _FRESH_SECONDS) -> None:
        self._most = most
        self._fresh = fresh
        self._kept: OrderedDict[bytes, tuple[float, Targets]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Future[Targets]] = {}
        self._threads = ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="tracking-targets")

    async def target(self, token: bytes) -> str:
        """Return where a checked token leads. Raises NotFound, or NotNow where nobody can look it up now."""
        key = token[2:18] + (token[36:] or token[18:34])
        kept = self._kept.get(key)
        if kept is None:
            return (await self._ask(key, token)).of(token)
        self._kept.move_to_end(key)
        since, targets = kept
        if time.monotonic() - since > self._fresh and key not in self._asked:
            self._refresh(key, token)
        return targets.of(token)

    async def _ask(self, key: bytes, token: bytes) -> Targets:
        if key not in self._asked and len(self._asked) >= _MOST_WAITING:
            raise NotNow
        try:
            return await asyncio.wait_for(asyncio.shield(self._look(key, token)), _PATIENCE_SECONDS)
        except AriiaError:
            raise
        except Exception as error:
            log.get("tracking").warning("target.unknown", error=type(error).__name__)
            raise NotNow from error

    def _look(self, key: bytes, token: bytes) -> "asyncio.Future[Targets]":
        """Return the running look-up of a content, begun if there is none."""
        future = self._asked.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(self._threads, read, *named(token)[:2])
            self._asked[key] = future
            future.add_done_callback(lambda done: self._keep(key, done))
        return future

    def _refresh(self, key: bytes, token: bytes) -> None:
        """Ask again behind the scenes; while that fails, what is known stays in use."""
        if len(self._asked) < _MOST_WAITING:
            targets = self._kept[key][1]
            self._kept[key] = (time.monotonic() - self._fresh + min(5.0, self._fresh), targets)
            self._look(key, token)

    def _keep(self, key: bytes, done: "asyncio.Future[Targets]") -> None:
        self._asked.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            if not done.cancelled() and isinstance(done.exception(), NotFound):
                self._kept.pop(key, None)  # the database answered: it is not here any more
            return
        self._kept[key] = (time.monotonic(), done.result())
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def read(tenant_id: UUID, message_id: UUID) -> Targets:
    """Look up every link of the content that a message carries. Raises NotFound for a message that is not here."""
    with db.tenant_session(tenant_id) as session:
        session.execute(_TIMEOUT)
        rows = session.execute(_LINKS, {"tenant": tenant_id, "message": message_id}).all()
    if not rows:
        raise NotFound("link")
    return Targets({row.n.to_bytes(2): url for row in rows if (url := _ready(row))}, rows[0].visit)


def _ready(row: object) -> str | None:
    """Return a link as it goes into the Location header, decorated; None for what is no web address."""
    url: str = row.url  # type: ignore[attr-defined] # a row of _LINKS
    if row.utm:  # type: ignore[attr-defined]
        url = utm.decorate(url, row.name, row.n, medium=row.channel)  # type: ignore[attr-defined]
    if not url.lower().startswith(("http://", "https://")):
        return None
    return quote(url, safe=_SAFE)
