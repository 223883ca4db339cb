"""A studio that keeps promises in Telegram chats, for tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from chaos import crowd
from fakes.telegram import TOKEN, FakeTelegram
from sqlalchemy import select, update

from domain.audience import service as audience
from domain.consent import service as consents
from domain.conversations import service as conversations
from domain.follow_ups import store, texts
from domain.follow_ups.rules import Due, Topic
from domain.follow_ups.store import Wish
from domain.senders import accounts
from domain.senders import service as senders
from kernel import clock, db, settings
from models import FollowUp, Message, Tenant, TenantDue

ACTOR = "user:mara"
CHAT = "9001"
ZONE = "Europe/Berlin"


@pytest.fixture
def telegram(database: object) -> Iterator[FakeTelegram]:
    before = settings.get_settings()
    with FakeTelegram() as running:
        settings.use(before.model_copy(update={"telegram_url": running.url}))
        yield running
    settings.use(before)


@pytest.fixture
def studio(tenants) -> "Studio":
    return a_studio(tenants.a)


@pytest.fixture
def other(tenants) -> "Studio":
    return a_studio(tenants.b, chat="9002")


@dataclass(frozen=True)
class Studio:
    tenant_id: UUID
    account_id: UUID
    member_id: UUID
    conversation_id: UUID


def a_studio(tenant_id: UUID, *, chat: str = CHAT, quiet: bool = False, texted: bool = True) -> Studio:
    """A bot with its sender, a member who agreed to marketing there, and approved words in both languages."""
    with db.tenant_session(tenant_id) as session:
        if not quiet:
            crowd.no_quiet_hours(session)
        account = accounts.create(
            session, kind="telegram", label="Bot", settings={"username": "LindenBot"}, secret=TOKEN, actor=ACTOR
        )
        senders.add(
            session, channel="telegram", from_name="Studio", from_address="LindenBot", reply_to=None, is_default=True,
            account_id=account.id, actor=ACTOR,
        )  # fmt: skip
        if texted:
            for language in ("de", "en"):
                approve(session, Topic.GENERAL, language)
        member_id = a_member(session, chat)
        conversation = conversations.open_conversation(
            session, channel="telegram", external_id=f"telegram:{chat}", member_id=member_id, actor=ACTOR
        )
        return Studio(tenant_id, account.id, member_id, conversation.id)


def approve(session, topic: Topic, language: str, **more: object) -> None:
    body = texts.SUGGESTIONS[language][topic]
    texts.approve(session, topic=topic, language=language, body=body, actor=ACTOR, **({"whatsapp": None} | more))


def a_member(session, chat: str, *, channel: str = "telegram", consent: bool = True, **fields: object) -> UUID:
    made = audience.create(session, actor=ACTOR, contact={channel: chat}, first_name="Jörg", **fields)
    if consent:
        agree(session, made.id, channel)
    return made.id


def agree(session, member_id: UUID, channel: str) -> None:
    consents.record(
        session, member_id, channel=channel, purpose="marketing", state="granted", source="t", actor=ACTOR,
        evidence={"wording": "ja"},
    )  # fmt: skip


def wish(studio: Studio, **fields: object) -> Wish:
    about: dict[str, object] = {
        "member_id": studio.member_id, "topic": Topic.GENERAL, "reason": "asked", "intent": "explicit",
        "language": "de", "channel": "telegram", "account_id": studio.account_id,
        "conversation_id": studio.conversation_id, "unless_active": False,
    }  # fmt: skip
    return Wish(**(about | fields))  # type: ignore[arg-type]


def due_in(**ahead: float) -> Due:
    return Due.of((clock.now() + timedelta(**ahead)).replace(microsecond=0), ZONE)


def promised(studio: Studio, due: Due | None = None, **fields: object) -> UUID:
    with db.tenant_session(studio.tenant_id) as session:
        return store.schedule(session, wish(studio, **fields), due or due_in(hours=1), actor=ACTOR).row.id


def row(studio: Studio, follow_up_id: UUID) -> FollowUp:
    with db.tenant_session(studio.tenant_id) as session:
        return store.get(session, follow_up_id)


def rows(studio: Studio, *states: str) -> list[FollowUp]:
    with db.tenant_session(studio.tenant_id) as session:
        statement = store.matching(session, member_id=studio.member_id).order_by(FollowUp.id)
        found = list(session.execute(statement).scalars())
    return [one for one in found if not states or one.state in states]


def make_due(tenant_id: UUID, *follow_up_ids: UUID) -> None:
    """Let time pass: what was promised is due now, and the tenant's mark says so."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    with db.tenant_session(tenant_id) as session:
        session.execute(update(FollowUp).where(FollowUp.id.in_(follow_up_ids)).values(due_at=past, look_at=past))
    look_now(tenant_id)


def look_now(tenant_id: UUID) -> None:
    """Let every look that is planned be due now."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    with db.tenant_session(tenant_id) as session:
        session.execute(update(FollowUp).where(FollowUp.state == "sending").values(look_at=past))
        session.execute(
            update(TenantDue)
            .where(TenantDue.tenant_id == tenant_id, TenantDue.kind == store.DUE)
            .values(next_due_at=past)
        )


def messages(tenant_id: UUID) -> list[Message]:
    with db.tenant_session(tenant_id) as session:
        return list(session.execute(select(Message).order_by(Message.id)).scalars())


def set_tenant(tenant_id: UUID, **fields: object) -> None:
    with db.tenant_session(tenant_id) as session:
        session.execute(update(Tenant).where(Tenant.id == tenant_id).values(**fields))
