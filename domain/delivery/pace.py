"""How fast one account may send, over all workers: a row holds when its next message may begin.

Slots are handed out one behind the other (generic cell rate algorithm): however many workers ask, no second holds more
than the rate, and a row that was lost begins empty, so nothing comes in a burst.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import db

AHEAD = 2.0  # seconds of slots that may be handed out in advance
_USED = 0.98  # of the rate: a slot that begins a little early must not be one too many

_TAKE = text("""
INSERT INTO rate_bucket AS b (tenant_id, key, next_at, granted)
VALUES (:tenant, :key, clock_timestamp() + make_interval(secs => CAST(:wanted AS float8) / :rate), :wanted)
ON CONFLICT (tenant_id, key) DO UPDATE SET
  granted = least(:wanted, greatest(0, floor(
    extract(epoch FROM clock_timestamp() + make_interval(secs => :ahead) - greatest(b.next_at, clock_timestamp()))
    * CAST(:rate AS float8))::int)),
  next_at = greatest(b.next_at, clock_timestamp()) + make_interval(secs => least(:wanted, greatest(0, floor(
    extract(epoch FROM clock_timestamp() + make_interval(secs => :ahead) - greatest(b.next_at, clock_timestamp()))
    * CAST(:rate AS float8))::int)) / CAST(:rate AS float8))
RETURNING granted, extract(epoch FROM next_at - clock_timestamp())::float8 AS until
""")
_SLOW_DOWN = text("""
INSERT INTO rate_bucket AS b (tenant_id, key, next_at, granted)
VALUES (:tenant, :key, clock_timestamp() + make_interval(secs => :seconds), 0)
ON CONFLICT (tenant_id, key) DO UPDATE SET next_at = greatest(b.next_at, excluded.next_at)
""")


def take(session: Session, *, key: str, rate: float, wanted: int) -> tuple[int, float]:
    """Reserve up to `wanted` slots at `rate` per second.

    Returns how many, and the seconds until the first of them begins; the others follow one `spacing` behind the other.
    With none: the seconds after which asking again makes sense.
    """
    used = rate * _USED
    row = session.execute(
        _TAKE, {"tenant": db.tenant_of(session), "key": key, "rate": used, "wanted": max(1, wanted), "ahead": AHEAD}
    ).one()
    if row.granted == 0:
        return 0, max(0.05, row.until - AHEAD + spacing(rate))
    return row.granted, max(0.0, row.until - row.granted * spacing(rate))


def spacing(rate: float) -> float:
    """Return the seconds between two slots."""
    return 1 / (rate * _USED)


def slow_down(session: Session, *, key: str, seconds: float) -> None:
    """Give no slot for so long: the provider asked for it."""
    session.execute(_SLOW_DOWN, {"tenant": db.tenant_of(session), "key": key, "seconds": seconds})
