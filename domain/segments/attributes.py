"""Attributes that rules ask for and nobody has: a name that is misspelt would mean nobody, and say nothing of it."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.segments import moment, preview, resolve, rules
from kernel import db
from models import Member

_NAMED = 3  # how many known names an answer offers
_KINDS = {"text": "a text", "number": "a number", "flag": "yes or no", "day": "a day such as 2026-11-21"}
_NAMES = text("""
SELECT DISTINCT a.name FROM member m, LATERAL jsonb_object_keys(m.attributes) AS a(name)
WHERE m.tenant_id = :tenant AND m.draw < :width ORDER BY 1
""")


def problems(session: Session, rule: Any) -> Iterator[str]:
    """Yield what is wrong with the attributes that a checked rule asks for, one by one, each once.

    While a tenant has no member nothing is known, and every name may come.
    """
    asked = dict.fromkeys((each.name, each.kind) for each in rules.each(rule) if isinstance(each, rules.AttributeRule))
    if not asked or not session.execute(select(_anybody(session))).scalar_one():
        return
    for name, kind in asked:
        if not _is_known(session, name, kind):
            yield _words(session, name, kind)


def _anybody(session: Session) -> Any:
    return select(Member.id).where(Member.tenant_id == db.tenant_of(session)).exists()


def _is_known(session: Session, name: str, kind: str) -> bool:
    """Look at a few first: an attribute in use is found at once."""
    known = rules.AttributeRule(type="attribute", name=name, kind=kind, op="known")
    condition = resolve.Resolver(session, moment.of(session)).condition(known)
    found = resolve.members(session, condition)
    few = Member.draw < preview.width(session)
    return any(session.execute(select(each.exists())).scalar_one() for each in (found.where(few), found))


def _words(session: Session, name: str, kind: str) -> str:
    known = names(session)
    if name in known:
        return f"no member's attribute {name!r} is {_KINDS[kind]}; choose the kind that it has"
    folded = {each.casefold(): each for each in reversed(known)}
    near = [folded[each] for each in get_close_matches(name.casefold(), folded, _NAMED)]
    if near:
        return f"no member has the attribute {name!r}; did you mean {' or '.join(map(repr, near))}?"
    if not known:
        return f"no member has the attribute {name!r}, or any other; set it for a member or import it first"
    some = ", ".join(map(repr, known[:_NAMED]))
    return f"no member has the attribute {name!r}; there are {some}{' and others' if len(known) > _NAMED else ''}"


def names(session: Session) -> Sequence[str]:
    """Return the names of attributes that members have, in order; of many members those that a sample of them has."""
    asked = {"tenant": db.tenant_of(session), "width": preview.width(session)}
    return session.execute(_NAMES, asked).scalars().all()
