"""How much, how fast, to whom again: frequency caps, rates, stop-loss, throttled domains."""

import time
from dataclasses import replace
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes.smtp_sink import Fault, SmtpSink
from sqlalchemy import select, text

from channels.email import settings as relays
from domain.campaigns import service as campaigns
from domain.delivery import engine, flight, materialise, outlets, pace, queries, recovery, stop_loss
from domain.delivery.claim import Work
from kernel import db, outbox
from models import Suppression


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
    return tenants.a


def campaign(tenant_id: UUID) -> UUID:
    with db.tenant_session(tenant_id) as session:
        made = make.started(session, kind="transactional").id
        materialise.materialise(session, made)
    return made


def run(tenant_id: UUID, campaign_id: UUID, url: str, *, rate: float | None = None, **more: float) -> engine.Outcome:
    outlet = replace(outlets.through(relays.parse(url), 4), rate=rate, key="account")
    return engine.send(tenant_id, Work(campaign_id, "email"), outlet, lease_seconds=20, **more)


def counts(tenant_id: UUID, campaign_id: UUID) -> dict[str, int]:
    with db.tenant_session(tenant_id) as session:
        return queries.counts(session, campaign_id)


def test_who_got_enough_lately_is_skipped_and_the_flight_check_said_so(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 30)
        session.execute(text("UPDATE tenant SET frequency_cap = 1, frequency_days = 7"))
    first = campaign(studio)
    with db.tenant_session(studio) as session:
        make.member(session, "new@example.org")
    with SmtpSink() as sink:
        run(studio, first, sink.url)
        with db.tenant_session(studio) as session:
            second, revision = make.drafted(session, kind="transactional")
            make.approve(session, second.id, revision)
            checked = flight.check(session, campaigns.get(session, second.id))
            assert (checked.will_send, checked.skipped) == (1, {"frequency_cap": 30})
            campaigns.start(session, second.id, actor=make.ACTOR)
            materialise.materialise(session, second.id)
        run(studio, second.id, sink.url)
    assert counts(studio, second.id) == {"sent": 1, "skipped": 30}


def test_a_cap_reached_after_the_recipients_were_fixed_holds_in_the_claim_too(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 5)
        session.execute(text("UPDATE tenant SET frequency_cap = 1"))
    first, second = campaign(studio), campaign(studio)
    with SmtpSink() as sink:
        run(studio, first, sink.url)
        run(studio, second, sink.url)
        assert sink.count == 5
    assert counts(studio, second) == {"skipped": 5}


def test_a_provider_that_asks_for_a_pause_gets_it(studio):
    with db.tenant_session(studio) as session:
        pace.slow_down(session, key="bot", seconds=700)
        assert pace.take(session, key="bot", rate=30, wanted=1)[0] == 0
        assert pace.take(session, key="other", rate=30, wanted=1) == (1, pytest.approx(0, abs=1))


def test_a_run_obeys_the_rate(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 40)
    campaign_id = campaign(studio)
    with SmtpSink() as sink:
        began = time.monotonic()
        outcome = run(studio, campaign_id, sink.url, rate=20.0, seconds=60)
        assert outcome.sent == sink.count == 40
        assert time.monotonic() - began >= 1.8


def test_the_window_stops_at_more_than_two_percent_and_not_for_a_handful():
    window = stop_loss.Window()
    assert not any(window.note(fault=True) for _ in range(9))
    assert not window.note(fault=True)  # ten, and two percent of 500 exactly
    assert window.note(fault=True)
    assert stop_loss.too_many_complaints(31, 10_000)
    assert not stop_loss.too_many_complaints(2, 100)
    assert not stop_loss.too_many_complaints(29, 10_000)


def test_refusals_that_are_about_the_sender_hold_the_campaign_within_fifty_messages(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 300)
    campaign_id = campaign(studio)
    with SmtpSink([Fault("rcpt", reply="550 5.7.1 message rejected due to policy")]) as sink:
        outcome = run(studio, campaign_id, sink.url)
        assert outcome.stopped_by == "stop_loss"
        assert sink.count == 0
        assert sink.commands["RCPT"] <= 50
    with db.tenant_session(studio) as session:
        held = campaigns.get(session, campaign_id)
        assert (held.status, held.hold_reason) == ("held", "stop_loss")
        states = queries.counts(session, campaign_id)
        assert states.get("failed", 0) <= 50
        assert "bounced" not in states
        assert session.execute(text("SELECT count(*) FROM suppression")).scalar_one() == 0


def test_a_throttling_domain_waits_and_the_others_go_on(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 40)
        session.execute(
            text("UPDATE contact_point SET address_norm = replace(address_norm, 'example.org', 'slow.example'), "
                 "address = replace(address, 'example.org', 'slow.example') WHERE address_norm LIKE '%1@example.org'")
        )  # fmt: skip
    campaign_id = campaign(studio)
    fault = Fault("rcpt", reply="450 4.7.1 too many messages, slow down", about="slow.example")
    with SmtpSink([fault]) as sink:
        run(studio, campaign_id, sink.url)
        assert sink.count == 36
        assert sink.commands["RCPT"] <= 36 + 4  # one for each open session at most, then nobody asks
    assert counts(studio, campaign_id) == {"sent": 36, "deferred": 4}
    with db.tenant_session(studio) as session:
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        assert campaigns.get(session, campaign_id).status == "sending"


def test_an_address_that_does_not_exist_is_suppressed_at_once_for_every_path(studio, tenants):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 6)
    campaign_id = campaign(studio)
    fault = Fault("rcpt", reply="550 5.1.1 no such user", about="crowd-3@")
    with SmtpSink([fault]) as sink:
        run(studio, campaign_id, sink.url)
        assert sink.count == 5
    assert counts(studio, campaign_id) == {"sent": 5, "bounced": 1}
    with db.tenant_session(studio) as session:
        row = session.execute(select(Suppression)).scalar_one()
        assert (row.address_norm, row.purpose, row.reason) == ("crowd-3@example.org", "all", "hard_bounce")
        assert row.evidence["code"] == "550 5.1.1"
        again, _ = make.drafted(session)
        assert flight.check(session, again).skipped == {"suppressed": 1}
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(Suppression)).first() is None
