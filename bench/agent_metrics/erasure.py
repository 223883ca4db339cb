"""What is left of a member in what agents keep, after the member was erased."""

from uuid import UUID

import make
import tellers
from conftest import make_tenant
from sqlalchemy import select, text

from agents import ledger
from agents import run as agent
from agents.follow_up import run as follow_ups
from agents.insights import run as insights
from bench.agent_metrics import Metric
from bench.agent_metrics.campaigns import asked_of, model
from domain.conversations import service as conversations
from domain.privacy import service as privacy
from kernel import clock, db
from kernel.ids import new_id
from models import FollowUp, Member, MemberInsight, ModelCall
from tests.agents.campaign.crowds import crowd

_WORDS = "Das ist mir zu teuer, sagt Zaubernuss. Erinner mich in zwei Wochen, ich komme lieber abends."
_TABLES = (
    "agent_run", "agent_step", "model_call", "draft_revision", "member_insight", "conversation", "conversation_message",
    "follow_up", "agent_task", "agent_question", "review",
)  # fmt: skip


def rows(*, quick: bool) -> list[Metric]:
    del quick  # a second
    tenant_id = make_tenant(f"erased-{new_id().hex[-8:]}", tier="enterprise", ai_egress="insights")
    with model() as server:
        member_id = _lived(tenant_id)
        before = _traces(tenant_id, member_id)
        with db.tenant_session(tenant_id) as session:
            privacy.erase(session, member_id, actor="bench")
        after = _traces(tenant_id, member_id)
        asked = sum(str(request.body).casefold().count("zaubernuss") for request in server.requests)
    left = ", ".join(f"{table} {count}" for table, count in after.items() if count) or "0"
    how = (
        "a member with a name of their own wrote in a chat, was read, was promised a message, and a campaign was "
        f"written; {before['all']} rows held the name or the id before, searched in {len(_TABLES)} tables and in the "
        f"ledger's replies in the clear; {asked} requests that read the chat held the name"
    )
    good = after["all"] == 0 and before["all"] > 0
    return [Metric("16", "traces of an erased member in what agents keep", "0", left, good, how)]


def _lived(tenant_id: UUID) -> UUID:
    crowd(tenant_id, 120, stages=2)
    studio = tellers.a_studio(tenant_id)
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        session.get_one(Member, studio.member_id).first_name = "Zaubernuss"
        turn = conversations.add_message(
            session,
            studio.conversation_id,
            author="member",
            text=_WORDS,
            at=clock.now(),
            external_id=None,
            actor="bench",
        )
        ids = studio.member_id, studio.conversation_id, turn.id
    insights.read(tenant_id, ids[1])
    follow_ups.read(tenant_id, ids[2])
    with db.tenant_session(tenant_id) as session:
        found = session.execute(select(MemberInsight.id)).all() and session.execute(select(FollowUp.id)).all()
    _, run_id = asked_of(tenant_id, "Reaktiviere Mitglieder, die seit 30 Tagen nicht da waren")
    agent.execute(tenant_id, run_id)
    if not found:
        raise RuntimeError("nothing was read or promised, so nothing is measured")
    return ids[0]


def _traces(tenant_id: UUID, member_id: UUID) -> dict[str, int]:
    """Return by table how many rows hold the member's name or id, with the replies of models in the clear."""
    signs = {"name": "%zaubernuss%", "id": f"%{member_id}%"}
    counts = {}
    with db.tenant_session(tenant_id) as session:
        for table in _TABLES:
            statement = f"SELECT count(*) FROM {table} t WHERE t::text ILIKE :name OR t::text LIKE :id"
            counts[table] = session.execute(text(statement), signs).scalar_one()
        replies = [ledger._opened(reply) or "" for reply in session.execute(select(ModelCall.reply)).scalars()]  # noqa: SLF001
    counts["replies"] = sum("zaubernuss" in reply.casefold() or str(member_id) in reply for reply in replies)
    return {**counts, "all": sum(counts.values())}
