"""Follow-up decisions on labelled turns, and whole lives of follow-ups with repeats, stops and cancellations."""

import random
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import tellers
from conftest import make_tenant
from sqlalchemy import select, text
from tellers import Studio

from agents.follow_up import run as worker
from ariia.tasks import campaigns as sending
from bench.agent_metrics import Metric
from domain.consent import opt_outs
from domain.conversations import service as conversations
from domain.follow_ups import fire, store
from kernel import clock, db, settings
from kernel.ids import new_id
from models import FollowUp
from tests.agents.follow_up import test_turns as turns
from tests.fakes.telegram import FakeTelegram

_PRECISION, _RECALL = 0.98, 0.85
_WORKERS = 4


def rows(*, quick: bool) -> list[Metric]:
    return [*_decisions(), *_lives(24 if quick else 120)]


def _decisions() -> list[Metric]:
    precision, recall, wrong = turns.score()
    labelled = turns.corpus()
    silent = sum(one.expected == "none" for one in labelled)
    how = f"{len(labelled)} labelled turns in German and English, {silent} mean nothing; {len(wrong)} read wrongly"
    return [
        Metric("12.1", "follow-up decisions, precision", "≥ 98 %", f"{precision:.1%}", precision >= _PRECISION, how),
        Metric("12.2", "follow-up decisions, recall", "≥ 85 %", f"{recall:.1%}", recall >= _RECALL, "the same turns"),
    ]


def _lives(members: int) -> list[Metric]:
    """Every turn is read by all workers at once, and again; a third stops, a third cancels, then all is due."""
    studio = tellers.a_studio(make_tenant(f"promises-{new_id().hex[-8:]}", tier="enterprise"))
    with db.tenant_session(studio.tenant_id) as session:
        people = {str(100_000 + n): tellers.a_member(session, str(100_000 + n)) for n in range(members)}
    before = settings.get_settings()
    with FakeTelegram() as telegram:
        settings.use(before.model_copy(update={"telegram_url": telegram.url}))
        for chat, member_id in people.items():
            _read_by_all(studio, _wrote(studio, chat, member_id, "Erinner mich in zwei Wochen"))
        stopped, cancelled = _ended(studio, people)
        _all_due(studio)
        promised = _kept(studio, telegram)
        settings.use(before)
    twice = sum(max(0, promised.get(chat, 0) - 1) for chat in people)
    after = sum(promised.get(chat, 0) for chat in stopped | cancelled)
    kept = sum(promised.get(chat, 0) for chat in people.keys() - stopped - cancelled)
    wanted = len(people) - len(stopped) - len(cancelled)
    how = (
        f"{members} members, each turn read by {_WORKERS} workers at once; {len(stopped)} stopped and "
        f"{len(cancelled)} cancelled, at random before and after the hand-over; {kept} of {wanted} others got theirs"
    )
    return [
        Metric("12.3", "follow-ups sent twice", "0", str(twice), twice == 0 and kept == wanted, how),
        Metric("12.4", "follow-ups sent after a stop or a cancel", "0", str(after), after == 0, "the same lives"),
    ]


def _wrote(studio: Studio, chat: str, member_id: UUID, words: str) -> UUID:
    with db.tenant_session(studio.tenant_id) as session:
        opened = conversations.open_conversation(
            session, channel="telegram", external_id=f"telegram:{chat}", member_id=member_id, actor="bench"
        )
        return conversations.add_message(
            session, opened.id, author="member", text=words, at=clock.now(), external_id=None, actor="bench"
        ).id


def _read_by_all(studio: Studio, turn: UUID) -> None:
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(lambda _: worker.read(studio.tenant_id, turn), range(_WORKERS)))


def _ended(studio: Studio, people: dict[str, UUID]) -> tuple[set[str], set[str]]:
    """Stop or cancel two thirds, half of them only after their message was handed to the ledger."""
    chance = random.Random(7)
    chats = list(people)
    chance.shuffle(chats)
    third = len(chats) // 3
    stopped, cancelled = set(chats[:third]), set(chats[third : 2 * third])
    early = {chat for chat in stopped | cancelled if chance.random() < 0.5}
    _end(studio, people, early, stopped)
    _all_due(studio)
    fire.run(studio.tenant_id, most=1_000)
    _end(studio, people, (stopped | cancelled) - early, stopped)
    return stopped, cancelled


def _end(studio: Studio, people: dict[str, UUID], chats: set[str], stopped: set[str]) -> None:
    for chat in sorted(chats):
        if chat not in stopped:
            _read_by_all(studio, _wrote(studio, chat, people[chat], "Hat sich erledigt"))
            _cancel(studio, people[chat])
            continue
        with db.tenant_session(studio.tenant_id) as session:
            opt_outs.stop(
                session, channel="telegram", address_norm=chat, everything=False, actor="bench", evidence={"m": chat}
            )


def _cancel(studio: Studio, member_id: UUID) -> None:
    """What the team does where a message was handed over already."""
    with db.tenant_session(studio.tenant_id) as session:
        for row in store.open_of(session, member_id):
            store.cancel(session, row.id, actor="bench")


def _all_due(studio: Studio) -> None:
    with db.tenant_session(studio.tenant_id) as session:
        ids = session.execute(select(FollowUp.id).where(FollowUp.state == "pending")).scalars().all()
    tellers.make_due(studio.tenant_id, *ids)


def _kept(studio: Studio, telegram: FakeTelegram) -> dict[str, int]:
    """Keep what is still promised with all workers at once; returns how many promised messages each chat got."""
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(text("UPDATE provider_account SET rate_per_second = NULL"))
    for _ in range(4):
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(lambda _: fire.run(studio.tenant_id, most=1_000), range(_WORKERS)))
            list(pool.map(lambda _: sending.send_notices(studio.tenant_id, studio.tenant_id), range(_WORKERS)))
        tellers.look_now(studio.tenant_id)
    return {
        chat: sum("Du wolltest, dass wir uns heute noch einmal melden" in words for words in said)
        for chat, said in telegram.sent.items()
    }
