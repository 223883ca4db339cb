"""People, API keys and signed-in sessions: who is asking."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pwdlib import PasswordHash
from sqlalchemy import or_, select, text, update
from sqlalchemy.orm import Session

from channels.email.addresses import normalise_address
from domain.audit import service as audit
from domain.identity.rules import AGENT_SCOPES, KEY_SCOPES, OF_ROLE, SKILL_SCOPES, Role, of_key, of_new_key
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound, Unauthorised
from kernel.tokens import hash_token, new_token
from models import ApiKey, AppUser, CredentialIndex, LoginIdentity, TenantRoute, UserSession

_PREFIX = "ariia_live"
_SESSION_HOURS = 12
_SHORTEST_PASSWORD = 12
_NOTED = timedelta(minutes=1)  # how exact a key's `last_used_at` is
_passwords = PasswordHash.recommended()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: a key or a signed-in person, of which tenant, with which rights."""

    tenant_id: UUID
    kind: str
    id: UUID
    name: str
    role: Role
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        return f"{self.kind}:{self.id}"


def add_user(session: Session, *, name: str, email: str, role: Role, password: str | None, actor: str) -> AppUser:
    """Add a person. Raises Invalid for an address or a short password, Conflict when the address is known here."""
    if password is not None and len(password) < _SHORTEST_PASSWORD:
        raise Invalid("password", f"at least {_SHORTEST_PASSWORD} characters")
    try:
        email_norm = normalise_address(email)
    except ValueError as error:
        raise Invalid("email", str(error)) from None
    tenant_id = db.tenant_of(session)
    known = session.execute(
        select(AppUser.id).where(AppUser.tenant_id == tenant_id, AppUser.email_norm == email_norm)
    ).scalar_one_or_none()
    if known is not None:
        raise Conflict("A person with this address is already here.", code="user_exists")
    user = AppUser(
        tenant_id=tenant_id,
        name=name,
        email=email,
        email_norm=email_norm,
        role=role,
        password_hash=_passwords.hash(password) if password is not None else None,
        created_by=actor,
    )
    session.add(user)
    session.flush()
    session.add(LoginIdentity(email_norm=email_norm, tenant_id=tenant_id, user_id=user.id))
    audit.append(session, actor=actor, action="user.add", subject=str(user.id), role=role)
    return user


def get_user(session: Session, user_id: UUID) -> AppUser:
    return db.own(session, AppUser, user_id, "user")


def change_user(session: Session, user_id: UUID, *, actor: str, role: Role | None, active: bool | None) -> AppUser:
    """Change a person's role or switch the access off; the last owner stays one."""
    user = get_user(session, user_id)
    leaves = (role is not None and role != Role.OWNER) or active is False
    if user.role == Role.OWNER and leaves and not _other_owner(session, user):
        raise Conflict("This is the last owner. Make another person owner first.", code="last_owner")
    if role is not None:
        user.role = role
    if active is not None:
        user.deactivated_at = None if active else clock.now()
    audit.append(session, actor=actor, action="user.change", subject=str(user.id), role=user.role, active=active)
    session.flush()
    return user


def _other_owner(session: Session, user: AppUser) -> bool:
    found = session.execute(
        select(AppUser.id)
        .where(
            AppUser.tenant_id == user.tenant_id,
            AppUser.role == Role.OWNER,
            AppUser.id != user.id,
            AppUser.deactivated_at.is_(None),
        )
        .limit(1)
    )
    return found.scalar_one_or_none() is not None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `secret` is shown this once."""

    key: ApiKey
    secret: str


def issue_key(
    session: Session,
    *,
    name: str,
    actor: str,
    role: Role = Role.MANAGER,
    scopes: frozenset[str] | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make an API key. Raises Invalid for an unknown scope, or one that no key, or no agent's key, may hold."""
    wanted = of_new_key(role) if scopes is None else scopes
    strange = sorted(wanted - KEY_SCOPES)
    if strange:
        raise Invalid("scopes", f"'{strange[0]}' cannot be given to a key; use {', '.join(sorted(KEY_SCOPES))}")
    mixed = sorted(wanted - AGENT_SCOPES) if wanted & SKILL_SCOPES else []
    if mixed:
        raise Invalid("scopes", f"a key with skills is an agent's and cannot hold '{mixed[0]}'; issue two keys")
    key_id, secret_part = secrets.token_hex(8), new_token()
    secret = f"{_PREFIX}_{key_id}_{secret_part}"
    key = ApiKey(
        tenant_id=db.tenant_of(session),
        name=name,
        key_id=key_id,
        secret_hash=hash_token(secret),
        last_four=secret[-4:],
        role=role,
        scopes=sorted(wanted),
        expires_at=expires_at,
        created_by=actor,
    )
    session.add(key)
    session.flush()
    session.add(CredentialIndex(hash=key.secret_hash, tenant_id=key.tenant_id, kind="key", ref_id=key.id))
    audit.append(session, actor=actor, action="key.issue", subject=str(key.id), scopes=key.scopes)
    return NewKey(key, secret)


def revoke_key(session: Session, key_id: UUID, *, actor: str) -> None:
    """End a key at once; a second call changes nothing. Raises NotFound."""
    key = session.execute(
        select(ApiKey).where(ApiKey.tenant_id == db.tenant_of(session), ApiKey.id == key_id)
    ).scalar_one_or_none()
    if key is None:
        raise NotFound("API key")
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        audit.append(session, actor=actor, action="key.revoke", subject=str(key.id))
    session.flush()


def sign_in(email: str, password: str, tenant_slug: str | None = None) -> tuple[str, datetime]:
    """Return a session token and its end. Raises Unauthorised, the same for every wrong combination."""
    try:
        email_norm = normalise_address(email)
    except ValueError:
        email_norm = ""
    with db.all_tenants_session("sign in") as session:
        rows = session.execute(
            select(LoginIdentity, TenantRoute.slug)
            .join(TenantRoute, TenantRoute.tenant_id == LoginIdentity.tenant_id)
            .where(LoginIdentity.email_norm == email_norm)
        ).all()
    candidates = [identity for identity, slug in rows if tenant_slug in {None, slug}]
    for identity in candidates:
        with db.tenant_session(identity.tenant_id) as session:
            user = get_user(session, identity.user_id)
            if user.deactivated_at is None and user.password_hash and _passwords.verify(password, user.password_hash):
                return _open_session(session, user)
    if not candidates:
        _passwords.verify(password, _nobody())
    raise Unauthorised("This address and password do not belong together.", code="sign_in_failed")


_nobody_hash: str | None = None


def _nobody() -> str:
    """A hash that costs an unknown address the same time as a known one."""
    global _nobody_hash  # noqa: PLW0603 - made once, when first needed
    if _nobody_hash is None:
        _nobody_hash = _passwords.hash(new_token())
    return _nobody_hash


def _open_session(session: Session, user: AppUser) -> tuple[str, datetime]:
    token = f"ariia_session_{new_token()}"
    expires = clock.now() + timedelta(hours=_SESSION_HOURS)
    row = UserSession(
        tenant_id=user.tenant_id,
        user_id=user.id,
        token_hash=hash_token(token),
        expires_at=expires,
        created_by="sign-in",
    )
    session.add(row)
    session.flush()
    session.add(CredentialIndex(hash=row.token_hash, tenant_id=user.tenant_id, kind="session", ref_id=row.id))
    audit.append(session, actor=f"user:{user.id}", action="user.sign_in", subject=str(user.id))
    return token, expires


def authenticate(secret: str) -> Principal:
    """Return who holds this key or session token.

    Raises Unauthorised for one that is unknown, expired, revoked, or of a person who left.
    """
    with db.nobodys_session() as session:
        found = _admit(session, secret, None)
        if found.unnoted:
            _note_use(session, found.principal)
    return found.principal


@contextmanager
def admitted(secret: str, *, timeout_ms: int | None = None) -> Iterator[tuple[Session, Principal]]:
    """Open a transaction on the rows of whoever holds this key or session token, as `db.tenant_session` does.

    Who it is is asked in that transaction: one that was revoked before ends here. Raises Unauthorised.
    """
    with db.nobodys_session() as session:
        found = _admit(session, secret, timeout_ms)
        if not found.unnoted:
            yield session, found.principal
            return
    # Noted in a transaction of its own: others who come with the key never wait for the end of this request.
    principal = authenticate(secret)
    with db.tenant_session(principal.tenant_id, timeout_ms=timeout_ms) as session:
        yield session, principal


def _unknown() -> Unauthorised:
    return Unauthorised(
        "This key is unknown, expired or revoked. Send a valid one as 'Authorization: Bearer …'.", code="bad_key"
    )


class _Admitted(NamedTuple):
    principal: Principal
    unnoted: bool


_ADMIT = text("SELECT * FROM admit(:digest, :timeout)")


def _admit(session: Session, secret: str, timeout_ms: int | None) -> _Admitted:
    """Scope the transaction to the tenant of whoever holds the secret, with one statement."""
    timeout = None if timeout_ms is None else str(timeout_ms)
    row = session.execute(_ADMIT, {"digest": hash_token(secret), "timeout": timeout}).one_or_none()
    now = clock.now()
    if row is None or row.ended or (row.expires_at is not None and row.expires_at <= now):
        raise _unknown()
    db.is_of(session, row.tenant_id)
    role = Role(row.role)
    is_key = row.kind == "key"
    scopes = of_key(frozenset(row.scopes)) if is_key else OF_ROLE[role]
    unnoted = is_key and (row.last_used_at is None or now - row.last_used_at > _NOTED)
    return _Admitted(Principal(row.tenant_id, row.kind, row.id, row.name, role, scopes), unnoted)


def _note_use(session: Session, key: Principal) -> None:
    now = clock.now()
    session.execute(
        update(ApiKey)
        .where(
            ApiKey.tenant_id == key.tenant_id,
            ApiKey.id == key.id,
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - _NOTED),
        )
        .values(last_used_at=now)
    )


def sign_out(session: Session, token: str) -> None:
    """End the session that this token opened."""
    row = session.execute(
        select(UserSession).where(
            UserSession.tenant_id == db.tenant_of(session), UserSession.token_hash == hash_token(token)
        )
    ).scalar_one_or_none()
    if row is not None:
        row.revoked_at = clock.now()
    session.flush()
