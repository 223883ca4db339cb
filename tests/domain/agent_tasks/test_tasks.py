"""Tasks from the first word to a person's decision, in two tenants."""

import concurrent.futures
import contextlib
from datetime import date, timedelta
from uuid import UUID

import make
import pytest
from errands import GOAL, ORDERS, SKILLS, call, decide, key_of, person_of, play, secret_of, stock, submit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from domain.agent_tasks import skills
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.service import says_yes
from domain.agent_tasks.states import State
from domain.campaigns import previews
from domain.campaigns import service as campaigns
from domain.conversations import service as conversations
from domain.follow_ups import texts, turns
from domain.identity import rules
from domain.identity import service as identity
from domain.identity.rules import APPROVE, KEYS, SEND, SKILL_SCOPES
from domain.knowledge import service as knowledge
from kernel import clock, db
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import new_id
from models import AgentRun, AgentTask, ApiKey, Campaign, Member, PreviewLink, Tenant

SOON = (clock.now() + timedelta(days=30)).strftime("%Y-%m-%dT10:00")


@pytest.fixture
def lead(tenants):
    stock(tenants.a, tenants.b)
    return key_of(tenants.a)


def drafted(tenant_id, who):
    task_id = submit(tenant_id, who)
    play(tenant_id)
    return call(tenant_id, "get", task_id, who)


def test_a_task_spans_all_runs_until_a_person_approves(tenants, lead):
    task_id = submit(tenants.a, lead, key="k1")
    queued = call(tenants.a, "get", task_id, lead)
    assert (queued.state, queued.percent, queued.skill) == (State.QUEUED, 0, "draft_campaign")
    play(tenants.a)
    draft = call(tenants.a, "get", task_id, lead)
    assert draft.state is State.WAITING_REVIEW
    assert 0 < len(draft.result["summary"]) <= 600
    assert draft.result["audience_count"] == 2
    assert [step.node for step in call(tenants.a, "events", task_id, lead)][-1] == "store"
    call(tenants.a, "feedback", task_id, lead, text="kürzer", revision_id=UUID(draft.result["revision_id"]))
    assert call(tenants.a, "get", task_id, lead).state is State.QUEUED
    play(tenants.a)
    again = call(tenants.a, "get", task_id, lead)
    assert again.state is State.WAITING_REVIEW
    assert again.result["revision"] == 2
    decide(tenants.a, again)
    done = call(tenants.a, "get", task_id, lead)
    assert done.state is State.DONE
    with db.tenant_session(tenants.a) as session:
        campaigns.cancel(session, done.campaign_id, actor="user:mara")
    assert call(tenants.a, "get", task_id, lead).state is State.DONE


def test_a_rejected_draft_fails_the_task_and_says_that_a_person_did_it(tenants, lead):
    task = drafted(tenants.a, lead)
    decide(tenants.a, task, "reject")
    seen = call(tenants.a, "get", task.id, lead)
    assert (seen.state, seen.status_message) == (State.FAILED, "Ein Mensch hat den Entwurf abgelehnt.")


def test_the_same_key_is_the_same_task_and_another_input_is_refused(tenants, lead):
    first = submit(tenants.a, lead, key="same")
    assert submit(tenants.a, lead, key="same") == first
    with pytest.raises(Invalid) as refusal:
        submit(tenants.a, lead, values={**GOAL, "goal": "Something else"}, key="same")
    assert (refusal.value.extra["field"], refusal.value.code) == ("idempotency_key", "key_reused")
    other = key_of(tenants.a)
    assert submit(tenants.a, other, key="same") != first
    assert submit(tenants.b, key_of(tenants.b), key="same") != first


def test_sixteen_parallel_repeats_are_one_task_and_one_campaign(tenants, lead):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: submit(tenants.a, lead, key="race"), range(16)))
    assert len(ids) == 1
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 1
        assert session.query(AgentRun).count() == 1


def test_foreign_ids_are_not_found_whatever_is_asked(tenants, lead):
    task = drafted(tenants.a, lead)
    stranger = key_of(tenants.b)
    for verb, more in (
        ("get", {}), ("cancel", {}), ("events", {}), ("feedback", {"text": "kürzer"}),
        ("answer", {"question_id": task.id, "text": "ja"}), ("reply", {"text": "ja"}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            call(tenants.b, verb, task.id, stranger, **more)
    for skill, values in (
        ("get_campaign", {"campaign_id": str(task.campaign_id)}),
        ("revise_campaign", {"campaign_id": str(task.campaign_id), "revision_id": str(new_id()), "feedback": "x"}),
        (
            "propose_schedule",
            {"campaign_id": str(task.campaign_id), "revision_id": str(new_id()), "at": "2030-01-01T09:00"},
        ),
        ("draft_campaign", {**GOAL, "offer_ids": [str(_offer(tenants.a))]}),
    ):
        with pytest.raises(NotFound):
            submit(tenants.b, stranger, skill, values)
    assert call(tenants.b, "list", stranger) == []
    assert call(tenants.a, "get", task.id, lead).state is State.WAITING_REVIEW


def _offer(tenant_id, **fields):
    with db.tenant_session(tenant_id) as session:
        return knowledge.store_offer(
            session, actor="t", **{"key": f"o-{new_id().hex[-6:]}", "title": "Zehnerkarte", "price_minor": 1_000,
            "currency": "EUR", **fields}
        ).id  # fmt: skip


@pytest.mark.parametrize("skill", sorted(skills.SKILLS))
def test_each_skill_needs_its_own_scope(tenants, lead, skill):
    without = key_of(tenants.a, SKILLS - {rules.skill_scope(skill)})
    with pytest.raises(Forbidden) as refusal:
        submit(tenants.a, without, skill, {})
    assert refusal.value.extra["scope"] == rules.skill_scope(skill)
    assert without.may_see(skill) is False


def test_tasks_of_other_skills_are_neither_listed_nor_shown(tenants, lead):
    task_id = submit(tenants.a, lead)
    reader = key_of(tenants.a, frozenset({"skill:search_knowledge"}))
    assert call(tenants.a, "list", reader) == []
    with pytest.raises(Forbidden):
        call(tenants.a, "get", task_id, reader)
    assert [row.id for row in call(tenants.a, "list", person_of(tenants.a))] == [task_id]
    with pytest.raises(Forbidden):
        call(tenants.a, "list", key_of(tenants.a, frozenset({"members:write"})))


def test_a_key_with_a_skill_can_hold_nothing_that_decides(tenants):
    for scope in [*sorted(rules.KEY_SCOPES - rules.AGENT_SCOPES), APPROVE]:
        with pytest.raises(Invalid):
            secret_of(tenants.a, frozenset({"skill:draft_campaign", scope}))
    assert not rules.AGENT_SCOPES & {SEND, APPROVE, KEYS}
    assert all(scope.endswith(":read") or scope in SKILL_SCOPES for scope in rules.AGENT_SCOPES)


def test_what_stands_in_the_table_by_accident_does_not_count(tenants):
    secret = secret_of(tenants.a, frozenset({"skill:draft_campaign"}))
    with db.tenant_session(tenants.a) as session:
        key = session.query(ApiKey).filter(ApiKey.name == "lead").one()
        key.scopes = [*key.scopes, SEND, APPROVE, "campaigns:write", "campaigns:read"]
    assert identity.authenticate(secret).scopes == {"skill:draft_campaign", "campaigns:read"}


def test_a_plan_without_texts_refuses_the_task_and_keeps_nothing_of_it(tenants, lead):
    with db.tenant_session(tenants.a) as session:
        session.get_one(Tenant, tenants.a).tier = "starter"
    task_id = submit(tenants.a, lead, key="plan")
    task = call(tenants.a, "get", task_id, lead)
    assert (task.state, task.refusal["code"]) == (State.REFUSED, "plan_limit")
    assert submit(tenants.a, lead, key="plan") == task_id
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 0


def test_a_cancelled_draft_ends_its_run_and_its_campaign(tenants, lead):
    task_id = submit(tenants.a, lead)
    call(tenants.a, "cancel", task_id, lead)
    call(tenants.a, "cancel", task_id, lead)
    play(tenants.a)
    task = call(tenants.a, "get", task_id, lead)
    assert (task.state, task.result["campaign_status"]) == (State.CANCELLED, "cancelled")
    with db.tenant_session(tenants.a) as session:
        assert session.query(AgentRun).one().status == "cancelled"


def test_what_a_person_approved_no_agent_cancels(tenants, lead):
    task = drafted(tenants.a, lead)
    decide(tenants.a, task)
    with pytest.raises(Conflict):
        call(tenants.a, "cancel", task.id, lead)
    assert call(tenants.a, "get", task.id, lead).result["campaign_status"] == "approved"


def test_a_cancelled_revision_leaves_the_draft_up_for_review(tenants, lead):
    task = drafted(tenants.a, lead)
    values = {"campaign_id": str(task.campaign_id), "revision_id": task.result["revision_id"], "feedback": "kürzer"}
    revision = submit(tenants.a, lead, "revise_campaign", values)
    assert call(tenants.a, "get", revision, lead).state is State.QUEUED
    call(tenants.a, "cancel", revision, lead)
    play(tenants.a)
    assert call(tenants.a, "get", revision, lead).state is State.CANCELLED
    draft = call(tenants.a, "get", task.id, lead)
    assert (draft.state, draft.result["revision"]) == (State.WAITING_REVIEW, 1)
    decide(tenants.a, draft)
    assert call(tenants.a, "get", task.id, lead).state is State.DONE


def test_feedback_on_an_old_draft_is_refused(tenants, lead):
    task = drafted(tenants.a, lead)
    old = task.result["revision_id"]
    call(tenants.a, "reply", task.id, lead, text="kürzer")
    with pytest.raises(Conflict):
        call(tenants.a, "feedback", task.id, lead, text="länger")
    play(tenants.a)
    values = {"campaign_id": str(task.campaign_id), "revision_id": old, "feedback": "länger"}
    refused = call(tenants.a, "get", submit(tenants.a, lead, "revise_campaign", values), lead)
    assert (refused.state, refused.refusal["code"]) == (State.REFUSED, "superseded")


def test_a_proposed_time_waits_for_a_person_and_can_be_taken_back(tenants, lead):
    task = drafted(tenants.a, lead)
    values = {
        "campaign_id": str(task.campaign_id), "revision_id": task.result["revision_id"], "at": "2036-12-01T09:00",
    }  # fmt: skip
    proposal = submit(tenants.a, lead, "propose_schedule", values)
    seen = call(tenants.a, "get", proposal, lead)
    assert (seen.state, seen.result["campaign_status"]) == (State.WAITING_REVIEW, "pending_review")
    assert seen.result["schedule"] == {"at": "2036-12-01T09:00", "time_zone": "Europe/Berlin"}
    call(tenants.a, "cancel", proposal, lead)
    with db.tenant_session(tenants.a) as session:
        assert campaigns.get(session, task.campaign_id).schedule is None
    again = submit(tenants.a, lead, "propose_schedule", values)
    decide(tenants.a, call(tenants.a, "get", again, lead))
    assert call(tenants.a, "get", again, lead).result["campaign_status"] == "scheduled"
    refused = call(tenants.a, "get", submit(tenants.a, lead, "propose_schedule", values), lead)
    assert (refused.state, refused.refusal["code"]) == (State.REFUSED, "not_proposable")
    with db.tenant_session(tenants.a) as session:
        assert campaigns.get(session, task.campaign_id).status == "scheduled"


def test_a_question_of_the_agent_is_answered_through_the_task(tenants, lead):
    task_id = submit(tenants.a, lead, values={**GOAL, "goal": "Wir haben ein Angebot mit Rabatt für alle"})
    play(tenants.a, question="offer_missing")
    task = call(tenants.a, "get", task_id, lead)
    assert (task.state, [question.code for question in task.questions]) == (State.WAITING_INPUT, ["offer_missing"])
    call(tenants.a, "reply", task_id, lead, text="ohne Angebot")
    play(tenants.a)
    assert call(tenants.a, "get", task_id, lead).state is State.WAITING_REVIEW


def test_nothing_happens_before_a_yes(tenants, lead):
    yes = submit(tenants.a, lead, confirm=True)
    no = submit(tenants.a, lead, confirm=True)
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 0
    asked = call(tenants.a, "get", yes, lead)
    assert (asked.state, asked.questions[0].id) == (State.WAITING_INPUT, yes)
    with pytest.raises(Invalid):
        call(tenants.a, "reply", yes, lead, text="vielleicht")
    with pytest.raises(NotFound):
        call(tenants.a, "answer", yes, key_of(tenants.a), question_id=yes, text="ja")
    call(tenants.a, "reply", yes, lead, text="Ja, bitte")
    call(tenants.a, "reply", no, lead, text="Nein")
    assert call(tenants.a, "get", yes, lead).state is State.QUEUED
    assert call(tenants.a, "get", no, lead).state is State.CANCELLED
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 1
    with pytest.raises(Conflict):
        call(tenants.a, "answer", no, lead, question_id=no, text="ja")


def test_a_link_of_an_agent_shows_and_never_decides(tenants, lead):
    task = drafted(tenants.a, lead)
    values = {"campaign_id": str(task.campaign_id), "preview_link": True}
    shown = submit(tenants.a, lead, "get_campaign", values)
    url = call(tenants.a, "get", shown, lead).result["preview_url"]
    assert call(tenants.a, "get", shown, lead).result["preview_url"] == url
    found = previews.find(url.rpartition("/")[2])
    assert found.tenant_id == tenants.a
    with db.tenant_session(tenants.a) as session:
        assert session.get_one(PreviewLink, found.link_id).purpose == "view"
        kept = session.execute(select(AgentTask.result).where(AgentTask.id == shown)).scalar_one()
    assert url.rpartition("/")[2] not in str(kept)
    with pytest.raises(Forbidden):
        submit(tenants.a, key_of(tenants.a, frozenset({"skill:get_campaign"})), "get_campaign", values)


def test_an_audience_is_counted_and_the_knowledge_is_searched_in_one_tenant(tenants, lead):
    with db.tenant_session(tenants.b) as session:
        body = "# Kündigung\n\nDie Kündigungsfrist beträgt vier Wochen zum Monatsende."
        knowledge.store_document(
            session, name="agb.md", body=body, media_type="text/markdown", language="de", actor="t"
        )
    estimate = submit(tenants.a, lead, "estimate_audience", {"audience": {"kind": "all_members"}})
    counted = call(tenants.a, "get", estimate, lead)
    assert counted.state is State.DONE
    assert (counted.result["members"], counted.result["may_be_written_to"]) == (2, 1)
    asked = {"query": "Wie lange ist die Kündigungsfrist?", "language": "de"}
    there = key_of(tenants.b)
    found = call(tenants.b, "get", submit(tenants.b, there, "search_knowledge", asked), there)
    assert "vier Wochen" in found.result["passages"][0]["text"]
    nothing = call(tenants.a, "get", submit(tenants.a, lead, "search_knowledge", asked), lead)
    assert nothing.result["passages"] == []


def test_an_offer_that_is_over_is_named(tenants, lead):
    over = _offer(tenants.a, valid_until=date(2020, 1, 1))
    with pytest.raises(Invalid) as refusal:
        submit(tenants.a, lead, values={**GOAL, "offer_ids": [str(over)]})
    assert "not valid" in refusal.value.detail
    valid = _offer(tenants.a)
    task = submit(tenants.a, lead, values={**GOAL, "offer_ids": [str(valid)], "constraints": ["keine Ausrufezeichen"]})
    with db.tenant_session(tenants.a) as session:
        goal = campaigns.get(session, call(tenants.a, "get", task, lead).campaign_id).goal
    assert goal == "Bring back members who were not here for a month. keine Ausrufezeichen. Zehnerkarte"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), skill=st.sampled_from(sorted(skills.SKILLS)))
def test_no_input_breaks_the_service(tenants, lead, data, skill):
    fields = sorted(skills.SKILLS[skill].form.model_fields)
    values = data.draw(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(fields, JSON)))
    with contextlib.suppress(Invalid, NotFound):
        task_id = submit(tenants.a, lead, skill, {} if values is None else values)
        assert call(tenants.a, "get", task_id, lead).state in set(State)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ("ja", True), ("Ja, mach das!", True), ("ok", True), ("yes please", True), ("go ahead", True),
        ("nein", False), ("nicht jetzt", False), ("No.", False), ("stop", False), ("don't", False),
        ("Jana war da", None), ("vielleicht", None), ("", None), ("noch nicht sicher", None),
    ],
)  # fmt: skip
def test_yes_and_no_are_told_from_everything_else(answer, meaning):
    assert says_yes(answer) is meaning


def test_lists_and_lookups_use_their_indexes(analyse, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(
            text(
                "INSERT INTO agent_task (id, tenant_id, skill, input, input_hash, requester, to_confirm) SELECT "
                "gen_random_uuid(), :t, 'search_knowledge', '{}', 'x', 'key:x', false FROM generate_series(1, 4000)"
            ),
            {"t": tenants.a},
        )
        session.execute(
            text(
                "INSERT INTO agent_task_campaign (id, tenant_id, agent_task_id, n) "
                "SELECT gen_random_uuid(), tenant_id, id, 0 FROM agent_task"
            )
        )
    analyse("agent_task")
    analyse("agent_task_campaign")
    tenant = "(SELECT nullif(current_setting('app.tenant', true), '')::uuid)"
    with db.tenant_session(tenants.a) as session:
        for query, index in (
            (f"SELECT * FROM agent_task WHERE tenant_id = {tenant} ORDER BY id DESC LIMIT 50", "agent_task"),
            (
                f"SELECT agent_task_id FROM agent_task_campaign WHERE tenant_id = {tenant} AND campaign_id = :c",
                "ix_agent_task_campaign_campaign",
            ),
        ):
            plan = "\n".join(
                session.execute(text(f"EXPLAIN {query}"), {"c": new_id()} if ":c" in query else {}).scalars()
            )
            assert "Index" in plan, plan
            assert index in plan, plan
            assert "Sort" not in plan, plan


def _member(tenant_id, consent=True):
    with db.tenant_session(tenant_id) as session:
        return make.member(session, f"{new_id().hex}@example.org", consent=consent, first_name="Cleo").id


def test_a_follow_up_is_proposed_listed_and_cancelled_and_never_promised(tenants, lead):
    member = _member(tenants.a)
    wish = {"member_id": str(member), "topic": "trial", "at": SOON, "reason": "Probetraining"}
    proposed = call(tenants.a, "get", submit(tenants.a, lead, "propose_followup", wish), lead)
    follow_up = proposed.result["follow_up"]
    assert (proposed.state, follow_up["state"]) == (State.DONE, "proposed")
    assert (follow_up["due_local"], follow_up["time_zone"]) == (f"{SOON}:00", "Europe/Berlin")
    listed = call(tenants.a, "get", submit(tenants.a, lead, "list_followups", {}), lead)
    assert [each["id"] for each in listed.result["follow_ups"]] == [follow_up["id"]]
    over = submit(tenants.a, lead, "cancel_followup", {"follow_up_id": follow_up["id"]})
    assert call(tenants.a, "get", over, lead).result["follow_up"]["state"] == "cancelled"
    silent = {**wish, "member_id": str(_member(tenants.a, consent=False))}
    refused = call(tenants.a, "get", submit(tenants.a, lead, "propose_followup", silent), lead)
    assert (refused.state, refused.refusal["code"]) == (State.REFUSED, "no_consent")
    for at in ("2020-01-01T10:00", "2036-01-01T10:00"):
        with pytest.raises(Invalid):
            submit(tenants.a, lead, "propose_followup", {**wish, "at": at})


def test_follow_ups_of_another_tenant_are_not_found(tenants, lead):
    member = _member(tenants.a)
    wish = {"member_id": str(member), "at": SOON}
    row = call(tenants.a, "get", submit(tenants.a, lead, "propose_followup", wish), lead).result["follow_up"]
    stranger = key_of(tenants.b)
    for skill, values in (
        ("propose_followup", wish), ("cancel_followup", {"follow_up_id": row["id"]}),
        ("list_followups", {"member_id": str(member)}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            submit(tenants.b, stranger, skill, values)
    listed = call(tenants.b, "get", submit(tenants.b, stranger, "list_followups", {}), stranger)
    assert listed.result["follow_ups"] == []


def test_who_asks_in_a_chat_is_always_meant_themselves(tenants, lead):
    mine, theirs = _member(tenants.a), _member(tenants.a)
    anna = Requester(
        actor=f"member:{mine}", name="", kind="member", sees_all=False, member_id=mine, scopes=frozenset(),
        skills=frozenset({"propose_followup", "list_followups", "cancel_followup"}),
    )  # fmt: skip
    at = {"at": SOON}
    other = call(
        tenants.a, "get", submit(tenants.a, lead, "propose_followup", {**at, "member_id": str(theirs)}), lead
    ).result["follow_up"]
    own = call(tenants.a, "get", submit(tenants.a, anna, "propose_followup", at), anna).result["follow_up"]
    assert own["member_id"] == str(mine)
    for skill, values in (
        ("propose_followup", {**at, "member_id": str(theirs)}), ("list_followups", {"member_id": str(theirs)}),
        ("cancel_followup", {"follow_up_id": other["id"]}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            submit(tenants.a, anna, skill, values)
    listed = call(tenants.a, "get", submit(tenants.a, anna, "list_followups", {}), anna)
    assert [each["id"] for each in listed.result["follow_ups"]] == [own["id"]]
    with pytest.raises(Forbidden):
        submit(tenants.a, anna, "draft_campaign")
    with pytest.raises(NotFound):
        call(tenants.a, "get", submit(tenants.a, lead, "list_followups", {}), anna)


@pytest.mark.parametrize("skill", ORDERS)
def test_what_only_people_do_is_forbidden_to_everybody(tenants, lead, skill):
    for who in (lead, person_of(tenants.a)):
        with pytest.raises(Forbidden) as refusal:
            submit(tenants.a, who, skill, {})
        assert refusal.value.code == "people_only"


def test_an_erased_member_takes_their_tasks_along(tenants, lead):
    member = _member(tenants.a)
    anna = Requester(
        actor=f"member:{member}", name="", kind="member", sees_all=False, member_id=member, scopes=frozenset(),
        skills=frozenset({"search_knowledge"}),
    )  # fmt: skip
    submit(tenants.a, anna, "search_knowledge", {"query": "Ich heiße Cleo und wohne in Köln"})
    submit(tenants.a, lead, "propose_followup", {"member_id": str(member), "at": SOON, "reason": "Knie"})
    kept = submit(tenants.a, lead)
    with db.tenant_session(tenants.a) as session:
        session.delete(session.get_one(Member, member))
    assert [row.id for row in call(tenants.a, "list", lead)] == [kept]


def test_what_an_agent_proposed_is_no_question_that_a_chat_answers(tenants, lead):
    member = _member(tenants.a)
    wish = {"member_id": str(member), "at": SOON, "channel": "email"}
    submit(tenants.a, lead, "propose_followup", wish)
    with db.tenant_session(tenants.a) as session:
        words = "{greeting} wir wollten uns melden. {sender_name}"
        texts.approve(session, topic="general", language="de", body=words, whatsapp=None, actor="user:mara")
        chat = conversations.open_conversation(session, channel="web", external_id="c", member_id=member, actor="t")
        said = conversations.add_message(
            session, chat.id, author="member", text="ja", at=clock.now(), external_id="1", actor="t"
        )
        turn = turns.load(session, said.id)
        assert (turn.proposed, turn.member_id) == (False, member)
