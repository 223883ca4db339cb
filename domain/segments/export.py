"""The members of a segment as rows of chosen columns, read from the server in pieces."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from domain.segments import service
from kernel import db, tables
from kernel.errors import Invalid
from models import ContactPoint, Member, Purchase, Segment, SegmentMember

FIELDS = (
    "id", "external_id", "first_name", "last_name", "salutation", "language", "time_zone", "status", "joined_on",
    "left_on", "tags", "favourite_course", "last_visit_at", "created_at",
)  # fmt: skip
CHANNELS = {"email": "email", "phone": "sms", "whatsapp": "whatsapp", "telegram": "telegram"}
SUMS = ("purchase_count", "purchase_last_at")
PLACE = ("segment_joined_at", "segment_added_by")
DEFAULT = ("id", "external_id", "first_name", "last_name", "email", "phone", "status", "segment_joined_at")
MOST_COLUMNS = 60
_ATTRIBUTE = "attribute:"
Writer = Callable[[Sequence[str], Iterable[Sequence[Any]]], Iterator[str]]


def columns_of(wanted: str | None) -> list[tuple[str, str]]:
    """Return the columns and their headings from a list such as `email=E-Mail,first_name,attribute:level`.

    Raises Invalid for a column that there is none of, or that is there twice under one heading.
    """
    parts = [part.strip() for part in wanted.split(",")] if wanted else list(DEFAULT)
    found = []
    for part in parts:
        name, _, heading = part.partition("=")
        if name not in (*FIELDS, *CHANNELS, *SUMS, *PLACE) and not (name.startswith(_ATTRIBUTE) and name[10:]):
            choice = ", ".join((*FIELDS, *CHANNELS, *SUMS, *PLACE, "attribute:<name>"))
            raise Invalid("columns", f"there is no column {name!r}; choose from {choice}")
        found.append((name, heading or name))
    if len(found) > MOST_COLUMNS or len({heading for _, heading in found}) != len(found):
        raise Invalid("columns", f"give at most {MOST_COLUMNS}, each heading once")
    return found


def rows(session: Session, segment: Segment, columns: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """Return one row per member who is in the segment, by id, without ever holding all of them."""
    chosen = [_column(name) for name in columns]
    statement: Select[Any] = service.members_of(segment).with_only_columns(*chosen).order_by(Member.id)
    found = session.execute(statement, execution_options={"stream_results": True, "yield_per": tables.PIECE})
    for row in found:
        yield tuple(row)


def _column(name: str) -> Any:
    if name in CHANNELS:
        held = select(ContactPoint.address).where(
            ContactPoint.tenant_id == Member.tenant_id,
            ContactPoint.member_id == Member.id,
            ContactPoint.channel == CHANNELS[name],
            ContactPoint.is_primary,
        )
        return held.correlate(Member).scalar_subquery().label(name)
    if name in SUMS:
        measure: Any = func.count() if name == "purchase_count" else func.max(Purchase.at)
        bought = select(measure).where(Purchase.tenant_id == Member.tenant_id, Purchase.member_id == Member.id)
        return bought.correlate(Member).scalar_subquery().label(name)
    if name in PLACE:
        return {"segment_joined_at": SegmentMember.joined_at, "segment_added_by": SegmentMember.hand_by}[name]
    if name.startswith(_ATTRIBUTE):
        return type_coerce(Member.attributes, JSONB)[name.removeprefix(_ATTRIBUTE)].label(name)
    return getattr(Member, name)


def as_csv(tenant_id: UUID, segment_id: UUID, columns: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Return the segment as CSV, in pieces and in a transaction of its own."""
    return _file(tenant_id, segment_id, columns, tables.as_csv)


def as_json(tenant_id: UUID, segment_id: UUID, columns: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Return the segment as a JSON array of objects, in pieces and in a transaction of its own."""
    return _file(tenant_id, segment_id, columns, tables.as_json)


def _file(tenant_id: UUID, segment_id: UUID, columns: Sequence[tuple[str, str]], write: Writer) -> Iterator[str]:
    with db.tenant_session(tenant_id) as session:
        segment = service.get(session, segment_id)
        found = rows(session, segment, [name for name, _ in columns])
        yield from write([heading for _, heading in columns], found)
