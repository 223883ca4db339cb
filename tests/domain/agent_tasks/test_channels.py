"""One goal for several channels: a campaign on each, one task that tells of all, in two tenants."""

from uuid import UUID

import pytest
from errands import GOAL, call, key_of, play, stock, submit, write
from sqlalchemy import select

from domain.agent_tasks.service import TaskService
from domain.agent_tasks.states import State
from domain.campaigns import reviews
from domain.campaigns import service as campaigns
from domain.campaigns.reviews import Decision
from kernel import db
from kernel.errors import Conflict, Invalid, NotFound
from models import AgentTaskCampaign, AgentTaskWord, Campaign, DomainEvent, Review

BOTH = {**GOAL, "channels": ["email", "sms"], "name": "Oktober"}


@pytest.fixture
def lead(tenants):
    stock(tenants.a, tenants.b)
    return key_of(tenants.a)


def of(task, channel):
    return next(part for part in task.result["campaigns"] if part["channel"] == channel)


def decide(tenant_id, part, verb):
    decision = Decision(
        actor="user:mara", name="Mara", revision_id=UUID(part["revision_id"]), content_hash=part["content_hash"],
        comment="so nicht",
    )  # fmt: skip
    with db.tenant_session(tenant_id) as session:
        getattr(reviews, verb)(session, UUID(part["campaign_id"]), decision)


def revised(tenant_id, channel):
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(Review.id).join(Campaign, Campaign.id == Review.campaign_id)
            .where(Review.verb == "revise", Campaign.channel == channel)
        )  # fmt: skip
        return len(rows.all())


def drafted(tenants, lead):
    task_id = submit(tenants.a, lead, values=BOTH, key="both")
    write(tenants.a)
    return call(tenants.a, "get", task_id, lead)


def test_each_channel_is_a_campaign_with_the_same_goal_and_audience(tenants, lead):
    task = drafted(tenants, lead)
    assert task.state is State.WAITING_REVIEW
    assert submit(tenants.a, lead, values=BOTH, key="both") == task.id
    assert (task.campaign_id, len(task.campaign_ids)) == (None, 2)
    assert [part["channel"] for part in task.result["campaigns"]] == ["email", "sms"]
    assert {part["state"] for part in task.result["campaigns"]} == {"waiting_review"}
    assert task.result["audience_count"] == 2  # the people meant, once: not once for each channel
    with db.tenant_session(tenants.a) as session:
        made = session.execute(select(Campaign).order_by(Campaign.channel)).scalars().all()
        assert [campaign.name for campaign in made] == ["Oktober (E-Mail)", "Oktober (SMS)"]
        assert made[0].goal == made[1].goal
        assert made[0].audience == made[1].audience
        told = session.execute(
            select(DomainEvent.payload).where(DomainEvent.type == "crm.agent_task.changed")
        ).scalars()
        assert {event["campaign_id"] for event in told} == {str(campaign.id) for campaign in made}
    steps = call(tenants.a, "events", task.id, lead)
    assert [step.node for step in steps].count("store") == 2
    with db.tenant_session(tenants.b) as session:
        assert session.query(AgentTaskCampaign).count() == 0


def test_the_task_is_done_once_a_person_has_decided_on_every_campaign(tenants, lead):
    task = drafted(tenants, lead)
    decide(tenants.a, of(task, "email"), "approve")
    half = call(tenants.a, "get", task.id, lead)
    assert (half.state, of(half, "email")["state"], of(half, "sms")["state"]) == (
        State.WAITING_REVIEW, "done", "waiting_review",
    )  # fmt: skip
    assert half.status_message.startswith("E-Mail: Erledigt. SMS: ")
    decide(tenants.a, of(task, "sms"), "reject")
    over = call(tenants.a, "get", task.id, lead)
    assert (over.state, of(over, "sms")["state"], over.percent) == (State.DONE, "failed", 100)
    with pytest.raises(Conflict):
        call(tenants.a, "cancel", task.id, lead)


def test_feedback_reaches_the_draft_that_is_meant_or_all(tenants, lead):
    task = drafted(tenants, lead)
    call(tenants.a, "feedback", task.id, lead, text="kürzer", revision_id=UUID(of(task, "sms")["revision_id"]))
    half = call(tenants.a, "get", task.id, lead)
    assert (of(half, "email")["state"], of(half, "sms")["state"]) == ("waiting_review", "queued")
    assert (half.state, revised(tenants.a, "email"), revised(tenants.a, "sms")) == (State.RUNNING, 0, 1)
    with pytest.raises(Conflict):
        call(tenants.a, "feedback", task.id, lead, text="noch kürzer", channel="sms")
    play(tenants.a)
    call(tenants.a, "feedback", task.id, lead, text="per du", channel="email", idempotency_key="f")
    call(tenants.a, "feedback", task.id, lead, text="per du", channel="email", idempotency_key="f")
    assert (revised(tenants.a, "email"), revised(tenants.a, "sms")) == (1, 1)
    play(tenants.a)
    call(tenants.a, "feedback", task.id, lead, text="alle kürzer")
    assert (revised(tenants.a, "email"), revised(tenants.a, "sms")) == (2, 2)
    with pytest.raises(Invalid, match="email, sms"):
        call(tenants.a, "feedback", task.id, lead, text="kürzer", channel="telegram")
    other = drafted_elsewhere(tenants, lead)
    with pytest.raises(NotFound):
        call(tenants.a, "feedback", task.id, lead, text="kürzer", revision_id=UUID(other.result["revision_id"]))


def drafted_elsewhere(tenants, lead):
    task_id = submit(tenants.a, lead)
    play(tenants.a)
    return call(tenants.a, "get", task_id, lead)


def test_an_answer_reaches_the_campaign_that_asked(tenants, lead):
    task_id = submit(tenants.a, lead, values=BOTH)
    play(tenants.a, question="which_offer")
    task = call(tenants.a, "get", task_id, lead)
    assert task.state is State.WAITING_INPUT
    asked = {question.channel: question.id for question in task.questions}
    assert set(asked) == {"email", "sms"}
    call(tenants.a, "answer", task_id, lead, question_id=asked["sms"], text="ohne")
    after = call(tenants.a, "get", task_id, lead)
    assert (after.state, of(after, "email")["state"], of(after, "sms")["state"]) == (
        State.WAITING_INPUT, "waiting_input", "queued",
    )  # fmt: skip
    call(tenants.a, "reply", task_id, lead, text="mit", channel="email", idempotency_key="a")
    assert call(tenants.a, "get", task_id, lead).state is State.QUEUED
    call(tenants.a, "reply", task_id, lead, text="mit", channel="email", idempotency_key="a")
    with pytest.raises(Invalid) as refusal:
        call(tenants.a, "reply", task_id, lead, text="doch ohne", channel="email", idempotency_key="a")
    assert refusal.value.code == "key_reused"
    foreign = submit(tenants.b, key_of(tenants.b))
    with pytest.raises(NotFound):
        call(tenants.b, "answer", foreign, key_of(tenants.b), question_id=asked["email"], text="ohne")


def test_what_a_person_approved_stays_when_the_rest_is_cancelled(tenants, lead):
    task = drafted(tenants, lead)
    decide(tenants.a, of(task, "email"), "approve")
    call(tenants.a, "cancel", task.id, lead)
    call(tenants.a, "cancel", task.id, lead)
    over = call(tenants.a, "get", task.id, lead)
    assert (over.state, of(over, "email")["campaign_status"], of(over, "sms")["campaign_status"]) == (
        State.DONE, "approved", "cancelled",
    )  # fmt: skip


def test_a_task_cancelled_whole_ends_every_campaign_and_a_deleted_one_is_told(tenants, lead):
    task = drafted(tenants, lead)
    other = submit(tenants.a, lead, values={**BOTH, "channels": ["sms", "whatsapp", "telegram"]})
    call(tenants.a, "cancel", other, lead)
    call(tenants.a, "cancel", task.id, lead)
    assert call(tenants.a, "get", task.id, lead).state is State.CANCELLED
    with db.tenant_session(tenants.a) as session:
        assert set(session.execute(select(Campaign.status)).scalars()) == {"cancelled"}
        campaigns.delete(session, UUID(of(task, "sms")["campaign_id"]), actor="t")
    left = call(tenants.a, "get", task.id, lead)
    assert (left.state, len(left.campaign_ids)) == (State.CANCELLED, 1)


def test_a_key_for_words_is_no_key_for_a_task_and_the_other_way_round(tenants, lead):
    task = drafted(tenants, lead)
    call(tenants.a, "feedback", task.id, lead, text="kürzer", idempotency_key="f")
    for skill, values, key in (
        ("draft_campaign", GOAL, "f"),
        ("estimate_audience", {"audience": GOAL["audience"]}, "f"),
    ):
        with pytest.raises(Invalid) as refusal:
            submit(tenants.a, lead, skill, values, key)
        assert refusal.value.code == "key_reused"
    write(tenants.a)
    with pytest.raises(Invalid) as refusal:
        call(tenants.a, "feedback", task.id, lead, text="noch kürzer", idempotency_key="both")
    assert refusal.value.code == "key_reused"
    with db.tenant_session(tenants.a) as session:
        assert session.query(AgentTaskWord).count() == 1
        assert len(TaskService(session).list(lead)) == 1


@pytest.mark.parametrize(
    "channels", [[], ["sms", "sms"], ["email", "fax"], ["email"] * 5, "sms", [["sms"]], [None], {}]
)
def test_channels_that_cannot_be_are_named(tenants, lead, channels):
    with pytest.raises(Invalid) as refusal:
        submit(tenants.a, lead, values={**GOAL, "channels": channels})
    assert refusal.value.extra["field"].startswith("input.channels")
