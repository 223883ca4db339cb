"""What an agent's key may not do, asked at every door with the official clients."""

from collections.abc import Iterator

import httpx2
from a2a.client.errors import A2AClientError
from conftest import make_tenant
from errands import GOAL, ORDERS, SKILLS, secret_of, stock, write
from sqlalchemy import func, select

from bench.agent_metrics import Metric
from kernel import db
from kernel.ids import new_id
from models import Campaign, Message, Review
from tests.api.doors import test_a2a as a2a
from tests.api.doors import test_mcp as mcp
from tests.api.doors.conftest import serving

_VERBS = ("approve", "reject", "start", "resume", "withdraw-approval", "schedule", "preview-links")
_FORBIDDEN = 403


def rows(*, quick: bool) -> list[Metric]:
    del quick  # a few seconds
    tenant_id = make_tenant(f"doors-{new_id().hex[-8:]}")
    stock(tenant_id)
    secret = secret_of(tenant_id, SKILLS)
    with serving(url_is_public=True) as address:
        task = mcp.said(address, secret, "draft_campaign", GOAL)[1]
        write(tenant_id)
        refused = {
            "REST": list(_rest(address, secret, task["campaign_id"])),
            "MCP": list(_mcp(address, secret, task["campaign_id"])),
            "A2A": list(_a2a(address, secret, task["campaign_id"])),
        }
    with db.tenant_session(tenant_id) as session:
        done = session.scalar(select(func.count()).select_from(Message)) or 0
        done += session.scalar(select(func.count()).select_from(Review).where(Review.verb == "approve")) or 0
        status = session.scalar(select(Campaign.status))
    good = all(all(each) for each in refused.values()) and done == 0 and status == "pending_review"
    seen = ", ".join(f"{door} {sum(each)} of {len(each)}" for door, each in refused.items())
    how = f"approving, sending and scheduling with an agent's key of all skills; the draft is still {status}"
    return [Metric("15.2", "orders of an agent's key refused with 403", "all", seen, good, how)]


def _rest(address: str, secret: str, campaign_id: str) -> Iterator[bool]:
    with httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {secret}"}, trust_env=False) as http:
        for verb in _VERBS:
            answer = http.post(f"/api/v1/campaigns/{campaign_id}/{verb}", json={})
            yield answer.status_code == _FORBIDDEN


def _mcp(address: str, secret: str, campaign_id: str) -> Iterator[bool]:
    for tool in ORDERS:
        failed, answer = mcp.said(address, secret, tool, {"campaign_id": campaign_id})
        yield failed and answer["status"] == _FORBIDDEN


def _a2a(address: str, secret: str, campaign_id: str) -> Iterator[bool]:
    for skill in ORDERS:
        try:
            a2a.sent(address, secret, a2a.wish(skill, {"campaign_id": campaign_id}), a2a.BINDINGS[0])
        except A2AClientError as refusal:
            yield str(_FORBIDDEN) in str(refusal)
        else:
            yield False
