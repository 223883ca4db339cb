"""Tokens: random ones that are stored hashed, and signed ones for links inside messages."""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from kernel.settings import get_settings

_VERSION = 1
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_BODY = struct.Struct(">BB16s16sH")
_MAC_BYTES = 16
_HINT_BYTES = 8
_BODIES = frozenset({_BODY.size, _BODY.size + _HINT_BYTES})
_PATH = struct.Struct(">B5s16s")
_PATH_LENGTH = 61  # base32 of 38 bytes; with "b+" a local part of 63, RFC 5321 allows 64


class BadToken(Exception):  # noqa: N818 - the answer is one uniform "not found"
    """A token that was not made by us, was altered, or is of another kind."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signed token says: whose it is, what it refers to, a small number (a link's position), and a hint."""

    tenant_id: UUID
    ref_id: UUID
    n: int
    hint: bytes = b""


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
        self._begun: dict[tuple[int, str], hmac.HMAC] = {}

    def sign(self, kind: str, tenant_id: UUID, ref_id: UUID, n: int = 0, hint: bytes = b"") -> str:
        """Return a token; `hint` is empty or eight bytes that say where to look (`hint_of`). Raises ValueError."""
        if len(hint) not in {0, _HINT_BYTES}:
            raise ValueError("a hint has no byte or eight")
        body = _BODY.pack(_VERSION, self._current, tenant_id.bytes, ref_id.bytes, n) + hint
        raw = binascii.b2a_base64(body + self._mac(self._current, kind, body), newline=False)
        return raw.translate(_URL_SAFE).rstrip(b"=").decode()

    def read(self, kind: str, token: str) -> Signed:
        """Return what the token says.

        Raises BadToken for anything that this signer did not make for this kind.
        """
        body = self.check(kind, token)
        _, _, tenant, ref, n = _BODY.unpack(body[: _BODY.size])
        return Signed(UUID(bytes=tenant), UUID(bytes=ref), n, body[_BODY.size :])

    def check(self, kind: str, token: str) -> bytes:
        """Return the token's body for doors in a hurry: tenant (2:18), reference (18:34), number (34:36), hint (36:).

        Raises BadToken for anything that this signer did not make for this kind.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise BadToken from error
        body = raw[:-_MAC_BYTES]
        if len(body) not in _BODIES or body[0] != _VERSION or body[1] not in self._keys:
            raise BadToken
        if not hmac.compare_digest(raw[-_MAC_BYTES:], self._mac(body[1], kind, body)):
            raise BadToken
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:  # the same bits in other letters
            raise BadToken
        return body

    def sign_path(self, tenant_id: UUID, ref_id: UUID) -> str:
        """Return a token that fits a mail address: 61 characters a-z and 2-7, the same in either case.

        Key id, five bytes that lead to the tenant, the reference, and a 128-bit HMAC that covers the whole tenant id.
        """
        body = _PATH.pack(self._current, tenant_code(tenant_id), ref_id.bytes)
        return _base32(body + self._mac_of_path(self._current, body, tenant_id))

    def read_path(self, token: str, tenants: Callable[[bytes], Iterable[UUID]]) -> Signed:
        """Return what a token of `sign_path` says; `tenants` names those with a code. Raises BadToken."""
        token = token.lower()
        if len(token) != _PATH_LENGTH:
            raise BadToken
        try:
            raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
            key_id, code, ref = _PATH.unpack(raw[: _PATH.size])
        except (ValueError, struct.error) as error:
            raise BadToken from error
        if key_id not in self._keys or _base32(raw) != token:
            raise BadToken
        for tenant_id in tenants(code):
            expected = self._mac_of_path(key_id, raw[: _PATH.size], tenant_id)
            if tenant_code(tenant_id) == code and hmac.compare_digest(raw[_PATH.size :], expected):
                return Signed(tenant_id, UUID(bytes=ref), 0)
        raise BadToken

    def _mac_of_path(self, key_id: int, body: bytes, tenant_id: UUID) -> bytes:
        return self._mac(key_id, "r", body + tenant_id.bytes)

    def _mac(self, key_id: int, kind: str, body: bytes) -> bytes:
        begun = self._begun.get((key_id, kind))
        if begun is None:
            begun = self._begun[key_id, kind] = hmac.new(self._keys[key_id], kind.encode() + b"\x1f", "sha256")
        whole = begun.copy()
        whole.update(body)
        return whole.digest()[:_MAC_BYTES]


def hint_of(ref_id: UUID, word: str) -> bytes:
    """Return eight bytes that lead to the content of a link without a look at its message: campaign and language."""
    return hashlib.sha256(ref_id.bytes + word.encode()).digest()[:_HINT_BYTES]


def tenant_code(tenant_id: UUID) -> bytes:
    """Return the five bytes by which a return path leads to its tenant; two tenants may share them."""
    return hashlib.sha256(b"tenant\x1f" + tenant_id.bytes).digest()[:5]


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).rstrip(b"=").decode().lower()


@lru_cache(maxsize=4)
def _signer(secret: str) -> Signer:
    return Signer({0: hashlib.sha256(b"links\x1f" + secret.encode()).digest()})


def get_signer() -> Signer:
    """Return the signer for links inside messages, keyed from the application's secret."""
    return _signer(get_settings().secret_key.get_secret_value())
