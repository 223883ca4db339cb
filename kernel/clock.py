"""The only clock of the application: aware UTC, replaceable in tests."""

from collections.abc import Callable
from datetime import UTC, datetime

_source: Callable[[], datetime] | None = None


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return _source() if _source is not None else datetime.now(UTC)  # noqa: TID251 - the one place


def set_source(source: Callable[[], datetime] | None) -> None:
    """Replace the clock (tests, rehearsals); `None` brings the real one back."""
    global _source  # noqa: PLW0603 - the clock is the one thing that is the same everywhere
    _source = source
