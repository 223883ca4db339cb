"""A person's own stop, by word or by the provider's report, and the start that takes back exactly that."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.consent import service as consents
from domain.consent.opt_out_words import plain
from kernel import clock, db
from kernel.errors import Invalid
from models import Consent, ConsentEvent, ContactPoint, Member, OptOutWord, Suppression

SOURCE = "stop"
_PROVIDER = "provider"
_REASON = "opt_out"
MOST_WORDS = 50


def members_at(session: Session, channel: str, address_norm: str) -> list[UUID]:
    """Return whose address this is, the one who uses it first before the others."""
    rows = session.execute(
        select(ContactPoint.member_id)
        .where(
            ContactPoint.tenant_id == db.tenant_of(session),
            ContactPoint.channel == channel,
            ContactPoint.address_norm == address_norm,
        )
        .order_by(ContactPoint.is_primary.desc(), ContactPoint.member_id)
    )
    return list(rows.scalars())


def stop(
    session: Session, *, channel: str, address_norm: str, everything: bool, actor: str, evidence: dict[str, Any]
) -> bool:
    """Suppress an address for marketing on its channel, and take the consent back; returns whether that is new.

    `everything`: all purposes, on every channel of whoever has the address.
    """
    members = members_at(session, channel, address_norm)
    places = {(channel, address_norm)}
    if everything:
        places |= set(_addresses(session, members))
    made = [
        consents.suppress(
            session,
            channel=where,
            address_norm=address,
            reason=_REASON,
            source=SOURCE,
            actor=actor,
            purpose="all" if everything else "marketing",
            evidence=evidence,
        )
        for where, address in sorted(places)
        if where in consents.CHANNELS
    ]
    for consent in _granted(session, members, None if everything else channel):
        consents.record(
            session,
            consent.member_id,
            channel=consent.channel,
            purpose=consent.purpose,
            state="withdrawn",
            source=SOURCE,
            actor=actor,
            evidence=evidence | {"legal_basis": consent.legal_basis},
            legal_basis=consent.legal_basis,
        )
        made.append(True)
    return any(made)


def _addresses(session: Session, members: Iterable[UUID]) -> list[tuple[str, str]]:
    rows = session.execute(
        select(ContactPoint.channel, ContactPoint.address_norm).where(
            ContactPoint.tenant_id == db.tenant_of(session), ContactPoint.member_id.in_(list(members))
        )
    )
    return [(row.channel, row.address_norm) for row in rows]


def _granted(session: Session, members: list[UUID], channel: str | None) -> list[Consent]:
    """Return the consents that a stop takes back: for marketing on the channel, or all of them."""
    statement = select(Consent).where(
        Consent.tenant_id == db.tenant_of(session), Consent.member_id.in_(members), Consent.state == "granted"
    )
    if channel is not None:
        statement = statement.where(Consent.channel == channel, Consent.purpose == "marketing")
    return list(session.execute(statement).scalars())


def restore(session: Session, *, channel: str, address_norm: str, actor: str, evidence: dict[str, Any]) -> bool:
    """Take back what a stop of this address did on this channel, and nothing else; returns whether there was any.

    A hard bounce, a complaint, an unsubscription by link, and a person who is restricted or gone stay as they are.
    """
    rows = session.execute(
        select(Suppression)
        .where(
            Suppression.tenant_id == db.tenant_of(session),
            Suppression.channel == channel,
            Suppression.address_norm == address_norm,
            Suppression.reason == _REASON,
            Suppression.source.in_((SOURCE, _PROVIDER)),
            Suppression.lifted_at.is_(None),
        )
        .with_for_update()
    ).scalars()
    done = False
    for row in rows:
        row.lifted_at, row.lifted_by = clock.now(), actor
        audit.append(session, actor=actor, action="suppression.lift", subject=str(row.id), reason="start")
        done = True
    for member_id in _unrestricted(session, members_at(session, channel, address_norm)):
        done = _grant_again(session, member_id, channel, actor, evidence) or done
    session.flush()
    return done


def _unrestricted(session: Session, members: list[UUID]) -> list[UUID]:
    rows = session.execute(
        select(Member.id).where(
            Member.tenant_id == db.tenant_of(session), Member.id.in_(members), Member.restricted.is_(False)
        )
    )
    return list(rows.scalars())


def _grant_again(session: Session, member_id: UUID, channel: str, actor: str, evidence: dict[str, Any]) -> bool:
    """Grant what the last event withdrew by a stop; a withdrawal by any other way stays."""
    keys = {"tenant_id": db.tenant_of(session), "member_id": member_id, "channel": channel, "purpose": "marketing"}
    now = session.execute(select(Consent).filter_by(**keys, state="withdrawn", source=SOURCE)).scalar_one_or_none()
    if now is None:
        return False
    last = session.execute(
        select(ConsentEvent).filter_by(**keys).order_by(ConsentEvent.at.desc(), ConsentEvent.id.desc()).limit(1)
    ).scalar_one_or_none()
    if last is None or last.source != SOURCE:
        return False
    consents.record(
        session,
        member_id,
        channel=channel,
        purpose="marketing",
        state="granted",
        source="start",
        actor=actor,
        evidence=evidence | {"restores": str(last.id)},
        legal_basis=now.legal_basis,
    )
    return True


def words(session: Session) -> list[str]:
    """Return the tenant's own words that stop."""
    rows = session.execute(
        select(OptOutWord.word).where(OptOutWord.tenant_id == db.tenant_of(session)).order_by(OptOutWord.word)
    )
    return list(rows.scalars())


def set_words(session: Session, wanted: Iterable[str], *, actor: str) -> list[str]:
    """Replace the tenant's own words that stop. Raises Invalid for one without a letter."""
    tenant_id = db.tenant_of(session)
    kept = sorted({plain(word) for word in wanted})
    if "" in kept:
        raise Invalid("words", "each needs a letter or a digit")
    if len(kept) > MOST_WORDS:
        raise Invalid("words", f"holds at most {MOST_WORDS}")
    session.execute(delete(OptOutWord).where(OptOutWord.tenant_id == tenant_id))
    session.add_all(OptOutWord(tenant_id=tenant_id, word=word, created_by=actor) for word in kept)
    audit.append(session, actor=actor, action="settings.opt_out_words", subject=str(tenant_id), words=kept)
    session.flush()
    return kept
