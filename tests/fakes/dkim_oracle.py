"""dkimpy as the judge of our signatures; where PyNaCl is absent, its one Ed25519 call is answered by cryptography."""

import base64
from types import SimpleNamespace

import dkim as oracle
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class BadSignatureError(Exception):
    pass


class _VerifyKey:
    def __init__(self, encoded: bytes, encoder: object) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded))

    def verify(self, message: bytes, signature: bytes) -> bytes:
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise BadSignatureError from None
        return message


if not hasattr(oracle, "nacl"):
    oracle.nacl = SimpleNamespace(
        signing=SimpleNamespace(VerifyKey=_VerifyKey),
        encoding=SimpleNamespace(Base64Encoder=None),
        exceptions=SimpleNamespace(ValueError=ValueError, BadSignatureError=BadSignatureError),
    )


class Judge:
    """Knows the published records: name without the last dot → text."""

    def __init__(self, records: dict[str, str]) -> None:
        self.records = records

    def _text(self, name: bytes, timeout: float = 5) -> bytes | None:
        found = self.records.get(name.decode().rstrip("."))
        return found.encode() if found is not None else None

    def verdicts(self, message: bytes, count: int = 1) -> list[bool]:
        """Say of each of the first `count` signatures whether it is good."""
        return [self._verdict(message, n) for n in range(count)]

    def _verdict(self, message: bytes, n: int) -> bool:
        try:
            return bool(oracle.DKIM(message).verify(n, dnsfunc=self._text))
        except oracle.DKIMException:
            return False
