"""Amazon SNS on loopback: signs as it does, serves its certificate, and remembers which subscriptions were confirmed.

The URLs in its messages are Amazon's; `ARIIA_SNS_URL` leads to it what is asked there.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from fakes.http_provider import Answer, HttpProvider, Seen

HOST = "https://sns.eu-central-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:bounces"


class FakeSns(HttpProvider):
    """`certificates_served` and `confirmed` (topic, token) are what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa.generate_private_key(65_537, 2_048)
        self.valid = (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=400))
        self.certificates_served = 0
        self.confirmed: list[tuple[str, str]] = []
        self._sent = 0

    @property
    def certificate(self) -> str:
        """Its certificate (PEM), for the key and the time it has now."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = x509.CertificateBuilder(name, name, self.key.public_key(), 7, *self.valid)
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, seen: Seen) -> Answer:
        parts = urlsplit(seen.path)
        if parts.path.startswith("/SimpleNotificationService-") and parts.path.endswith(".pem"):
            self.certificates_served += 1
            return 200, self.certificate.encode()
        asked = parse_qs(parts.query)
        if asked.get("Action") == ["ConfirmSubscription"]:
            self.confirmed.append((asked["TopicArn"][0], asked["Token"][0]))
            return 200, "<ConfirmSubscriptionResponse/>"
        return 404, "NotFound"

    def message(self, text: str = "", *, kind: str = "Notification", version: str = "2", **fields: Any) -> bytes:
        """A message as Amazon posts it; `fields` replace its own before it is signed, None takes one away."""
        self._sent += 1
        made: dict[str, Any] = {
            "Type": kind,
            "MessageId": f"22b80b92-fdea-4c2c-8f9d-{self._sent:012d}",
            "TopicArn": fields.get("TopicArn", TOPIC),
            "Message": text,
            "Timestamp": "2026-11-02T08:00:00.000Z",
            "SignatureVersion": version,
            "SigningCertURL": f"{HOST}/SimpleNotificationService-0123456789abcdef.pem",
        }
        if kind != "Notification":
            made["Token"] = f"token{self._sent}"
            asked = {"Action": "ConfirmSubscription", "TopicArn": made["TopicArn"], "Token": made["Token"]}
            made["SubscribeURL"] = f"{HOST}/?{urlencode(asked)}"
        made = {name: value for name, value in {**made, **fields}.items() if value is not None}
        return json.dumps(made | {"Signature": self.sign(made)}).encode()

    def sign(self, made: dict[str, Any]) -> str:
        """The signature over the fields that Amazon documents for this type, in their order."""
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        if made["Type"] == "Notification":
            names = [name for name in names if name not in {"SubscribeURL", "Token"}]
        else:
            names.remove("Subject")
        text = "".join(f"{name}\n{made[name]}\n" for name in names if name in made)
        method = hashes.SHA1() if made.get("SignatureVersion") == "1" else hashes.SHA256()
        return base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), method)).decode()


def bounce(source: str, to: str, *, kind: str = "Permanent", sub: str = "General", said: str = "", **more: Any) -> str:
    """A bounce as SES words it."""
    row = {"emailAddress": to, "action": "failed", "status": "5.1.1" if sub == "NoEmail" else "5.0.0"}
    rows = [row | ({"diagnosticCode": f"smtp; {said}"} if said else {})]
    about = {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": rows, "feedbackId": "f1"}
    return json.dumps({"notificationType": "Bounce", "bounce": about, "mail": _mail(source, to, **more)})


def complaint(source: str, to: str, *, kind: str | None = "abuse", **more: Any) -> str:
    """A complaint as SES words it."""
    about = {"complainedRecipients": [{"emailAddress": to}], "complaintFeedbackType": kind, "feedbackId": "f2"}
    return json.dumps({"notificationType": "Complaint", "complaint": about, "mail": _mail(source, to, **more)})


def delivery(source: str, to: str, **more: Any) -> str:
    """A delivery as event publishing words it."""
    about = {"recipients": [to], "smtpResponse": "250 2.0.0 OK", "processingTimeMillis": 546}
    return json.dumps({"eventType": "Delivery", "delivery": about, "mail": _mail(source, to, **more)})


def _mail(source: str, to: str, *, message_id: str = "") -> dict[str, Any]:
    headers = [{"name": "Message-ID", "value": f"<{message_id}>"}] if message_id else []
    return {
        "timestamp": "2026-11-02T08:00:00.000Z",
        "messageId": "0100018bd-ses-own-id",
        "source": source,
        "destination": [to],
        "headers": headers,
        "commonHeaders": {"from": ["hallo@studio.example"], "to": [to], "subject": "Dein Platz ist frei"},
    }
