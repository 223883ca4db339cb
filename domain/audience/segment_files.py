"""Putting the members that a file names into a segment; a dry run says what would happen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.audience import columns, imports, service
from domain.audience.columns import Table
from domain.segments import membership
from kernel import db
from kernel.errors import Invalid

MOST_ROWS = 100_000
MOST_PROBLEMS = 1_000
_CHANNELS = {"email": ("email",), "phone": ("sms", "whatsapp")}
_AS_TEXT = re.compile('="(.*)"')  # how a number that begins with zeros is kept from a spreadsheet
_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_WORDS = {
    "id": "id", "external_id": "member number", "email": "e-mail address", "sms": "phone number",
    "whatsapp": "phone number",
}  # fmt: skip
_PIECE = 10_000

_FIND = text("""
WITH wanted AS (SELECT * FROM unnest(CAST(:lines AS int[]), CAST(:keys AS text[]), CAST(:words AS text[]))
  AS w (line, key, word)), found AS (
  SELECT w.line, m.id FROM wanted w JOIN member m ON m.tenant_id = :tenant AND m.external_id = w.word
  WHERE w.key = 'external_id'
  UNION
  SELECT w.line, m.id FROM wanted w JOIN member m
    ON m.tenant_id = :tenant AND m.id = CASE WHEN w.key = 'id' THEN CAST(w.word AS uuid) END
  UNION
  SELECT w.line, c.member_id FROM wanted w JOIN contact_point c
    ON c.tenant_id = :tenant AND c.channel = w.key AND c.address_norm = w.word
  WHERE w.key NOT IN ('id', 'external_id')
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
    """Add the members whom a file names by id, member number, e-mail address or phone number, the first that a row has.

    Raises Invalid for a file that cannot be read, NotFound, and Conflict for a dynamic segment.
    """
    segment = membership.by_hand(session, segment_id)
    table = columns.read_table(data, file_name)
    if len(table.rows) > MOST_ROWS:
        raise Invalid("file", f"has {len(table.rows)} rows; split it into files of at most {MOST_ROWS}")
    mapping = _mapping(table)
    region = service.region_of(session)
    problems: dict[int, str] = {}
    wanted: list[tuple[int, str, str]] = []
    for line, cells in table.rows:
        try:
            wanted += [(line, *each) for each in _named(cells, mapping, region)]
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
            problems[line] = f"there is no member with this {_WORDS[key]}"
    ids = sorted(set(found.values()))
    already = len(membership.present(session, segment, ids))
    if not dry_run and ids:
        membership.put(session, segment, ids, actor=actor)
    told = [{"line": line, "problem": problems[line]} for line in sorted(problems)[:MOST_PROBLEMS]]
    return Outcome(len(table.rows), len(ids) - already, already, len(problems), told)


def _mapping(table: Table) -> dict[str, str]:
    """Return column → what names a member; a column `id` of ids, such as that of an export, goes before all others."""
    ids = [column for column in table.header if columns.folded(column) == "id"]
    if len(ids) != 1 or not all(_is_id(cells.get(ids[0], "")) for _, cells in table.rows):
        return imports.mapping_of(table, None)
    others = columns.guess_mapping(tuple(column for column in table.header if column != ids[0]))
    return {ids[0]: "id", **others}


def _is_id(cell: str) -> bool:
    return not cell.strip() or _ID.fullmatch(cell.strip()) is not None


def _named(cells: dict[str, str], mapping: dict[str, str], region: str) -> list[tuple[str, str]]:
    """Return the kinds of names and the name of the member that a row means, by what is surest."""
    by_field = {target: _plain(cells.get(column, "")) for column, target in mapping.items()}
    for field in ("id", "external_id"):
        if by_field.get(field):
            return [(field, by_field[field])]
    for field, channels in _CHANNELS.items():
        if by_field.get(field):
            return [(channel, service.normalise(channel, by_field[field], region)) for channel in channels]
    raise Invalid("row", "names nobody: it has no member number, e-mail address or phone number")


def _plain(cell: str) -> str:
    cell = cell.replace("\x00", "").strip()
    return _AS_TEXT.sub(r"\1", cell).strip()


def _find(session: Session, wanted: list[tuple[int, str, str]]) -> Sequence[Row[Any]]:
    found: list[Row[Any]] = []
    for begin in range(0, len(wanted), _PIECE):
        some = wanted[begin : begin + _PIECE]
        lines, keys, words = (list(column) for column in zip(*some, strict=True))
        parameters = {"tenant": db.tenant_of(session), "lines": lines, "keys": keys, "words": words}
        found += session.execute(_FIND, parameters).all()
    return found
