"""WhatsApp templates that are missing, refused, paused or of another shape hold a campaign, before anybody gets it."""

from uuid import UUID

import make
import pytest
import texters
from chaos import crowd
from fakes.http_provider import Fault
from fakes.twilio import FakeTwilio, content
from sqlalchemy import select, text

from ariia.tasks import campaigns as tasks
from domain.campaigns import content_templates as templates
from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.delivery import flight, gate
from domain.senders import content_templates as known
from kernel import db, outbox
from kernel.errors import Conflict
from models import Message

SID = "HX" + "c" * 32
LATER = {"at": "2030-12-01T09:00", "time_zone": "Europe/Berlin"}


@pytest.fixture
def studio(tenants) -> tuple[UUID, UUID]:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
    texters.person(tenants.a)
    return tenants.a, texters.account(tenants.a).id


def approved(tenant_id: UUID, *, variables: dict[str, str] | None = None, **fields: object) -> UUID:
    with db.tenant_session(tenant_id) as session:
        campaign = make.campaign(session, channel="whatsapp", **fields)
        variant = {"template": SID, "variables": {"1": "{greeting}"} if variables is None else variables}
        written = make.draft_content(cta_url="") | {"languages": {"de": {"whatsapp": variant}}}
        revision = drafting.write(session, campaign.id, content=written, parent_id=None, actor="t")
        make.approve(session, campaign.id, revision)
        return campaign.id


def offer(tenant_id: UUID, account_id: UUID, twilio: FakeTwilio, *, approval: str = "approved") -> None:
    twilio.contents = [content("herbst", "{{1}} Bis bald.", sid=SID, approval=approval)]
    known.sync(tenant_id, account_id)


def start_an_hour_later(tenant_id: UUID, campaign_id: UUID) -> None:
    """Start a campaign when the last look at its templates is old."""
    with db.tenant_session(tenant_id) as session:
        campaigns.start(session, campaign_id, actor="t")
        session.execute(text("UPDATE content_template SET checked_at = checked_at - interval '61 minutes'"))


def status(tenant_id: UUID, campaign_id: UUID) -> tuple[str, str | None]:
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        return campaign.status, campaign.hold_reason


REASONS = {
    "rejected": f"template_not_approved: {SID} (de) is rejected",
    "paused": f"template_not_approved: {SID} (de) is paused",
    "pending": f"template_not_approved: {SID} (de) is pending",
    None: f"template_unknown: {SID} (de)",
}


@pytest.mark.parametrize("approval", REASONS)
def test_a_campaign_is_held_when_it_is_planned_and_goes_on_when_whatsapp_approves(studio, tenants, twilio, approval):
    tenant_id, account_id = studio
    if approval is not None:
        offer(tenant_id, account_id, twilio, approval=approval)
    other = texters.account(tenants.b).id
    offer(tenants.b, other, twilio)  # the approved template of somebody else does not help
    campaign_id = approved(tenant_id, schedule=LATER)
    assert status(tenant_id, campaign_id) == ("held", REASONS[approval])
    with db.tenant_session(tenant_id) as session, pytest.raises(Conflict, match="template_") as refused:
        campaigns.resume(session, campaign_id, actor="t")
    assert refused.value.code == "template_problem"
    offer(tenant_id, account_id, twilio)
    with db.tenant_session(tenant_id) as session:
        assert campaigns.resume(session, campaign_id, actor="t").status == "scheduled"


def test_a_campaign_that_is_planned_later_is_held_too(studio, twilio):
    tenant_id, account_id = studio
    offer(tenant_id, account_id, twilio)
    campaign_id = approved(tenant_id, schedule=LATER)
    assert status(tenant_id, campaign_id) == ("scheduled", None)
    with db.tenant_session(tenant_id) as session:
        campaigns.unschedule(session, campaign_id, actor="t")
    offer(tenant_id, account_id, twilio, approval="paused")
    with db.tenant_session(tenant_id) as session:
        campaigns.schedule(session, campaign_id, actor="t", **LATER)
    assert status(tenant_id, campaign_id) == ("held", REASONS["paused"])


@pytest.mark.parametrize(
    ("variables", "names"), [({"1": "{greeting}", "2": "x"}, "2"), ({"1": "a", "2": "x", "3": "y"}, "2, 3"), ({}, "1")]
)
def test_other_variables_than_the_template_has_are_named(studio, twilio, variables, names):
    tenant_id, account_id = studio
    offer(tenant_id, account_id, twilio)
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, approved(tenant_id, variables=variables))
        reason = f"template_variables: {SID} (de) {names}"
        assert templates.problem(session, campaign) == gate.obstacle(session, campaign) == reason
        assert reason in flight.check(session, campaign).problems


def test_what_was_paused_since_is_seen_at_the_start_and_nobody_gets_it(studio, twilio):
    tenant_id, account_id = studio
    offer(tenant_id, account_id, twilio)
    campaign_id = approved(tenant_id)
    start_an_hour_later(tenant_id, campaign_id)
    twilio.contents[0]["approval_requests"]["status"] = "paused"
    tasks.start(tenant_id, campaign_id)
    assert status(tenant_id, campaign_id) == ("held", REASONS["paused"])
    with db.tenant_session(tenant_id) as session:
        assert session.execute(select(Message)).first() is None
    assert not any(seen.path.endswith("Messages.json") for seen in twilio.requests)


def test_a_provider_that_does_not_answer_leaves_what_is_known(studio, twilio):
    tenant_id, account_id = studio
    offer(tenant_id, account_id, twilio)
    campaign_id = approved(tenant_id)
    start_an_hour_later(tenant_id, campaign_id)
    twilio.faults.append(Fault(503, {}))
    tasks.start(tenant_id, campaign_id)
    tasks.send(tenant_id, campaign_id)
    assert [message["content"] for message in twilio.messages] == [SID]


def test_a_template_that_is_paused_while_it_is_sent_stops_the_next_slice(studio, twilio):
    tenant_id, account_id = studio
    offer(tenant_id, account_id, twilio)
    campaign_id = approved(tenant_id)
    with db.tenant_session(tenant_id) as session:
        campaigns.start(session, campaign_id, actor="t")
    tasks.start(tenant_id, campaign_id)
    offer(tenant_id, account_id, twilio, approval="paused")
    tasks.send(tenant_id, campaign_id)
    assert status(tenant_id, campaign_id) == ("held", REASONS["paused"])
    assert twilio.messages == []
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, "campaigns")
        assert session.execute(select(Message.state)).scalars().all() == ["pending"]
