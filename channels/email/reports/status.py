"""Delivery-status fields (RFC 3464), as a part of their own or standing in the text."""

import re
from dataclasses import dataclass

from channels.email.reports.notice import ADDRESS

_FIELD = re.compile(
    r"[ \t]{0,3}((?:final|original)-recipient|x-actual-recipient|action|status|diagnostic-code|remote-mta"
    r"|ction)[ ]?:(.{0,4000})",
    re.IGNORECASE,
)
_ANY_FIELD = re.compile(r"[!-9;-~]{1,60}:")
_MOST_GROUPS = 200
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})")
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})


@dataclass(frozen=True, slots=True)
class Group:
    """The fields about one recipient."""

    address: str
    original: str
    action: str
    status: str
    diagnostic: str
    closed: bool


def groups(text: str, *, closed: bool) -> list[Group]:
    """Return the recipients' groups of a text with delivery-status fields; what names nobody is left out.

    `closed` says that the mail went on after the text, so that its last group is not cut off.
    """
    found = []
    blocks = re.split(r"\n[ \t]*\n", text)
    for number, block in enumerate(blocks[:_MOST_GROUPS]):
        group = _group(block, closed=closed or number < len(blocks) - 1)
        if group is not None:
            found.append(group)
    return found


def _group(block: str, *, closed: bool) -> Group | None:
    fields = _fields(block)
    final = _address(fields.get("final-recipient", ""))
    original = _address(fields.get("original-recipient", ""))
    if not final and not original:
        final = _address(fields.get("x-actual-recipient", ""))
    if not (final or original) or not fields.keys() & {"action", "status", "diagnostic-code"}:
        return None
    action = fields.get("action", "failed").strip().lower().split(" ")[0].rstrip(".,;")
    status = _STATUS.search(fields.get("status", ""))
    kind, _, words = fields.get("diagnostic-code", "").partition(";")
    diagnostic = words if re.fullmatch(r"\s*[\w-]{1,30}\s*", kind) else fields.get("diagnostic-code", "")
    if kind.strip().lower() == "x-unix":
        diagnostic = f"x-unix {words}"
    return Group(
        final or original,
        original,
        action if action in _ACTIONS else "failed",
        status.group(1) if status else "",
        diagnostic.strip(),
        closed,
    )


def _fields(block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    current = ""
    for line in block.split("\n"):
        match = _FIELD.match(line)
        if match:
            current = match.group(1).lower()
            current = "action" if current == "ction" else current
            fields.setdefault(current, match.group(2).strip())
        elif current and line.startswith((" ", "\t")):
            fields[current] = f"{fields[current]} {line.strip()}"[:4_000]
        elif _ANY_FIELD.match(line):
            current = ""
    return fields


def _address(value: str) -> str:
    match = ADDRESS.search(value.partition(";")[2] or value)
    return match.group(1).lower() if match else ""
