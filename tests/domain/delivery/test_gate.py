"""Who may get it: asked before, at the claim, and once more when a transmission is to begin."""

import asyncio
from collections import Counter
from uuid import UUID

import make
import pytest
from chaos import crowd
from sqlalchemy import select, text

from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import claim, flight, gate, marks, materialise, queries, reach, service, supply
from domain.delivery.answers import Answer, Start
from domain.delivery.rules import Reason
from kernel import clock, db
from kernel.ids import new_id, stable_id
from kernel.lane import Lane
from models import Member, Message, MessageEvent, Tenant


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
    return tenants.a


def fixed(tenant_id: UUID, n: int = 3) -> UUID:
    with db.tenant_session(tenant_id) as session:
        crowd.gather(session, n)
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    return campaign_id


def taken(tenant_id: UUID, campaign_id: UUID, owner: UUID) -> claim.Slice:
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        return supply.slice_of(session, campaign, owner=owner, lease_seconds=30, size=100)


def begin(tenant_id: UUID, owner: UUID, found: claim.Slice) -> set[UUID]:
    async def write() -> set[UUID]:
        lane = Lane(tenant_id)
        starts = [Start(message.id, message.attempt_id) for message in found.messages]
        granted = await marks.commit(lane, owner, starts, [])
        await lane.close()
        return granted

    return asyncio.run(write())


def test_the_database_and_the_application_make_the_same_stable_ids(database, tenants):
    parts = [str(tenants.a), "Größe", "0", ""]
    with db.tenant_session(tenants.a) as session:
        made = session.execute(text("SELECT stable_id(VARIADIC :parts)"), {"parts": parts}).scalar_one()
    assert made == stable_id(*parts)
    assert made.version == 8


def test_mautic_14381_merged_addresses_are_reported(studio):
    with db.tenant_session(studio) as session:
        first = make.member(session, "family@example.org", first_name="Ada")
        second = make.member(session, "Family@Example.org", first_name="Bo")
        campaign = make.started(session)
        checked = flight.check(session, campaign)
        materialise.materialise(session, campaign.id)
        whys = {member.id: queries.why(session, campaign.id, member.id) for member in (first, second)}
        assert checked.skipped == {"shared_address": 1}
        assert queries.counts(session, campaign.id) == {"pending": 1, "skipped": 1}
        assert queries.reasons(session, campaign.id) == {"shared_address": 1}
    assert sorted(why.reason or "" for why in whys.values()) == ["", "shared_address"]
    [merged] = [why for why in whys.values() if why.reason]
    assert [event.kind for event in merged.events] == ["skipped"]
    assert "derselben Adresse" in merged.sentence["de"]


def test_the_flight_check_names_exactly_the_people_who_get_it(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 60)
        ids = session.execute(select(Member.id).order_by(Member.id)).scalars().all()
        for n, member_id in enumerate(ids[:12]):
            address = session.execute(
                text("SELECT address_norm FROM contact_point WHERE member_id = :id"), {"id": member_id}
            ).scalar_one()
            if n % 3 == 0:
                session.execute(text("UPDATE member SET restricted = true WHERE id = :id"), {"id": member_id})
            elif n % 3 == 1:
                consents.suppress(
                    session, channel="email", address_norm=address, reason="complained", source="t", actor="t"
                )
            else:
                consents.record(session, member_id, channel="email", purpose="marketing", state="withdrawn",
                                source="t", actor="t", evidence={})  # fmt: skip
        campaign = make.started(session)
        checked = flight.check(session, campaign)
        languages, fallback = reach.languages_of(session, campaign, campaign.approved_revision_id)
        judged = gate.eligibility(campaign.audience, tenant_id=studio, channel="email", languages=languages,
                                  fallback=fallback, now=None)  # fmt: skip
        foretold = {row.member_id: row.reason for row in session.execute(select(judged))}
        materialise.materialise(session, campaign.id)
        written = {row.member_id: row.reason for row in session.execute(select(Message.member_id, Message.reason))}
    assert written == foretold
    assert Counter(reason for reason in written.values() if reason) == checked.skipped
    assert checked.skipped == {"restricted": 4, "suppressed": 4, "no_consent": 4}
    assert checked.targeted == 60
    assert checked.will_send == 48


def test_after_a_pause_is_committed_nothing_begins(studio):
    campaign_id, owner = fixed(studio), new_id()
    found = taken(studio, campaign_id, owner)
    assert len(found.messages) == 3
    with db.tenant_session(studio) as session:
        campaigns.pause(session, campaign_id, actor="t")
    assert begin(studio, owner, found) == set()
    with db.tenant_session(studio) as session:
        claim.hand_back(session, studio, owner)
        assert queries.counts(session, campaign_id) == {"pending": 3}
        assert session.execute(select(Message.attempt).distinct()).scalars().all() == [0]


def test_a_refusal_that_is_still_to_be_written_is_not_lost_by_handing_the_rest_back(studio):
    """Regression: the end of a run gave back what a provider had just refused, and it was tried again."""
    campaign_id, owner = fixed(studio), new_id()
    refused, *_ = taken(studio, campaign_id, owner).messages
    answer = Answer(refused.id, refused.attempt_id, "bounced", Reason.REFUSED, code="550")

    async def end() -> set[UUID]:
        marker = marks.Marker(studio, owner)
        marker.answered(answer)
        with db.tenant_session(studio) as session:
            claim.hand_back(session, studio, owner, list(marker.unwritten))
        marker.close(30)
        await marker.run()
        return marker.unwritten

    assert asyncio.run(end()) == set()
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign_id) == {"pending": 2, "bounced": 1}


def test_after_an_opt_out_is_committed_that_person_gets_nothing(studio):
    campaign_id, owner = fixed(studio), new_id()
    found = taken(studio, campaign_id, owner)
    leaver, withdrawn, stays = found.messages
    with db.tenant_session(studio) as session:
        assert service.unsubscribe(session, leaver.id, source="one_click")
        consents.record(session, withdrawn.member.id, channel="email", purpose="marketing", state="withdrawn",
                        source="t", actor="t", evidence={})  # fmt: skip
    assert begin(studio, owner, found) == {stays.id}
    with db.tenant_session(studio) as session:
        claim.hand_back(session, studio, owner)
    assert taken(studio, campaign_id, new_id()).messages == []
    with db.tenant_session(studio) as session:
        assert queries.reasons(session, campaign_id) == {"suppressed": 1, "no_consent": 1}


def test_a_worker_without_the_lease_begins_nothing(studio):
    campaign_id, owner = fixed(studio), new_id()
    found = taken(studio, campaign_id, owner)
    assert begin(studio, new_id(), found) == set()
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE message SET lease_until = clock_timestamp() - interval '1 second'"))
    assert begin(studio, owner, found) == set()


def test_two_claims_share_no_message(studio):
    campaign_id = fixed(studio, 40)
    with db.tenant_session(studio) as one, db.tenant_session(studio) as two:
        size = {"owner": new_id(), "lease_seconds": 30, "size": 30}
        first = supply.slice_of(one, campaigns.get(one, campaign_id), **size)
        second = supply.slice_of(two, campaigns.get(two, campaign_id), **size)
        assert len(first.messages) == 30
        assert len(second.messages) == 10
        assert not {m.id for m in first.messages} & {m.id for m in second.messages}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("suspended_at", clock.now(), "tenant_suspended"), ("imprint_url", None, "approval_void")],
)
def test_a_campaign_with_an_obstacle_is_held_and_nobody_is_claimed(studio, column, value, reason):
    campaign_id = fixed(studio)
    with db.tenant_session(studio) as session:
        setattr(session.get_one(Tenant, studio), column, value)
    assert taken(studio, campaign_id, new_id()).messages == []
    with db.tenant_session(studio) as session:
        held = campaigns.get(session, campaign_id)
        assert (held.status, held.hold_reason) == ("held", reason)
        assert queries.counts(session, campaign_id) == {"pending": 3}


def test_an_audience_that_grew_since_the_approval_is_asked_about_again(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 20)
        make.member(session, None)
        campaign_id = make.started(session).id
    with db.tenant_session(studio) as session:
        for n in range(5):
            make.member(session, f"late{n}@example.org")
        assert not materialise.materialise(session, campaign_id)
        assert campaigns.get(session, campaign_id).hold_reason == "audience_drift"
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign_id) == {}
        assert session.execute(select(MessageEvent.id)).all() == []


def test_the_other_studio_claims_and_marks_nothing(studio, tenants):
    campaign_id, owner = fixed(studio), new_id()
    found = taken(studio, campaign_id, owner)
    assert begin(tenants.b, owner, found) == set()
    assert begin(studio, owner, found) == {message.id for message in found.messages}
