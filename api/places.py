"""Opaque cursors of lists that are in the order of time."""

import base64
from binascii import Error
from datetime import UTC, datetime
from uuid import UUID

from domain.timeline.queries import Place
from kernel.errors import Invalid


def write(place: Place | None) -> str | None:
    """Return a cursor, None at the end."""
    return base64.urlsafe_b64encode(f"{place.at.isoformat()}|{place.id}".encode()).decode() if place else None


def read(cursor: str) -> Place:
    """Return where a cursor points to. Raises Invalid for one that is not ours."""
    try:
        at, _, id_ = base64.urlsafe_b64decode(cursor).decode().partition("|")
        return Place(datetime.fromisoformat(at).astimezone(UTC), UUID(id_))
    except (ValueError, OverflowError, Error):
        raise Invalid("cursor", "is not one of ours; start without a cursor") from None
