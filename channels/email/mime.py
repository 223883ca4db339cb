"""Messages: a MIME skeleton compiled once per variant, and a splice per recipient.

The static text is encoded once; a recipient's values are encoded on their own and placed between soft line breaks
(RFC 2045 §6.7), so that no line grows too long and nothing static is encoded twice.
"""

import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import NamedTuple, Self

from channels.email.addresses import envelope
from channels.email.headers import encode_text, mailbox
from channels.email.headers import list_id as list_id_value

Pieces = Sequence[str | int]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_BOUNDARY = re.compile(r"[A-Za-z0-9'+_./=-]{8,70}")
_RESERVED = re.compile(
    "from|to|cc|bcc|sender|subject|date|message-id|mime-version|content-.*|reply-to|list-id|list-unsubscribe.*"
)
_SHORT = re.compile(r"[!-<>-~](?:[ -<>-~]{0,72}[!-<>-~])?")
_OVERLONG = re.compile(rb"([^\n]{73,75})(=(?:20|09))\r\n")
_LINE_END = re.compile(r"\r\n|\r|\n")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")
_MESSAGE_ID = re.compile(r"<?([!-;=?-~]+@[!-;=?-~]+)>?")
_DATE = re.compile(r"[A-Za-z0-9:,+ -]{20,40}")
_URL = re.compile(r"https?://[!-;=?-~]{1,900}")
_ONE_CLICK = re.compile(r"https://|http://(?:127\.0\.0\.1|localhost|\[::1\])[:/]")


def date_text(instant: datetime) -> str:
    """Return the value of the Date header for an aware instant."""
    return format_datetime(instant)


class Parts(NamedTuple):
    """What differs per recipient; `subject`, `html` and `text` hold the values of the skeleton's holes.

    `to_address` comes from `addresses.envelope`, `date` from `date_text`, `message_id` with or without brackets.
    `list_unsubscribe` is the one-click address (RFC 8058), None for a mail that nobody can unsubscribe from; over
    plain http, as on a development machine, one-click is announced for loopback alone.
    """

    to_address: str
    to_name: str | None
    message_id: str
    date: str
    subject: Sequence[str]
    html: Sequence[str]
    text: Sequence[str]
    list_unsubscribe: str | None = None


def quoted_printable(text: str) -> bytes:
    """Return the text as lines of at most 76 characters that end in a soft break, or in CRLF where the text does.

    What it returns may be followed by anything; line ends become CRLF. An empty text gives nothing.
    """
    if _SHORT.fullmatch(text):
        return b"%b=\r\n" % text.encode("ascii")
    if not text:
        return b""
    if "\n" in text or "\r" in text:
        text = _LINE_END.sub("\r\n", text)
    ends = text.endswith("\r\n")
    octets = text.encode("utf-8", "replace")
    # With a line end of its own, the encoder breaks with CRLF, leaves room for a soft break and protects a last space.
    encoded = binascii.b2a_qp(octets if ends else octets + b"\r\n", istext=True)
    if b"=20\r\n" in encoded or b"=09\r\n" in encoded:  # the encoder forgets that a protected space is longer
        encoded = _OVERLONG.sub(rb"\1=\r\n\2\r\n", encoded)
    return encoded if ends else encoded[:-2] + b"=\r\n"


class Skeleton:
    """One variant of a message, ready for any number of recipients."""

    __slots__ = ("_after", "_before_html", "_before_text", "_html", "_subject", "_text", "_top", "boundary")

    def __init__(self, *, top: bytes, subject: Pieces, html: Pieces, text: Pieces, boundary: str) -> None:
        self.boundary = boundary
        self._top = top
        self._subject = _compiled_subject(subject)
        self._html, self._text = _compiled(html), _compiled(text)
        mark = boundary.encode("ascii")
        part = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        kind = b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="%b"\r\n\r\n' % mark
        self._before_text = b"%b--%b\r\n%b" % (kind, mark, part % b"plain")
        self._before_html = b"\r\n--%b\r\n%b" % (mark, part % b"html")
        self._after = b"\r\n--%b--\r\n" % mark

    @classmethod
    def compile(  # noqa: PLR0913 - a message has that many headers
        cls,
        *,
        subject: Pieces,
        html: Pieces,
        text: Pieces,
        from_name: str | None,
        from_address: str,
        reply_to: str | None = None,
        list_id: str | None = None,
        feedback_id: str | None = None,
        automatic: bool = False,
        extra: Mapping[str, str] | None = None,
        boundary: str | None = None,
    ) -> Self:
        """Return the skeleton of a variant. An int in `subject`, `html` and `text` is a hole: an index into the values.

        `list_id` makes it list mail (List-Id, Precedence: bulk), `automatic` says that no person decided to send it
        (RFC 3834), `extra` adds headers of our own by name. Raises ValueError (BadAddress for an address).
        """
        lines = [f"From: {mailbox(from_name, _address(from_address), 6)}"]
        if reply_to:
            lines.append(f"Reply-To: {_address(reply_to)}")
        if list_id:
            lines += [f"List-Id: {list_id_value(list_id)}", "Precedence: bulk"]
        if feedback_id:
            lines.append(f"Feedback-ID: {encode_text(feedback_id, 13)}")
        if automatic:
            lines.append("Auto-Submitted: auto-generated")
        for name, value in (extra or {}).items():
            if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name.lower()):
                raise ValueError(f"{name!r} is no header that may be added")
            lines.append(f"{name}: {encode_text(value, len(name) + 2)}")
        boundary = boundary or f"=_{secrets.token_hex(16)}"
        if not _BOUNDARY.fullmatch(boundary):
            raise ValueError(f"{boundary!r} is no boundary")
        top = "".join([f"{line}\r\n" for line in lines]).encode("ascii")
        return cls(top=top, subject=subject, html=html, text=text, boundary=boundary)

    def splice(self, parts: Parts) -> bytes:
        """Return the message: CRLF line ends, 7-bit, not dot-stuffed. Raises ValueError for a header that cannot be."""
        subject = self._subject
        if not isinstance(subject, str):
            values = parts.subject
            subject = encode_text("".join([piece if isinstance(piece, str) else values[piece] for piece in subject]), 9)
        return b"".join(
            (
                self._top,
                _own_headers(parts, subject),
                self._before_text,
                *_filled(self._text, parts.text),
                self._before_html,
                *_filled(self._html, parts.html),
                self._after,
            )
        )


def _address(address: str) -> str:
    return address if _ADDRESS.fullmatch(address) else envelope(address)


def _own_headers(parts: Parts, subject: str) -> bytes:
    message_id = _MESSAGE_ID.fullmatch(parts.message_id)
    if message_id is None or not _ADDRESS.fullmatch(parts.to_address) or not _DATE.fullmatch(parts.date):
        raise ValueError("address, message id and date of a recipient must be plain ASCII of the right shape")
    head = (
        f"To: {mailbox(parts.to_name, parts.to_address, 4)}\r\nSubject: {subject}\r\nDate: {parts.date}\r\n"
        f"Message-ID: <{message_id.group(1)}>\r\n"
    )
    url = parts.list_unsubscribe
    if url is not None:
        if not _URL.fullmatch(url):
            raise ValueError("unsubscribing needs an https address")
        head += f"List-Unsubscribe: <{url}>\r\n"
        if _ONE_CLICK.match(url):
            head += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return head.encode("ascii")


def _merged(pieces: Pieces) -> list[str | int]:
    merged: list[str | int] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(last := merged[-1], str):
            merged[-1] = last + piece
        elif piece != "":
            merged.append(piece)
    return merged


def _compiled_subject(pieces: Pieces) -> str | tuple[str | int, ...]:
    """A subject without holes is encoded once."""
    if all(isinstance(piece, str) for piece in pieces):
        return encode_text("".join(map(str, pieces)), 9)
    return tuple(pieces)


def _compiled(pieces: Pieces) -> tuple[bytes | int, ...]:
    """Encode the static text; every segment ends its line, so a hole begins one."""
    segments = [piece if isinstance(piece, int) else quoted_printable(piece) for piece in _merged(pieces)]
    if segments and isinstance(last := segments[-1], bytes):
        segments[-1] = last.removesuffix(b"=\r\n")
    return tuple(segments)


def _filled(segments: tuple[bytes | int, ...], values: Sequence[str]) -> list[bytes]:
    return [quoted_printable(values[segment]) if isinstance(segment, int) else segment for segment in segments]
