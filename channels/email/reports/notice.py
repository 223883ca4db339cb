"""The words that a mail server writes around a bounce: where they end, whom they name, and what they say of each."""

import re
from dataclasses import dataclass

ADDRESS = re.compile(
    r"(?<![\w.+/=-])([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)", re.IGNORECASE
)
_MOST_LINES = 400
_MOST_FINDINGS = 50
_LONGEST_LINE = 600
_EVIDENCE = 3_000
_KNOWN = re.compile(
    r"[ >]{0,4}(received|return-path|from|to|date|subject|message-id|dkim-signature|mime-version|content-type|reply-to"
    r"|x-[a-z-]{1,40}|authentication-results|delivered-to)[ ]?:",
    re.IGNORECASE,
)
_TELLING = frozenset({"received", "message-id", "from", "subject", "return-path"})
_ENDS = re.compile(
    r"^\W{0,12}(?:(?:below|included|enclosed|attached|following|here) (?:is|this line is) a copy"
    r"|(?:this is )?a copy of (?:the|your) (?:original )?message|"
    r"original (?:message|mail)|unsent message|returned message|message (?:text|header)s? follow|"
    r"(?:the )?headers? of the (?:original )?message|begin original|message headers follow|undelivered message)",
    re.IGNORECASE,
)
_NOT_THE_RECIPIENT = re.compile(
    r"mailer-daemon|postmaster@|mail-daemon|^[ ]*(?:from|reply-to|sender|contact|message-id|x-[a-z-]+)\b"
    r"|envelope-from|please (?:contact|"
    r"send|forward)|for (?:further )?(?:assistance|help)|received at|^from [<\w]|the original message was"
    r"|help ?desk|support@",
    re.IGNORECASE,
)
_PHASES = (
    (
        "dot",
        (
            r"end of data|after i sent the message|\[body\]|\btext command|after sending (?:the )?(?:message|data)"
            r"|end of message|\(state 1[78]\)"
        ),
    ),
    ("rcpt", r"\brcpt\b(?! to: )|\[rcpt_to\]|does not like recipient|rejected recipient|\(state 1[34]\)"),
    (
        "data",
        r"data command|>>> data|\(data\)|after data\b|command\W{1,3}data\b|\bdata\b command|did not like our data",
    ),
    (
        "mail",
        (
            r"(?:reply to|response to|after|during|for) (?:the )?(?:smtp )?mail(?: from)?\b(?! to)|mail from command"
            r"|mail from(?::? ?<[^>]{0,254}>)? (?:failed|was re|re[fj])|\[mail_from\]|sender was rejected|like our mail"
        ),
    ),
    ("connect", r"initial connection|greeting|while connecting|after connect"),
)
_PHASE_PATTERNS = tuple((phase, re.compile(pattern)) for phase, pattern in _PHASES)
_DELAYED = re.compile(
    r"warning message only|has (?:been|not yet been) (?:delayed|delivered)|will be retried|will (?:continue"
    r"|keep) (?:to )?try"
    r"|delivery .{0,40}delayed|is delayed|you do not need to resend|for past \d{1,3} hours|verz[öo]gert"
    r"|still being retried",
)


@dataclass(frozen=True, slots=True)
class Said:
    """One recipient of a notice and the words about it; `closed` is False where the mail ends in the middle."""

    address: str
    words: str
    closed: bool


def split(text: str) -> tuple[str, str]:
    """Return the notice and what follows it: the original message or its headers."""
    lines = text.split("\n")
    for number, line in enumerate(lines[: _MOST_LINES * 2]):
        if number and _ENDS.match(line) and not re.search(r"[a-z]", lines[number - 1].lower()):
            return "\n".join(lines[:number]), "\n".join(lines[number + 1 :]).lstrip("\n")
        if _KNOWN.match(line) and _is_header_block(lines[number : number + 14]) and not _is_quoted(lines[:number]):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    return text, ""


def _is_quoted(before: list[str]) -> bool:
    """Whether a notice only says which mail it is about, and goes on below (iPlanet, PMDF)."""
    head = next((line for line in reversed(before[-14:]) if line.strip() and not _KNOWN.match(line)), "")
    return head.rstrip().lower().endswith("header fields:")


def _is_header_block(lines: list[str]) -> bool:
    names = []
    for line in lines:
        match = _KNOWN.match(line)
        if match:
            names.append(match.group(1).lower())
        elif (line and not line.startswith((" ", "\t"))) or not line:
            break
    return len(names) >= 3 and len(_TELLING.intersection(names)) >= 2  # noqa: PLR2004 - enough to tell


def people(notice: str, own: frozenset[str], *, complete: bool) -> list[Said]:
    """Return whom a notice is about and what it says of each, in their order; `own` are addresses of the sender.

    An address at the beginning of a line opens a section; one inside a line counts where nothing else is named.
    """
    lines = [line[:_LONGEST_LINE].rstrip() for line in notice.split("\n")[:_MOST_LINES]]
    leading = _sections(lines, own, leading=True)
    found = leading or _sections(lines, own, leading=False)
    if len(found) == 1:
        address, numbers = next(iter(found.items()))
        found = {address: list(range(numbers[0], len(lines)))}
    last = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    return [
        Said(
            address,
            _evidence([lines[n] for n in numbers]),
            complete or max(n for n in numbers if lines[n].strip()) < last,
        )
        for address, numbers in list(found.items())[:_MOST_FINDINGS]
    ]


def _evidence(lines: list[str]) -> str:
    """Return the words about one recipient; beside a server's own reply, what the reporter made of it says nothing."""
    if any(_REFUSED.match(line) for line in lines):
        lines = [line for line in lines if not _SUMMARY.match(line)]
    return "\n".join(lines)[:_EVIDENCE]


_NO_RECIPIENTS = re.compile(
    r"\s{0,8}<<< ?5\d\d .{0,40}(?:no (?:valid )?rec(?:ipients|eivers)|need rcpt|rcpt .{0,10}first)"
)
_REFUSED = re.compile(r"\s{0,8}<<< ?[45]\d\d")
# "550 5.1.1 <address>... User unknown": Sendmail's one line about a recipient, after the conversation.
_SUMMARY = re.compile(r"[45]\d\d (?:[45]\.\d{1,3}\.\d{1,3} )?<?[^\s<>]{1,254}@[^\s<>]{1,253}>?\.\.\.")


def _sections(lines: list[str], own: frozenset[str], *, leading: bool) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    current, since = "", 0
    for number, line in enumerate(lines):
        if not leading and _SUMMARY.match(line):
            address = _named(line, own, leading=False)
            if address:
                found.setdefault(address, []).extend(range(since, number + 1))
                current, since = "", number + 1
                continue
        if re.match(r"\W{0,12}transcript of session|^-{3,}[^-]{0,60}-{3,}$", line.strip(), re.IGNORECASE):
            current = ""
        address = _named(line, own, leading=leading)
        if address:
            current = address
        if current:
            found.setdefault(current, []).append(number)
    return found


def _named(line: str, own: frozenset[str], *, leading: bool) -> str:
    if _NOT_THE_RECIPIENT.search(line):
        return ""
    for match in ADDRESS.finditer(line):
        address = match.group(1).lower().strip("'`")
        before = line[: match.start()]
        if leading and before.strip(" \t<\"'*([·-:>"):
            return ""
        if address not in own and "@" in address.strip("@") and not address.startswith("/"):
            return address
        if leading:
            return ""
    return ""


def phase_of(text: str) -> str:
    """Return at which command the server refused, as far as the words tell; empty where they do not."""
    low = text.lower()
    transcript = _last_command(low)
    if transcript:
        return transcript
    flat = " ".join(low.split())
    return next((phase for phase, pattern in _PHASE_PATTERNS if pattern.search(flat)), "")


def _last_command(low: str) -> str:
    """Return the command before the first refusal in a transcript of `>>>` and `<<<` lines."""
    command, refused = "", False
    for line in low.split("\n"):
        sent = re.match(r"\s{0,8}>>> ?(mail|rcpt|data|\.|ehlo|helo)", line)
        if refused and (sent or _NO_RECIPIENTS.match(line)):
            # DATA was refused for want of recipients: the refusal before was the answer to RCPT.
            return command if sent else "piped"
        if sent:
            command = {"ehlo": "connect", "helo": "connect", ".": "dot"}.get(sent.group(1), sent.group(1))
        elif command and re.match(r"\s{0,8}<<< ?[45]\d\d", line):
            if command != "data":
                return command
            refused = True
    return command if refused else ""


def is_delayed(text: str) -> bool:
    """Return whether a notice says that the server keeps trying."""
    return bool(_DELAYED.search(" ".join(text.lower().split())[:4_000]))
