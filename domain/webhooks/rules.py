"""Patterns, signatures and waiting times of webhooks. Pure."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from domain.webhooks.catalog import FEED, RECIPIENT, TYPES

PREFIX = "whsec_"
_SECRET_BYTES = 32
_SHORTEST, _LONGEST = 24, 64

# Waits after the first, second, … failure in seconds; after the last one the delivery is dead.
SCHEDULE = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MOST_ATTEMPTS = len(SCHEDULE) + 1
_JITTER = 0.1

MOST_FAILING = timedelta(days=3)
OVERLAP = timedelta(hours=24)

_TROUBLE = 5  # failures in a row, from which on an endpoint gets one delivery at a time
_LONGEST_PAUSE = 300.0


class BadSecret(ValueError):  # noqa: N818
    """A text that is no webhook secret."""


def new_secret() -> str:
    """Return a secret: `whsec_` and 256 random bits in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the key in a secret. Raises BadSecret where it is not `whsec_` and 24 to 64 bytes in base64."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise BadSecret("a webhook secret is whsec_ and base64") from None
    if not secret.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise BadSecret("a webhook secret is whsec_ and 24 to 64 bytes in base64")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,<base64>`: HMAC-SHA256 over id, timestamp and body (Standard Webhooks 1.0)."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(signing: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a webhook, with a signature for each secret."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in signing),
    }


def encode(body: dict[str, Any]) -> bytes:
    """Return the bytes that are signed and sent: the same for the same content."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def is_pattern(pattern: str) -> bool:
    """Say whether this is a known type, or `*`, or a known beginning with `.*`."""
    if pattern in TYPES or pattern == "*":
        return True
    return pattern.endswith(".*") and any(name.startswith(pattern[:-1]) for name in TYPES)


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Say whether one of the patterns covers a type.

    What happens to single recipients is covered only by a pattern that names them: `*` and `crm.campaign.*` do not.
    """
    return any(_covers(pattern, event_type) for pattern in patterns)


def _covers(pattern: str, event_type: str) -> bool:
    if pattern == event_type:
        return True
    if event_type in FEED and not pattern.startswith(RECIPIENT):
        return False
    return pattern == "*" or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))


def of_recipients(patterns: Iterable[str]) -> list[str]:
    """Return the types about single recipients that the patterns cover, without their common beginning."""
    wanted = list(patterns)
    return sorted(name.removeprefix(RECIPIENT) for name in FEED if matches(wanted, name))


def wait_after(attempt: int) -> float | None:
    """Return the seconds until the next try after the `attempt`-th failed, ± 10 %; None: it was the last."""
    if attempt > len(SCHEDULE):
        return None
    usual = SCHEDULE[attempt - 1]
    return usual * (1 + _JITTER * (secrets.randbelow(2_001) / 1_000 - 1))


def is_success(status: int | None) -> bool:
    """Say whether an answer counts: 2xx alone; a redirect is a failure."""
    return status is not None and 200 <= status < 300  # noqa: PLR2004 - RFC 9110


def pause_after(failures: int) -> float:
    """Return the seconds that an endpoint with so many failures in a row is left alone; 0 for the first few."""
    return 0.0 if failures < _TROUBLE else min(_LONGEST_PAUSE, 5.0 * 2 ** min(failures - _TROUBLE, 10))


def at_once(failures: int, most: int) -> int:
    """Return how many deliveries an endpoint may get now: one while it is in trouble."""
    return 1 if failures >= _TROUBLE else most
