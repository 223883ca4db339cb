"""Who gets which variant, as parts of SQL statements: an order by hash, cut exactly, or a variant per message."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    SmallInteger,
    SQLColumnExpression,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT
from sqlalchemy.sql.selectable import CTE

from domain.experiments.rules import HOLDOUT, WAITS, Settings

_DIGITS = 7  # hexadecimal digits of a hash that decide about one message


def seed_of(campaign_id: UUID) -> str:
    """Return what the order of a campaign's members hangs on; the same campaign orders them the same way."""
    return f"experiment:{campaign_id}"


def order_of(seed: str, member_id: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """Return the place of a member in the order, to sort by."""
    return func.md5(literal(seed, Text) + cast(member_id, Text))


def allocated(judged: CTE, settings: Settings, seed: str) -> CTE:
    """Return the statement of judged members with the `variant` that each gets, and whether it is `tested`.

    Only who may get it (`reason` null) takes part; who is held out, or waits for the winner, gets that as the reason.
    The shares are exact by largest remainder (`rules.allocate`).
    """
    takes_part = judged.c.reason.is_(None)
    order = (order_of(seed, judged.c.member_id), judged.c.member_id)
    place = func.row_number().over(partition_by=takes_part, order_by=order)
    placed = select(judged, case((takes_part, place), else_=null()).label("place")).cte("placed")
    cell = func.width_bucket(placed.c.place, _starts(judged, settings.cells), type_=Integer) - 1
    celled = select(placed, cell.label("cell")).cte("celled")
    tested = celled.c.cell.between(1, settings.arms)
    reason = case((celled.c.cell == 0, HOLDOUT), (celled.c.cell > settings.arms, WAITS), else_=celled.c.reason)
    kept = [each for each in celled.c if each.name not in {"reason", "place", "cell"}]
    variant = case((tested, cast(celled.c.cell - 1, SmallInteger)), else_=null())
    return select(*kept, reason.label("reason"), variant.label("variant"), tested.label("tested")).cte("allocated")


def unallocated(judged: CTE) -> CTE:
    """Return the statement of judged members where nothing is compared: no variant, and nobody is tested."""
    nothing = (cast(null(), SmallInteger).label("variant"), cast(null(), Boolean).label("tested"))
    return select(judged, *nothing).cte("allocated")


def _starts(judged: CTE, cells: Sequence[int]) -> ColumnElement[Any]:
    """Return the first place of every cell, as an array."""
    weights = ", ".join(f"({i}, {int(cell)})" for i, cell in enumerate(cells))
    return literal_column(
        f"""(SELECT array_agg(before + 1 ORDER BY i) FROM (
          SELECT i, (sum(size) OVER (ORDER BY i) - size)::bigint AS before FROM (
            SELECT i, part + CASE WHEN row_number() OVER (ORDER BY left_over DESC, i) <= n - sum(part) OVER () THEN 1
              ELSE 0 END AS size
            FROM (SELECT i, n, n * weight / {sum(cells)} AS part, n * weight % {sum(cells)} AS left_over
              FROM (VALUES {weights}) AS w (i, weight)
              CROSS JOIN (SELECT count(*) AS n FROM {judged.name} WHERE reason IS NULL) AS total) AS shares
          ) AS sizes) AS starts)""",  # noqa: S608 - numbers, and a name of our own
        ARRAY(BigInteger),
    )


def variant_for(seed: str, member_id: SQLColumnExpression[Any], weights: Sequence[int]) -> ColumnElement[int]:
    """Return, as a part of a statement, the variant of a message that is made one at a time (a step of a sequence).

    Shares are as the weights in the long run, and a member has the same variant whenever it is asked. `seed` names
    what is compared, such as the step. `variant_of` is the same in Python.
    """
    digits = func.left(func.md5(literal(seed, Text) + cast(member_id, Text)), _DIGITS)
    place = func.mod(cast(cast(literal("x", Text) + digits, BIT(4 * _DIGITS)), Integer), sum(weights))
    bounds = [sum(weights[: n + 1]) for n in range(len(weights))]
    return cast(
        case(*((place < bound, n) for n, bound in enumerate(bounds[:-1])), else_=len(weights) - 1), SmallInteger
    )


def variant_of(seed: str, member_id: UUID, weights: Sequence[int]) -> int:
    """Return the variant that `variant_for` gives a member."""
    digest = hashlib.md5(f"{seed}{member_id}".encode(), usedforsecurity=False).hexdigest()
    place = int(digest[:_DIGITS], 16) % sum(weights)
    return next(n for n in range(len(weights)) if place < sum(weights[: n + 1]))
