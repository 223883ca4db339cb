"""Putting the members that a file names into a segment; a dry run says what would happen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.audience import columns, imports, service
from domain.segments import membership
from kernel import db
from kernel.errors import Invalid

MOST_ROWS = 100_000
MOST_PROBLEMS = 1_000
_CHANNELS = {"email": "email", "phone": "sms"}
_PIECE = 10_000

_FIND = text("""
WITH wanted AS (SELECT * FROM unnest(CAST(:lines AS int[]), CAST(:keys AS text[]), CAST(:words AS text[]))
  AS w (line, key, word)), found AS (
  SELECT w.line, m.id FROM wanted w JOIN member m ON m.tenant_id = :tenant AND m.external_id = w.word
  WHERE w.key = 'external_id'
  UNION
  SELECT w.line, c.member_id FROM wanted w JOIN contact_point c
    ON c.tenant_id = :tenant AND c.channel = w.key AND c.address_norm = w.word
  WHERE w.key <> 'external_id'
)
SELECT line, count(*) AS n, (array_agg(id))[1] AS member_id FROM found GROUP BY line
""")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a file did, or would do; the problems are those of the first MOST_PROBLEMS rows that have one."""

    rows: int
    added: int
    already: int
    rejected: int
    problems: Sequence[dict[str, Any]]


def run(session: Session, segment_id: UUID, *, data: bytes, file_name: str, dry_run: bool, actor: str) -> Outcome:
    """Add the members whom a file names by member number, e-mail address or phone number, the first that a row has.

    Raises Invalid for a file that cannot be read, NotFound, and Conflict for a dynamic segment.
    """
    segment = membership.by_hand(session, segment_id)
    table = columns.read_table(data, file_name)
    if len(table.rows) > MOST_ROWS:
        raise Invalid("file", f"has {len(table.rows)} rows; split it into files of at most {MOST_ROWS}")
    mapping = imports.mapping_of(table, None)
    region = service.region_of(session)
    problems: dict[int, str] = {}
    wanted: list[tuple[int, str, str]] = []
    for line, cells in table.rows:
        try:
            wanted.append((line, *_named(cells, mapping, region)))
        except Invalid as error:
            problems[line] = error.detail
    found: dict[int, UUID] = {}
    for row in _find(session, wanted):
        if row.n == 1:
            found[row.line] = row.member_id
        else:
            problems[row.line] = f"fits {row.n} members; name the member number"
    for line, key, _ in wanted:
        if line not in found and line not in problems:
            problems[line] = f"there is no member with this {key.replace('_', ' ')}"
    ids = sorted(set(found.values()))
    already = len(membership.present(session, segment, ids))
    if not dry_run and ids:
        membership.put(session, segment, ids, actor=actor)
    told = [{"line": line, "problem": problems[line]} for line in sorted(problems)[:MOST_PROBLEMS]]
    return Outcome(len(table.rows), len(ids) - already, already, len(problems), told)


def _named(cells: dict[str, str], mapping: dict[str, str], region: str) -> tuple[str, str]:
    """Return the kind of name and the name of the member that a row means, the surest first."""
    by_field = {target: cells.get(column, "").strip() for column, target in mapping.items()}
    if by_field.get("external_id"):
        return "external_id", by_field["external_id"]
    for field, channel in _CHANNELS.items():
        if by_field.get(field):
            return channel, service.normalise(channel, by_field[field], region)
    raise Invalid("row", "names nobody: it has no member number, e-mail address or phone number")


def _find(session: Session, wanted: list[tuple[int, str, str]]) -> Sequence[Row[Any]]:
    found: list[Row[Any]] = []
    for begin in range(0, len(wanted), _PIECE):
        some = wanted[begin : begin + _PIECE]
        lines, keys, words = (list(column) for column in zip(*some, strict=True))
        parameters = {"tenant": db.tenant_of(session), "lines": lines, "keys": keys, "words": words}
        found += session.execute(_FIND, parameters).all()
    return found
