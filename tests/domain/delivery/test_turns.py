"""A chat takes one message after the other, a second apart, whoever sends: campaign, notice, answer, any worker."""

import asyncio
import concurrent.futures
import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes import telegram as telegrams
from fakes.telegram import FakeTelegram
from sqlalchemy import func, select, text

from channels.base import FailureKind, Scope, SendFailed, TextParcel
from domain.audience import service as audience
from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import engine, materialise, notices, outlets, queries, supply
from domain.delivery.claim import Work
from domain.delivery.turns import APART, Turns
from domain.senders import accounts
from domain.senders import service as senders
from kernel import db, settings
from models import ChatTurn, Message, Suppression


class Watched(FakeTelegram):
    """Notes when each message of a chat came and when its answer left."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: dict[str, list[float]] = defaultdict(list)

    def _message(self, fields, at):
        self.spans[str(fields.get("chat_id", ""))].append(at)
        return super()._message(fields, at)


@pytest.fixture
def telegram(database) -> Iterator[Watched]:
    with Watched() as running:
        settings.use(settings.get_settings().model_copy(update={"telegram_url": running.url}))
        yield running


def bot(tenant_id: UUID) -> UUID:
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        made = accounts.create(session, kind="telegram", label="Bot", settings={}, secret=telegrams.TOKEN, actor="t",
                               rate_per_second=500.0)  # fmt: skip
        senders.add(session, channel="telegram", from_name="S", from_address="LindenBot", reply_to=None,
                    is_default=True, account_id=made.id, actor="t")  # fmt: skip
        return made.id


def person(tenant_id: UUID, chat: str) -> UUID:
    with db.tenant_session(tenant_id) as session:
        member = audience.create(session, actor="t", contact={"telegram": chat})
        consents.record(session, member.id, channel="telegram", purpose="marketing", state="granted", source="t",
                        actor="t", evidence={"wording": "ja"})  # fmt: skip
        return member.id


def notice(tenant_id: UUID, account_id: UUID, chat: str, key: str) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return notices.send(session, kind="reply", purpose="transactional", channel="telegram", address=chat, key=key,
                            body=key, account_id=account_id)  # fmt: skip


def campaign(tenant_id: UUID) -> UUID:
    with db.tenant_session(tenant_id) as session:
        made = make.campaign(session, channel="telegram")
        words = {"telegram": {"text": "{greeting} komm vorbei. Dein {studio}. Abmelden: /stop"}}
        content = make.draft_content(cta_url="") | {"languages": {"de": words}}
        revision = drafting.write(session, made.id, content=content, parent_id=None, actor="t")
        make.approve(session, made.id, revision)
        campaigns.start(session, made.id, actor="t")
        materialise.materialise(session, made.id)
        return made.id


def take(tenant_id: UUID, account_id: UUID, *chats: str) -> list[float]:
    """Take chats one after the other, as a worker of its own."""

    async def go() -> list[float]:
        ours = Turns(tenant_id, account_id)
        try:
            return [await ours.take(chat) for chat in chats]
        finally:
            await ours.close()

    return asyncio.run(go())


def give(tenant_id: UUID, account_id: UUID, chat: str) -> None:
    async def go() -> None:
        ours = Turns(tenant_id, account_id)
        await ours.give(chat)
        await ours.close()

    asyncio.run(go())


def test_whoever_holds_a_chat_keeps_the_others_out_until_a_second_after_the_answer(tenants):
    account_id, other = bot(tenants.a), bot(tenants.b)
    first, again, next_one = take(tenants.a, account_id, "7", "7", "8")
    assert (first, next_one) == (0, 0)
    assert 0 < again <= APART
    assert take(tenants.b, other, "7") == [0]  # the same number at another bot is another chat
    with db.tenant_session(tenants.a) as session:
        before = session.execute(select(func.clock_timestamp())).scalar_one()
    give(tenants.a, account_id, "7")
    with db.tenant_session(tenants.a) as session:
        row = session.execute(select(ChatTurn.free_at, func.clock_timestamp()).where(ChatTurn.chat == "7")).one()
        assert before <= row[0] - timedelta(seconds=APART) <= row[1]
        session.execute(text("UPDATE chat_turn SET free_at = free_at + interval '1 hour'"))
    assert 0 < take(tenants.a, account_id, "7")[0] <= APART
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE chat_turn SET free_at = clock_timestamp() - interval '1 second'"))
    assert take(tenants.a, account_id, "7") == [0]


def test_of_many_who_want_a_chat_at_once_one_gets_it(tenants):
    account_id = bot(tenants.a)
    start = threading.Barrier(8)

    def one(_: int) -> float:
        start.wait()
        return take(tenants.a, account_id, "9")[0]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(one, range(8)))
    assert sorted(wait == 0 for wait in waits) == [False] * 7 + [True]


def test_chats_that_are_long_over_are_cleared_away_by_those_who_come(tenants):
    account_id = bot(tenants.a)
    with db.tenant_session(tenants.a) as session:
        session.execute(
            text("INSERT INTO chat_turn (tenant_id, account_id, chat, free_at) SELECT :t, :a, 'old' || n, "
                 "clock_timestamp() - interval '2 minutes' FROM generate_series(1, 40) n"),
            {"t": tenants.a, "a": account_id},
        )  # fmt: skip
    assert take(tenants.a, account_id, *map(str, range(10))) == [0] * 10
    with db.tenant_session(tenants.a) as session:
        kept = set(session.execute(select(ChatTurn.chat)).scalars())
    assert kept == {str(n) for n in range(10)}


def test_a_campaign_a_notice_and_four_workers_never_meet_in_a_chat(tenants, telegram):
    tenant_id, account_id = tenants.a, bot(tenants.a)
    chats = [str(100 + n) for n in range(4)]
    for chat in chats:
        person(tenant_id, chat)
    campaign_id = campaign(tenant_id)
    for chat in chats:
        notice(tenant_id, account_id, chat, f"first {chat}")
        notice(tenant_id, account_id, chat, f"second {chat}")
    with db.tenant_session(tenant_id) as session:
        outlet = outlets.of(session, "telegram", account_id)
        of_campaign = supply.work_of(session, campaigns.get(session, campaign_id))
    works = (of_campaign, Work(None, "telegram", account_id, ("de", "en"))) * 2

    def send(work: Work) -> None:
        engine.send(tenant_id, work, outlet, lease_seconds=20, seconds=3)

    for _ in range(20):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(send, works))
        with db.tenant_session(tenant_id) as session:
            states = set(session.execute(select(Message.state)).scalars())
        if states == {"sent"}:
            break
    assert states == {"sent"}
    assert {chat: len(texts) for chat, texts in telegram.sent.items()} == dict.fromkeys(chats, 3)
    gaps = [later - earlier for times in telegram.spans.values() for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 1.0
    with db.tenant_session(tenant_id) as session:
        assert set(session.execute(select(Message.attempt)).scalars()) == {1}  # waiting for a chat is no attempt


def test_who_blocked_the_bot_is_suppressed_on_this_channel_by_every_path(tenants, telegram):
    tenant_id, account_id = tenants.a, bot(tenants.a)
    person(tenant_id, "200")
    telegram.blocked.add("200")
    notice(tenant_id, account_id, "200", "hello")
    with db.tenant_session(tenant_id) as session:
        outlet = outlets.of(session, "telegram", account_id)
    engine.send(tenant_id, Work(None, "telegram", account_id, ("de",)), outlet, lease_seconds=20, seconds=3)
    with db.tenant_session(tenant_id) as session:
        row = session.execute(select(Suppression)).scalar_one()
        assert (row.channel, row.address_norm, row.reason, row.purpose) == ("telegram", "200", "opt_out", "marketing")
    later = campaign(tenant_id)
    with db.tenant_session(tenant_id) as session:
        assert queries.counts(session, later) == {"suppressed": 1}
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(Suppression)).first() is None


def test_a_message_that_may_not_begin_gives_its_chat_back_at_once(tenants, telegram):
    account_id = bot(tenants.a)

    class NotNow(Exception):  # noqa: N818 - an answer
        pass

    async def mark() -> None:
        raise NotNow

    async def go() -> None:
        with db.tenant_session(tenants.a) as session:
            door = outlets.of(session, "telegram", account_id).open()
        try:
            with pytest.raises(NotNow):
                await door.send(TextParcel(reference="x", to="300", body="x"), mark)
            await door.send(TextParcel(reference="x", to="300", body="y"))
            with pytest.raises(SendFailed) as refused:
                await door.send(TextParcel(reference="x", to="300", body="z"))
            assert (refused.value.kind, refused.value.scope) == (FailureKind.THROTTLE, Scope.CHAT)
        finally:
            await door.close()

    asyncio.run(go())
    assert telegram.sent["300"] == ["y"]
