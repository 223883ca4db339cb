"""Follow-ups over HTTP: planned, listed, moved, rehearsed, and every tenant its own."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import tellers
from sqlalchemy import func, select

from agents.follow_up import run as worker
from ariia.tasks import follow_ups as tasks
from domain.follow_ups import closing
from domain.follow_ups.rules import Topic
from domain.identity import service as identity
from domain.identity.rules import Role
from kernel import db
from models import DomainEvent, FollowUp, Message, Notice, PlanReservation
from tests.api.conftest import Client


@pytest.fixture
def studio(tenants):
    tellers.a_studio(tenants.b, chat="9002")
    return tellers.a_studio(tenants.a)


def wall(days: int, clock: str = "10:00") -> str:
    day = datetime.now(ZoneInfo(tellers.ZONE)) + timedelta(days=days)
    return f"{day:%Y-%m-%d}T{clock}"


def planned(client, studio, **fields):
    body = {"member_id": str(studio.member_id), "at": wall(10)} | fields
    answer = client.post("/follow-ups", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_person_plans_one_and_finds_it_by_state_member_and_date(clients, studio):
    a, b = clients
    made = planned(a, studio)
    assert (made["state"], made["intent"], made["channel"]) == ("pending", "person", "telegram")
    assert made["due_local"].startswith(wall(10))
    assert made["zone"] == tellers.ZONE
    one = a.get(f"/follow-ups/{made['id']}")
    assert one.json() == made
    filters = {"state": "pending", "member_id": str(studio.member_id), "due_from": made["due_at"]}
    assert [row["id"] for row in a.get("/follow-ups", params=filters).json()["items"]] == [made["id"]]
    assert a.get("/follow-ups", params={"due_until": made["due_at"]}).json()["items"] == []
    assert b.get("/follow-ups").json()["items"] == []
    assert b.get(f"/follow-ups/{made['id']}").status_code == 404


def test_pages_hold_each_row_once(clients, studio):
    a, _ = clients
    made = {planned(a, studio, topic=topic)["id"] for topic in ("general", "trial", "course")}
    seen: list[str] = []
    cursor = None
    while True:
        page = a.get("/follow-ups", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 3
    assert set(seen) == made


def test_a_repeated_post_with_its_key_plans_once(clients, studio):
    a, _ = clients
    body = {"member_id": str(studio.member_id), "at": wall(10)}
    answers = [a.post("/follow-ups", body, headers={"Idempotency-Key": "once"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["moves"] == 0


def test_it_is_moved_cancelled_and_then_stays(clients, studio):
    a, _ = clients
    made = planned(a, studio)
    moved = a.post(f"/follow-ups/{made['id']}/move", {"at": wall(12, "15:30")})
    assert moved.status_code == 200, moved.text
    assert moved.json()["due_local"].startswith(wall(12, "15:30"))
    for _ in range(2):
        assert a.post(f"/follow-ups/{made['id']}/cancel").json()["state"] == "cancelled"
    late = a.post(f"/follow-ups/{made['id']}/move", {"at": wall(12)})
    assert (late.status_code, late.json()["code"]) == (409, "follow_up_state")
    assert a.get(f"/follow-ups/{made['id']}").json()["why_text"]["en"] == "Somebody of the team cancelled it."


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"at": "2020-01-01T10:00"}, 422, "due_past"),
        ({"at": "2035-01-01T10:00"}, 422, "due_too_far"),
        ({"at": "morgen"}, 422, "invalid"),
        ({"time_zone": "Mars/Olympus"}, 422, "invalid"),
        ({"channel": "sms"}, 409, "no_consent"),
        ({"purpose": "transactional"}, 403, "person_needed"),
        ({"topic": "health"}, 422, "invalid"),
        ({"member_id": "00000000-0000-7000-8000-000000000000"}, 404, "not_found"),
        ({"surprise": 1}, 422, "invalid"),
    ],
)
def test_what_cannot_be_promised_names_the_way_out(clients, studio, fields, status, code):
    a, _ = clients
    answer = a.post("/follow-ups", {"member_id": str(studio.member_id), "at": wall(10)} | fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_past_the_plan_it_is_402_with_the_tier_that_lifts_it(clients, studio):
    a, _ = clients
    tellers.set_tenant(studio.tenant_id, tier="starter")
    with db.tenant_session(studio.tenant_id) as session:
        members = [tellers.a_member(session, str(30_000 + n)) for n in range(6)]
    answers = [a.post("/follow-ups", {"member_id": str(member), "at": wall(10)}) for member in members]
    assert [answer.status_code for answer in answers] == [201] * 5 + [402]
    assert answers[-1].json()["lifted_by"] == "professional"
    meters = {meter["limit"]: meter for meter in a.get("/plan").json()["limits"]}
    assert (meters["follow_ups"]["used"], meters["follow_ups"]["allowed"]) == (5, 5)


def test_the_dry_run_reads_a_text_and_keeps_nothing(clients, studio):
    a, _ = clients
    body = {"text": "Erinner mich in zwei Wochen", "ref": "2026-11-18T09:30:00+01:00", "zone": "Europe/Berlin"}
    shown = a.post("/follow-ups/dry-run", body).json()
    assert (shown["action"], shown["time_text"], shown["language"]) == ("schedule", "in zwei Wochen", "de")
    assert shown["dates"][0]["local"] == "2026-12-02T10:00:00"
    assert shown["answer"] == "Alles klar, ich melde mich am Mi, 2. Dezember um 10 Uhr."
    absent = a.post("/follow-ups/dry-run", body | {"text": "I'm away until December 15"}).json()
    assert (absent["action"], len(absent["dates"])) == ("ask", 2)
    assert a.post("/follow-ups/dry-run", body | {"text": "Hallo"}).json()["action"] == "none"
    assert a.get("/follow-ups").json()["items"] == []
    for wrong in ({"ref": "2026-11-18T09:30:00"}, {"zone": "Mars/Olympus"}):
        assert a.post("/follow-ups/dry-run", body | wrong).status_code == 422


def counts(studio) -> list[int]:
    with db.tenant_session(studio.tenant_id) as session:
        return [
            session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (Message, Notice, DomainEvent, PlanReservation)
        ]


def test_a_rehearsal_shows_what_would_be_sent_when_and_changes_nothing(clients, studio, tenants):
    a, b = clients
    tellers.set_tenant(studio.tenant_id, frequency_cap=1, frequency_days=1, quiet_from="09:00", quiet_until="11:30")
    first = planned(a, studio, at=wall(10), unless_active=False)
    second = planned(a, studio, at=wall(10, "12:00"), topic="trial", unless_active=False)
    before = counts(studio)
    until = (datetime.now(UTC) + timedelta(days=60)).isoformat()
    steps = a.post("/follow-ups/rehearsal", {"until": until}).json()["steps"]
    mine = [(step["state"], step["why"]) for step in steps if step["follow_up_id"] == first["id"]]
    theirs = [(step["state"], step["why"]) for step in steps if step["follow_up_id"] == second["id"]]
    assert mine == [("pending", "quiet_hours"), ("sent", None)]
    assert theirs[0] == ("pending", "frequency_cap")
    assert theirs[-1][0] in {"sent", "expired"}
    sent = next(step for step in steps if step["state"] == "sent")
    assert sent["text"].startswith("Hallo Jörg, hier ist")
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
    assert counts(studio) == before
    assert {row["state"] for row in a.get("/follow-ups").json()["items"]} == {"pending"}
    again = a.post("/follow-ups/rehearsal", {"until": until}).json()["steps"]
    assert again == steps
    assert b.post("/follow-ups/rehearsal", {"until": until}).json()["steps"] == []
    assert a.post("/follow-ups/rehearsal", {"until": "2020-01-01T00:00:00Z"}).status_code == 422


def test_what_a_rehearsal_shows_is_what_then_happens(clients, studio):
    a, _ = clients
    made = planned(a, studio)
    until = (datetime.now(UTC) + timedelta(days=60)).isoformat()
    step = next(iter(a.post("/follow-ups/rehearsal", {"until": until}).json()["steps"]))
    tellers.make_due(studio.tenant_id, made["id"])
    tasks.run(studio.tenant_id, studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        assert session.execute(select(Notice.content)).scalar_one()["text"] == step["text"]
        assert session.execute(select(FollowUp.state)).scalar_one() == "sending"


def test_words_are_approved_by_people_only_and_suggestions_are_offered(clients, studio, http, tenants):
    a, _ = clients
    shown = a.get("/follow-ups/texts").json()
    assert {(row["topic"], row["language"]) for row in shown["approved"]} == {("general", "de"), ("general", "en")}
    assert len(shown["suggestions"]) == 2 * len(Topic) - 2
    body = {"topic": "trial", "language": "de", "body": "{greeting} Zeit fürs Probetraining!"}
    assert a.call("PUT", "/follow-ups/texts", body).status_code == 403
    with db.tenant_session(studio.tenant_id) as session:
        identity.add_user(
            session, name="Mara", email="mara@a.example", role=Role.APPROVER, password="a long password", actor="t"
        )
    token = http.post("/api/v1/sessions", json={"email": "mara@a.example", "password": "a long password"}).json()[
        "token"
    ]
    mara = Client(http, token)
    answer = mara.call("PUT", "/follow-ups/texts", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["approved_by"].startswith("user:")
    for wrong in ({"body": "{iban}"}, {"body": "{first_name"}, {"body": "{offer1_price}"}, {"topic": "health"}):
        assert mara.call("PUT", "/follow-ups/texts", body | wrong).status_code == 422


def test_the_settings_of_chats_are_shown_and_changed(clients, studio):
    a, _ = clients
    assert a.get("/settings").json()["ai_egress"] == "no_member_data"
    changed = a.call("PUT", "/settings", {"ai_egress": "insights", "chat_disclosure": False, "follow_up_at": "09:00"})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["ai_egress"], changed.json()["follow_up_at"]) == ("insights", "09:00")
    assert a.call("PUT", "/settings", {"ai_egress": "everything"}).status_code == 422


def told(client, conversation: str, text: str, **fields):
    answer = client.post(f"/conversations/{conversation}/messages", {"author": "member", "text": text} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_message_that_a_connector_hands_in_leads_to_a_follow_up_and_an_answer_to_fetch(clients, studio):
    a, _ = clients
    opened = {"channel": "web", "external_id": "visitor-1", "member_id": str(studio.member_id)}
    conversation = a.post("/conversations", opened).json()["id"]
    turn = told(a, conversation, "Kannst du mich in zwei Wochen erinnern?", external_id="m1")
    assert told(a, conversation, "Kannst du mich in zwei Wochen erinnern?", external_id="m1") == turn
    assert worker.read(studio.tenant_id, UUID(turn)) == "scheduled"
    made = a.get("/follow-ups", params={"state": "pending"}).json()["items"][0]
    assert (made["channel"], made["conversation_id"]) == ("telegram", conversation)
    newest = a.get(f"/conversations/{conversation}/messages").json()["items"][0]
    assert newest["author"] == "agent"
    assert newest["text"].startswith("Alles klar, ich melde mich am ")
    with db.tenant_session(studio.tenant_id) as session:
        assert session.execute(select(Notice)).scalars().all() == []  # nobody can be reached in a chat of others


@pytest.mark.parametrize(("channel", "text"), [("telegram", "STOP"), ("web", "Bitte keine Nachrichten mehr")])
def test_a_stop_that_a_connector_hands_in_holds_at_once_and_ends_what_is_open(clients, studio, channel, text):
    a, _ = clients
    made = planned(a, studio)
    opened = {"channel": channel, "external_id": "visitor-2", "member_id": str(studio.member_id)}
    conversation = a.post("/conversations", opened).json()["id"]
    turn = told(a, conversation, text)
    shown = a.get(f"/members/{studio.member_id}/consents").json()
    assert {row["state"] for row in shown} == {"withdrawn"}, shown
    assert worker.read(studio.tenant_id, UUID(turn)) == "no_consent"
    closing.after_stop(studio.tenant_id, studio.member_id)
    assert a.get(f"/follow-ups/{made['id']}").json()["why"] == "opted_out"
