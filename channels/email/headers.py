"""Header values: scrubbed, encoded (RFC 2047) and folded (RFC 5322 §2.2.3), never passed through as encoded words.

Python's own header classes decode an encoded word that carries CR and LF into a second header; ours decode first,
drop what may not stand in a line, and encode whatever is left.
"""

import base64
import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header

LONGEST_VALUE = 200
_LONGEST_INPUT = 20_000
_LINE = 76
_ROUNDS = 3
_WORD = r"=\?[^?\s]*\?[bqBQ]\?[^?]*\?="
_ENCODED_WORDS = re.compile(rf"{_WORD}(?:\s+{_WORD})*")
_SPACES = re.compile("[ \t\n\v\f\r\x1c-\x1f\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_SAFE = re.compile(r"(?!.*(?:  |=\?))[!-~](?:[ -~]{0,198}[!-~])?")
_PLAIN = re.compile(r"[ -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = {n: chr(n) if n in _Q_SAFE else "_" if n == ord(" ") else f"={n:02X}" for n in range(256)}
_Q_TABLE = {n: text for n, text in _Q.items() if text != chr(n)}
_AROUND = len("=?utf-8?q??=")
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")


def header_text(value: str, longest: int = LONGEST_VALUE) -> str:
    """Return a text that is safe in a header: decoded, NFC, one line, no control or direction signs, capped."""
    if len(value) <= longest and _SAFE.fullmatch(value):
        return value
    value = _scrubbed(value[:_LONGEST_INPUT])
    if "=?" not in value and value.isprintable():  # a second look would find nothing
        return value[:longest].rstrip()
    for _ in range(_ROUNDS):
        decoded = _scrubbed(_ENCODED_WORDS.sub(_decode, value))
        if decoded == value:
            break
        value = decoded
    return value[:longest].rstrip()


def _scrubbed(value: str) -> str:
    value = _INVISIBLE.sub("", _SPACES.sub(" ", value))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", value)).strip()


def _decode(match: re.Match[str]) -> str:
    try:
        parts = decode_header(match.group(0))
        return "".join(
            part if isinstance(part, str) else part.decode(charset or "ascii", "replace") for part, charset in parts
        )
    except (ValueError, LookupError, HeaderParseError):
        return " "


def encode_text(value: str, first_column: int = 0) -> str:
    """Return an unstructured value in lines of at most 76 characters: plain ASCII as it is, else as encoded words.

    `first_column` is where the value begins in its first line (the header's name and ": ").
    """
    value = header_text(value)
    if not _PLAIN.fullmatch(value) or "=?" in value:
        return _encoded_words(value, first_column)
    if first_column + len(value) <= _LINE:
        return value
    return _folded(value, first_column) or _encoded_words(value, first_column)


def encode_phrase(value: str, first_column: int = 0) -> str:
    """Return a display name: atoms, a quoted string, or encoded words (RFC 5322 §3.2.5)."""
    value = header_text(value)
    if "=?" not in value and first_column + len(value) < _LINE - 2:
        if _ATOMS.fullmatch(value):
            return value
        if _PLAIN.fullmatch(value):
            quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            if first_column + len(quoted) <= _LINE:
                return quoted
    return _encoded_words(value, first_column)


def mailbox(name: str | None, address: str, first_column: int = 0) -> str:
    """Return `name <address>`, or the address alone; the address must come from `addresses.envelope`."""
    phrase = encode_phrase(name, first_column) if name else ""
    if not phrase:
        return address
    last = len(phrase) - phrase.rfind("\n") - 1 if "\n" in phrase else first_column + len(phrase)
    separator = " " if last + len(address) + 3 <= _LINE else "\r\n "
    return f"{phrase}{separator}<{address}>"


def list_id(value: str) -> str:
    """Return the value of List-Id (RFC 2919). Raises ValueError for what is no dotted name."""
    name = value.strip().removeprefix("<").removesuffix(">")
    if not _LIST_ID.fullmatch(name) or len(name) > LONGEST_VALUE:
        raise ValueError(f"a list id is a dotted name such as news.studio.example, not {header_text(value)!r}")
    return f"<{name}>"


def encode_header(name: str, value: str) -> bytes:
    """Return a whole unstructured header line with its CRLF; the name is a constant of ours."""
    return f"{name}: {encode_text(value, len(name) + 2)}\r\n".encode("ascii")


def _folded(value: str, column: int) -> str | None:
    """Break between words; None when a word is longer than a line."""
    lines: list[str] = []
    line, room = "", _LINE - column
    for word in value.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, _LINE - 1
        else:
            line = f"{line} {word}" if line else word
        if len(line) > room:
            return None
    lines.append(line)
    return "\r\n ".join(lines)


def _encoded_words(value: str, column: int) -> str:
    """Cut between characters, so that each encoded word stands alone (RFC 2047 §5) and fits its line."""
    whole = value.encode()
    text = whole.decode("latin-1").translate(_Q_TABLE)
    quoted = len(text) <= len(whole) * 4 / 3
    if (len(text) if quoted else (len(whole) + 2) // 3 * 4) <= max(_LINE - column, 32) - _AROUND:
        return _word(text if quoted else base64.b64encode(whole).decode(), quoted=quoted)
    return _cut(value, column, quoted=quoted)


def _cut(value: str, column: int, *, quoted: bool) -> str:
    units = [(character.encode(), "") for character in value]
    units = [(octets, "".join([_Q[octet] for octet in octets])) for octets, _ in units]
    words: list[str] = []
    chunk: list[str] = []
    octets, used, room = b"", 0, max(_LINE - column, 32) - _AROUND
    for raw, text in units:
        wanted = used + len(text) if quoted else (len(octets) + len(raw) + 2) // 3 * 4
        if wanted > room and octets:
            words.append(_word("".join(chunk) if quoted else base64.b64encode(octets).decode(), quoted=quoted))
            chunk, octets, used, room = [], b"", 0, _LINE - 1 - _AROUND
        chunk.append(text)
        octets += raw
        used += len(text)
    words.append(_word("".join(chunk) if quoted else base64.b64encode(octets).decode(), quoted=quoted))
    return "\r\n ".join(words)


def _word(text: str, *, quoted: bool) -> str:
    return f"=?utf-8?{'q' if quoted else 'b'}?{text}?="
