"""Members of a sequence who are all due in the same minute: `./dev bench sequences [--members 100000] [--quick]`.

For a tenth of the members and for all of them: moving everybody past a message, messages written, once each. The
figure is the time per member of the larger number against the smaller one; beside it the statements per 1,000.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import walking
from sqlalchemy import event, text

from bench import measure, sending
from domain.sequences import run
from kernel import clock, db

_RATIO = 1.2
_ENROL = text("""
INSERT INTO enrolment (id, tenant_id, sequence_id, member_id, pass_n, state, step, since, due_at, done, why)
SELECT new_id(), tenant_id, :sequence, id, 0, 'active', 'hello', :at, :at, '[]', 'bench' FROM member
""")
_RESULT = text("""
SELECT (SELECT count(*) FROM message) AS messages, (SELECT count(DISTINCT member_id) FROM message) AS members,
  (SELECT count(*) FROM enrolment WHERE step = 'd' AND due_at > :at) AS waiting
""")


@dataclass
class Moved:
    """How often the database was asked, in all rounds of a side."""

    members: int = 0
    statements: int = 0


def _studio(n: int, slug: str) -> UUID:
    """A tenant with a live sequence and `n` members, all at its first message and due."""
    tenant_id = sending.tenant_with(n, slug=slug)
    walking.ready(tenant_id)
    with db.tenant_session(tenant_id) as session:
        steps = walking.message("hello"), walking.delay("d", days=3), walking.message("more")
        sequence_id = walking.live(session, *steps)
        session.execute(_ENROL, {"sequence": sequence_id, "at": clock.now() - timedelta(seconds=1)})
        session.execute(text("SELECT refresh_statistics()"))
    return tenant_id


def _move(n: int, moved: Moved) -> Callable[[int], float]:
    """Return what moves everybody of a new tenant, in seconds per 1,000."""

    def once(serial: int) -> float:
        tenant_id = _studio(n, f"bench-{serial}")

        def count(*_: object) -> None:
            moved.statements += 1

        event.listen(db.engine(), "before_cursor_execute", count)
        began = perf_counter()
        done = run.run(tenant_id, seconds=3_600)
        seconds = perf_counter() - began
        event.remove(db.engine(), "before_cursor_execute", count)
        moved.members += done
        with db.tenant_session(tenant_id) as session:
            found = session.execute(_RESULT, {"at": clock.now()}).one()
        if tuple(found) != (n, n, n):
            raise SystemExit(f"{n} members, but {found}")
        return seconds / n * 1_000

    return once


def main() -> None:
    chosen = measure.options(__doc__, members=(100_000, "members who are due at once"))
    large = 5_000 if chosen.quick else chosen.members
    small = large // 10
    few, many = Moved(), Moved()
    with measure.database(durable=False):
        series = measure.interleaved(
            {f"{small:,}": _move(small, few), f"{large:,}": _move(large, many)}, 1 if chosen.quick else chosen.rounds
        )
    ratio = series.ratio(f"{large:,}", f"{small:,}")
    measure.keep(
        f"a sequence with {large:,} members due at once",
        goal=f"once each, time per member ≤ {_RATIO} × that with {small:,}",
        seen=f"{1_000 / series.median(f'{large:,}'):,.0f} members/s, {series.says(f'{large:,}', f'{small:,}')} × the "
        f"time per member with {small:,}; {many.statements / many.members * 1_000:.0f} statements per 1,000",
        met=ratio <= _RATIO,
        quick=chosen.quick,
        **series.details(),
    )


if __name__ == "__main__":
    main()
