"""The MCP door with the official client over a real socket: both protocol eras, repeats, scopes, tenants, hosts."""

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2
import pytest
from errands import GOAL, ORDERS, SKILLS, call, decide, key_of, secret_of, session_of, stock, write
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from domain.agent_tasks import skills
from domain.identity.rules import SKILL_SCOPES
from kernel import db, settings
from kernel.ids import new_id
from models import AgentRun, Campaign

MODES = ("auto", "legacy")


@asynccontextmanager
async def connected(address, secret, mode="auto"):
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
        transport = streamable_http_client(f"{address}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def use(address, secret, *calls, mode="auto"):
    """Call tools one after the other and return what each said."""

    async def run():
        async with connected(address, secret, mode) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(run())


def said(address, secret, name, arguments=None, **more):
    [result] = use(address, secret, (name, arguments or {}), **more)
    return result.is_error, result.structured_content


@pytest.fixture
def lead(address, tenants):
    stock(tenants.a, tenants.b)
    return secret_of(tenants.a)


@pytest.mark.parametrize("mode", MODES)
def test_a_campaign_is_delegated_polled_commented_and_never_approved_here(address, lead, tenants, mode):
    failed, task = said(address, lead, "draft_campaign", {**GOAL, "idempotency_key": "k"}, mode=mode)
    assert (failed, task["state"], task["status"]) == (False, "queued", "working")
    write(tenants.a)
    _, seen = said(address, lead, "get_task", {"task_id": task["task_id"]}, mode=mode)
    assert (seen["state"], seen["status"]) == ("waiting_review", "input_required")
    assert seen["result"]["summary"]
    _, again = said(address, lead, "draft_campaign", {**GOAL, "idempotency_key": "k"}, mode=mode)
    assert again["task_id"] == task["task_id"]
    comment = {"task_id": task["task_id"], "text": "kürzer", "revision_id": seen["result"]["revision_id"]}
    assert said(address, lead, "comment_task", comment, mode=mode)[1]["state"] == "queued"
    write(tenants.a)
    who = key_of(tenants.a)
    decide(tenants.a, call(tenants.a, "get", UUID(task["task_id"]), who))
    _, done = said(address, lead, "get_task", {"task_id": task["task_id"]}, mode=mode)
    assert (done["state"], done["status"]) == ("done", "completed")
    failed, refused = said(address, lead, "cancel", {"task_id": task["task_id"]}, mode=mode)
    assert (failed, refused["code"], refused["status"]) == (True, "task_over", 409)


def test_the_same_key_over_rest_is_the_same_task(address, lead, tenants):
    _, task = said(address, lead, "draft_campaign", {**GOAL, "idempotency_key": "both"})
    headers = {"Authorization": f"Bearer {lead}", "Idempotency-Key": "both"}
    body = {"skill": "draft_campaign", "input": GOAL}
    answer = httpx2.post(f"{address}/api/v1/agent-tasks", json=body, headers=headers, trust_env=False)
    assert answer.json()["id"] == task["task_id"]
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 1


def test_the_tools_are_the_skills_of_the_key_and_none_decides(address, lead, tenants):
    async def names(secret):
        async with connected(address, secret) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    everything = asyncio.run(names(lead))
    verbs = {"get_task", "list_tasks", "answer_task", "comment_task", "cancel"}
    assert set(everything) == set(skills.SKILLS) | verbs
    assert not [name for name in everything if "approve" in name or "send" in name or "start" in name]
    assert everything["search_knowledge"].annotations.read_only_hint
    assert not everything["draft_campaign"].annotations.read_only_hint
    assert "idempotency_key" in everything["draft_campaign"].input_schema["properties"]
    few = asyncio.run(names(secret_of(tenants.a, frozenset({"skill:search_knowledge"}))))
    assert set(few) == {"search_knowledge"} | verbs - {"cancel"}


@pytest.mark.parametrize("skill", sorted(skills.SKILLS))
def test_a_key_without_the_skill_is_refused_with_403(address, tenants, skill):
    secret = secret_of(tenants.a, SKILLS - {f"skill:{skill}"})
    failed, refused = said(address, secret, skill, {})
    assert (failed, refused["status"], refused["code"]) == (True, 403, "missing_scope")
    assert refused["scope"] == f"skill:{skill}"


@pytest.mark.parametrize("tool", ORDERS)
def test_there_is_no_tool_that_approves_or_sends_even_for_a_person(address, lead, tenants, tool):
    task = said(address, lead, "draft_campaign", GOAL)[1]
    write(tenants.a)
    for secret in (lead, session_of(tenants.a)):
        failed, refused = said(address, secret, tool, {"campaign_id": task["campaign_id"]})
        assert (failed, refused["status"], refused["code"]) == (True, 403, "people_only")
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).one().status == "pending_review"


def test_ids_of_another_tenant_are_not_found(address, lead, tenants):
    task = said(address, lead, "draft_campaign", GOAL)[1]
    stranger = secret_of(tenants.b)
    task_id, campaign = task["task_id"], task["campaign_id"]
    for name, arguments in (
        ("get_task", {"task_id": task_id}), ("cancel", {"task_id": task_id}),
        ("comment_task", {"task_id": task_id, "text": "x"}),
        ("answer_task", {"task_id": task_id, "question_id": task_id, "text": "ja"}),
        ("get_campaign", {"campaign_id": campaign}),
        ("revise_campaign", {"campaign_id": campaign, "revision_id": str(new_id()), "feedback": "x"}),
        ("get_task", {"task_id": "no id"}),
    ):  # fmt: skip
        failed, refused = said(address, stranger, name, arguments)
        assert (failed, refused["status"], refused["code"]) == (True, 404, "not_found"), name
    assert said(address, stranger, "list_tasks")[1] == {"tasks": []}
    assert [row["task_id"] for row in said(address, lead, "list_tasks")[1]["tasks"]] == [task_id]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("draft_campaign", {"goal": "x"}, "input.goal"),
        ("draft_campaign", {**GOAL, "send": True}, "input.send"),
        ("draft_campaign", {**GOAL, "idempotency_key": 7}, "idempotency_key"),
        ("draft_campaign", {**GOAL, "idempotency_key": "x" * 256}, "idempotency_key"),
        ("get_task", {}, "task_id"),
        ("get_task", {"task_id": str(new_id()), "more": 1}, "more"),
        ("list_tasks", {"limit": True}, "limit"),
        ("list_tasks", {"limit": 51}, "limit"),
        ("comment_task", {"task_id": str(new_id()), "text": "a\x00b"}, "text"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(address, lead, tool, arguments, field):
    failed, refused = said(address, lead, tool, arguments)
    assert (failed, refused["status"], refused["field"]) == (True, 422, field)


def test_without_a_valid_key_nobody_gets_in(address, lead):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Accept": "application/json, text/event-stream"}
    for more in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": f"Basic {lead}"}):
        answer = httpx2.post(f"{address}/mcp", json=body, headers=headers | more, trust_env=False)
        assert (answer.status_code, answer.json()["status"]) == (401, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_published_address_answers_without_a_redirect_and_only_under_known_hosts(address, lead):
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {
        "Accept": "application/json, text/event-stream", "Authorization": f"Bearer {lead}",
        "Mcp-Protocol-Version": "2025-06-18",
    }  # fmt: skip
    answer = httpx2.post(f"{address}/mcp", json=body, headers=headers, trust_env=False, follow_redirects=False)
    assert (answer.status_code, answer.json()["result"]) == (200, {})
    assert answer.headers["content-type"].startswith("application/json")
    for more, status in (({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)):
        refused = httpx2.post(f"{address}/mcp", json=body, headers=headers | more, trust_env=False)
        assert refused.status_code == status


def test_hosts_come_from_the_settings():
    made = settings.Settings(
        environment="production", public_url="https://ariia.example/", secret_key="x" * 40,
        agent_hosts="agents.example, inner:8443",
    )  # fmt: skip
    assert made.agent_host_list == ["ariia.example", "agents.example", "inner:8443"]
    assert "127.0.0.1:*" in settings.Settings().agent_host_list


def test_parallel_repeats_are_one_task(address, lead, tenants):
    async def run():
        async with connected(address, lead) as client:
            wish = {**GOAL, "idempotency_key": "race"}
            return await asyncio.gather(*(client.call_tool("draft_campaign", wish) for _ in range(8)))

    results = asyncio.run(run())
    assert len({result.structured_content["task_id"] for result in results}) == 1
    assert SKILL_SCOPES <= SKILLS
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 1


def test_any_process_answers_any_call(address, elsewhere, lead, tenants):
    _, task = said(address, lead, "draft_campaign", {**GOAL, "idempotency_key": "k"})
    for mode in MODES:
        assert said(elsewhere, lead, "get_task", {"task_id": task["task_id"]}, mode=mode)[1]["state"] == "queued"
        _, again = said(elsewhere, lead, "draft_campaign", {**GOAL, "idempotency_key": "k"}, mode=mode)
        assert again["task_id"] == task["task_id"]


def test_one_goal_for_two_channels_is_one_task_that_tells_of_both(address, lead, tenants):
    wish = {**GOAL, "channels": ["email", "sms"], "idempotency_key": "both"}
    failed, task = said(address, lead, "draft_campaign", wish)
    assert (failed, task["campaign_id"], len(task["campaign_ids"])) == (False, None, 2)
    assert said(address, lead, "draft_campaign", wish)[1]["task_id"] == task["task_id"]
    write(tenants.a)
    comment = {"task_id": task["task_id"], "text": "kürzer", "channel": "sms", "idempotency_key": "c"}
    for _ in range(2):
        failed, seen = said(address, lead, "comment_task", comment)
        states = {part["channel"]: part["state"] for part in seen["result"]["campaigns"]}
        assert (failed, states, seen["status"]) == (False, {"email": "waiting_review", "sms": "queued"}, "working")
    failed, refused = said(address, lead, "comment_task", {**comment, "text": "länger"})
    assert (failed, refused["code"], refused["status"]) == (True, "key_reused", 422)
    failed, refused = said(address, lead, "comment_task", {**comment, "channel": "fax", "idempotency_key": "d"})
    assert (failed, refused["field"]) == (True, "channel")
    with db.tenant_session(tenants.a) as session:
        assert session.query(Campaign).count() == 2
        assert session.query(AgentRun).count() == 3
