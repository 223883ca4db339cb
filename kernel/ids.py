"""Identifiers: time-ordered ones for rows, stable ones for things that must be found again."""

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from uuid import UUID


class Ids:
    """UUIDs of version 7 (RFC 9562 §5.7), each greater than the one before: what is made later sorts later.

    Within a millisecond, and while the clock stands or goes back, the 74 random bits grow by a random step of up to
    2³² (§6.2, method 2), and beyond their end the time goes one on. Safe to share between threads.
    """

    def __init__(self, nanoseconds: Callable[[], int] = time.time_ns) -> None:
        self._nanoseconds = nanoseconds
        self._last = 0  # 48 bit milliseconds, then 74 bit random
        self._lock = Lock()

    def __call__(self) -> UUID:
        with self._lock:
            milliseconds = self._nanoseconds() // 1_000_000 & 2**48 - 1
            if milliseconds > self._last >> 74:
                self._last = milliseconds << 74 | secrets.randbits(74)
            else:
                self._last += 1 + secrets.randbits(32)
            n = self._last
        return UUID(int=n >> 74 << 80 | 0x7 << 76 | (n >> 62 & 0xFFF) << 64 | 0b10 << 62 | n & 2**62 - 1)


_ids = Ids()


def new_id() -> UUID:
    """Return a UUID version 7 that sorts after every one that this process made before; see `Ids`."""
    return _ids()


def first_id(at: datetime) -> UUID:
    """Return the UUID version 7 that sorts before every one made from `at` on, to the millisecond."""
    return UUID(int=int(at.timestamp() * 1_000) << 80)


def stable_id(*parts: str | UUID) -> UUID:
    """Return the same UUID for the same parts, for ever: version 8 (RFC 9562 §5.8) over their SHA-256.

    SHA-256 and not version 5, because PostgreSQL computes the same in its core.
    """
    digest = bytearray(hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))
