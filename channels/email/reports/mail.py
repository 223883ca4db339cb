"""A mail as a tree of parts, read without trust: any bytes give a tree, and size, parts and depth are bounded.

The standard library's parser raises on some of what arrives at a return path, and takes LF and CRLF apart.
"""

import base64
import binascii
import quopri
import re
from dataclasses import dataclass

LARGEST = 1_048_576
_DEEPEST = 8
_MOST_PARTS = 60
_MOST_HEADERS = 400
_LONGEST_VALUE = 8_000
_HEADER = re.compile(r"([!-9;-~]{1,76}):[ \t]?(.*)")
_ENCODED = re.compile(r"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z0-9-]{0,20})?\?([BbQq])\?([^?\s]{0,2000})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t]{1,80}(=\?)")
_CHARSET = re.compile(
    r"(?:utf-?8|us-ascii|ascii|iso-8859-\d{1,2}|iso-2022-(?:jp|kr)|windows-125\d|cp125\d|shift_jis|euc-jp|"
    r"euc-kr|gb2312|gbk|gb18030|big5|koi8-[ru])"
)
_PARAMETER = re.compile(r";\s*([A-Za-z-]{1,40})\s*=\s*(?:\"([^\"]{0,200})\"|([^\s;\"]{1,200}))")
_OPENING = re.compile(r"^--(\S[^\n]{0,198})\ncontent-[a-z-]{1,40}:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: headers by lower-case name in their order, its type, its own text, and the parts inside.

    `whole` is False where the end of a multipart is missing, as in a mail that was cut off.
    """

    headers: tuple[tuple[str, str], ...]
    kind: str
    text: str
    parts: tuple["Part", ...] = ()
    whole: bool = True

    def get(self, name: str) -> str:
        """Return the first header of that name, decoded; empty where there is none."""
        return next((value for known, value in self.headers if known == name), "")

    def all(self, depth: int = 0) -> list["Part"]:
        """Return this part and every part inside, in their order."""
        found = [self]
        for part in self.parts if depth < _DEEPEST else ():
            found += part.all(depth + 1)
        return found


def open_mail(raw: bytes) -> Part:
    """Return the tree of a mail; never raises."""
    text = raw[:LARGEST].replace(b"\x00", b"").decode("latin-1")
    text = re.sub(r"\r{0,3}\n|\r", "\n", text).removeprefix("\ufeff")
    first, _, rest = text.partition("\n")
    if first.startswith("From ") and _HEADER.match(rest.partition("\n")[0]):
        text = rest
    return _part(text.lstrip("\n"), 0, [_MOST_PARTS])


def headers_of(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the headers at the beginning of a text, and what follows the empty line."""
    head, _, body = text.partition("\n\n")
    found: list[tuple[str, str]] = []
    for number, line in enumerate(head.split("\n")):
        match = _HEADER.match(line)
        if match and not line.startswith((" ", "\t")):
            if len(found) < _MOST_HEADERS:
                found.append((match.group(1).lower(), match.group(2)[:_LONGEST_VALUE]))
        elif found and line.startswith((" ", "\t")):
            name, value = found[-1]
            found[-1] = (name, f"{value} {line.strip()}"[:_LONGEST_VALUE])
        elif number == 0:
            return (), text
    return tuple((name, decode_words(value.strip())) for name, value in found), body


def decode_words(value: str) -> str:
    """Return a header's value with its encoded words read (RFC 2047)."""
    if "=?" not in value:
        return _sense(value, "")
    return _ENCODED.sub(_word, _BETWEEN.sub(r"\1\2", value))


def _word(match: re.Match[str]) -> str:
    charset, how, data = match.groups()
    raw = data.encode("latin-1")
    if how in "Bb":
        return _sense(_base64(raw).decode("latin-1"), charset)
    return _sense(quopri.decodestring(raw, header=True).decode("latin-1"), charset)


def _part(text: str, depth: int, budget: list[int]) -> Part:
    budget[0] -= 1
    headers, body = headers_of(text)
    declared = next((value for name, value in headers if name == "content-type"), "")
    kind = re.split(r"[;\s]", declared.lower(), maxsplit=1)[0] or "text/plain"
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(declared)}
    coding = next((value for name, value in headers if name == "content-transfer-encoding"), "").strip().lower()
    if depth >= _DEEPEST or budget[0] <= 0:
        return Part(headers, kind, "")
    if kind.startswith("multipart/") or (depth == 0 and _OPENING.search(body) and kind != "message/rfc822"):
        return _multipart(headers, kind, body, parameters.get("boundary", ""), depth, budget)
    if coding in {"base64", "quoted-printable"}:
        body = _undo(body, coding)
    if kind.startswith("message/") and kind in {"message/rfc822", "message/global"}:
        return Part(headers, kind, "", (_part(body.lstrip("\n"), depth + 1, budget),))
    return Part(headers, kind, _sense(body, parameters.get("charset", "")))


def _multipart(
    headers: tuple[tuple[str, str], ...], kind: str, body: str, boundary: str, depth: int, budget: list[int]
) -> Part:
    lines = f"\n{body}\n"
    if not boundary or f"\n--{boundary}" not in lines:
        found = _OPENING.search(body)
        if found is None:
            return Part(headers, kind, _sense(body, ""), whole=False)
        boundary = found.group(1).rstrip()
    pieces = lines.split(f"\n--{boundary}")
    parts: list[Part] = []
    whole = False
    for piece in pieces[1:]:
        rest = piece.partition("\n")[2]
        if piece.startswith("--"):
            whole = True
            continue
        if budget[0] > 0:
            # A piece that begins with an empty line has no headers of its own.
            parts.append(_part(rest, depth + 1, budget) if not rest.startswith("\n") else _bare(rest, budget))
    return Part(headers, kind, _sense(pieces[0].strip("\n"), ""), tuple(parts), whole)


def _bare(text: str, budget: list[int]) -> Part:
    budget[0] -= 1
    return Part((), "text/plain", _sense(text.lstrip("\n"), ""))


def _undo(body: str, coding: str) -> str:
    raw = body.encode("latin-1")
    decoded = _base64(raw) if coding == "base64" else quopri.decodestring(raw)
    return re.sub(r"\r{0,3}\n|\r", "\n", decoded.replace(b"\x00", b"").decode("latin-1"))


def _base64(raw: bytes) -> bytes:
    plain = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    plain = plain[: len(plain) - 1] if len(plain) % 4 == 1 else plain
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:
        return b""


def _sense(text: str, charset: str) -> str:
    """Return latin-1 text as what it was written in: the charset that is declared, or the one that fits."""
    if text.isascii() and "\x1b" not in text:
        return text
    raw = text.encode("latin-1", "replace")
    named = charset.strip().lower()
    candidates = [named] if _CHARSET.fullmatch(named) else []
    if "\x1b" in text:
        candidates.append("iso-2022-jp")
    candidates.append("utf-8")
    if named in {"iso-2022-jp", "euc-jp", "shift_jis"}:
        candidates += ["euc-jp", "shift_jis"]
    for candidate in candidates:
        try:
            return raw.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    return text
