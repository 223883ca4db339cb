"""How a chat is tied to a member: a link that only the member was given. And which updates of a bot were taken."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned, owned_key


class ChatLink(Owned, Base):
    """A deep link to a bot for one member, for one use. `wording` is what pressing start agrees to, if anything."""

    __tablename__ = "chat_link"
    __table_args__ = (
        owned_key("chat_link"),
        UniqueConstraint("tenant_id", "token_hash"),
        Index("ix_chat_link_member", "tenant_id", "member_id"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "account_id"], ["provider_account.tenant_id", "provider_account.id"], ondelete="CASCADE"
        ),
    )
    member_id: Mapped[UUID]
    account_id: Mapped[UUID]
    token_hash: Mapped[str]
    wording: Mapped[str | None]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    chat_id: Mapped[str | None]


class TelegramUpdate(Base):
    """An update that had its effect; the provider repeats what it got no answer to, for a day."""

    __tablename__ = "telegram_update"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "account_id"], ["provider_account.tenant_id", "provider_account.id"], ondelete="CASCADE"
        ),
        Index("ix_telegram_update_age", "tenant_id", "account_id", "taken_at"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    update_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    taken_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
