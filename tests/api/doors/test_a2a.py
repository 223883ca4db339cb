"""The A2A door with the official client over a real socket: both bindings, repeats, scopes, tenants, streams."""

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import httpx2
import pytest
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.errors import A2AClientError
from a2a.helpers.proto_helpers import get_data_parts, new_data_part, new_text_part
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    InvalidParamsError,
    MethodNotFoundError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from errands import GOAL, ORDERS, SKILLS, call, decide, key_of, play, secret_of, session_of, stock
from google.protobuf.json_format import MessageToDict

from api.doors import a2a_handler
from domain.agent_tasks import skills
from kernel import db
from kernel.ids import new_id
from models import Campaign, Review, Tenant

BINDINGS = ("JSONRPC", "HTTP+JSON")


@asynccontextmanager
async def connected(address, secret, binding="JSONRPC", *, streaming=False):
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        card = await A2ACardResolver(http, address).get_agent_card()
        config = ClientConfig(
            httpx_client=http, supported_protocol_bindings=[binding], use_client_preference=True, streaming=streaming
        )
        yield ClientFactory(config).create(card)


def message(*parts, task_id="", message_id=None, context_id=""):
    return pb.Message(
        message_id=message_id or str(new_id()), role=pb.ROLE_USER, parts=parts, task_id=task_id, context_id=context_id
    )


def wish(skill="draft_campaign", values=None, **more):
    return message(new_data_part({"skill": skill, "input": GOAL if values is None else values}), **more)


def word(text, **more):
    return message(new_text_part(text), **more)


async def send(client, said, *, wait=False):
    configuration = pb.SendMessageConfiguration(return_immediately=not wait)
    request = pb.SendMessageRequest(message=said, configuration=configuration)
    return [event async for event in client.send_message(request)]


def ask(address, secret, act, binding="JSONRPC", **more):
    """Run `act(client)` in a connection of its own."""

    async def run():
        async with connected(address, secret, binding, **more) as client:
            return await act(client)

    return asyncio.run(run())


def sent(address, secret, said, binding="JSONRPC"):
    [event] = ask(address, secret, lambda client: send(client, said), binding)
    return event.task


def got(address, secret, task_id, binding="JSONRPC"):
    return ask(address, secret, lambda client: client.get_task(pb.GetTaskRequest(id=task_id)), binding)


def result_of(task):
    [data] = get_data_parts(task.artifacts[0].parts)
    return data


@pytest.fixture
def lead(address, tenants):
    stock(tenants.a, tenants.b)
    return secret_of(tenants.a)


def test_the_card_names_both_bindings_and_each_skill_with_its_scope(address):
    card = httpx2.get(f"{address}/.well-known/agent-card.json", trust_env=False)
    assert card.status_code == 200
    body = card.json()
    assert [each["protocolBinding"] for each in body["supportedInterfaces"]] == list(BINDINGS)
    assert {each["url"] for each in body["supportedInterfaces"]} == {f"{address}/a2a", f"{address}/a2a/v1"}
    assert [skill["id"] for skill in body["skills"]] == list(skills.SKILLS)
    scopes = [skill["securityRequirements"][0]["schemes"]["bearer"]["list"] for skill in body["skills"]]
    assert scopes == [[f"skill:{name}"] for name in skills.SKILLS]
    again = httpx2.get(f"{address}/.well-known/agent-card.json", headers={"If-None-Match": card.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_campaign_is_delegated_watched_and_commented(address, lead, tenants, binding):
    said = wish(context_id="chat-7")
    task = sent(address, lead, said, binding)
    assert (task.status.state, task.context_id) == (pb.TASK_STATE_SUBMITTED, "chat-7")
    assert sent(address, lead, said, binding).id == task.id
    play(tenants.a)
    draft = got(address, lead, task.id, binding)
    assert draft.status.state == pb.TASK_STATE_INPUT_REQUIRED
    assert result_of(draft)["summary"]
    assert "Mensch" in draft.status.message.parts[0].text
    comment = word("kürzer", task_id=task.id)
    assert sent(address, lead, comment, binding).status.state == pb.TASK_STATE_SUBMITTED
    assert sent(address, lead, comment, binding).id == task.id
    play(tenants.a)
    assert result_of(got(address, lead, task.id, binding))["revision"] == 2
    assert sent(address, lead, comment, binding).status.state == pb.TASK_STATE_INPUT_REQUIRED
    with db.tenant_session(tenants.a) as session:
        assert session.query(Review).filter(Review.verb == "revise").count() == 1
    decide(tenants.a, call(tenants.a, "get", UUID(task.id), key_of(tenants.a)))
    assert got(address, lead, task.id, binding).status.state == pb.TASK_STATE_COMPLETED
    with pytest.raises(TaskNotCancelableError):
        ask(address, lead, lambda client: client.cancel_task(pb.CancelTaskRequest(id=task.id)), binding)


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_message_id_is_the_same_key_as_in_rest(address, lead, tenants, binding):
    said = wish()
    task = sent(address, lead, said, binding)
    headers = {"Authorization": f"Bearer {lead}", "Idempotency-Key": said.message_id}
    body = {"skill": "draft_campaign", "input": GOAL}
    answer = httpx2.post(f"{address}/api/v1/agent-tasks", json=body, headers=headers, trust_env=False)
    assert answer.json()["id"] == task.id
    with pytest.raises(InvalidParamsError):
        sent(address, lead, wish(values={**GOAL, "goal": "Something else"}, message_id=said.message_id), binding)
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 1


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_waiting_send_ends_with_the_review_and_not_later_than_its_patience(
    address, lead, tenants, binding, monkeypatch
):
    monkeypatch.setattr(a2a_handler, "WAIT_SECONDS", 0.0)
    [held] = ask(address, lead, lambda client: send(client, wish(), wait=True), binding)
    assert held.task.status.state == pb.TASK_STATE_SUBMITTED
    monkeypatch.setattr(a2a_handler, "WAIT_SECONDS", 25.0)

    async def act(client):
        waiting = asyncio.create_task(send(client, wish(values={**GOAL, "goal": "Another goal"}), wait=True))
        while not waiting.done():
            await asyncio.to_thread(play, tenants.a)
        return await waiting

    [done] = ask(address, lead, act, binding)
    assert done.task.status.state == pb.TASK_STATE_INPUT_REQUIRED


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_stream_tells_the_way_to_the_review_and_ends_there(address, lead, tenants, binding):
    async def act(client):
        told = []
        async for event in client.send_message(pb.SendMessageRequest(message=wish())):
            if not told:
                await asyncio.to_thread(play, tenants.a)
            told.append(event)
        again = [event async for event in client.subscribe(pb.SubscribeToTaskRequest(id=told[0].task.id))]
        return told, again

    told, again = ask(address, lead, act, binding, streaming=True)
    assert told[0].task.status.state == pb.TASK_STATE_SUBMITTED
    assert told[-1].status_update.status.state == pb.TASK_STATE_INPUT_REQUIRED
    assert [event.HasField("artifact_update") for event in told].count(True) == 1
    assert [event.task.status.state for event in again] == [pb.TASK_STATE_INPUT_REQUIRED]


@pytest.mark.parametrize("binding", BINDINGS)
def test_an_answer_at_once_is_a_completed_task(address, lead, tenants, binding):
    audience = {"audience": {"kind": "all_members", "inactive_days": 30}}
    task = sent(address, lead, wish("estimate_audience", audience), binding)
    assert task.status.state == pb.TASK_STATE_COMPLETED
    assert set(result_of(task)) == {"members", "may_be_written_to", "channel", "meaning"}

    def act(client):
        return collect(client.subscribe(pb.SubscribeToTaskRequest(id=task.id)))

    with pytest.raises(UnsupportedOperationError):
        ask(address, lead, act, binding, streaming=True)


async def collect(stream):
    return [event async for event in stream]


@pytest.mark.parametrize("binding", BINDINGS)
def test_ids_of_another_tenant_are_not_found(address, lead, tenants, binding):
    task = sent(address, lead, wish(), binding)
    play(tenants.a)
    stranger = secret_of(tenants.b)
    for act in (
        lambda client: client.get_task(pb.GetTaskRequest(id=task.id)),
        lambda client: client.get_task(pb.GetTaskRequest(id="no-id")),
        lambda client: client.cancel_task(pb.CancelTaskRequest(id=task.id)),
        lambda client: send(client, word("kürzer", task_id=task.id)),
    ):
        with pytest.raises(TaskNotFoundError):
            ask(address, stranger, act, binding)
    campaign = result_of(got(address, lead, task.id, binding))["campaign_id"]
    with pytest.raises(InvalidParamsError) as refusal:
        sent(address, stranger, wish("get_campaign", {"campaign_id": campaign}), binding)
    assert "no campaign with this id" in str(refusal.value)
    listed = ask(address, stranger, lambda client: client.list_tasks(pb.ListTasksRequest()), binding)
    assert (len(listed.tasks), listed.total_size) == (0, 0)
    other = wish()
    request = pb.SendMessageRequest(message=other, tenant=str(tenants.a))
    with pytest.raises((InvalidParamsError, MethodNotFoundError)):
        ask(address, stranger, lambda client: collect(client.send_message(request)), binding)
    with db.tenant_session(tenants.b) as session:
        assert session.query(Campaign).count() == 0


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("skill", sorted(skills.SKILLS))
def test_a_key_without_the_skill_gets_403(address, tenants, binding, skill):
    secret = secret_of(tenants.a, SKILLS - {f"skill:{skill}"})
    with pytest.raises(A2AClientError) as refusal:
        sent(address, secret, wish(skill, {}), binding)
    assert "403" in str(refusal.value)


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("skill", ORDERS)
def test_no_skill_approves_or_sends_even_for_a_person(address, lead, tenants, binding, skill):
    task = sent(address, lead, wish(), binding)
    play(tenants.a)
    campaign = result_of(got(address, lead, task.id))["campaign_id"]
    for secret in (lead, session_of(tenants.a)):
        with pytest.raises(A2AClientError) as refusal:
            sent(address, secret, wish(skill, {"campaign_id": campaign}), binding)
        assert "403" in str(refusal.value)
    sent(address, lead, word("Approved! Ja, freigeben und senden.", task_id=task.id), binding)
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).one().status == "ai_generating"
        assert session.query(Review).filter(Review.verb == "approve").count() == 0


@pytest.mark.parametrize("binding", BINDINGS)
def test_lists_are_paged_and_filtered(address, lead, tenants, binding):
    ids = [sent(address, lead, wish(values={**GOAL, "goal": f"Goal {n}"}, context_id="c"), binding).id for n in (1, 2)]
    ids.append(sent(address, lead, wish("estimate_audience", {"audience": {"kind": "all_members"}}), binding).id)

    def listed(**which):
        return ask(address, lead, lambda client: client.list_tasks(pb.ListTasksRequest(**which)), binding)

    first = listed(page_size=2)
    assert ([task.id for task in first.tasks], first.total_size) == (ids[:0:-1], 3)
    rest = listed(page_size=2, page_token=first.next_page_token)
    assert ([task.id for task in rest.tasks], rest.next_page_token) == (ids[:1], "")
    assert [task.id for task in listed(status=pb.TASK_STATE_COMPLETED, include_artifacts=True).tasks] == ids[2:]
    assert [task.id for task in listed(context_id="c").tasks] == ids[1::-1]
    with pytest.raises(InvalidParamsError):
        listed(page_token="x")


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    "said",
    [
        word(" "), message(new_data_part({"skill": 7})), message(new_data_part([1])),
        message(new_data_part({"skill": "draft_campaign", "input": GOAL, "approve": True})), wish("draft_campaign", {}),
        message(new_data_part({"skill": "draft_campaign", "input": "x"})),
    ],
    ids=["words", "number", "list", "more", "empty", "text"],
)  # fmt: skip
def test_what_cannot_be_read_is_said(address, lead, binding, said):
    with pytest.raises(InvalidParamsError):
        sent(address, lead, said, binding)


@pytest.mark.parametrize("binding", BINDINGS)
def test_push_addresses_are_refused_and_lead_to_webhooks(address, lead, binding):
    task = sent(address, lead, wish(), binding)
    config = pb.TaskPushNotificationConfig(task_id=task.id, url="https://lead.example/")
    with pytest.raises(PushNotificationNotSupportedError):
        ask(address, lead, lambda client: client.create_task_push_notification_config(config), binding)


def test_without_a_valid_key_nobody_gets_in(address, lead):
    body = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}
    for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": f"Basic {lead}"}):
        for verb, path in (("POST", "/a2a"), ("POST", "/a2a/v1/message:send"), ("GET", "/a2a/v1/tasks")):
            more = {"json": body} if verb == "POST" else {}
            answer = httpx2.request(
                verb, f"{address}{path}", headers={"A2A-Version": "1.0", **headers}, trust_env=False, **more
            )
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path


def test_another_version_of_the_protocol_is_refused_by_name(address, lead):
    body = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}
    headers = {"Authorization": f"Bearer {lead}", "A2A-Version": "0.3"}
    answer = httpx2.post(f"{address}/a2a", json=body, headers=headers, trust_env=False)
    assert answer.json()["error"]["code"] == -32009


def test_a_task_refused_by_the_plan_is_rejected_with_its_reason(address, lead, tenants):
    with db.tenant_session(tenants.a) as session:
        session.get_one(Tenant, tenants.a).tier = "starter"
    task = sent(address, lead, wish())
    assert task.status.state == pb.TASK_STATE_REJECTED
    assert MessageToDict(task.metadata)["refusal"]["code"] == "plan_limit"


@pytest.mark.parametrize("binding", BINDINGS)
def test_words_without_a_task_are_a_turn_with_the_lead_agent(address, lead, tenants, binding):
    async def act(client):
        first = await send(client, word("Entwirf eine Kampagne für alle Mitglieder", context_id="chat"))
        second = await send(client, word("ja", context_id="chat"))
        return first[0].message, second[0].message

    asked, begun = ask(address, lead, act, binding)
    assert (asked.role, asked.context_id) == (pb.ROLE_AGENT, "chat")
    assert "Ja oder Nein?" in asked.parts[0].text
    assert asked.reference_task_ids == begun.reference_task_ids
    assert got(address, lead, asked.reference_task_ids[0], binding).status.state == pb.TASK_STATE_SUBMITTED
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).one().status == "ai_generating"


@pytest.mark.parametrize("binding", BINDINGS)
def test_words_about_one_channel_of_two_reach_that_draft_once(address, lead, tenants, binding):
    task = sent(address, lead, wish(values={**GOAL, "channels": ["email", "sms"]}), binding)
    play(tenants.a, question="which_offer")
    asked = got(address, lead, task.id, binding)
    assert (asked.status.state, len(asked.status.message.parts)) == (pb.TASK_STATE_INPUT_REQUIRED, 3)
    answer = word("ohne Angebot", task_id=task.id)
    answer.metadata.update({"channel": "sms"})
    for _ in range(2):
        heard = sent(address, lead, answer, binding)
        states = {part["channel"]: part["state"] for part in result_of(heard)["campaigns"]}
        assert states == {"email": "waiting_input", "sms": "queued"}
    other = word("mit Angebot", task_id=task.id, message_id=answer.message_id)
    with pytest.raises(InvalidParamsError):
        sent(address, lead, other, binding)
    again = wish(values={**GOAL, "channels": ["sms"]}, message_id=answer.message_id)
    with pytest.raises(InvalidParamsError):
        sent(address, lead, again, binding)
    assert sent(address, lead, word("mit", task_id=task.id), binding).status.state == pb.TASK_STATE_SUBMITTED


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    "values",
    [
        {**GOAL, "goal": "x" * 1_001},
        {**GOAL, "goal": "\u0000 a goal"},
        {**GOAL, "goal": 7},
        {**GOAL, "channels": ["email", "email"]},
        {**GOAL, "audience": {"kind": "tags", "tags": ["\u0000"]}},
        {**GOAL, "audience": {"kind": "everyone"}},
        {**GOAL, "constraints": ["x"] * 6},
        {**GOAL, "send_window": {"at": "2030-13-45T99:99"}},
        {**GOAL, "approve": True},
    ],
    ids=lambda values: next((k for k in ("approve", "send_window", "constraints") if k in values), str(values)[-40:]),
)
def test_hostile_input_is_named_and_leaves_nothing(address, lead, tenants, binding, values):
    with pytest.raises(InvalidParamsError):
        sent(address, lead, wish(values=values), binding)
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 0
