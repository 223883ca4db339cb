"""Whether a webhook comes from Twilio (www.twilio.com/docs/usage/security#validating-requests).

Base64 of HMAC-SHA1 over the exact public address and the sorted fields of the form. Blank fields count, and a field
that comes twice with the same value counts once; JSON bodies are bound by the `bodySHA256` of the address.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit

HEADER = "x-twilio-signature"
_SHAPE = re.compile(r"[A-Za-z0-9+/]{27}=")


def sign(token: str, url: str, fields: Sequence[tuple[str, str]]) -> str:
    """Return the signature over an address and the fields of a form."""
    text = url
    for name, value in sorted(set(fields)):
        text += name + value
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def is_one(given: str | None) -> bool:
    """Return whether a text could be a signature at all: 20 bytes in base64."""
    return given is not None and _SHAPE.fullmatch(given) is not None


def is_authentic(token: str, url: str, given: str | None, body: bytes, content_type: str) -> bool:
    """Return whether `given` is the account's signature over this request; False also for a body that is none."""
    if not given:
        return False
    try:
        if content_type.partition(";")[0].strip().lower() == "application/json":
            return _is_signed(token, url, (), given) and _body_matches(url, body)
        fields = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    except ValueError:
        return False
    return _is_signed(token, url, fields, given)


def _is_signed(token: str, url: str, fields: Sequence[tuple[str, str]], given: str) -> bool:
    """The provider names the port of an address, or leaves it out, as its own validators allow."""
    return True in [_same(sign(token, form, fields), given) for form in _forms(url)]


def _forms(url: str) -> list[str]:
    parts = urlsplit(url)
    scheme, mark, rest = url.partition("://")
    place = parts.netloc
    if not mark or not place:
        return [url]
    tail = rest[len(place) :]
    user, at, host = place.rpartition("@")
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return [url, f"{scheme}://{user}{at}{name}{tail}"]
    return [url, f"{scheme}://{user}{at}{host}:{443 if scheme.lower() == 'https' else 80}{tail}"]


def _body_matches(url: str, body: bytes) -> bool:
    named = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[0]
    return _same(hashlib.sha256(body).hexdigest(), named)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
