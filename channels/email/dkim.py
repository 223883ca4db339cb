"""DKIM signatures (RFC 6376; Ed25519: RFC 8463), relaxed/relaxed, for messages that our own skeleton made.

The key is parsed once per process and the body is hashed once for all keys; what remains is the signing itself.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from kernel import clock

Algorithm = Literal["rsa", "ed25519"]
PrivateKey = RSAPrivateKey | Ed25519PrivateKey

# What a signature covers where the message has it; From is named once more than it is there, so that none can be added.
SIGNED = (
    b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"reply-to", b"list-id",
    b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id",
)  # fmt: skip
_WANTED = frozenset(SIGNED)
_RSA_BITS = 2048
_LINE = 72

_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIELD = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:([^\r]*(?:\r\n[ \t][^\r]*)*)\r\n")
_SPACES = re.compile(rb"[ \t\r\n]+")
_BODY_SPACES = re.compile(rb"[ \t]+")
_LINE_ENDS_IN_SPACE = re.compile(rb" +(?=\r\n|\Z)")
_LABELS = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")


class NoFrom(ValueError):  # noqa: N818
    """A message without a From header cannot be signed."""


def make_key(algorithm: Algorithm) -> bytes:
    """Return a new private key (PKCS 8, DER)."""
    made: PrivateKey = (
        Ed25519PrivateKey.generate()
        if algorithm == "ed25519"
        else generate_private_key(public_exponent=65_537, key_size=_RSA_BITS)
    )
    return made.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@lru_cache(maxsize=512)
def _parsed(der: bytes) -> PrivateKey:
    """Parse a key that we made and kept sealed ourselves; checking its numbers again would take 40 ms."""
    key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise TypeError("DKIM keys are RSA or Ed25519")
    return key


def public_key(der: bytes) -> str:
    """Return what stands in the DNS record after `p=`."""
    key = _parsed(der).public_key()
    if isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        raw = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(raw).decode()


@dataclass(frozen=True, slots=True)
class Key:
    """One signing key: `der` from `make_key`, published at `<selector>._domainkey.<domain>`."""

    selector: str
    der: bytes


class Signer:
    """Signs messages of one domain with each of its keys. Raises ValueError for a name that cannot stand in DNS."""

    __slots__ = ("_keys", "domain")

    def __init__(self, domain: str, keys: Sequence[Key]) -> None:
        for name in (domain, *(key.selector for key in keys)):
            if not _LABELS.fullmatch(name):
                raise ValueError(f"{name!r} is no name that can stand in the DNS")
        if not keys:
            raise ValueError("a signer needs a key")
        self.domain = domain
        self._keys = [_Signing.of(domain, key) for key in keys]

    def sign(self, message: bytes) -> bytes:
        """Return the message with one DKIM-Signature per key in front.

        Bare CR and LF become CRLF, and the last line ends, as on the way out. Raises NoFrom.
        """
        if not message.count(b"\r\n") == message.count(b"\n") == message.count(b"\r"):
            message = _LINE_END.sub(b"\r\n", message)
        if not message.endswith(b"\r\n"):
            message += b"\r\n"
        end = message.find(b"\r\n\r\n")
        head, body_at = (message[: end + 2], end + 4) if end >= 0 else (message, len(message))
        names, covered = _covered(head)
        tail = b"; t=%d;\r\n %b;\r\n bh=%b;\r\n b=" % (
            int(clock.now().timestamp()),
            _header_list(names),
            base64.b64encode(_body_hash(message, body_at)),
        )
        return b"".join([*(key.header(covered, tail) for key in self._keys), message])


@dataclass(frozen=True, slots=True)
class _Signing:
    """One key with what its signatures begin with."""

    start: bytes
    key: PrivateKey

    @classmethod
    def of(cls, domain: str, key: Key) -> "_Signing":
        parsed = _parsed(key.der)
        algorithm = "ed25519-sha256" if isinstance(parsed, Ed25519PrivateKey) else "rsa-sha256"
        start = f" v=1; a={algorithm}; c=relaxed/relaxed;\r\n d={domain};\r\n s={key.selector}"
        return cls(start.encode("ascii"), parsed)

    def header(self, covered: bytes, tail: bytes) -> bytes:
        """Return the finished header; `covered` are the signed headers, canonical (RFC 6376 §3.7)."""
        value = self.start + tail
        signed = b"%bdkim-signature:%b" % (covered, value[1:].replace(b"\r\n ", b" "))
        if isinstance(self.key, Ed25519PrivateKey):
            signature = self.key.sign(hashlib.sha256(signed).digest())
        else:
            signature = self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        encoded = base64.b64encode(signature)
        lines = [encoded[n : n + _LINE] for n in range(0, len(encoded), _LINE)]
        return b"DKIM-Signature:%b%b\r\n" % (value, b"\r\n ".join(lines))


def _covered(head: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Return the names for `h=` and the headers that they stand for, relaxed, from the last of a name upwards."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(head):
        lower = name.lower()
        if lower in _WANTED:
            found.setdefault(lower, []).append(value)
    if b"from" not in found or head.startswith(b"\r\n"):
        raise NoFrom("the message has no From header")
    names: list[bytes] = [b"from"]
    lines: list[bytes] = []
    for name in SIGNED:
        for value in reversed(found.get(name, ())):
            names.append(name)
            lines += (name, b":", _relaxed(value), b"\r\n")
    return tuple(names), b"".join(lines)


def _relaxed(value: bytes) -> bytes:
    """Unfold a header's value and make each run of white space one space (RFC 6376 §3.4.2)."""
    if b"\n" in value or b"  " in value or b"\t" in value:
        value = _SPACES.sub(b" ", value)
    return value.strip(b" ")


@lru_cache(maxsize=256)
def _header_list(names: tuple[bytes, ...]) -> bytes:
    """Return the `h=` tag, folded behind colons."""
    lines, line = [], "h="
    for n, name in enumerate(names):
        part = name.decode("ascii") + (":" if n < len(names) - 1 else "")
        if len(line) + len(part) > _LINE:
            lines.append(line)
            line = ""
        line += part
    return "\r\n ".join([*lines, line]).encode("ascii")


def _body_hash(message: bytes, start: int) -> bytes:
    """Return the SHA-256 of the relaxed body (RFC 6376 §3.4.4); an ordinary body is hashed where it stands."""
    end = len(message)
    while message.endswith(b"\r\n", start, end):
        end -= 2
    if (
        end > start
        and message.find(b"\t", start, end) < 0
        and message.find(b"  ", start, end) < 0
        and message.find(b" \r\n", start, end) < 0
        and not message.endswith(b" ", start, end)
    ):
        digest = hashlib.sha256(memoryview(message)[start:end])
        digest.update(b"\r\n")
        return digest.digest()
    body = _LINE_ENDS_IN_SPACE.sub(b"", _BODY_SPACES.sub(b" ", message[start:end]))
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return hashlib.sha256(body + b"\r\n" if body else b"").digest()
