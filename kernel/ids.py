"""Identifiers: time-ordered ones for rows, stable ones for things that must be found again."""

import hashlib
import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """Return a UUID version 7 (RFC 9562 §5.7): 48 bit milliseconds, 74 bit random."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62
    return UUID(int=value | random & (2**62 - 1))


def stable_id(*parts: str | UUID) -> UUID:
    """Return the same UUID for the same parts, for ever: version 8 (RFC 9562 §5.8) over their SHA-256.

    SHA-256 and not version 5, because PostgreSQL computes the same in its core.
    """
    digest = bytearray(hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))
