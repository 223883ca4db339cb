"""Accounts at providers with sealed credentials, and the domains that mail comes from."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first, owned_key


class ProviderAccount(Owned, Base):
    """Access to a provider. `settings` holds nothing secret; `path_token` names the account in webhook addresses."""

    __tablename__ = "provider_account"
    __table_args__ = (
        owned_key("provider_account"),
        UniqueConstraint("tenant_id", "path_token"),
        CheckConstraint("kind IN ('smtp', 'twilio', 'telegram')", name="kind_known"),
        CheckConstraint("state IN ('active', 'paused')", name="state_known"),
        CheckConstraint("rate_per_second > 0", name="rate_positive"),
        CheckConstraint("sessions > 0", name="sessions_positive"),
    )
    kind: Mapped[str]
    label: Mapped[str]
    settings: Mapped[Json]
    sealed_secret: Mapped[bytes]
    last_four: Mapped[str]
    path_token: Mapped[str]
    sealed_webhook_secret: Mapped[bytes]
    rate_per_second: Mapped[float | None]
    sessions: Mapped[int]
    state: Mapped[str] = mapped_column(default="active")
    paused_reason: Mapped[str | None]
    paused_until: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    check_problem: Mapped[str | None]
    next_sns_topic: Mapped[str | None]


class SenderDomain(Owned, Base):
    """A domain that mail comes from, who signs it, and what the last look into the DNS found.

    Where the relay signs, `relay_domain` and `relay_selector` say with which record (`d=` and `s=`).
    """

    __tablename__ = "sender_domain"
    __table_args__ = (
        owned_key("sender_domain"),
        UniqueConstraint("tenant_id", "domain"),
        CheckConstraint("dkim IN ('self', 'relay')", name="dkim_known"),
    )
    domain: Mapped[str]
    dkim: Mapped[str] = mapped_column(default="self")
    relay_domain: Mapped[str | None]
    relay_selector: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    aligned: Mapped[bool | None]
    findings: Mapped[Json] = mapped_column(default=dict)


class DkimKey(Owned, Base):
    """One signing key of a domain: `active` signs, `next` waits for its DNS record, `retired` is still published."""

    __tablename__ = "dkim_key"
    __table_args__ = (
        owned_key("dkim_key"),
        ForeignKeyConstraint(
            ["tenant_id", "domain_id"], ["sender_domain.tenant_id", "sender_domain.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "domain_id", "selector"),
        CheckConstraint("algorithm IN ('rsa', 'ed25519')", name="algorithm_known"),
        CheckConstraint("state IN ('active', 'next', 'retired')", name="state_known"),
        Index("ix_dkim_key_domain", "tenant_id", "domain_id", "state"),
    )
    domain_id: Mapped[UUID]
    algorithm: Mapped[str]
    selector: Mapped[str]
    public_key: Mapped[str]
    sealed_private_key: Mapped[bytes]
    state: Mapped[str] = mapped_column(default="active")


class SenderStop(Owned, Base):
    """A sender that nothing leaves from: `harmed` of the `handed_over` messages of seven days decided it.

    `key` names what receivers judge: `domain:studio.example` of mail, `account:<id>` of texts.
    """

    __tablename__ = "sender_stop"
    __table_args__ = (
        owned_key("sender_stop"),
        CheckConstraint("reason IN ('complained', 'sender_fault')", name="reason_known"),
        Index("ix_sender_stop_open", "tenant_id", "key", unique=True, postgresql_where="lifted_at IS NULL"),
        newest_first("sender_stop"),
    )
    key: Mapped[str]
    channel: Mapped[str]
    reason: Mapped[str]
    harmed: Mapped[int]
    handed_over: Mapped[int]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    note: Mapped[str | None]
