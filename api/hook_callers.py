"""Whose webhook an address is, kept for a few seconds: a flood of wrong signatures asks the database once a second.

Secrets stay sealed in here. What does not fit is looked up anew, at most once a second for an address, so that a secret
that was just replaced counts at once.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

from api.guesses import Guesses
from domain.senders import accounts
from kernel import db
from kernel.errors import NotFound
from models import ProviderAccount

_FRESH_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_MOST = 2_000


@dataclass(slots=True)
class Known:
    """An address's tenant and account as they were read `at` (monotonic); `doubted_at`: when that was last in doubt."""

    path_token: str
    tenant_id: UUID
    account: ProviderAccount
    at: float
    doubted_at: float = float("-inf")


class Callers:
    """Bounded; the address that was not asked for the longest goes first. Safe in threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Known | float] = OrderedDict()
        self._lock = Lock()

    def of(self, path_token: str) -> Known:
        """Return whose address this is. Raises NotFound, also from memory."""
        with self._lock:
            kept = self._kept.get(path_token)
            if kept is not None:
                self._kept.move_to_end(path_token)
        if isinstance(kept, Known) and time.monotonic() - kept.at < _FRESH_SECONDS:
            return kept
        if isinstance(kept, float) and time.monotonic() - kept < _AGAIN_SECONDS:
            raise NotFound("webhook")
        return self._read(path_token)

    def at_hand(self, path_token: str) -> Known | None:
        """Return whose address this is, from memory alone; None where nobody looked lately."""
        with self._lock:
            kept = self._kept.get(path_token)
        return kept if isinstance(kept, Known) and time.monotonic() - kept.at < _FRESH_SECONDS else None

    def may_doubt(self, known: Known) -> bool:
        """Return whether what does not fit may be looked up anew now: once a second for an address."""
        return time.monotonic() - known.doubted_at >= _AGAIN_SECONDS

    def holds(self, known: Known, fits: Callable[[ProviderAccount], bool]) -> bool:
        """Return whether a request fits its account, as it is known or, where that may be old, as it is now."""
        if fits(known.account):
            return True
        now = time.monotonic()
        with self._lock:
            if not self.may_doubt(known):
                return False
            known.doubted_at = now
        try:
            again = self._read(known.path_token, doubted_at=now)
        except NotFound:
            return False
        known.account = again.account
        return fits(again.account)

    def _read(self, path_token: str, *, doubted_at: float = float("-inf")) -> Known:
        at = time.monotonic()
        try:
            tenant_id, account_id = accounts.by_path(path_token)
            with db.tenant_session(tenant_id) as session:
                found = Known(path_token, tenant_id, accounts.get(session, account_id), at, doubted_at)
        except NotFound:
            self._keep(path_token, at)
            raise
        self._keep(path_token, found)
        return found

    def _keep(self, path_token: str, found: Known | float) -> None:
        with self._lock:
            self._kept[path_token] = found
            self._kept.move_to_end(path_token)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)


callers = Callers()
guesses = Guesses("hooks", most=120)
