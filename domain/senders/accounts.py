"""Accounts at providers: made, checked, paused, and their secrets, which nobody can read back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.senders.kinds import KINDS
from kernel import clock, db, vault
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from kernel.tokens import hash_token, new_token
from models import AccountStrain, CredentialIndex, ProviderAccount, RateBucket, Sender

_SECRET, _WEBHOOK = "provider_account.sealed_secret", "provider_account.sealed_webhook_secret"
_INDEX = "provider"
_SHOWN, _SHORTEST_SHOWN = 4, 12


def create(
    session: Session,
    *,
    kind: str,
    label: str,
    settings: dict[str, Any],
    secret: str,
    actor: str,
    rate_per_second: float | None = None,
    sessions: int | None = None,
) -> ProviderAccount:
    """Keep credentials, sealed. Rate and sessions are those that are usual for the kind, unless given.

    Raises Invalid for an unknown kind, and for a setting that is missing, unknown or of the wrong shape.
    """
    if kind not in KINDS:
        raise Invalid("kind", f"use one of {', '.join(KINDS)}")
    known = KINDS[kind]
    tenant_id, account_id = db.tenant_of(session), new_id()
    account = ProviderAccount(
        id=account_id,
        tenant_id=tenant_id,
        kind=kind,
        label=label,
        settings=known.read(settings, secret),
        sealed_secret=vault.seal(secret, tenant_id=tenant_id, place=_SECRET, row_id=account_id),
        last_four=_tail(secret),
        path_token=new_token(),
        sealed_webhook_secret=vault.seal(new_token(), tenant_id=tenant_id, place=_WEBHOOK, row_id=account_id),
        rate_per_second=known.rate if rate_per_second is None else rate_per_second,
        sessions=sessions or known.sessions,
        created_by=actor,
    )
    session.add(account)
    session.add(
        CredentialIndex(hash=hash_token(account.path_token), tenant_id=tenant_id, kind=_INDEX, ref_id=account_id)
    )
    session.flush()
    audit.append(session, actor=actor, action="account.create", subject=str(account.id), kind=kind)
    return account


def _tail(secret: str) -> str:
    """The end of a secret, where that does not give away much of it."""
    return secret[-_SHOWN:] if len(secret) >= _SHORTEST_SHOWN else ""


def get(session: Session, account_id: UUID) -> ProviderAccount:
    """Return the account; raises NotFound, also for another tenant's."""
    return db.own(session, ProviderAccount, account_id, "account")


def keep_here(session: Session, account_id: UUID) -> None:
    """Let nobody take the account away until the transaction ends. Raises NotFound where somebody did before."""
    here = select(ProviderAccount.id).where(
        ProviderAccount.tenant_id == db.tenant_of(session), ProviderAccount.id == account_id
    )
    if session.execute(here.with_for_update(read=True, key_share=True)).first() is None:
        raise NotFound("account")


def of_tenant(session: Session) -> Select[ProviderAccount]:
    """Return the statement that lists the tenant's accounts."""
    return select(ProviderAccount).where(ProviderAccount.tenant_id == db.tenant_of(session))


def secret_of(account: ProviderAccount) -> str:
    """Return the secret for a call to the provider; never for a person. Raises vault.BadSeal."""
    return vault.unseal(account.sealed_secret, tenant_id=account.tenant_id, place=_SECRET, row_id=account.id)


def webhook_secret_of(account: ProviderAccount) -> str:
    """Return what the provider shows us with its webhooks, where it lets us choose it (Telegram)."""
    return vault.unseal(account.sealed_webhook_secret, tenant_id=account.tenant_id, place=_WEBHOOK, row_id=account.id)


def by_path(path_token: str) -> tuple[UUID, UUID]:
    """Return tenant and account of a webhook's address; raises NotFound, the same for every unknown one."""
    with db.all_tenants_session("provider webhook") as session:
        row = session.get(CredentialIndex, hash_token(path_token))
        if row is None or row.kind != _INDEX:
            raise NotFound("webhook")
        return row.tenant_id, row.ref_id


def replace_secret(session: Session, account_id: UUID, *, secret: str, actor: str) -> ProviderAccount:
    """Put a new secret in the place of the old one; a paused account goes on with it. Raises NotFound, Invalid."""
    account = get(session, account_id)
    KINDS[account.kind].read(account.settings, secret)
    account.sealed_secret = vault.seal(secret, tenant_id=account.tenant_id, place=_SECRET, row_id=account.id)
    account.last_four = _tail(secret)
    audit.append(session, actor=actor, action="account.secret", subject=str(account.id))
    return resume(session, account_id, actor=actor)


def pause(
    session: Session, account_id: UUID, reason: str, until: datetime | None = None, *, actor: str = "system"
) -> None:
    """Let nothing leave through this account, until somebody resumes it or the time is over."""
    account = get(session, account_id)
    account.state, account.paused_reason, account.paused_until = "paused", reason[:300], until
    audit.append(session, actor=actor, action="account.pause", subject=str(account.id), reason=reason[:300])
    session.flush()


def resume(session: Session, account_id: UUID, *, actor: str) -> ProviderAccount:
    """Go on; what is held because of the account is resumed by its people."""
    account = get(session, account_id)
    if account.state != "active":
        account.state, account.paused_reason, account.paused_until = "active", None, None
        _begin_anew(session, account)
        audit.append(session, actor=actor, action="account.resume", subject=str(account.id))
    session.flush()
    return account


def _begin_anew(session: Session, account: ProviderAccount) -> None:
    """Forget what its provider asked for before: neither its waits nor their number hold any more."""
    session.execute(
        sql_delete(AccountStrain).where(
            AccountStrain.tenant_id == account.tenant_id, AccountStrain.account_id == account.id
        )
    )
    session.execute(
        sql_delete(RateBucket).where(
            RateBucket.tenant_id == account.tenant_id, RateBucket.key == f"account:{account.id}"
        )
    )


def is_open(account: ProviderAccount) -> bool:
    """Return whether messages may leave through the account now."""
    return account.state == "active" or (account.paused_until is not None and account.paused_until <= clock.now())


def delete(session: Session, account_id: UUID, *, actor: str) -> None:
    """Forget an account and its secret. Raises Conflict while a sender uses it."""
    account = get(session, account_id)
    check_unused(session, account)
    index = session.get(CredentialIndex, hash_token(account.path_token))
    if index is not None:
        session.delete(index)
    session.delete(account)
    audit.append(session, actor=actor, action="account.delete", subject=str(account_id))
    session.flush()


def check_unused(session: Session, account: ProviderAccount) -> None:
    """Raise Conflict while a sender uses the account."""
    used = session.execute(
        select(Sender.from_name).where(Sender.tenant_id == account.tenant_id, Sender.account_id == account.id).limit(1)
    ).scalar_one_or_none()
    if used is not None:
        raise Conflict(f"The sender '{used}' uses this account. Give it another one first.", code="in_use")


def reseal(session: Session) -> int:
    """Put what lies under an older key under the newest; returns how many accounts. Safe while messages are sent."""
    done = 0
    for account in session.execute(of_tenant(session).with_for_update()).scalars():
        if vault.is_current(account.sealed_secret) and vault.is_current(account.sealed_webhook_secret):
            continue
        account.sealed_secret = vault.reseal(account.sealed_secret, tenant_id=account.tenant_id)
        account.sealed_webhook_secret = vault.reseal(account.sealed_webhook_secret, tenant_id=account.tenant_id)
        done += 1
    session.flush()
    return done
