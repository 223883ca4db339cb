"""Thirty rules as people write them: of each type, alone and together, rare and common, with and without a window."""

from typing import Any

Rule = dict[str, Any]
_ACTIVE: Rule = {"type": "status", "any_of": ["active"]}
_YOGA: Rule = {"type": "tag", "any_of": ["yoga"]}
_LEVEL: Rule = {"type": "attribute", "name": "level", "kind": "number", "op": "at_least", "value": 5}
_MAIL: Rule = {"type": "consent", "channel": "email", "purpose": "marketing", "state": "granted"}
_BOUGHT: Rule = {"type": "purchase"}
_SPENT: Rule = {"type": "purchase", "measure": "sum", "amount": 20_000, "currency": "EUR"}
_QUIET: Rule = {"type": "recent", "field": "last_visit_at", "op": "before_last_days", "days": 60}


def _all(*rules: Rule) -> Rule:
    return {"type": "all", "rules": list(rules)}


def _any(*rules: Rule) -> Rule:
    return {"type": "any", "rules": list(rules)}


def _not(rule: Rule) -> Rule:
    return {"type": "not", "rule": rule}


SHAPES: dict[str, Rule] = {
    "status": _ACTIVE,
    "tag": _YOGA,
    "rare tag": {"type": "tag", "any_of": ["nobody has it"]},
    "number": _LEVEL,
    "text": {"type": "attribute", "name": "studio", "kind": "text", "op": "is", "value": "S3"},
    "flag": {"type": "attribute", "name": "premium", "kind": "flag", "op": "is", "value": True},
    "recent visit": {"type": "recent", "field": "last_visit_at", "op": "in_last_days", "days": 14},
    "quiet": _QUIET,
    "name": {"type": "text", "field": "last_name", "op": "starts_with", "any_of": ["Mü"]},
    "reachable": {"type": "contact", "channel": "email"},
    "of a domain": {"type": "contact", "channel": "email", "domains": ["example.org"]},
    "consent": _MAIL,
    "bought": _BOUGHT,
    "never bought": _not(_BOUGHT),
    "bought lately": {"type": "purchase", "in_last_days": 30},
    "bought a product": {"type": "purchase", "product": "Abo"},
    "spent": _SPENT,
    "spent lately": _SPENT | {"in_last_days": 180},
    "spent little": _SPENT | {"op": "at_most", "amount": 5_000},
    "days since": {"type": "purchase", "measure": "days_since", "op": "at_least", "amount": 90},
    "came": {"type": "activity", "kind": "visit"},
    "came often": {"type": "activity", "kind": "visit", "op": "at_least", "count": 2},
    "came lately": {"type": "activity", "kind": "visit", "in_last_days": 14},
    "never came lately": {"type": "activity", "in_last_days": 60, "op": "exactly", "count": 0},
    "yoga and active": _all(_ACTIVE, _YOGA),
    "three conditions": _all(_ACTIVE, _YOGA, _LEVEL),
    "four conditions": _all(_ACTIVE, _YOGA, _LEVEL, _SPENT | {"in_last_days": 180}),
    "win back": _all(_QUIET, _MAIL, _not({"type": "tag", "any_of": ["vip"]}), _BOUGHT),
    "one of several": _any(_YOGA, _SPENT, {"type": "activity", "kind": "class", "in_last_days": 7}),
    "no yoga, spent or came": _all(
        _not(_YOGA), _any(_SPENT, {"type": "activity", "kind": "visit", "op": "at_least", "count": 3})
    ),
}
