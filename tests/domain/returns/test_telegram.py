"""Updates of a bot: one effect each, whatever comes at once, late, again, or from another bot."""

import concurrent.futures
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from fakes.http_provider import Fault
from fakes.telegram import TOKEN, FakeTelegram
from sqlalchemy import select, text

from channels.telegram.webhook import Update
from domain.audience import service as audience
from domain.consent import service as consents
from domain.returns import bots
from domain.returns import telegram as chats
from domain.returns.telegram import Tied
from domain.senders import accounts
from kernel import db, settings
from kernel.errors import Conflict, NotFound
from models import ChatLink, Consent, ConsentEvent, ContactPoint, ConversationMessage, Message, Notice, Suppression

WORDING = "Mit Start bekomme ich Angebote von Studio Linde per Telegram."
_numbers = itertools.count(1)


@pytest.fixture
def telegram(database) -> Iterator[FakeTelegram]:
    before = settings.get_settings()
    with FakeTelegram() as running:
        settings.use(before.model_copy(update={"telegram_url": running.url}))
        yield running
    settings.use(before)


def a_bot(tenant_id: UUID, username: str | None = "LindenBot") -> UUID:
    with db.tenant_session(tenant_id) as session:
        about = {"username": username} if username else {}
        return accounts.create(session, kind="telegram", label="Bot", settings=about, secret=TOKEN, actor="t").id


@pytest.fixture
def bot(tenants) -> UUID:
    return a_bot(tenants.a)


def person(tenant_id: UUID, **contact: str) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return audience.create(session, actor="t", first_name="Jörg", contact=contact).id


def link(tenant_id: UUID, bot: UUID, member_id: UUID, **more: object) -> str:
    with db.tenant_session(tenant_id) as session:
        options = {"wording": None, "actor": "user:mara"} | more
        made = chats.link(session, member_id=member_id, account_id=bot, **options)
        return made.url.partition("start=")[2]


def say(tenant_id: UUID, bot: UUID, kind: str, words: str = "", *, chat: str = "7", number: int | None = None) -> bool:
    update = Update(number or next(_numbers), kind, chat, words, datetime(2026, 11, 20, 9, tzinfo=UTC), "1")
    with db.tenant_session(tenant_id) as session:
        return chats.take(session, bot, update)


def state(tenant_id: UUID) -> tuple[list[str], list[str]]:
    """The states of consents, and the addresses that are stopped."""
    with db.tenant_session(tenant_id) as session:
        stopped = select(Suppression.address_norm).where(Suppression.lifted_at.is_(None))
        return list(session.execute(select(Consent.state)).scalars()), list(session.execute(stopped).scalars())


def answers(tenant_id: UUID) -> list[str]:
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(select(Notice.content).order_by(Notice.id)).scalars()
        return [row["text"] for row in rows]


def test_the_same_update_a_hundred_times_at_once_has_one_effect(tenants, bot):
    token = link(tenants.a, bot, person(tenants.a), wording=WORDING)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda _: say(tenants.a, bot, "start", token, number=100), range(100)))
        stops = list(pool.map(lambda _: say(tenants.a, bot, "text", "/stop", number=101), range(100)))
        texts = list(pool.map(lambda _: say(tenants.a, bot, "text", "Wann ist Yoga?", number=102), range(100)))
    assert (sum(first), sum(stops), sum(texts)) == (1, 1, 1)
    with db.tenant_session(tenants.a) as session:
        assert len(session.execute(select(ContactPoint)).scalars().all()) == 1
        assert [e.state for e in session.execute(select(ConsentEvent).order_by(ConsentEvent.id)).scalars()] == [
            "granted",
            "withdrawn",
        ]
        said = list(session.execute(select(ConversationMessage.text)).scalars())
        assert sorted(said) == ["STOP", "Wann ist Yoga?"]
    assert len(answers(tenants.a)) == 2  # welcome, and one confirmation


def test_a_stop_that_is_delivered_late_does_not_undo_coming_back(tenants, bot):
    token = link(tenants.a, bot, person(tenants.a), wording=WORDING)
    say(tenants.a, bot, "start", token)
    say(tenants.a, bot, "text", "/stop", number=9_001)
    say(tenants.a, bot, "text", "START")
    assert state(tenants.a) == (["granted"], [])
    assert not say(tenants.a, bot, "text", "/stop", number=9_001)
    assert state(tenants.a) == (["granted"], [])


@pytest.mark.parametrize("words", ["/stop", "/STOP", "/stop@LindenBot", "/stop jetzt sofort", "Stopp!", "stop 🙏"])
def test_stop_in_every_form_stops(tenants, bot, words):
    say(tenants.a, bot, "start", link(tenants.a, bot, person(tenants.a), wording=WORDING))
    say(tenants.a, bot, "text", words)
    assert state(tenants.a) == (["withdrawn"], ["7"])
    assert state(tenants.b) == ([], [])


@pytest.mark.parametrize("words", ["stop by tomorrow?", "/stopwatch", "Wann macht ihr Stopp beim Yoga?"])
def test_what_only_sounds_like_it_does_not(tenants, bot, words):
    say(tenants.a, bot, "start", link(tenants.a, bot, person(tenants.a), wording=WORDING))
    say(tenants.a, bot, "text", words)
    assert state(tenants.a) == (["granted"], [])


def test_start_alone_agrees_to_nothing_and_takes_back_no_stop(tenants, bot):
    say(tenants.a, bot, "start")
    assert "persönlichen Link" in answers(tenants.a)[-1]
    say(tenants.a, bot, "start", link(tenants.a, bot, person(tenants.a), wording=WORDING))
    say(tenants.a, bot, "blocked")
    assert state(tenants.a) == (["withdrawn"], ["7"])
    say(tenants.a, bot, "start")  # what the app sends by itself when somebody unblocks a bot
    assert state(tenants.a) == (["withdrawn"], ["7"])
    assert "START" in answers(tenants.a)[-1]


def test_who_stopped_comes_back_by_a_link_that_says_so_and_not_by_one_that_does_not(tenants, bot):
    member = person(tenants.a)
    say(tenants.a, bot, "start", link(tenants.a, bot, member, wording=WORDING))
    say(tenants.a, bot, "blocked")
    say(tenants.a, bot, "start", link(tenants.a, bot, member))
    assert state(tenants.a) == (["withdrawn"], ["7"])
    say(tenants.a, bot, "start", link(tenants.a, bot, member, wording=WORDING))
    assert state(tenants.a) == (["granted"], [])


def test_a_complaint_is_not_lifted_by_any_link(tenants, bot):
    with db.tenant_session(tenants.a) as session:
        consents.suppress(session, channel="telegram", address_norm="7", reason="complained", source="t", actor="t")
    say(tenants.a, bot, "start", link(tenants.a, bot, person(tenants.a), wording=WORDING))
    assert state(tenants.a)[1] == ["7"]


def test_the_evidence_of_a_consent_names_words_link_and_moment(tenants, bot):
    member = person(tenants.a)
    say(tenants.a, bot, "start", link(tenants.a, bot, member, wording=WORDING), number=77_001)
    with db.tenant_session(tenants.a) as session:
        event = session.execute(select(ConsentEvent)).scalar_one()
        row = session.execute(select(ChatLink)).scalar_one()
        assert (event.member_id, event.channel, event.purpose) == (member, "telegram", "marketing")
        assert event.evidence == {
            "wording": WORDING, "link": str(row.id), "link_made_by": "user:mara", "account": str(bot),
            "link_made_at": row.created_at.isoformat(), "message": f"{bot}:77001",
            "pressed_at": "2026-11-20T09:00:00+00:00",
        }  # fmt: skip


def test_a_link_that_is_too_old_or_of_another_bot_ties_nothing(tenants, bot):
    token, other = link(tenants.a, bot, person(tenants.a)), a_bot(tenants.a)
    say(tenants.a, other, "start", token)
    foreign = a_bot(tenants.b)
    say(tenants.b, foreign, "start", token)
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE chat_link SET expires_at = clock_timestamp() - interval '1 second'"))
    say(tenants.a, bot, "start", token)
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            assert session.execute(select(ContactPoint)).scalars().all() == []
    assert all("kennen wir nicht" in answer for answer in answers(tenants.a))
    assert "do not know this link" in answers(tenants.b)[0]


def test_two_links_opened_at_once_in_one_chat_tie_it_to_one_member(tenants, bot):
    tokens = [link(tenants.a, bot, person(tenants.a)) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda token: say(tenants.a, bot, "start", token), tokens))
    with db.tenant_session(tenants.a) as session:
        assert len(session.execute(select(ContactPoint)).scalars().all()) == 1
        assert len(session.execute(select(ChatLink).where(ChatLink.used_at.is_not(None))).scalars().all()) == 1
    assert sum("anderen Mitglied" in answer for answer in answers(tenants.a)) == 7


def test_one_link_opened_at_once_in_many_chats_ties_one_of_them(tenants, bot):
    token = link(tenants.a, bot, person(tenants.a))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: say(tenants.a, bot, "start", token, chat=str(n)), range(8)))
    with db.tenant_session(tenants.a) as session:
        assert len(session.execute(select(ContactPoint)).scalars().all()) == 1


def test_a_chat_refused_by_one_link_does_not_use_it_up(tenants, bot):
    say(tenants.a, bot, "start", link(tenants.a, bot, person(tenants.a)))
    second = person(tenants.a)
    token = link(tenants.a, bot, second)
    with db.tenant_session(tenants.a) as session:
        assert chats.tie(session, bot, token, "7", evidence="x", at=None)[0] is Tied.TAKEN
    with db.tenant_session(tenants.a) as session:
        assert chats.tie(session, bot, token, "8", evidence="x", at=None)[0] is Tied.NEW
        assert chats.tie(session, bot, token, "8", evidence="x", at=None)[0] is Tied.AGAIN
        assert chats.tie(session, bot, token, "9", evidence="x", at=None)[0] is Tied.UNKNOWN


def test_a_new_chat_of_a_member_takes_the_place_of_the_old_one(tenants, bot):
    member = person(tenants.a, telegram="5")
    say(tenants.a, bot, "start", link(tenants.a, bot, member), chat="6")
    with db.tenant_session(tenants.a) as session:
        rows = session.execute(select(ContactPoint.address_norm, ContactPoint.is_primary)).all()
        assert sorted(map(tuple, rows)) == [("5", False), ("6", True)]


def test_two_bots_may_number_their_updates_alike(tenants, bot):
    other = a_bot(tenants.a)
    assert say(tenants.a, bot, "text", "Hallo", number=5)
    assert say(tenants.a, other, "text", "Hallo auch", number=5)
    with db.tenant_session(tenants.a) as session:
        assert len(session.execute(select(ConversationMessage)).scalars().all()) == 2


def test_updates_are_forgotten_when_they_cannot_come_again(tenants, bot):
    say(tenants.a, bot, "text", "Hallo", number=1)
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE telegram_update SET taken_at = clock_timestamp() - interval '15 days'"))
    say(tenants.a, bot, "text", "Hallo", number=2)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(text("SELECT update_id FROM telegram_update")).scalars().all() == [2]


def test_answers_go_out_through_the_bot_that_was_written_to(tenants, bot):
    say(tenants.a, bot, "start")
    with db.tenant_session(tenants.a) as session:
        row = session.execute(select(Message)).scalar_one()
        assert (row.channel, row.account_id, row.address, row.purpose) == ("telegram", bot, "7", "transactional")


def test_no_link_without_a_bot_its_name_and_a_member_of_the_same_tenant(tenants, bot):
    member = person(tenants.a)
    with pytest.raises(Conflict) as unknown:
        link(tenants.a, a_bot(tenants.a, username=None), member)
    assert unknown.value.code == "bot_unknown"
    with db.tenant_session(tenants.a) as session:
        smtp = accounts.create(
            session, kind="smtp", label="x", settings={"host": "r.example", "user": "u"}, secret="pw", actor="t"
        ).id
    with pytest.raises(Conflict) as other:
        link(tenants.a, smtp, member)
    assert other.value.code == "not_a_bot"
    for asked in ((tenants.a, a_bot(tenants.b), member), (tenants.a, bot, person(tenants.b))):
        with pytest.raises(NotFound):
            link(*asked)


def test_the_token_of_a_link_is_not_kept(tenants, bot):
    token = link(tenants.a, bot, person(tenants.a), wording=WORDING)
    assert len(token) <= 64  # core.telegram.org/bots/features#deep-linking
    with db.tenant_session(tenants.a) as session:
        kept = session.execute(text("SELECT c::text || (SELECT string_agg(a::text, '') FROM audit_entry a) "
                                    "FROM chat_link c")).scalar_one()  # fmt: skip
    assert token not in kept


def test_connecting_keeps_the_bots_name_and_tells_telegram_where_to_report(tenants, telegram):
    bot = a_bot(tenants.a, username=None)
    account = bots.connect(tenants.a, bot)
    assert (account.check_problem, account.settings["username"]) == (None, "LindenBot")
    assert account.checked_at is not None
    assert telegram.webhook["url"] == f"{settings.get_settings().base_url}/hooks/telegram/{account.path_token}"
    assert telegram.webhook["secret_token"] == accounts.webhook_secret_of(account)
    assert link(tenants.a, bot, person(tenants.a))


def test_what_stands_in_the_way_of_connecting_is_said_without_secrets(tenants, telegram):
    bot = a_bot(tenants.a)
    telegram.faults += [
        Fault(),
        Fault(400, {"ok": False, "description": "Bad Request: bad webhook: HTTPS url must be"}),
    ]
    account = bots.connect(tenants.a, bot)
    assert "Bad webhook" in account.check_problem
    assert account.path_token not in account.check_problem
    telegram.token = "1:other"
    assert "Unauthorized" in (problem := bots.connect(tenants.a, bot).check_problem)
    assert TOKEN not in problem
    with pytest.raises(NotFound):
        bots.connect(tenants.b, bot)
