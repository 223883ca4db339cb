"""Tenants, their people, and what proves who is asking."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Json, Owned, Timed, owned_key


class Tenant(Identified, Timed, Base):
    """A business; row-level security on `id`."""

    __tablename__ = "tenant"
    name: Mapped[str]
    slug: Mapped[str]
    tier: Mapped[str]
    time_zone: Mapped[str]
    language: Mapped[str]
    currency: Mapped[str]
    postal_address: Mapped[str | None]
    imprint_url: Mapped[str | None]
    website: Mapped[str | None]
    brand_colour: Mapped[str | None]
    approved_hosts: Mapped[list[str]] = mapped_column(default=list)
    tracking_default: Mapped[bool] = mapped_column(default=False)
    quiet_from: Mapped[str] = mapped_column(server_default="20:00")
    quiet_until: Mapped[str] = mapped_column(server_default="08:00")
    frequency_cap: Mapped[int | None] = mapped_column(SmallInteger)
    frequency_days: Mapped[int] = mapped_column(SmallInteger, server_default="7")
    utm_links: Mapped[bool] = mapped_column(server_default="true")
    visit_links: Mapped[bool] = mapped_column(server_default="false")
    conversion_days: Mapped[int] = mapped_column(SmallInteger, server_default="7")
    attribution_model: Mapped[str] = mapped_column(server_default="last_click")
    ai_egress: Mapped[str] = mapped_column(server_default="no_member_data")
    chat_disclosure: Mapped[bool] = mapped_column(server_default="true")
    follow_up_at: Mapped[str] = mapped_column(server_default="10:00")
    email_price: Mapped[Decimal | None]
    whatsapp_price: Mapped[Decimal | None]
    suspended_at: Mapped[datetime | None]


class AppUser(Owned, Base):
    __tablename__ = "app_user"
    __table_args__ = (owned_key("app_user"), UniqueConstraint("tenant_id", "email_norm"))
    name: Mapped[str]
    email: Mapped[str]
    email_norm: Mapped[str]
    role: Mapped[str]
    language: Mapped[str | None]
    password_hash: Mapped[str | None]
    deactivated_at: Mapped[datetime | None]


class ApiKey(Owned, Base):
    __tablename__ = "api_key"
    __table_args__ = (owned_key("api_key"),)
    name: Mapped[str]
    key_id: Mapped[str]
    secret_hash: Mapped[str]
    last_four: Mapped[str]
    role: Mapped[str]
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class UserSession(Owned, Base):
    """A signed-in person; the token is stored hashed."""

    __tablename__ = "user_session"
    __table_args__ = (
        owned_key("user_session"),
        ForeignKeyConstraint(["tenant_id", "user_id"], ["app_user.tenant_id", "app_user.id"], ondelete="CASCADE"),
        Index("ix_user_session_user", "tenant_id", "user_id"),
    )
    user_id: Mapped[UUID]
    token_hash: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class CredentialIndex(Base):
    """Hash of a key, session or preview token → tenant; read before a tenant is known, so without RLS."""

    __tablename__ = "credential_index"
    __table_args__ = (Index("ix_credential_index_tenant", "tenant_id"),)
    hash: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    kind: Mapped[str]
    ref_id: Mapped[UUID]


class LoginIdentity(Base):
    """Normalised address → tenants where it can sign in; read before a tenant is chosen, so without RLS."""

    __tablename__ = "login_identity"
    __table_args__ = (Index("ix_login_identity_tenant", "tenant_id"),)
    email_norm: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]


class TenantRoute(Base):
    """Public slug → tenant, so without RLS; slugs are public names."""

    __tablename__ = "tenant_route"
    slug: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]


class TenantErasure(Base):
    """That a tenant is being, or was, taken away: by whom it is asked for no tenant is left, so without RLS.

    `slug` goes with the last row; what stays names nobody: when, why, how many rows, and the end of the audit chain.
    """

    __tablename__ = "tenant_erasure"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str | None]
    reason: Mapped[str]
    begun_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    chain_seq: Mapped[int]
    chain_hash: Mapped[str]


class AuditEntry(Base):
    """One link of a tenant's audit chain; the application may insert and read, nothing else."""

    __tablename__ = "audit_entry"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[Json]
    key_id: Mapped[int]
    previous: Mapped[str]
    hash: Mapped[str]


class AuditHead(Base):
    """The end of a tenant's chain; locking it puts appends in a row."""

    __tablename__ = "audit_head"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]
