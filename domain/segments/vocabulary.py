"""What rules can be made of, for people who choose from lists: types, fields, operators, and values that there are."""

from collections.abc import Mapping
from typing import Any, get_args

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.segments import rules, sentences
from kernel import db

LOOKED_AT = 100_000  # of each kind of thing, the newest
MOST_VALUES = 100

_TYPES = {
    "text": ("Text des Mitglieds", "text of the member"),
    "known": ("Angabe vorhanden", "a value is known"),
    "status": ("Status", "status"),
    "day": ("fester Tag", "fixed day"),
    "recent": ("Tage vor heute", "days before today"),
    "attribute": ("Merkmal", "attribute"),
    "tag": ("Schlagwort", "tag"),
    "contact": ("Erreichbar über", "reachable by"),
    "consent": ("Einwilligung", "consent"),
    "activity": ("Aktivitäten", "activities"),
    "purchase": ("Käufe", "purchases"),
    "campaign": ("Verhalten in Kampagnen", "behaviour in campaigns"),
    "insight": ("Aus Gesprächen", "from conversations"),
    "segment": ("Anderes Segment", "another segment"),
    "all": ("alle gelten", "all hold"),
    "any": ("eine gilt", "one holds"),
    "not": ("gilt nicht", "does not hold"),
}
_KINDS = {
    "text": ("Text", "text"), "number": ("Zahl", "number"), "flag": ("ja oder nein", "yes or no"),
    "day": ("Tag", "day"),
}  # fmt: skip
_MEASURES = {
    "count": ("Anzahl", "count"), "sum": ("Summe", "sum"), "days_since": ("Tage seit dem letzten", "days since"),
}  # fmt: skip
_OPTIONS: Mapping[tuple[str, str], Mapping[str, tuple[str, str]]] = {
    ("text", "field"): {name: sentences.FIELDS[name] for name in get_args(rules.TextField)},
    ("text", "op"): sentences.TEXT_OPS,
    ("known", "field"): sentences.FIELDS,
    ("status", "any_of"): sentences.STATUS,
    ("day", "field"): {name: sentences.FIELDS[name] for name in get_args(rules.DayField)},
    ("day", "op"): sentences.DAY_OPS,
    ("recent", "field"): {name: sentences.FIELDS[name] for name in get_args(rules.DayField)},
    ("recent", "op"): sentences.RECENT_OPS,
    ("attribute", "kind"): _KINDS,
    ("attribute", "op"): {
        name: sentences.ORDER[name] for name in ("is", "contains", "at_least", "at_most")
    } | {"known": ("ist bekannt", "is known")},
    ("contact", "channel"): {name: (label, label) for name, label in sentences.CHANNELS.items()},
    ("consent", "channel"): {name: (label, label) for name, label in sentences.CHANNELS.items()},
    ("consent", "purpose"): sentences.PURPOSES,
    ("consent", "state"): sentences.STATES,
    ("activity", "op"): {name: sentences.ORDER[name] for name in get_args(rules.Compare)},
    ("purchase", "op"): {name: sentences.ORDER[name] for name in get_args(rules.Compare)},
    ("purchase", "measure"): _MEASURES,
    ("campaign", "did"): sentences.DID,
    ("insight", "key"): sentences.INSIGHTS,
}  # fmt: skip
_VALUES = {
    "tags": """
SELECT NULL AS kind, tag AS value, count(*) AS n
FROM (SELECT tags FROM member WHERE tenant_id = :tenant ORDER BY id DESC LIMIT :most) m,
  LATERAL (SELECT DISTINCT tag FROM jsonb_array_elements_text(m.tags) tag) t
GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT :values
""",
    "attributes": """
SELECT CASE jsonb_typeof(a.value) WHEN 'boolean' THEN 'flag' WHEN 'string' THEN 'text' ELSE jsonb_typeof(a.value) END
  AS kind, a.key AS value, count(*) AS n
FROM (SELECT attributes FROM member WHERE tenant_id = :tenant ORDER BY id DESC LIMIT :most) m,
  LATERAL jsonb_each(m.attributes) a
WHERE jsonb_typeof(a.value) IN ('boolean', 'string', 'number')
GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1 LIMIT :values
""",
    "products": """
SELECT currency AS kind, product AS value, count(*) AS n
FROM (SELECT product, currency FROM purchase WHERE tenant_id = :tenant ORDER BY id DESC LIMIT :most) p
GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1 LIMIT :values
""",
    "activity_kinds": """
SELECT NULL AS kind, a.kind AS value, count(*) AS n
FROM (SELECT kind FROM activity WHERE tenant_id = :tenant ORDER BY id DESC LIMIT :most) a
GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT :values
""",
    "domains": """
SELECT NULL AS kind, split_part(c.address_norm, '@', -1) AS value, count(*) AS n
FROM (SELECT address_norm FROM contact_point WHERE tenant_id = :tenant AND channel = 'email' LIMIT :most) c
GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT :values
""",
}


def types() -> list[dict[str, Any]]:
    """Return every type of rule with its fields and their choices, labelled in both languages."""
    return [
        {
            "type": name,
            "label": _label(_TYPES[name]),
            "fields": [_field(name, key, field) for key, field in model.model_fields.items() if key not in _OWN],
        }
        for name, model in _models().items()
    ]


_OWN = ("type", "id")


def _models() -> dict[str, Any]:
    every = (*get_args(rules.Leaf), rules.AllRule, rules.AnyRule, rules.NotRule)
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in every}


def _field(type_: str, key: str, field: Any) -> dict[str, Any]:
    options = _OPTIONS.get((type_, key))
    return {
        "name": key,
        "required": field.is_required(),
        "options": [{"value": value, "label": _label(label)} for value, label in (options or {}).items()],
    }


def _label(label: tuple[str, str]) -> dict[str, str]:
    return {"de": label[0], "en": label[1]}


def insights() -> list[dict[str, Any]]:
    """Return what conversations may say, by key."""
    return [
        {
            "key": key,
            "label": _label(sentences.INSIGHTS[key]),
            "values": [{"value": word, "label": _label(sentences.INSIGHT_WORDS[word])} for word in words],
        }
        for key, words in rules.INSIGHTS.items()
    ]


def values(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Return the values that the newest LOOKED_AT things hold, the most frequent first, at most MOST_VALUES each."""
    own = {"tenant": db.tenant_of(session), "most": LOOKED_AT, "values": MOST_VALUES}
    return {
        name: [{"value": row.value, "kind": row.kind, "count": row.n} for row in session.execute(text(statement), own)]
        for name, statement in _VALUES.items()
    }
