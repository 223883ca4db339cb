"""Whoever tries tokens that were never made is slowed down and counted; whoever has a good link notices nothing.

In memory and bounded: the tokens themselves are 256 random bits, so this protects the database and shows an attack.
"""

import time
from collections import OrderedDict
from threading import Lock

from prometheus_client import Counter

from kernel.errors import AriiaError

_WRONG = Counter("ariia_unknown_tokens_total", "Tokens tried that were never made", ["kind"])
_LOCKED = Counter("ariia_guessers_total", "Refusals of addresses that tried too many tokens", ["kind"])
_MOST_ADDRESSES = 10_000


class TooManyGuesses(AriiaError):  # noqa: N818 - named as the answer
    """Too many unknown tokens came from one address."""

    code = "too_many_guesses"
    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"Too many unknown links were tried from here. Wait {retry_after} seconds.", retry_after=retry_after
        )


class Guesses:
    """Counts wrong tokens per address in windows of `seconds`; more than `most` are refused with 429."""

    def __init__(self, kind: str, *, most: int = 30, seconds: int = 60) -> None:
        self._kind = kind
        self._most = most
        self._seconds = seconds
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()

    def wrong(self, address: str) -> None:
        """Count one wrong token. Raises TooManyGuesses once there were too many."""
        _WRONG.labels(self._kind).inc()
        now = time.monotonic()
        with self._lock:
            since, n = self._seen.pop(address, (now, 0))
            if now - since > self._seconds:
                since, n = now, 0
            self._seen[address] = (since, n + 1)
            if len(self._seen) > _MOST_ADDRESSES:
                self._seen.popitem(last=False)
        if n + 1 > self._most:
            _LOCKED.labels(self._kind).inc()
            raise TooManyGuesses(max(1, round(since + self._seconds - now)))

    def check(self, address: str) -> None:
        """Raise TooManyGuesses for an address that guessed too often, before anything is done for it."""
        now = time.monotonic()
        with self._lock:
            since, n = self._seen.get(address, (now, 0))
        if n > self._most and now - since <= self._seconds:
            _LOCKED.labels(self._kind).inc()
            raise TooManyGuesses(max(1, round(since + self._seconds - now)))
