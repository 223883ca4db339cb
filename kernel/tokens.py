"""Tokens: random ones that are stored hashed, and signed ones for links inside messages."""

import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from kernel.settings import get_settings

_VERSION = 1
_BODY = struct.Struct(">BB16s16sH")
_MAC_BYTES = 16


class BadToken(Exception):  # noqa: N818 - the answer is one uniform "not found"
    """A token that was not made by us, was altered, or is of another kind."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signed token says: whose it is, what it refers to, and a small number (a link's position)."""

    tenant_id: UUID
    ref_id: UUID
    n: int


def new_token() -> str:
    """Return 256 bits from the system's generator, URL-safe."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token of at least 112 bits, as stored (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def mac(secret: bytes, *parts: str) -> str:
    """Return a 128-bit HMAC over the parts, hexadecimal (CSRF tokens, stable markers)."""
    return hmac.new(secret, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()[:32]


class Signer:
    """Stateless tokens: version, key id, tenant, reference, number, and a 128-bit HMAC that covers the kind.

    `keys` maps key ids (0 to 255) to secrets; the highest id signs, all verify.
    """

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = keys
        self._current = max(keys)

    def sign(self, kind: str, tenant_id: UUID, ref_id: UUID, n: int = 0) -> str:
        body = _BODY.pack(_VERSION, self._current, tenant_id.bytes, ref_id.bytes, n)
        return base64.urlsafe_b64encode(body + self._mac(self._current, kind, body)).rstrip(b"=").decode()

    def read(self, kind: str, token: str) -> Signed:
        """Return what the token says.

        Raises BadToken for anything that this signer did not make for this kind.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            version, key_id, tenant, ref, n = _BODY.unpack(raw[: _BODY.size])
        except (ValueError, struct.error) as error:
            raise BadToken from error
        given = raw[_BODY.size :]
        canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        if version != _VERSION or key_id not in self._keys or canonical != token:
            raise BadToken
        if not hmac.compare_digest(given, self._mac(key_id, kind, raw[: _BODY.size])):
            raise BadToken
        return Signed(UUID(bytes=tenant), UUID(bytes=ref), n)

    def _mac(self, key_id: int, kind: str, body: bytes) -> bytes:
        return hmac.digest(self._keys[key_id], kind.encode() + b"\x1f" + body, "sha256")[:_MAC_BYTES]


@lru_cache(maxsize=4)
def _signer(secret: str) -> Signer:
    return Signer({0: hashlib.sha256(b"links\x1f" + secret.encode()).digest()})


def get_signer() -> Signer:
    """Return the signer for links inside messages, keyed from the application's secret."""
    return _signer(get_settings().secret_key.get_secret_value())
