"""A chat turn from the provider's webhook to the answer in the chat: once, dated, and with the member's consent."""

import itertools
import threading
from datetime import timedelta
from uuid import UUID

import pytest
import tellers
from conftest import ROOT
from sqlalchemy import select

from agents.follow_up import run as worker
from agents.follow_up.graph import compiled
from ariia.tasks import campaigns as sending
from channels.telegram.webhook import Update
from domain.consent import service as consents
from domain.conversations import service as conversations
from domain.follow_ups import store
from domain.follow_ups.rules import Due, Topic, Why, spoken
from domain.plans import service as plans
from domain.plans.catalog import FOLLOW_UPS
from domain.returns import telegram as chats
from kernel import clock, db
from kernel.ids import new_id
from models import ConversationMessage, FollowUpTurn, Message, Notice, Outbox

_numbers = itertools.count(100)


def hear(studio, text: str, *, chat: str = tellers.CHAT, again: int | None = None) -> list[UUID]:
    """What the bot's webhook does, and the turns that are to be read then."""
    with db.tenant_session(studio.tenant_id) as session:
        chats.take(session, studio.account_id, Update(again or next(_numbers), "text", chat, text))
    return asked(studio)


def asked(studio) -> list[UUID]:
    with db.tenant_session(studio.tenant_id) as session:
        rows = session.execute(select(Outbox).where(Outbox.task == "follow_ups.read").order_by(Outbox.id)).scalars()
        return [UUID(row.arguments["id"]) for row in rows]


def say(studio, text: str) -> str:
    """The whole way of one turn; returns what became of it."""
    return worker.read(studio.tenant_id, hear(studio, text)[-1])


def answers(studio) -> list[str]:
    with db.tenant_session(studio.tenant_id) as session:
        rows = session.execute(
            select(ConversationMessage.text)
            .where(ConversationMessage.author == "agent")
            .order_by(ConversationMessage.id)
        )
        return list(rows.scalars())


def in_two_weeks(language: str = "de") -> str:
    at = (clock.now() + timedelta(days=14)).astimezone(tellers.due_in(days=1).at.tzinfo)
    local = Due.of(at, tellers.ZONE).local.replace(hour=10, minute=0, second=0, microsecond=0)
    return spoken(Due(at, local, tellers.ZONE), language, clock.now())


def test_a_wish_is_scheduled_and_answered_with_the_absolute_date_in_the_same_chat(studio, other, telegram):
    assert say(studio, "Kannst du mich in zwei Wochen nochmal an das Probetraining erinnern?") == "scheduled"
    row = tellers.rows(studio, "pending")[0]
    assert (row.topic, row.intent, row.channel, row.account_id) == (
        Topic.TRIAL, "explicit", "telegram", studio.account_id,
    )  # fmt: skip
    assert answers(studio) == [f"Alles klar, ich melde mich am {in_two_weeks()}."]
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    assert telegram.sent[tellers.CHAT] == [f"{answers(studio)[0]}\n\n(Automatische Antwort)"]
    with db.tenant_session(studio.tenant_id) as session:
        notice = session.execute(select(Notice)).scalar_one()
        assert (notice.kind, notice.purpose) == ("reply", "transactional")
    assert tellers.rows(other) == []


def test_what_is_kept_beside_it_is_no_transcript(studio):
    say(studio, "Mein Knie tut so weh! Bitte erinnert mich in zwei Wochen an die Rechnung, euer Jörg")
    context = tellers.rows(studio, "pending")[0].ai_context_json
    assert (context["version"], context["topic"], context["time_text"]) == (1, "payment", "in zwei Wochen")
    assert context["turn_ids"]
    assert context["rule_ids"]
    assert len(context["summary"]) <= 280
    assert "Knie" not in str(context)
    assert "Jörg" not in str(context)


def test_english_is_answered_in_english(studio):
    assert say(studio, "Can you remind me in two weeks?") == "scheduled"
    assert answers(studio) == [f"All right, I'll get back to you on {in_two_weeks('en')}."]


def test_a_webhook_that_comes_twice_has_one_effect(studio):
    first = hear(studio, "Erinner mich in zwei Wochen", again=77)
    again = hear(studio, "Erinner mich in zwei Wochen", again=77)
    assert first == again
    assert [worker.read(studio.tenant_id, first[0]) for _ in range(3)] == ["scheduled", "read_before", "read_before"]
    assert len(tellers.rows(studio)) == 1
    assert len(answers(studio)) == 1


def test_two_workers_on_one_turn_have_one_effect(studio):
    turn = hear(studio, "Erinner mich in zwei Wochen")[0]
    outcomes: list[str] = []
    threads = [threading.Thread(target=lambda: outcomes.append(worker.read(studio.tenant_id, turn))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["read_before", "read_before", "scheduled"]
    assert len(tellers.rows(studio)) == 1
    assert len(answers(studio)) == 1


def test_a_worker_that_dies_over_the_last_step_leaves_no_trace_and_the_next_one_does_it(studio, monkeypatch):
    from domain.follow_ups import turns  # noqa: PLC0415

    turn = hear(studio, "Erinner mich in zwei Wochen")[0]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(turns, "answer", die)
        worker.read(studio.tenant_id, turn)
    assert tellers.rows(studio) == []
    assert worker.read(studio.tenant_id, turn) == "scheduled"
    assert len(tellers.rows(studio)) == 1


def test_an_absence_is_asked_about_with_two_dates_and_an_answer_schedules(studio):
    assert say(studio, "Ich mache zwei Wochen Pause") == "ask_absence"
    asked_for = tellers.rows(studio, "proposed")[0]
    assert (asked_for.intent, len(asked_for.options), asked_for.unless_active) == ("absence", 2, True)
    assert "(1)" in answers(studio)[0]
    assert answers(studio)[0].endswith("?")
    assert say(studio, "2") == "scheduled"
    row = tellers.row(studio, asked_for.id)
    assert (row.state, row.due_at) == ("pending", Due.read(asked_for.options[1]).at)


def test_a_yes_to_our_question_is_no_wish_for_marketing_and_a_no_ends_it(studio):
    with db.tenant_session(studio.tenant_id) as session:
        before = [(row.channel, row.state) for row in consents.of_member(session, studio.member_id)]
    say(studio, "Ich mache zwei Wochen Pause")
    assert say(studio, "Ja") == "scheduled"
    with db.tenant_session(studio.tenant_id) as session:
        assert [(row.channel, row.state) for row in consents.of_member(session, studio.member_id)] == before
        store.close(session, studio.member_id, why=Why.GOAL, actor="t")
    say(studio, "Ich bin die nächsten drei Wochen im Urlaub")
    assert say(studio, "Nein danke") == "declined"
    assert [row.state for row in tellers.rows(studio)] == ["cancelled", "cancelled"]


def test_a_yes_in_a_chat_answers_no_question_that_was_not_asked_there(studio):
    with db.tenant_session(studio.tenant_id) as session:
        proposed = store.propose(
            session, tellers.wish(studio, conversation_id=None, intent="person"), [tellers.due_in(days=5)],
            until=clock.now() + timedelta(hours=24), actor="key:lead",
        ).id  # fmt: skip
    with db.tenant_session(studio.tenant_id) as session:
        conversations.add_message(
            session, studio.conversation_id, author="studio", text="Kommst du morgen?", at=None, external_id=None,
            actor="t",
        )  # fmt: skip
    assert say(studio, "Ja, gern") == "none"
    assert say(studio, "1") == "none"
    assert say(studio, "hat sich erledigt") == "none"
    assert tellers.row(studio, proposed).state == "proposed"


def test_it_is_moved_and_cancelled_by_chat(studio):
    say(studio, "Erinner mich in zwei Wochen")
    first = tellers.rows(studio, "pending")[0]
    assert say(studio, "doch erst in drei Wochen") == "moved"
    moved = tellers.row(studio, first.id)
    assert (moved.due_at - first.due_at).days == 7
    assert len(moved.ai_context_json["turn_ids"]) == 1
    assert say(studio, "Hat sich erledigt") == "cancelled"
    assert (tellers.row(studio, first.id).state, tellers.row(studio, first.id).why) == ("cancelled", Why.ASKED)
    assert say(studio, "Hat sich erledigt") == "none"


def test_the_same_wish_again_moves_it(studio):
    say(studio, "Erinner mich in zwei Wochen")
    assert say(studio, "Erinnere mich in 16 Tagen") == "moved"
    assert len(tellers.rows(studio)) == 1


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Wann habt ihr am Montag offen?", "none"),
        ("Hallo", "none"),
        ("Ich melde mich in zwei Wochen", "none"),
        ("Erinnere mich am 3.10.2019", "past"),
        ("Erinnere mich in drei Jahren", "too_far"),
    ],
)
def test_what_is_no_wish_makes_no_row_and_what_cannot_be_is_said(studio, text, outcome):
    assert say(studio, text) == outcome
    assert tellers.rows(studio) == []
    assert len(answers(studio)) == (outcome != "none")


def test_words_that_stop_come_first_and_nothing_is_read(studio):
    assert hear(studio, "STOP") == []
    assert hear(studio, "Bitte keine Nachrichten mehr") == []
    assert tellers.rows(studio) == []


def test_after_a_stop_nothing_is_scheduled(studio):
    hear(studio, "STOP")
    assert say(studio, "Erinner mich in zwei Wochen") == "no_consent"
    assert tellers.rows(studio) == []


def test_without_consent_words_or_for_a_stranger_nothing_happens(studio, other):
    with db.tenant_session(studio.tenant_id) as session:
        tellers.a_member(session, "9100", consent=False)
        silent = session.execute(select(Message)).scalars().all()
    turn = hear(studio, "Erinner mich in zwei Wochen", chat="9100")[-1]
    assert worker.read(studio.tenant_id, turn) == "no_consent"
    assert hear(studio, "Erinner mich in zwei Wochen", chat="9999") == [turn]  # nobody knows this chat
    assert silent == []
    assert tellers.rows(other) == []


def test_past_the_plan_it_is_refused_politely(studio):
    tellers.set_tenant(studio.tenant_id, tier="starter")
    with db.tenant_session(studio.tenant_id) as session:
        for _ in range(5):
            plans.spend(session, FOLLOW_UPS, new_id())
    assert say(studio, "Erinner mich in zwei Wochen") == "full"
    assert tellers.rows(studio) == []
    assert "nicht vormerken" in answers(studio)[0]


def test_the_fourth_open_one_of_a_member_is_refused(studio):
    for topic in (Topic.TRIAL, Topic.COURSE, Topic.OFFER):
        tellers.promised(studio, topic=topic)
    assert say(studio, "Erinner mich in zwei Wochen") == "full"
    assert len(tellers.rows(studio, "pending")) == 3


def test_history_that_is_handed_in_is_no_wish(studio):
    with db.tenant_session(studio.tenant_id) as session:
        conversations.add_message(
            session, studio.conversation_id, author="member", text="Erinner mich in zwei Wochen",
            at=clock.now() - timedelta(days=90), external_id="old", actor="t",
        )  # fmt: skip
    assert worker.read(studio.tenant_id, asked(studio)[-1]) == "too_old"


def test_what_the_studio_promises_is_noted_without_a_word(studio):
    with db.tenant_session(studio.tenant_id) as session:
        conversations.add_message(
            session, studio.conversation_id, author="studio", text="Klar, ich melde mich in zwei Wochen bei dir.",
            at=None, external_id=None, actor="t",
        )  # fmt: skip
    assert worker.read(studio.tenant_id, asked(studio)[-1]) == "scheduled"
    assert tellers.rows(studio, "pending")[0].intent == "agent_promise"
    assert answers(studio) == []


def test_every_turn_of_a_member_is_noted_with_its_topic(studio):
    say(studio, "Was kostet das Probetraining?")
    with db.tenant_session(studio.tenant_id) as session:
        assert session.execute(select(FollowUpTurn.topic, FollowUpTurn.outcome)).one() == ("trial", "none")


def test_a_time_in_another_zone_is_the_members_own(studio):
    with db.tenant_session(studio.tenant_id) as session:
        from domain.audience import service as audience  # noqa: PLC0415

        audience.change(session, studio.member_id, actor="t", contact=None, changes={"time_zone": "America/New_York"})
    say(studio, "Erinner mich in zwei Wochen")
    row = tellers.rows(studio, "pending")[0]
    assert (row.zone, row.due_local.hour) == ("America/New_York", 10)


def test_the_drawn_graph_is_the_graph():
    assert compiled().get_graph().draw_mermaid().strip() in (ROOT / "docs/follow-ups.md").read_text()
