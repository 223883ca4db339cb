"""How the tenant speaks: versions of a profile, and rules that feedback suggests and a person makes standing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import service as audit
from kernel import db
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from kernel.text import blank
from models import BrandProfile, BrandRule, Tenant

MOST_PHRASES = 50
LONGEST_PHRASE = 120
LONGEST_SAMPLE = 2_000
MOST_SAMPLES = 5
# What a standing rule sets in the profile that drafts are written with.
RULES: dict[str, dict[str, Any]] = {
    "form_du": {"form": "du"},
    "form_sie": {"form": "sie"},
    "no_exclamation": {"most_exclamations": 0},
    "short": {"short": True},
    "tone_personal": {"tone": "personal"},
    "tone_formal": {"tone": "formal"},
    "tone_friendly": {"tone": "friendly"},
}
# Literal: a bound value in a prepared statement would not be recognised as the condition of the index.
_OPEN = text("state <> 'retired'")
_RIVALS = ({"form_du", "form_sie"}, {"tone_personal", "tone_formal", "tone_friendly"})


@dataclass(frozen=True, slots=True)
class Brand:
    """What drafts are written with; `version` is that of the profile, 0 where none was ever saved."""

    version: int = 0
    form: str = "du"
    tone: str = "neutral"
    emoji: bool = False
    most_exclamations: int = 1
    short: bool = False
    forbidden: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    sign_off: str | None = None
    samples: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Brand":
        """Read what `as_json` wrote."""
        lists = {"forbidden", "required", "samples", "rules"}
        read: dict[str, Any] = {key: tuple(value) if key in lists else value for key, value in values.items()}
        return cls(**read)


UNSAVED = Brand()


def profile(session: Session) -> BrandProfile | None:
    """Return the version in force; None where nobody saved one."""
    return session.execute(
        select(BrandProfile)
        .where(BrandProfile.tenant_id == db.tenant_of(session))
        .order_by(BrandProfile.n.desc())
        .limit(1)
    ).scalar_one_or_none()


def current(session: Session) -> Brand:
    """Return the profile in force with the active rules on top."""
    row = profile(session)
    brand = Brand()
    if row is not None:
        brand = Brand(
            version=row.n,
            form=row.form,
            tone=row.tone,
            emoji=row.emoji,
            most_exclamations=row.most_exclamations,
            forbidden=tuple(row.forbidden),
            required=tuple(row.required),
            sign_off=row.sign_off,
            samples=tuple(row.samples),
        )
    active = tuple(rule.code for rule in rules(session) if rule.state == "active")
    for code in active:
        brand = replace(brand, **RULES[code])
    return replace(brand, rules=active)


def save(session: Session, *, actor: str, values: dict[str, Any]) -> BrandProfile:
    """Store the next version of the profile; fields that are absent keep their value.

    Raises Invalid for a phrase, sample or limit that is out of range.
    """
    before = profile(session)
    kept = {
        name: getattr(before, name)
        for name in ("form", "tone", "emoji", "most_exclamations", "forbidden", "required", "sign_off", "samples")
        if before is not None
    }
    fields = {**kept, **{name: value for name, value in values.items() if value is not None or name == "sign_off"}}
    _phrases("forbidden", fields.get("forbidden", []), MOST_PHRASES, LONGEST_PHRASE)
    _phrases("required", fields.get("required", []), MOST_PHRASES, LONGEST_PHRASE)
    _phrases("samples", fields.get("samples", []), MOST_SAMPLES, LONGEST_SAMPLE)
    both = sorted(
        set(map(str.casefold, fields.get("forbidden", []))) & set(map(str.casefold, fields.get("required", [])))
    )
    if both:
        raise Invalid("required", f"'{both[0]}' is forbidden too; take it out of one of the lists")
    tenant = session.execute(
        select(Tenant).where(Tenant.id == db.tenant_of(session)).with_for_update(key_share=True)
    ).scalar_one()
    highest = session.execute(select(func.max(BrandProfile.n)).where(BrandProfile.tenant_id == tenant.id)).scalar_one()
    row = BrandProfile(tenant_id=tenant.id, n=(highest or 0) + 1, created_by=actor, **fields)
    session.add(row)
    session.flush()
    audit.append(session, actor=actor, action="brand.save", subject=str(row.id), version=row.n)
    session.flush()
    return row


def _phrases(field: str, phrases: Sequence[str], most: int, longest: int) -> None:
    if len(phrases) > most:
        raise Invalid(field, f"at most {most} entries")
    if any(blank(phrase) or len(phrase) > longest for phrase in phrases):
        raise Invalid(field, f"each has 1 to {longest} characters")


def rules(session: Session) -> Sequence[BrandRule]:
    """Return the proposed and the active rules, oldest first."""
    return (
        session.execute(
            select(BrandRule)
            .where(BrandRule.tenant_id == db.tenant_of(session), BrandRule.state != "retired")
            .order_by(BrandRule.id)
        )
        .scalars()
        .all()
    )


def propose(session: Session, codes: Sequence[str], *, feedback_id: UUID | None, actor: str) -> None:
    """Suggest standing rules; one that is proposed or active already stays as it is. Nothing acts until ticked."""
    for code in codes:
        if code not in RULES:
            continue
        session.execute(
            insert(BrandRule)
            .values(
                id=new_id(),
                tenant_id=db.tenant_of(session),
                code=code,
                state="proposed",
                value=RULES[code],
                from_feedback=feedback_id,
                created_by=actor,
            )
            .on_conflict_do_nothing(index_elements=["tenant_id", "code"], index_where=_OPEN)
        )


def decide(session: Session, rule_id: UUID, *, state: str, actor: str) -> BrandRule:
    """Make a rule standing (`active`) or put it aside (`retired`); one that says the opposite is retired with it.

    Raises NotFound, Conflict for a rule that was put aside before, Invalid for another state.
    """
    if state not in {"active", "retired"}:
        raise Invalid("state", "is active or retired")
    rule = session.execute(
        select(BrandRule).where(BrandRule.tenant_id == db.tenant_of(session), BrandRule.id == rule_id).with_for_update()
    ).scalar_one_or_none()
    if rule is None:
        raise NotFound("rule")
    if rule.state == "retired" and state != "retired":
        raise Conflict("This rule was put aside. It is proposed again when somebody asks for it.", code="rule_retired")
    if state == "active":
        rivals = next((group for group in _RIVALS if rule.code in group), set())
        for other in rules(session):
            if other.code in rivals and other.id != rule.id and other.state == "active":
                other.state, other.decided_by = "retired", actor
    rule.state, rule.decided_by = state, actor
    audit.append(session, actor=actor, action=f"brand.rule.{state}", subject=str(rule.id), rule=rule.code)
    session.flush()
    return rule
