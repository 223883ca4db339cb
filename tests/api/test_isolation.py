"""Every operation, generated from our own OpenAPI: foreign ids are 404, no key is 401, no scope is 403."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import make
import pytest

from api.app import create_app
from domain.brand import service as brands
from domain.campaigns import previews, reviews
from domain.consent import service as consents
from domain.conversations import service as conversations
from domain.delivery import team
from domain.follow_ups import store as follow_ups
from domain.follow_ups.rules import Due, Topic
from domain.follow_ups.store import Wish
from domain.identity import service as identity
from domain.identity.rules import Role
from domain.knowledge import service as knowledge
from domain.knowledge import uploads
from domain.knowledge.service import About
from domain.segments import membership
from domain.segments import service as segments
from domain.senders import accounts, domains, stops
from domain.sequences import service as sequences
from domain.templates import service as templates
from domain.webhooks import service as webhooks
from kernel import clock, db
from kernel.ids import new_id
from models import (
    AgentQuestion,
    AgentTask,
    AgentTaskCampaign,
    Enrolment,
    ImportBatch,
    Sender,
    SenderStop,
    Suppression,
    Tenant,
)

DOCUMENT = create_app().openapi()
OPERATIONS = [
    (verb.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    if path.startswith("/api/v1")
    for verb, operation in operations.items()
]
PUBLIC = {
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/campaigns/tracking/open"),
    ("POST", "/api/v1/campaigns/tracking/click"),
}
# Any principal may end its own session.
WITHOUT_SCOPE = {("DELETE", "/api/v1/sessions/current")}
HASH = "0" * 64

BODIES: dict[str, Any] = {
    "change_topic": {"sns_topic": None},
    "lift_stop": {"note": "x"},
    "create_chat_link": {"account_id": "00000000-0000-7000-8000-000000000000"},
    "send_test": {"member_id": "00000000-0000-7000-8000-000000000000", "to": "mara@a.example"},
    "change_campaign": {"name": "x"},
    "generate_draft": {},
    "answer_question": {"text": "ja"},
    "continue_run": {},
    "decide_brand_rule": {"state": "active"},
    "schedule_campaign": {"at": "2030-01-01T09:00", "time_zone": "Europe/Berlin"},
    "write_revision": {"content": {"languages": {"de": {"email": make.email()}}}},
    "decide_ab_test": {"outcome": "send_none", "reason": "x"},
    "give_feedback": {"revision_id": None, "content_hash": HASH, "comment": "kürzer"},
    "approve_campaign": {"revision_id": None, "content_hash": HASH},
    "reject_campaign": {"revision_id": None, "content_hash": HASH, "comment": "nein"},
    "withdraw_approval": {"reason": "doch nicht"},
    "waive_finding": {"name": "Mara", "reason": "weil es stimmt"},
    "create_preview_link": {},
    "change_member": {"first_name": "x"},
    "add_activity": {"kind": "visit", "at": "2026-01-01T10:00:00Z"},
    "add_purchase": {"product": "x", "amount_minor": 1, "currency": "EUR", "at": "2026-01-01T10:00:00Z"},
    "record_consent": {"channel": "email", "purpose": "marketing", "state": "withdrawn", "source": "x"},
    "lift_suppression": {"reason": "irrtum"},
    "change_offer": {"title": "x"},
    "add_message": {"author": "member", "text": "x"},
    "change_template": {"name": "x"},
    "preview_rules": {"rules": {"type": "tag", "any_of": ["x"]}},
    "add_rule_to_segment": {"rule": {"type": "tag", "any_of": ["x"]}},
    "replace_rule_of_segment": {"rule": {"type": "tag", "any_of": ["x"]}},
    "enrol_members": {"member_ids": ["00000000-0000-7000-8000-000000000000"]},
    "change_sequence": {"name": "x"},
    "rehearse_sequence": {},
    "add_members_to_segment": {"member_ids": ["00000000-0000-7000-8000-000000000000"]},
    "change_user": {"active": True},
    "send_through": {"account_id": None},
    "replace_secret": {"secret": "another password"},
    "pause_account": {"reason": "x"},
    "change_domain": {"dkim": "self"},
    "change_budget": {"budget_minor": 1},
    "move_follow_up": {"at": "2030-01-01T09:00"},
    "confirm_follow_up": {"option": 1},
    "answer_task": {"question_id": "00000000-0000-7000-8000-000000000000", "text": "ja"},
    "comment_task": {"text": "kürzer"},
}


def body_of(operation: dict[str, Any], ids: dict[str, UUID]) -> Any:
    if "requestBody" not in operation or files_of(operation):
        return None
    body = next((body for name, body in BODIES.items() if operation["operationId"].startswith(name)), {})
    return {key: str(ids["revision_id"]) if key == "revision_id" else value for key, value in body.items()}


def files_of(operation: dict[str, Any]) -> dict[str, Any]:
    """A file for an operation that takes one."""
    takes = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    return {"files": {"file": ("a.csv", b"Mitgliedsnummer\n1\n", "text/csv")}} if takes else {}


def filled(path: str, ids: dict[str, UUID]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(ids.get(match[1], "activities")), path.removeprefix("/api/v1"))


@pytest.fixture
def foreign(tenants) -> dict[str, UUID]:
    """One row of tenant A for every id that a path may name."""
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        member = make.member(session, "a@example.org")
        campaign, revision = make.drafted(session, goal="Reaktiviere alle")
        link = previews.create(session, campaign.id, actor="t").link
        document = knowledge.store_document(
            session, name="a.md", body="# A\n\nText", media_type="text/markdown", language="de", actor="t"
        )
        offer = knowledge.store_offer(session, actor="t", key="a", title="A", price_minor=1, currency="EUR")
        conversation = conversations.open_conversation(
            session, channel="web", external_id="a", member_id=member.id, actor="t"
        )
        template = templates.create(session, name="A", description=None, kind="email", content=make.email(), actor="t")
        consents.suppress(session, channel="email", address_norm="x@y.z", reason="manual", source="t", actor="t")
        suppression = session.query(Suppression).one()
        batch = ImportBatch(
            tenant_id=tenants.a, kind="members", file_name="a", dry_run=False, status="done", mapping={}, options={},
            counts={},
        )  # fmt: skip
        session.add(batch)
        user = identity.add_user(session, name="A", email="a@a.example", role=Role.VIEWER, password=None, actor="t")
        key = identity.issue_key(session, name="a", actor="t").key
        hook, _ = webhooks.create(session, url="https://a.example/", wanted=["*"], actor="t")
        run = reviews.generate(session, campaign.id, actor="t")
        question = AgentQuestion(tenant_id=tenants.a, campaign_id=campaign.id, run_id=run.id, code="x", text="x")
        session.add(question)
        brands.propose(session, ["form_sie"], feedback_id=None, actor="t")
        account = accounts.create(
            session, kind="smtp", label="A", settings={"host": "relay.example", "user": "a"}, secret="pw", actor="t"
        )
        domain = domains.add(session, domain="a.example", dkim_by="relay", actor="t")
        address = team.add(session, channel="sms", address="+4915112345678", label="A", actor="t")
        segment = segments.create(session, name="A", kind="static", actor="t")
        membership.add(session, segment.id, [member.id], actor="t")
        upload = uploads.take(session, About("a.pdf", "application/pdf", "de"), b"x" * 300_000, actor="t")
        session.flush()
        task = AgentTask(
            tenant_id=tenants.a, skill="draft_campaign", input={}, input_hash="x", requester="key:x"
        )  # fmt: skip
        session.add(task)
        session.flush()
        session.add(AgentTaskCampaign(tenant_id=tenants.a, agent_task_id=task.id, campaign_id=campaign.id, n=0))
        wish = Wish(member.id, Topic.GENERAL, "asked", "person", "de", "email")
        session.get_one(Tenant, tenants.a).tier = "enterprise"
        steps = {"trigger": {"type": "manual"}, "steps": [{"type": "message", "key": "a"}]}
        sequence = sequences.create(session, name="A", wanted=steps, actor="t")
        enrolment = Enrolment(tenant_id=tenants.a, sequence_id=sequence.id, member_id=member.id, pass_n=0, why="t")
        session.add(enrolment)
        session.flush()
        sender = session.query(Sender).one()
        stops.stop(session, sender, reason="complained", harmed=5, handed_over=50)
        follow_up = follow_ups.schedule(session, wish, Due.of(clock.now() + timedelta(days=9), "UTC"), actor="t").row
        return {
            "sequence_id": sequence.id, "enrolment_id": enrolment.id,
            "upload_id": upload.id, "segment_id": segment.id,
            "follow_up_id": follow_up.id, "rule_id": brands.rules(session)[0].id,
            "task_id": task.id, "address_id": address.id,
            "campaign_id": campaign.id, "revision_id": revision.id, "run_id": run.id, "question_id": question.id,
            "link_id": link.id, "member_id": member.id, "document_id": document.id, "offer_id": offer.id,
            "conversation_id": conversation.id, "template_id": template.id, "suppression_id": suppression.id,
            "import_id": batch.id, "webhook_id": hook.id,
            "user_id": user.id, "key_id": key.id, "account_id": account.id,
            "domain_id": domain.id, "sender_id": sender.id, "stop_id": session.query(SenderStop).one().id,
        }  # fmt: skip


def test_every_id_of_the_paths_is_covered(foreign):
    named = {name for _, path, _ in OPERATIONS for name in re.findall(r"\{(\w+)\}", path)}
    assert named - set(foreign) <= {"kind", "finding_key", "country", "step"}


def test_foreign_and_random_ids_are_not_found_by_any_operation(foreign, clients):
    _, b = clients
    wrong = []
    random_ids = {name: new_id() for name in foreign}
    for verb, path, operation in OPERATIONS:
        if not set(re.findall(r"\{(\w+)\}", path)) - {"kind"}:
            continue
        for ids in (foreign, random_ids):
            answer = b.call(verb, filled(path, ids), body_of(operation, ids), **files_of(operation))
            approves = "approv" in path or "reject" in path or "waive" in path  # no key may, whatever the id
            if answer.status_code != (403 if approves else 404):
                wrong.append((verb, path, answer.status_code, answer.text[:120]))
    assert wrong == []


def test_lists_show_nothing_of_another_tenant(foreign, clients, tenants):
    _, b = clients
    with db.tenant_session(tenants.b) as session:
        session.get_one(Tenant, tenants.b).tier = "enterprise"
    ids = {str(value) for value in foreign.values()}
    compared = b.get("/campaigns/compare", params={"ids": [str(foreign["campaign_id"]), str(new_id())]})
    assert compared.status_code == 404
    for verb, path, _ in OPERATIONS:
        if verb == "GET" and "{" not in path and "/compare" not in path:
            answer = b.get(path.removeprefix("/api/v1"), params={"q": "Text"} if "search" in path else None)
            assert answer.status_code == 200, (path, answer.text)
            assert not any(foreign_id in answer.text for foreign_id in ids), path


@pytest.mark.parametrize(("verb", "path"), [(verb, path) for verb, path, _ in OPERATIONS])
def test_without_a_key_or_with_a_wrong_one_nothing_answers(http, tenants, verb, path):
    if (verb, path) in PUBLIC:
        return
    url = "/api/v1" + re.sub(r"\{(\w+)\}", str(new_id()), path.removeprefix("/api/v1"))
    for headers in ({}, {"Authorization": "Bearer ariia_live_0_nothing"}, {"Authorization": "Basic eDp4"}):
        answer = http.request(verb, url, json={}, headers=headers)
        assert answer.status_code == 401, (verb, path, answer.status_code)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_without_scopes_may_nothing(http, foreign, tenants):
    with db.tenant_session(tenants.a) as session:
        secret = identity.issue_key(session, name="none", actor="t", scopes=frozenset()).secret
    wrong = []
    for verb, path, operation in OPERATIONS:
        if (verb, path) in PUBLIC | WITHOUT_SCOPE:
            continue
        url = "/api/v1" + filled(path, foreign)
        answer = http.request(
            verb, url, json=body_of(operation, foreign), headers={"Authorization": f"Bearer {secret}"}
        )
        if answer.status_code not in {403, 422}:
            wrong.append((verb, path, answer.status_code))
    assert wrong == []


def test_every_operation_that_takes_json_refuses_a_key_that_stands_twice(clients):
    wrong, asked = [], 0
    for verb, path, operation in OPERATIONS:
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            headers = {"Content-Type": "application/json"}
            answer = clients[0].call(verb, filled(path, {}), content='{"x": 1, "x": 2}', headers=headers)
            asked += 1
            if answer.status_code != 400 or "'x' twice" not in answer.text:
                wrong.append((verb, path, answer.status_code, answer.text[:120]))
    assert asked > 50
    assert wrong == []
