"""Domains that mail comes from: their DKIM keys, and who signs with them."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from channels.email import dkim
from channels.email.addresses import normalise_address
from domain.audit import service as audit
from kernel import db, vault
from kernel.errors import Conflict, Invalid
from kernel.ids import new_id
from models import DkimKey, SenderDomain

_PRIVATE = "dkim_key.sealed_private_key"
_ALGORITHMS: tuple[dkim.Algorithm, ...] = ("rsa", "ed25519")
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LONGEST_STRING = 255


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record to publish: its name, its type, its value, and the value as a zone file has it."""

    name: str
    type: str
    value: str
    zone_line: str


def add(
    session: Session,
    *,
    domain: str,
    actor: str,
    dkim_by: str = "self",
    relay_domain: str | None = None,
    relay_selector: str | None = None,
) -> SenderDomain:
    """Add a domain and make its keys. Raises Invalid for a name, Conflict for a domain that is here."""
    name = _name(domain, "domain")
    known = select(SenderDomain.id).where(SenderDomain.tenant_id == db.tenant_of(session), SenderDomain.domain == name)
    if session.execute(known).scalar_one_or_none() is not None:
        raise Conflict(f"The domain {name} is here already.", code="domain_exists")
    row = SenderDomain(
        id=new_id(), tenant_id=db.tenant_of(session), domain=name, dkim=dkim_by, findings={}, created_by=actor
    )
    _set_relay(row, relay_domain, relay_selector)
    session.add(row)
    session.flush()
    if dkim_by == "self":
        _make_keys(session, row, "active", actor)
    audit.append(session, actor=actor, action="domain.add", subject=str(row.id), domain=name)
    return row


def _name(domain: str, field: str) -> str:
    try:
        return normalise_address(f"x@{domain.strip().rstrip('.')}").partition("@")[2]
    except ValueError:
        raise Invalid(field, "is no domain that mail can come from, such as studio.example") from None


def _set_relay(row: SenderDomain, relay_domain: str | None, relay_selector: str | None) -> None:
    row.relay_domain = _name(relay_domain, "relay_domain") if relay_domain else None
    if relay_selector is not None and not _SELECTOR.fullmatch(relay_selector):
        raise Invalid("relay_selector", "is what stands before ._domainkey in the relay's DNS record")
    row.relay_selector = relay_selector


def get(session: Session, domain_id: UUID) -> SenderDomain:
    """Return the domain; raises NotFound, also for another tenant's."""
    return db.own(session, SenderDomain, domain_id, "sender domain")


def of_tenant(session: Session) -> Select[SenderDomain]:
    """Return the statement that lists the tenant's domains."""
    return select(SenderDomain).where(SenderDomain.tenant_id == db.tenant_of(session))


def named(session: Session, domain: str) -> SenderDomain | None:
    """Return the tenant's row of exactly this domain."""
    return session.execute(of_tenant(session).where(SenderDomain.domain == domain.lower())).scalar_one_or_none()


def change(
    session: Session,
    domain_id: UUID,
    *,
    actor: str,
    dkim_by: str,
    relay_domain: str | None = None,
    relay_selector: str | None = None,
) -> SenderDomain:
    """Say who signs; the domain is to be checked again. Raises NotFound, Invalid."""
    row = get(session, domain_id)
    row.dkim, row.checked_at, row.aligned, row.findings = dkim_by, None, None, {}
    _set_relay(row, relay_domain, relay_selector)
    if dkim_by == "self" and not keys_of(session, row):
        _make_keys(session, row, "active", actor)
    audit.append(session, actor=actor, action="domain.change", subject=str(row.id), dkim=dkim_by)
    session.flush()
    return row


def renew_keys(session: Session, domain_id: UUID, *, actor: str) -> SenderDomain:
    """Make the keys that will sign once a check finds their records; until then the old ones do. Raises NotFound."""
    row = get(session, domain_id)
    if row.dkim != "self":
        raise Conflict(f"The relay signs for {row.domain}; change its keys there.", code="relay_signs")
    session.execute(
        delete(DkimKey).where(
            DkimKey.tenant_id == row.tenant_id, DkimKey.domain_id == row.id, DkimKey.state.in_(("next", "retired"))
        )
    )
    _make_keys(session, row, "next", actor)
    audit.append(session, actor=actor, action="domain.renew_keys", subject=str(row.id))
    return row


def take_over(session: Session, row: SenderDomain) -> None:
    """Let the `next` keys sign and retire the others; their records stay published for mail on its way."""
    for key in keys_of(session, row):
        key.state = {"next": "active", "active": "retired"}.get(key.state, key.state)
    audit.append(session, actor="system", action="domain.keys_in_use", subject=str(row.id))
    session.flush()


def _make_keys(session: Session, row: SenderDomain, state: str, actor: str) -> None:
    for algorithm in _ALGORITHMS:
        key_id, der = new_id(), dkim.make_key(algorithm)
        sealed = vault.seal(base64.b64encode(der).decode(), tenant_id=row.tenant_id, place=_PRIVATE, row_id=key_id)
        session.add(
            DkimKey(
                id=key_id,
                tenant_id=row.tenant_id,
                domain_id=row.id,
                algorithm=algorithm,
                selector=f"ariia-{'r' if algorithm == 'rsa' else 'e'}-{key_id.hex[-8:]}",
                public_key=dkim.public_key(der),
                sealed_private_key=sealed,
                state=state,
                created_by=actor,
            )
        )
    session.flush()


def remove(session: Session, domain_id: UUID, *, actor: str) -> None:
    """Forget a domain and its keys; mail from it is no longer signed here. Raises NotFound."""
    row = get(session, domain_id)
    audit.append(session, actor=actor, action="domain.remove", subject=str(row.id), domain=row.domain)
    session.delete(row)
    session.flush()


def keys_of(session: Session, row: SenderDomain, *states: str) -> Sequence[DkimKey]:
    """Return the domain's keys, oldest first; all of them without `states`."""
    wanted = states or ("active", "next", "retired")
    return (
        session.execute(
            select(DkimKey)
            .where(DkimKey.tenant_id == row.tenant_id, DkimKey.domain_id == row.id, DkimKey.state.in_(wanted))
            .order_by(DkimKey.id)
        )
        .scalars()
        .all()
    )


def signers_for(session: Session, domain: str) -> dkim.Signer | None:
    """Return what signs mail from this domain with all its active keys; None where the relay does, or nobody.

    Raises vault.BadSeal for a key that does not open.
    """
    row = named(session, domain)
    if row is None or row.dkim != "self":
        return None
    keys = [dkim.Key(key.selector, _private(key)) for key in keys_of(session, row, "active")]
    return dkim.Signer(row.domain, keys) if keys else None


def _private(key: DkimKey) -> bytes:
    opened = vault.unseal(key.sealed_private_key, tenant_id=key.tenant_id, place=_PRIVATE, row_id=key.id)
    return base64.b64decode(opened)


def records(session: Session, row: SenderDomain) -> list[Record]:
    """Return the DNS records to publish, ready to be copied: one per key that signs or will sign."""
    return [
        _record(f"{key.selector}._domainkey.{row.domain}", f"v=DKIM1; k={key.algorithm}; p={key.public_key}")
        for key in keys_of(session, row, "active", "next")
        if row.dkim == "self"
    ]


def _record(name: str, value: str) -> Record:
    pieces = [value[n : n + _LONGEST_STRING] for n in range(0, len(value), _LONGEST_STRING)]
    quoted = " ".join(f'"{piece}"' for piece in pieces)
    return Record(name, "TXT", value, f"{name}. 3600 IN TXT {quoted}")


def reseal(session: Session) -> int:
    """Put keys that lie under an older vault key under the newest; returns how many."""
    done = 0
    statement = select(DkimKey).where(DkimKey.tenant_id == db.tenant_of(session)).with_for_update()
    for key in session.execute(statement).scalars():
        if not vault.is_current(key.sealed_private_key):
            key.sealed_private_key = vault.reseal(key.sealed_private_key, tenant_id=key.tenant_id)
            done += 1
    session.flush()
    return done
