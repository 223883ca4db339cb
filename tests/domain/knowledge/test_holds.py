"""What a campaign rests on changes after its approval: it is held, with the reason, and nobody gets it."""

from datetime import timedelta

import make
import pytest
from sqlalchemy import select

from domain.campaigns import drafting, revisions
from domain.campaigns import service as campaigns
from domain.delivery import gate, materialise, queries
from domain.knowledge import service, sources
from kernel import clock, db
from models import Chunk

TEXT = "# Preise\n\n## Basis\n\nDer Tarif kostet 29 Euro.\n\n## Parken\n\nIm Hof ist Platz."


def document(session, body: str = TEXT, **about: object):
    return service.store_document(
        session, name="preise.md", body=body, media_type="text/markdown", language="de", actor="t", **about
    )


def chunk(session, heading: str) -> Chunk:
    return session.execute(select(Chunk).where(Chunk.heading.endswith(heading))).scalar_one()


def citing(session) -> object:
    """An approved campaign whose text cites the chunk about the basic tariff."""
    document(session)
    basis = chunk(session, "Basis")
    made = make.campaign(session)
    first = drafting.write(session, made.id, content=make.draft_content(), parent_id=None, actor=make.ACTOR)
    revision = revisions.store(
        session,
        made.id,
        content_json=first.content_json,
        origin="agent",
        author="agent",
        parent_id=first.id,
        sources=[sources.of_chunk(basis, "Preise").as_json()],
        claims=[{"sentence": "29 Euro", "kind": "price", "source_ids": [str(basis.id)]}],
        findings=[],
    )
    make.approve(session, made.id, revision)
    return made.id


@pytest.fixture
def studio(tenants):
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            make.sender(session)
            make.member(session, "a@example.org")
    with db.tenant_session(tenants.b) as session:
        document(session)
    return tenants.a


def obstacle(tenant_id, campaign_id) -> str | None:
    with db.tenant_session(tenant_id) as session:
        return gate.obstacle(session, campaigns.get(session, campaign_id))


@pytest.mark.parametrize("change", ["replaced", "edited", "deleted"])
def test_a_cited_chunk_that_says_something_else_voids_the_approval(studio, change):
    with db.tenant_session(studio) as session:
        campaign_id = citing(session)
    assert obstacle(studio, campaign_id) is None
    with db.tenant_session(studio) as session:
        if change == "replaced":
            document(session, TEXT.replace("29 Euro", "31 Euro"))
        elif change == "edited":
            row = chunk(session, "Basis")
            row.text = row.text.replace("29", "31")
            row.content_hash = "0" * 64
        else:
            service.delete_document(session, chunk(session, "Basis").document_id, actor="t")
    assert obstacle(studio, campaign_id) == "approval_void"


def test_a_change_elsewhere_in_the_document_or_at_another_tenant_holds_nothing(studio, tenants):
    with db.tenant_session(studio) as session:
        campaign_id = citing(session)
        document(session, TEXT.replace("Im Hof ist Platz.", "Im Hof ist kein Platz."))
    with db.tenant_session(tenants.b) as session:
        document(session, TEXT.replace("29 Euro", "31 Euro"))
    assert obstacle(studio, campaign_id) is None


def test_a_cited_document_whose_days_are_over_holds_the_campaign(studio, frozen_clock):
    with db.tenant_session(studio) as session:
        today = service.local_day(session)
        campaign_id = citing(session)
        document(session, valid_until=today)
    assert obstacle(studio, campaign_id) is None
    frozen_clock(clock.now() + timedelta(days=2))
    assert obstacle(studio, campaign_id) == "source_expired"


@pytest.mark.parametrize("days", [{"valid_until": 1}, {"valid_from": 0}])
def test_an_offer_outside_its_days_holds_the_campaign(studio, frozen_clock, days):
    with db.tenant_session(studio) as session:
        today = service.local_day(session)
        dates = {name: today + timedelta(days=n) for name, n in days.items()}
        offer = service.store_offer(
            session, actor="t", key="x", title="Aktion", price_minor=900, currency="EUR", **dates
        )
        made = make.campaign(session)
        content = make.draft_content(offers=[str(offer.id)])
        revision = drafting.write(session, made.id, content=content, parent_id=None, actor=make.ACTOR)
        make.approve(session, made.id, revision)
        campaign_id = made.id
    assert obstacle(studio, campaign_id) is None
    frozen_clock(clock.now() + timedelta(days=3 if "valid_until" in days else -2))
    assert obstacle(studio, campaign_id) == "offer_expired"


def test_a_campaign_whose_offer_ran_out_is_held_when_it_starts_and_sends_nothing(studio, frozen_clock):
    with db.tenant_session(studio) as session:
        today = service.local_day(session)
        offer = service.store_offer(
            session, actor="t", key="x", title="Aktion", price_minor=900, currency="EUR", valid_until=today
        )
        made = make.campaign(session)
        content = make.draft_content(offers=[str(offer.id)])
        revision = drafting.write(session, made.id, content=content, parent_id=None, actor=make.ACTOR)
        make.approve(session, made.id, revision)
        campaigns.start(session, made.id, actor=make.ACTOR)
        campaign_id = made.id
    frozen_clock(clock.now() + timedelta(days=2))
    with db.tenant_session(studio) as session:
        assert not materialise.materialise(session, campaign_id)
    with db.tenant_session(studio) as session:
        held = campaigns.get(session, campaign_id)
        assert (held.status, held.hold_reason) == ("held", "offer_expired")
        assert queries.counts(session, campaign_id) == {}
