"""The report at the end: what the product says and did, beside what the member generator expected."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ariia.demo.people import Expected

REASONS = {
    "no_address": "no usable address",
    "suppressed": "address suppressed",
    "no_consent": "no consent",
    "shared_address": "second member at one address",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One number: what was expected, and what was found."""

    what: str
    expected: int
    found: int

    @property
    def agrees(self) -> bool:
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the product answered: the import's counts, the flight check, the ledger, and the mails that arrived."""

    imported: Mapping[str, int]
    flight: Mapping[str, Any]
    ledger: Mapping[str, int]
    reasons: Mapping[str, int]
    addresses: Counter[str]


def compare(expected: Expected, outcome: Outcome) -> list[Line]:
    """Return every number that both sides know."""
    mails = outcome.addresses
    flight_skipped: Mapping[str, int] = outcome.flight["skipped"]
    lines = [
        Line("rows in the member file", expected.rows, outcome.imported.get("rows", 0)),
        Line("members created", expected.members, outcome.imported.get("created", 0)),
        Line("rows refused", expected.refused_rows, outcome.imported.get("rejected", 0)),
        Line("targeted: not seen for more than 30 days", expected.targeted, outcome.flight["targeted"]),
    ]
    for reason in sorted({*REASONS, *flight_skipped, *outcome.reasons, *expected.skipped}):
        name = REASONS.get(reason, reason)
        wanted = expected.skipped.get(reason, 0)
        lines.append(Line(f"  skipped, {name}: flight check", wanted, flight_skipped.get(reason, 0)))
        lines.append(Line(f"  skipped, {name}: ledger", wanted, outcome.reasons.get(reason, 0)))
    return [
        *lines,
        Line("will be sent: flight check", expected.will_send, outcome.flight["will_send"]),
        Line("sent: ledger", expected.will_send, outcome.ledger.get("sent", 0)),
        Line("mails in the mailbox", expected.will_send, mails.total()),
        Line("different addresses in the mailbox", expected.will_send, len(mails)),
        Line("addresses that should have got none", 0, len(set(mails) - expected.mailboxes)),
        Line("addresses that lack theirs", 0, len(expected.mailboxes - set(mails))),
    ]


def show(console: Console, lines: Iterable[Line]) -> bool:
    """Print the table; return whether every number agrees."""
    table = Table(title="Report", title_justify="left", title_style="bold")
    table.add_column("number")
    table.add_column("expected", justify="right")
    table.add_column("found", justify="right")
    table.add_column("")
    right = True
    for line in lines:
        right = right and line.agrees
        table.add_row(line.what, str(line.expected), str(line.found), "[green]✓[/]" if line.agrees else "[red]✗[/]")
    console.print(table)
    return right
