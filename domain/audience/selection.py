"""Whom an audience definition means: one definition, one statement, and nothing widens it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from domain.segments import moment
from domain.segments import resolve as segments
from kernel import clock, db
from kernel.errors import Invalid
from models import Member

MOST_SELECTED = 1_000
_KEYS = {
    "kind", "tags", "exclude_tags", "member_ids", "inactive_days", "statuses", "segments", "exclude_segments",
}  # fmt: skip
_KINDS = {"all_members", "tags", "selected", "segments"}
MOST_SEGMENTS = 20
_STATUSES = {"active", "paused", "left", "prospect"}
_PRESENT = ("active", "paused")
_EVERY = ("active", "paused", "left", "prospect")
_STATUS_WORDS = {
    "active": ("aktiv", "active"), "paused": ("pausiert", "paused"), "left": ("ehemalig", "former"),
    "prospect": ("interessiert", "prospect"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Audience:
    """A checked definition. `inactive_days`: last visit (or joining) at least so many days ago."""

    kind: str
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    member_ids: tuple[UUID, ...] = ()
    inactive_days: int | None = None
    statuses: tuple[str, ...] = _PRESENT
    segments: tuple[UUID, ...] = ()
    exclude_segments: tuple[UUID, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the definition as it is stored and sealed; segments only where it names some."""
        named = {"segments": self.segments, "exclude_segments": self.exclude_segments}
        return {
            "kind": self.kind,
            "tags": list(self.tags),
            "exclude_tags": list(self.exclude_tags),
            "member_ids": [str(member_id) for member_id in self.member_ids],
            "inactive_days": self.inactive_days,
            "statuses": list(self.statuses),
        } | {key: [str(each) for each in ids] for key, ids in named.items() if ids}


def read(definition: dict[str, Any]) -> Audience:
    """Return the checked definition; an unknown key, kind or empty choice is refused, never ignored.

    Raises Invalid naming the field.
    """
    unknown = sorted(set(definition) - _KEYS)
    if unknown:
        raise Invalid(f"audience.{unknown[0]}", f"unknown; use {', '.join(sorted(_KEYS))}")
    kind = definition.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Invalid("audience.kind", f"use one of {', '.join(sorted(_KINDS))}")
    audience = Audience(
        kind=kind,
        tags=_words(definition, "tags"),
        exclude_tags=_words(definition, "exclude_tags"),
        member_ids=_ids("member_ids", definition.get("member_ids") or []),
        inactive_days=_days(definition.get("inactive_days")),
        statuses=_words(definition, "statuses") or _usual(kind),
        segments=_ids("segments", definition.get("segments") or [], most=MOST_SEGMENTS),
        exclude_segments=_ids("exclude_segments", definition.get("exclude_segments") or [], most=MOST_SEGMENTS),
    )
    if (kind == "segments") != bool(audience.segments):
        raise Invalid("audience.segments", "name at least one segment, and only with the kind segments")
    if kind == "tags" and not audience.tags:
        raise Invalid("audience.tags", "name at least one tag; an empty list would mean nobody")
    if kind == "selected" and not audience.member_ids:
        raise Invalid("audience.member_ids", "choose at least one member")
    strange = sorted(set(audience.statuses) - _STATUSES)
    if strange:
        raise Invalid("audience.statuses", f"'{strange[0]}' is no member status; use {', '.join(sorted(_STATUSES))}")
    return audience


def _usual(kind: str) -> tuple[str, ...]:
    """Return the statuses of an audience that names none: segments and hands choose for themselves whom they mean."""
    return _EVERY if kind in {"segments", "selected"} else _PRESENT


def _words(definition: dict[str, Any], key: str) -> tuple[str, ...]:
    words = definition.get(key) or []
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise Invalid(f"audience.{key}", "give a list of non-empty texts")
    if len(words) > MOST_SELECTED:
        raise Invalid(f"audience.{key}", f"at most {MOST_SELECTED} entries")
    return tuple(words)


def _ids(key: str, values: Any, most: int = MOST_SELECTED) -> tuple[UUID, ...]:
    if not isinstance(values, list) or len(values) > most:
        raise Invalid(f"audience.{key}", f"give a list of at most {most} ids")
    try:
        return tuple(UUID(str(value)) for value in values)
    except ValueError:
        raise Invalid(f"audience.{key}", "one of them is no id") from None


def _days(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 3650:  # noqa: PLR2004
        raise Invalid("audience.inactive_days", "give whole days from 1 to 3650")
    return value


def members_of(
    definition: dict[str, Any], *, tenant_id: UUID, now: datetime | None = None, session: Session | None = None
) -> Select[UUID]:
    """Return the statement that selects the ids of the members whom the definition means.

    One that names segments needs the session that holds them. Raises Invalid for a segment that is gone or broken.
    """
    audience = read(definition)
    conditions: list[ColumnElement[bool]] = [
        Member.tenant_id == tenant_id,
        Member.status.in_(audience.statuses),
    ]
    if audience.kind == "selected":
        conditions.append(Member.id.in_(audience.member_ids))
    if audience.tags:
        conditions.append(or_(*(_tagged(tag) for tag in audience.tags)))
    if audience.exclude_tags:
        conditions.append(not_(or_(*(_tagged(tag) for tag in audience.exclude_tags))))
    if audience.inactive_days is not None:
        limit = (now or clock.now()) - timedelta(days=audience.inactive_days)
        quiet_since = or_(
            Member.last_visit_at < limit,
            and_(Member.last_visit_at.is_(None), Member.joined_on < func.date(limit)),
        )
        conditions.append(quiet_since)
    if audience.segments or audience.exclude_segments:
        conditions += _segments(session, audience, now)
    return select(Member.id).where(*conditions)


def _segments(session: Session | None, audience: Audience, now: datetime | None) -> list[ColumnElement[bool]]:
    if session is None:
        raise LookupError("segments are looked up in a session: pass the one of the tenant")
    resolver = segments.Resolver(session, moment.of(session, now))
    found = [or_(*(resolver.of(each) for each in audience.segments))] if audience.segments else []
    return [*found, *(not_(resolver.of(each)) for each in audience.exclude_segments)]


def parts_of(definition: dict[str, Any]) -> tuple[UUID, ...]:
    """Return the different segments that a definition is made of, in the order of the bits of `part_bits`."""
    return tuple(dict.fromkeys(read(definition).segments))


def part_bits(session: Session, definition: dict[str, Any], now: datetime | None = None) -> ColumnElement[int]:
    """Return, as a part of a statement over `Member`, a bit for each of `parts_of` that a member is in.

    It is null where the definition names no segment. One alone is not asked again: everybody meant is in it.
    """
    named = parts_of(definition)
    if len(named) <= 1:
        return literal(1, Integer) if named else cast(null(), Integer)
    resolver = segments.Resolver(session, moment.of(session, now))
    bits = [case((resolver.of(each), 1 << n), else_=0) for n, each in enumerate(named)]
    return cast(sum(bits[1:], start=bits[0]), Integer)


def fingerprints(session: Session, definition: dict[str, Any]) -> dict[str, Any]:
    """Return what decides who is in the segments that a definition names, by id; None for those that are gone."""
    audience = read(definition)
    return {str(each): segments.fingerprint(session, each) for each in (*audience.segments, *audience.exclude_segments)}


def _tagged(tag: str) -> ColumnElement[bool]:
    tagged: ColumnElement[bool] = type_coerce(Member.tags, JSONB).has_key(tag)
    return tagged


def count(session: Session, definition: dict[str, Any]) -> int:
    """Return how many members the definition means now."""
    chosen = members_of(definition, tenant_id=db.tenant_of(session), session=session).subquery()
    return session.execute(select(func.count()).select_from(chosen)).scalar_one()


def sentence(definition: dict[str, Any], language: str) -> str:
    """Say whom the definition means, for people."""
    audience = read(definition)
    german = language == "de"
    start = {
        "all_members": ("Alle Mitglieder", "All members"),
        "tags": (
            "Mitglieder mit " + " oder ".join(audience.tags),
            "Members tagged " + " or ".join(audience.tags),
        ),
        "selected": (
            f"{len(audience.member_ids)} ausgewählte Mitglieder",
            f"{len(audience.member_ids)} chosen members",
        ),
        "segments": (
            f"Mitglieder aus {len(audience.segments)} Segmenten"
            if len(audience.segments) != 1
            else "Mitglieder eines Segments",
            f"Members of {len(audience.segments)} segments" if len(audience.segments) != 1 else "Members of a segment",
        ),
    }[audience.kind][0 if german else 1]
    parts = [start]
    if audience.inactive_days is not None:
        days = audience.inactive_days
        parts.append(f"seit über {days} Tagen nicht da" if german else f"not seen for more than {days} days")
    if set(audience.statuses) != set(_usual(audience.kind)):
        names = [_STATUS_WORDS[each][0 if german else 1] for each in _EVERY if each in audience.statuses]
        parts.append(f"Status {' oder '.join(names)}" if german else f"status {' or '.join(names)}")
    if audience.exclude_tags:
        parts.append(("ohne " if german else "without ") + ", ".join(audience.exclude_tags))
    if audience.exclude_segments:
        left = len(audience.exclude_segments)
        parts.append(f"ohne die aus {left} Segmenten" if german else f"without those of {left} segments")
    return ", ".join(parts)
