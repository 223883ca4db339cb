"""Chats on Telegram: tied by a link, stopped by a word or a block."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from fakes.telegram import TOKEN, FakeTelegram
from sqlalchemy import select, text

from ariia.tasks import campaigns as tasks
from channels.telegram.webhook import Update
from domain.audience import service as audience
from domain.consent import service as consents
from domain.returns import telegram as chats
from domain.senders import accounts
from domain.senders import service as senders
from kernel import db, settings
from models import Consent, ContactPoint, Conversation, ConversationMessage, ProviderAccount, Suppression


@pytest.fixture
def telegram(database) -> Iterator[FakeTelegram]:
    with FakeTelegram() as running:
        settings.use(settings.get_settings().model_copy(update={"telegram_url": running.url}))
        yield running


@pytest.fixture
def bot(tenants) -> ProviderAccount:
    with db.tenant_session(tenants.a) as session:
        made = accounts.create(
            session, kind="telegram", label="Bot", settings={"username": "LindenBot"}, secret=TOKEN, actor="t"
        )
        senders.add(
            session, channel="telegram", from_name="Studio", from_address="LindenBot", reply_to=None, is_default=True,
            account_id=made.id, actor="t",
        )  # fmt: skip
    with db.tenant_session(tenants.a) as session:
        return accounts.get(session, made.id)


def person(tenant_id: UUID) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return audience.create(session, actor="t", first_name="Jörg", contact={}).id


def linked(tenant_id: UUID, bot: ProviderAccount, member_id: UUID, wording: str | None = None) -> str:
    with db.tenant_session(tenant_id) as session:
        made = chats.link(session, member_id=member_id, account_id=bot.id, wording=wording, actor="t")
        assert made.url.startswith("https://t.me/LindenBot?start=")
        return made.url.partition("start=")[2]


def test_a_link_ties_the_chat_once_and_agrees_only_to_what_stood_beside_it(tenants, bot, telegram):
    silent, asked = person(tenants.a), person(tenants.a)
    first = linked(tenants.a, bot, silent)
    second = linked(tenants.a, bot, asked, wording="Ja, schickt mir Angebote über Telegram.")
    with db.tenant_session(tenants.a) as session:
        for _ in range(5):  # the same update, again and again
            chats.take(session, bot.id, Update(1, "start", "1", first))
            chats.take(session, bot.id, Update(2, "start", "2", second))
        chats.take(session, bot.id, Update(3, "start", "3", second))  # used before
        chats.take(session, bot.id, Update(4, "start", "1", "unknown"))
        found = session.execute(select(ContactPoint.member_id, ContactPoint.address)).all()
        assert {(row.member_id, row.address) for row in found} == {(silent, "1"), (asked, "2")}
        granted = session.execute(select(Consent)).scalars().all()
        assert [(row.member_id, row.state) for row in granted] == [(asked, "granted")]
    for _ in range(2):  # a chat takes its second answer a second after the first
        tasks.send_notices(tenants.a, tenants.a)
        with db.tenant_session(tenants.a) as session:
            session.execute(text("UPDATE chat_turn SET free_at = clock_timestamp() - interval '1 second'"))
            session.execute(text("UPDATE message SET not_before = clock_timestamp() WHERE state = 'deferred'"))
    assert {chat: len(texts) for chat, texts in telegram.sent.items()} == {"1": 2, "2": 1, "3": 1}
    assert "kennen wir nicht" in telegram.sent["3"][0]


def test_a_chat_of_one_member_is_not_given_to_another(tenants, bot, telegram):
    first, second = person(tenants.a), person(tenants.a)
    with db.tenant_session(tenants.a) as session:
        chats.take(session, bot.id, Update(1, "start", "1", linked(tenants.a, bot, first)))
    token = linked(tenants.a, bot, second)
    with db.tenant_session(tenants.a) as session:
        chats.take(session, bot.id, Update(2, "start", "1", token))
        assert session.execute(select(ContactPoint.member_id)).scalars().all() == [first]


def test_stopping_and_blocking_end_everything_at_once(tenants, bot, telegram):
    member = person(tenants.a)
    token = linked(tenants.a, bot, member, wording="Ja, schickt mir Angebote über Telegram.")
    with db.tenant_session(tenants.a) as session:
        chats.take(session, bot.id, Update(1, "start", "1", token))
        chats.take(session, bot.id, Update(2, "text", "1", "/stop", None, "2"))
        row = session.execute(select(Suppression)).scalar_one()
        assert (row.address_norm, row.reason, row.channel) == ("1", "opt_out", "telegram")
        assert session.execute(select(Consent.state)).scalar_one() == "withdrawn"
        chats.take(session, bot.id, Update(3, "blocked", "9"))
        assert {r.address_norm for r in session.execute(select(Suppression)).scalars()} == {"1", "9"}
        chats.take(session, bot.id, Update(5, "text", "1", "Wann ist Yoga?", None, "5"))
        said = session.execute(select(ConversationMessage.text).order_by(ConversationMessage.at)).scalars().all()
        assert "Wann ist Yoga?" in said
        assert session.execute(select(Conversation.member_id)).scalars().all() == [member]


def test_the_person_who_stopped_can_come_back_and_nobody_else(tenants, bot, telegram):
    member = person(tenants.a)
    token = linked(tenants.a, bot, member, wording="Ja, schickt mir Angebote über Telegram.")
    with db.tenant_session(tenants.a) as session:
        chats.take(session, bot.id, Update(1, "start", "1", token))
        chats.take(session, bot.id, Update(2, "text", "1", "Stopp!", None, "2"))
        consents.suppress(session, channel="telegram", address_norm="7", reason="complained", source="t", actor="t")
        chats.take(session, bot.id, Update(3, "text", "1", "START", None, "3"))
        chats.take(session, bot.id, Update(4, "text", "7", "START", None, "4"))
        open_ = session.execute(select(Suppression.address_norm).where(Suppression.lifted_at.is_(None))).scalars().all()
        assert open_ == ["7"]
        assert session.execute(select(Consent.state)).scalar_one() == "granted"
