"""Conversions: what somebody did because of a message, counted once per external id.

A conversion belongs to the message that a visit came from, or that is named, or to the member's last click by a person
within the tenant's window (`conversion_days`). Where the member took the consent for tracking back, it belongs to none,
and no conversion belongs to a message that went out after it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.tracking.hits import Hit
from kernel import clock, db
from kernel.errors import Invalid, NotFound
from kernel.ids import new_id
from models import Conversion, Member, Tenant

MOST_MINOR = 10**12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXTERNAL_ID = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,98}[\x21-\x7e])?")
GOAL = re.compile(r"[a-z][a-z0-9_]{0,39}")
CURRENCY = re.compile(r"[A-Z]{3}")

TRACKED = """m.tracked AND NOT EXISTS (
    SELECT 1 FROM consent c WHERE c.tenant_id = m.tenant_id AND c.member_id = m.member_id AND c.channel = m.channel
      AND c.purpose = 'tracking' AND c.state = 'withdrawn')"""
_MESSAGE = text(f"""
SELECT m.id, m.campaign_id, m.member_id FROM message m
WHERE m.tenant_id = :tenant AND m.id = :id AND (m.accepted_at IS NULL OR m.accepted_at <= :at) AND {TRACKED}
""")  # noqa: S608 - words of our own
_LAST_CLICK = text(f"""
SELECT m.id, m.campaign_id, m.member_id, e.link_n FROM message m
CROSS JOIN LATERAL (
  SELECT e.at, e.link_n FROM message_event e
  WHERE e.tenant_id = m.tenant_id AND e.message_id = m.id AND e.kind = 'clicked' AND e.actor = 'human'
    AND e.at <= :at AND e.at >= CAST(:at AS timestamptz) - make_interval(days => :days)
  ORDER BY e.at DESC LIMIT 1
) AS e
WHERE m.tenant_id = :tenant AND m.member_id = :member AND m.first_clicked_at <= :at AND {TRACKED}
ORDER BY e.at DESC LIMIT 1
""")  # noqa: S608 - words of our own
_INSERT = """
INSERT INTO conversion (id, tenant_id, external_id, goal, value_minor, currency, at, source, attribution, campaign_id,
  message_id, member_id, link_n, created_by)
"""
_ONE = text(f"""
WITH made AS ({_INSERT}
  VALUES (:id, :tenant, :external_id, :goal, :value, :currency, :at, :source, :attribution, :campaign, :message,
    :member, :link_n, :actor)
  ON CONFLICT (tenant_id, external_id) DO NOTHING RETURNING *
), told AS (
  INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason, actor, link_n)
  SELECT tenant_id, campaign_id, message_id, 'converted', goal, 'human', link_n FROM made WHERE message_id IS NOT NULL
)
SELECT id FROM made
""")  # noqa: S608 - words of our own
_PIXELS = text(f"""
WITH made AS ({_INSERT}
  SELECT new_id(), m.tenant_id, p.external_id, p.goal, p.value, p.currency, p.at, 'pixel', 'visit', m.campaign_id,
    m.id, m.member_id, p.link_n, 'pixel'
  FROM unnest(CAST(:messages AS uuid[]), CAST(:externals AS text[]), CAST(:goals AS text[]), CAST(:values AS bigint[]),
    CAST(:currencies AS text[]), CAST(:ats AS timestamptz[]), CAST(:links AS smallint[]))
    AS p(message_id, external_id, goal, value, currency, at, link_n)
  JOIN message m ON m.tenant_id = :tenant AND m.id = p.message_id AND {TRACKED}
  ORDER BY p.at
  ON CONFLICT (tenant_id, external_id) DO NOTHING RETURNING *
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason, actor, link_n)
SELECT tenant_id, campaign_id, message_id, 'converted', goal, 'human', link_n FROM made RETURNING id
""")  # noqa: S608 - words of our own


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, in the words of whoever reports it; value in minor units of the currency."""

    external_id: str
    goal: str
    value_minor: int
    currency: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """Which way somebody came: by a message's link (`visit`), by a message that is named, or as a member."""

    visit: tuple[UUID, int] | None = None
    message_id: UUID | None = None
    member_id: UUID | None = None
    member_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    attribution: str
    message: UUID | None = None
    campaign: UUID | None = None
    member: UUID | None = None
    link_n: int | None = None


def record(session: Session, deed: Deed, came: Came, *, actor: str) -> tuple[Conversion, bool]:
    """Keep a conversion and say whether it is new; the first one with an external id stays as it is.

    Raises Invalid for a value that cannot be used, NotFound for a member that is not here.
    """
    _check(deed)
    tenant_id = db.tenant_of(session)
    at = deed.at or clock.now()
    found = _attribute(session, came, at)
    made = session.execute(
        _ONE,
        {
            "id": new_id(),
            "tenant": tenant_id,
            "external_id": deed.external_id,
            "goal": deed.goal,
            "value": deed.value_minor,
            "currency": deed.currency,
            "at": at,
            "source": "api",
            "attribution": found.attribution,
            "campaign": found.campaign,
            "message": found.message,
            "member": found.member,
            "link_n": found.link_n,
            "actor": actor,
        },
    ).scalar_one_or_none()
    kept = session.execute(
        select(Conversion).where(Conversion.tenant_id == tenant_id, Conversion.external_id == deed.external_id)
    ).scalar_one()
    return kept, made is not None


def _check(deed: Deed) -> None:
    if not EXTERNAL_ID.fullmatch(deed.external_id):
        raise Invalid("external_id", "1 to 100 visible ASCII characters, such as an order number")
    if not GOAL.fullmatch(deed.goal):
        raise Invalid("goal", "1 to 40 of a-z, 0-9 and _, beginning with a letter")
    if not 0 <= deed.value_minor <= MOST_MINOR:
        raise Invalid("value_minor", f"0 to {MOST_MINOR}, in cents or the currency's smallest unit")
    if not CURRENCY.fullmatch(deed.currency):
        raise Invalid("currency", "three capital letters (ISO 4217), such as EUR")


def _attribute(session: Session, came: Came, at: datetime) -> _Found:
    member_id = _member(session, came)
    named = came.visit[0] if came.visit else came.message_id
    if named is not None:
        row = session.execute(_MESSAGE, {"tenant": db.tenant_of(session), "id": named, "at": at}).one_or_none()
        if row is not None:
            how, link_n = ("visit", came.visit[1]) if came.visit else ("message", None)
            return _Found(how, row.id, row.campaign_id, row.member_id, link_n)
    if member_id is None:
        return _Found("none")
    days = session.get_one(Tenant, db.tenant_of(session)).conversion_days
    asked = {"tenant": db.tenant_of(session), "member": member_id, "at": at, "days": days}
    row = session.execute(_LAST_CLICK, asked).one_or_none()
    if row is None:
        return _Found("none", member=member_id)
    return _Found("last_click", row.id, row.campaign_id, member_id, row.link_n)


def _member(session: Session, came: Came) -> UUID | None:
    if came.member_id is not None:
        return db.own(session, Member, came.member_id, "member").id
    if came.member_external_id is None:
        return None
    found = session.execute(
        select(Member.id).where(
            Member.tenant_id == db.tenant_of(session), Member.external_id == came.member_external_id
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("member")
    return found


def deed_of_pixel(parameters: dict[str, str], currency: str = "EUR") -> Deed | None:
    """Return what a pixel's parameters say: id, goal, value (in minor units) and currency; None for nonsense."""
    value = parameters.get("value", "0")
    deed = Deed(
        parameters.get("id", ""),
        parameters.get("goal", "purchase"),
        int(value) if value.isascii() and value.isdigit() and len(value) <= 13 else -1,  # noqa: PLR2004 - digits of the limit
        parameters.get("currency", currency),
    )
    try:
        _check(deed)
    except Invalid:
        return None
    return deed


def packed(deed: Deed) -> bytes:
    """Return a pixel's deed as a hit carries it."""
    return json.dumps([deed.external_id, deed.goal, deed.value_minor, deed.currency]).encode()


def instant(microseconds: int) -> datetime:
    """Return an instant from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def record_pixels(session: Session, reports: Sequence[Hit], skew: int) -> None:
    """Keep what pixels reported about messages of the session's tenant; `skew` as for `store`."""
    if not reports:
        return
    names = ("messages", "externals", "goals", "values", "currencies", "ats", "links")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for hit in reports:
        external_id, goal, value, currency = json.loads(hit.details)
        row = (UUID(bytes=hit.message), external_id, goal, value, currency, instant(hit.at + skew), hit.link_n)
        for column, cell in zip(columns.values(), row, strict=True):
            column.append(cell)
    session.execute(_PIXELS, {"tenant": db.tenant_of(session), **columns})
