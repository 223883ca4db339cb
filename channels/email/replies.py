"""SMTP replies: from bytes to code, enhanced code and words (RFC 5321 §4.2, RFC 2034)."""

import re
from dataclasses import dataclass
from functools import lru_cache

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_LONGEST_LINE = 4_096
_MOST_LINES = 200


class NotSmtp(ConnectionError):  # noqa: N818 - named as the finding
    """The other side does not speak SMTP; the connection is of no further use."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer; the lines of a long one are separated by newlines."""

    code: int
    text: str

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code, when it agrees with the class of the reply."""
        match = _ENHANCED.match(self.text)
        return match.group(0) if match and match.group(1) == str(self.code // 100) else None

    @property
    def good(self) -> bool:
        return self.code // 100 == 2  # noqa: PLR2004

    @property
    def label(self) -> str:
        """Code and enhanced code, as people read them in a log."""
        enhanced = self.enhanced
        return f"{self.code} {enhanced}" if enhanced else str(self.code)


@lru_cache(maxsize=512)
def _read(line: bytes) -> tuple[bytes, bytes | None, str]:
    """Return code, separator and words of a line. Servers repeat themselves. Raises NotSmtp."""
    match = _LINE.fullmatch(line.removesuffix(b"\r"))
    if match is None or len(line) > _LONGEST_LINE:
        raise NotSmtp("the server does not speak SMTP")
    code, separator, words = match.groups()
    return code, separator, (words or b"").decode("utf-8", "replace")


class ReplyReader:
    """Assembles replies from whatever pieces the network delivers."""

    __slots__ = ("_buffer", "_code", "_lines")

    def __init__(self) -> None:
        self._buffer = b""
        self._code = b""
        self._lines: list[str] = []

    @property
    def halfway(self) -> bool:
        """True while a reply has begun and not ended."""
        return bool(self._buffer or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes. Raises NotSmtp for anything else than replies."""
        found: list[Reply] = []
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > _LONGEST_LINE:
            raise NotSmtp("the server sends a line without an end")
        for line in lines:
            self._take(line, found)
        return found

    def _take(self, line: bytes, found: list[Reply]) -> None:
        code, separator, words = _read(line)
        if self._lines and code != self._code:
            raise NotSmtp("the server mixes two replies")
        self._code = code
        self._lines.append(words)
        if separator != b"-":
            found.append(Reply(int(code), "\n".join(self._lines)))
            self._lines = []
        elif len(self._lines) > _MOST_LINES:
            raise NotSmtp("the server sends an endless reply")
