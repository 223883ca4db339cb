"""Messages of Amazon SNS: whether they are genuine, and what they carry. Pure: nothing is fetched here.

Source: "Verifying the signatures of Amazon SNS messages" and "parsing message formats" of the Amazon SNS developer
guide: RSA over chosen fields, PKCS #1 v1.5, with SHA-1 (SignatureVersion 1) or SHA-256 (2), by a certificate that only
Amazon's own hosts serve.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

NOTIFICATION, CONFIRMATION = "Notification", "SubscriptionConfirmation"
_FIELDS = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - version 1 is SHA-1
_HOST = re.compile(r"sns\.[a-z0-9-]{3,32}\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")


class BadMessage(Exception):  # noqa: N818 - the thing that came
    """What came is no message of Amazon SNS, or not a genuine one."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as it came; `fields` are its strings."""

    kind: str
    topic: str
    id: str
    text: str
    fields: dict[str, str]

    @property
    def certificate_url(self) -> str:
        """Where its certificate lies. Raises BadMessage for any place but Amazon's."""
        url = self.fields.get("SigningCertURL", "")
        if not _is_amazons(url) or not _CERTIFICATE.fullmatch(urlsplit(url).path) or urlsplit(url).query:
            raise BadMessage("the certificate does not lie with Amazon SNS")
        return url

    @property
    def confirmation_url(self) -> str:
        """What confirms the subscription. Raises BadMessage unless it does that, at Amazon, for this very topic."""
        url = self.fields.get("SubscribeURL", "")
        asked = parse_qs(urlsplit(url).query)
        wanted = {"Action": ["ConfirmSubscription"], "TopicArn": [self.topic]}
        if not _is_amazons(url) or any(asked.get(name) != value for name, value in wanted.items()):
            raise BadMessage("the confirmation does not lead to Amazon SNS")
        return url


def _is_amazons(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.netloc == parts.hostname and bool(_HOST.fullmatch(parts.netloc))
    except ValueError:
        return False


def read(body: bytes) -> Envelope:
    """Return the message of a request's body. Raises BadMessage."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadMessage("this is no JSON") from None
    if not isinstance(data, dict) or data.get("Type") not in _FIELDS:
        raise BadMessage("this is no message of Amazon SNS")
    fields = {name: value for name, value in data.items() if isinstance(value, str)}
    missing = {"MessageId", "TopicArn", "Message", "Timestamp", "Signature"} - fields.keys()
    if missing:
        raise BadMessage(f"{', '.join(sorted(missing))} is missing")
    return Envelope(fields["Type"], fields["TopicArn"], fields["MessageId"], fields["Message"], fields)


def signed_text(envelope: Envelope) -> bytes:
    """Return what the signature covers."""
    lines = [f"{name}\n{envelope.fields[name]}\n" for name in _FIELDS[envelope.kind] if name in envelope.fields]
    return "".join(lines).encode()


def check(envelope: Envelope, certificate: bytes, now: datetime) -> None:
    """Raise BadMessage unless the certificate (PEM) is valid now and signed this message."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        key = found.public_key()
        signature = base64.b64decode(envelope.fields["Signature"], validate=True)
    except (ValueError, binascii.Error):
        raise BadMessage("certificate or signature cannot be read") from None
    method = _HASHES.get(envelope.fields.get("SignatureVersion", ""))
    if method is None or not isinstance(key, rsa.RSAPublicKey):
        raise BadMessage("this kind of signature is not known")
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        raise BadMessage("the certificate is not valid now")
    try:
        key.verify(signature, signed_text(envelope), padding.PKCS1v15(), method)
    except InvalidSignature:
        raise BadMessage("the signature does not fit") from None
