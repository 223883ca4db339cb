"""Secrets in the database: AES-256-GCM under keys that stay outside of it, and bound to the place they were written to.

AES-256-GCM, random 96-bit nonces (NIST SP 800-38D). What is sealed names its key and is bound to tenant, place and
row: moved anywhere else it does not open. Each secret has a data key of its own, wrapped by the key-encryption key.

    version (1) | key id (1) | nonce (12) | wrapped data key (48) | nonce (12) | ciphertext and tag
"""

import base64
import hashlib
import secrets
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.settings import get_settings

_VERSION = 1
_NONCE, _KEY, _TAG = 12, 32, 16
_WRAPPED = _KEY + _TAG
_HEAD = 2 + _NONCE + _WRAPPED
_SHORTEST = _HEAD + _NONCE + _TAG


class BadSeal(Exception):  # noqa: N818 - the answer of the vault
    """What was sealed for another tenant or place, was altered, or needs a key that is not here."""


class Vault:
    """`keys` maps key ids (0 to 255) to 256-bit keys; the highest id seals, all unseal."""

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.current = max(keys)

    def seal(self, plain: str, *, tenant_id: UUID, place: str, row_id: UUID) -> bytes:
        """Return `plain` sealed for one row; `place` is table and column."""
        data_key = secrets.token_bytes(_KEY)
        nonce = secrets.token_bytes(_NONCE)
        body = AESGCM(data_key).encrypt(nonce, plain.encode(), _bound(tenant_id, place, row_id))
        return self._wrap(data_key, tenant_id) + nonce + body

    def unseal(self, sealed: bytes, *, tenant_id: UUID, place: str, row_id: UUID) -> str:
        """Return what was sealed for this row. Raises BadSeal."""
        data_key = self._unwrap(sealed, tenant_id)
        nonce, body = sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        try:
            return AESGCM(data_key).decrypt(nonce, body, _bound(tenant_id, place, row_id)).decode()
        except InvalidTag:
            raise BadSeal("the sealed value does not belong here, or was altered") from None

    def reseal(self, sealed: bytes, *, tenant_id: UUID) -> bytes:
        """Return the value under the newest key; its binding to the row stays as it is. Raises BadSeal."""
        return self._wrap(self._unwrap(sealed, tenant_id), tenant_id) + sealed[_HEAD:]

    def is_current(self, sealed: bytes) -> bool:
        """Say whether the newest key seals this value."""
        return key_id_of(sealed) == self.current

    def _wrap(self, data_key: bytes, tenant_id: UUID) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        wrapped = self._keys[self.current].encrypt(nonce, data_key, _owner(self.current, tenant_id))
        return bytes((_VERSION, self.current)) + nonce + wrapped

    def _unwrap(self, sealed: bytes, tenant_id: UUID) -> bytes:
        key_id = key_id_of(sealed)
        if key_id not in self._keys:
            raise BadSeal(f"vault key {key_id} is missing: put it back into ARIIA_VAULT_KEYS")
        try:
            return self._keys[key_id].decrypt(
                sealed[2 : 2 + _NONCE], sealed[2 + _NONCE : _HEAD], _owner(key_id, tenant_id)
            )
        except InvalidTag:
            raise BadSeal("the sealed value is another tenant's, was altered, or its key changed") from None


def key_id_of(sealed: bytes) -> int:
    """Return the id of the key that seals a value. Raises BadSeal for what is none."""
    if len(sealed) < _SHORTEST or sealed[0] != _VERSION:
        raise BadSeal("this is no sealed value")
    return sealed[1]


def _bound(tenant_id: UUID, place: str, row_id: UUID) -> bytes:
    return b"\x1f".join((b"value", tenant_id.bytes, place.encode(), row_id.bytes))


def _owner(key_id: int, tenant_id: UUID) -> bytes:
    return b"\x1f".join((b"data key", bytes((_VERSION, key_id)), tenant_id.bytes))


def parse_keys(text: str) -> dict[int, bytes]:
    """Return the keys of `2:<base64url of 32 bytes>,1:<…>`; ids 1 to 255. Raises ValueError without naming a key."""
    keys: dict[int, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        number, _, encoded = entry.partition(":")
        try:
            key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except ValueError:
            key = b""
        if not number.isdecimal() or not 1 <= int(number) <= 255 or len(key) != _KEY or int(number) in keys:  # noqa: PLR2004 - one byte
            raise ValueError("write vault keys as 1:<32 random bytes in base64url>, each number 1 to 255 once")
        keys[int(number)] = key
    return keys


@lru_cache(maxsize=4)
def _vault(secret: str, keys: str) -> Vault:
    derived = hashlib.sha256(b"vault\x1f" + secret.encode()).digest()
    return Vault({0: derived} | parse_keys(keys))


def get_vault() -> Vault:
    """Return the vault of this process: key 0 comes from the application's secret, the others are settings."""
    settings = get_settings()
    return _vault(settings.secret_key.get_secret_value(), settings.vault_keys.get_secret_value())


def seal(plain: str, *, tenant_id: UUID, place: str, row_id: UUID) -> bytes:
    """Return `plain` sealed for one row; `place` is table and column."""
    return get_vault().seal(plain, tenant_id=tenant_id, place=place, row_id=row_id)


def unseal(sealed: bytes, *, tenant_id: UUID, place: str, row_id: UUID) -> str:
    """Return what was sealed for this row. Raises BadSeal."""
    return get_vault().unseal(sealed, tenant_id=tenant_id, place=place, row_id=row_id)


def reseal(sealed: bytes, *, tenant_id: UUID) -> bytes:
    """Return the value under the newest key. Raises BadSeal."""
    return get_vault().reseal(sealed, tenant_id=tenant_id)


def is_current(sealed: bytes) -> bool:
    """Say whether the newest key seals this value. Raises BadSeal for what is none."""
    return get_vault().is_current(sealed)
