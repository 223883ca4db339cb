"""The same ledger and gate on four channels: into the fakes of the providers, over real HTTP."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import make
import pytest
from chaos import crowd
from fakes import telegram as telegrams
from fakes import twilio as twilios
from fakes.http_provider import Fault
from fakes.telegram import FakeTelegram
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from texters import counts, run

from ariia.tasks import campaigns as tasks
from domain.audience import service as audience
from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.conversations import service as conversations
from domain.delivery import flight, materialise, outlets
from domain.senders import accounts, content_templates
from domain.senders import service as senders
from kernel import clock, db, settings
from models import Campaign, Message, Sender, Suppression

ADDRESSES = {"sms": "+4930111222", "whatsapp": "+4930111222", "telegram": "LindenBot"}
SECRETS = {"twilio": twilios.TOKEN, "telegram": telegrams.TOKEN}


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
    return tenants.a


@pytest.fixture
def telegram(database) -> Iterator[FakeTelegram]:
    with FakeTelegram() as running:
        settings.use(settings.get_settings().model_copy(update={"telegram_url": running.url}))
        yield running


def sender(tenant_id: UUID, channel: str, *, rate: float = 200.0) -> UUID:
    kind = senders.ACCOUNT_OF[channel]
    about = {"account_sid": twilios.SID} if kind == "twilio" else {}
    with db.tenant_session(tenant_id) as session:
        account = accounts.create(
            session, kind=kind, label=kind, settings=about, secret=SECRETS[kind], actor="t", rate_per_second=rate
        )
        senders.add(
            session, channel=channel, from_name="Studio", from_address=ADDRESSES[channel], reply_to=None,
            is_default=True, account_id=account.id, actor="t",
        )  # fmt: skip
        return account.id


def members(tenant_id: UUID, channel: str, n: int) -> list[UUID]:
    numbers = [str(1000 + i) if channel == "telegram" else f"+49151123456{i:02d}" for i in range(n)]
    with db.tenant_session(tenant_id) as session:
        return [person(session, channel, address, f"Jörg{'' if i else '<b>'}") for i, address in enumerate(numbers)]


def person(session: Session, channel: str, address: str, name: str, **fields: object) -> UUID:
    member = audience.create(session, actor="t", first_name=name, contact={channel: address}, **fields)
    consents.record(
        session, member.id, channel=channel, purpose="marketing", state="granted", source="t", actor="t",
        evidence={"wording": "ja"},
    )  # fmt: skip
    return member.id


def quiet_now(session: Session, zone: str) -> datetime:
    """Set quiet hours that hold at this moment in `zone`, for an hour to both sides. Returns their end there."""
    here = clock.now().astimezone(ZoneInfo(zone))
    end = (here + timedelta(hours=1)).replace(second=0, microsecond=0)
    begin = here - timedelta(hours=1)
    session.execute(
        text("UPDATE tenant SET quiet_from = :begin, quiet_until = :end"),
        {"begin": f"{begin:%H:%M}", "end": f"{end:%H:%M}"},
    )
    return end


def test_quiet_hours_are_those_of_the_country_of_the_number_where_the_member_has_no_clock(tenants, twilio):
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            crowd.no_quiet_hours(session)
        sender(tenant_id, "sms")
        with db.tenant_session(tenant_id) as session:
            person(session, "sms", "+819012345678", "Yuki")
            person(session, "sms", "+819012345679", "Anna", time_zone="Europe/Berlin")
            person(session, "sms", "+4915112345678", "Jörg")
    with db.tenant_session(tenants.a) as session:
        opening = quiet_now(session, "Asia/Tokyo")
    theirs, others = started(tenants.a, "sms"), started(tenants.b, "sms")
    assert run(tenants.a, theirs).sent == 2
    assert run(tenants.b, others).sent == 3
    with db.tenant_session(tenants.a) as session:
        [waiting] = session.execute(select(Message).where(Message.state == "deferred")).scalars()
        assert (waiting.address, waiting.reason, waiting.not_before) == ("+819012345678", "quiet_hours", opening)


def started(tenant_id: UUID, channel: str, **variant: object) -> UUID:
    words = {"text": "{greeting} komm wieder vorbei: {cta_url} Dein {studio}. Abmelden: STOP"}
    with db.tenant_session(tenant_id) as session:
        campaign = make.campaign(session, channel=channel)
        content = make.draft_content() | {"languages": {"de": {channel: variant or words}}}
        revision = drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        make.approve(session, campaign.id, revision)
        campaigns.start(session, campaign.id, actor="t")
        materialise.materialise(session, campaign.id)
        return campaign.id


def test_an_sms_campaign_reaches_every_phone_once_with_its_way_back(studio, twilio):
    account = sender(studio, "sms")
    members(studio, "sms", 12)
    campaign_id = started(studio, "sms")
    assert run(studio, campaign_id).sent == 12
    assert run(studio, campaign_id).sent == 0
    assert sorted(message["to"] for message in twilio.messages) == [f"+49151123456{i:02d}" for i in range(12)]
    body = twilio.messages[-1]["body"]
    assert "https://www.studio.example/kurse?a=1&b=2" in body
    assert "{" not in body
    with db.tenant_session(studio) as session:
        path = accounts.get(session, account).path_token
        rows = session.execute(select(Message.provider_id, Message.segments)).all()
    assert {row.provider_id for row in rows} == {message["sid"] for message in twilio.messages}
    assert {row.segments for row in rows} == {1}
    assert all(f"/hooks/twilio/{path}/status/" in url for url in twilio.callbacks.values())


def test_what_the_provider_refuses_for_a_person_is_kept_with_the_person(studio, twilio):
    sender(studio, "sms")
    members(studio, "sms", 4)
    twilio.opted_out.add("+4915112345600")
    twilio.invalid.add("+4915112345601")
    campaign_id = started(studio, "sms")
    run(studio, campaign_id)
    assert counts(studio, campaign_id) == {"sent": 2, "bounced": 2}
    with db.tenant_session(studio) as session:
        rows = session.execute(select(Suppression).order_by(Suppression.address_norm)).scalars().all()
        found = [(row.address_norm, row.reason, row.purpose) for row in rows]
        assert found == [("+4915112345600", "opt_out", "marketing"), ("+4915112345601", "hard_bounce", "all")]


def test_an_answer_that_was_lost_is_unknown_and_not_asked_for_again(studio, twilio):
    sender(studio, "sms")
    members(studio, "sms", 3)
    campaign_id = started(studio, "sms")
    twilio.faults.append(Fault(drop_after=True))
    run(studio, campaign_id)
    run(studio, campaign_id)
    assert counts(studio, campaign_id) == {"sent": 2, "unknown": 1}
    assert len(twilio.messages) == 3


def test_a_wrong_token_pauses_the_account_holds_the_campaign_and_uses_up_nobody(studio, twilio):
    account = sender(studio, "sms")
    members(studio, "sms", 5)
    campaign_id = started(studio, "sms")
    twilio.token = "e" * 32
    assert "20003" in (run(studio, campaign_id).stopped_by or "")
    with db.tenant_session(studio) as session:
        assert campaigns.get(session, campaign_id).status == "held"
        assert accounts.get(session, account).state == "paused"
        with pytest.raises(outlets.NoOutlet, match="account_paused"):
            outlets.of_campaign(session, campaigns.get(session, campaign_id))
    assert counts(studio, campaign_id).get("failed", 0) == 0
    with db.tenant_session(studio) as session:
        accounts.replace_secret(session, account, secret="e" * 32, actor="t")
        campaigns.resume(session, campaign_id, actor="t")
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE message SET not_before = clock_timestamp()"))
    assert run(studio, campaign_id).sent == 5


def test_a_channel_without_credentials_holds_and_never_pretends(studio):
    members(studio, "sms", 2)
    with db.tenant_session(studio) as session:
        session.add(Sender(tenant_id=studio, channel="sms", from_name="S", from_address="+4930", is_default=True))
    campaign_id = started(studio, "sms")
    tasks.send(studio, campaign_id)
    with db.tenant_session(studio) as session:
        held = campaigns.get(session, campaign_id)
        assert (held.status, held.hold_reason) == ("held", "account_missing")
    assert counts(studio, campaign_id) == {"pending": 2}


def test_a_telegram_campaign_survives_hostile_names_and_blocked_bots(studio, telegram):
    sender(studio, "telegram")
    members(studio, "telegram", 6)
    telegram.blocked.add("1003")
    campaign_id = started(studio, "telegram")
    run(studio, campaign_id)
    assert counts(studio, campaign_id) == {"sent": 5, "bounced": 1}
    assert telegram.sent["1001"][0].startswith("Hallo Jörg, komm wieder vorbei")
    with db.tenant_session(studio) as session:
        row = session.execute(select(Suppression)).scalar_one()
        assert (row.channel, row.address_norm, row.reason) == ("telegram", "1003", "opt_out")


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")  # the library warns of its own future
def test_a_bot_that_is_told_to_wait_waits_and_loses_nobody(studio, telegram):
    sender(studio, "telegram")
    members(studio, "telegram", 4)
    campaign_id = started(studio, "telegram")
    slow = Fault(429, {"ok": False, "description": "x", "parameters": {"retry_after": 2}})
    telegram.faults.append(slow)
    run(studio, campaign_id, seconds=1)
    time.sleep(2.5)
    run(studio, campaign_id, seconds=30)
    assert counts(studio, campaign_id) == {"sent": 4}


def test_the_rate_of_a_bot_is_never_exceeded(studio, telegram):
    telegram.limits = True
    sender(studio, "telegram", rate=26.0)
    members(studio, "telegram", 70)
    campaign_id = started(studio, "telegram")
    run(studio, campaign_id, seconds=120)
    assert counts(studio, campaign_id) == {"sent": 70}
    times = telegram.accepted_at
    assert max(sum(1 for other in times if at <= other < at + 1) for at in times) <= 30


def wrote(tenant_id: UUID, member_id: UUID, ago: timedelta) -> None:
    with db.tenant_session(tenant_id) as session:
        conversation = conversations.open_conversation(
            session, member_id=member_id, channel="whatsapp", external_id=None, actor="t"
        )
        conversations.add_message(
            session, conversation.id, author="member", text="Hallo", at=clock.now() - ago, external_id=None, actor="t"
        )


def test_whatsapp_window_and_slots(studio, twilio):
    account = sender(studio, "whatsapp")
    twilio.contents = [twilios.content("herbst", "{{1}}", sid="HX" + "a" * 32)]
    content_templates.sync(studio, account)
    people = members(studio, "whatsapp", 3)
    wrote(studio, people[0], timedelta(hours=2))
    wrote(studio, people[1], timedelta(hours=23, minutes=56))
    campaign_id = started(studio, "whatsapp")
    run(studio, campaign_id)
    assert counts(studio, campaign_id) == {"sent": 1, "skipped": 2}
    with db.tenant_session(studio) as session:
        assert set(session.execute(select(Message.reason).where(Message.state == "skipped")).scalars()) == {
            "window_closed"
        }
    template = started(studio, "whatsapp", template="HX" + "a" * 32, variables={"1": "{greeting}"})
    assert run(studio, template).sent == 3
    assert twilio.messages[-1]["content"] == "HX" + "a" * 32


def test_the_flight_check_speaks_of_the_campaigns_channel(studio, twilio):
    sender(studio, "sms")
    members(studio, "sms", 2)
    with db.tenant_session(studio) as session:
        make.member(session, "only@mail.example")
        campaign: Campaign = make.campaign(session, channel="sms")
        found = flight.check(session, campaign)
    assert (found.will_send, found.skipped) == (2, {"no_address": 1})


def test_the_cost_is_known_before_anybody_approves(studio, twilio):
    account = sender(studio, "sms")
    members(studio, "sms", 3)
    with db.tenant_session(studio) as session:
        row = accounts.get(session, account)
        row.settings = {**row.settings, "price_per_segment": "7.5"}
        campaign = make.campaign(session, channel="sms", cost_ceiling_minor=40)
        words = {"text": "{greeting} " + "so ein langer Text " * 12 + "Abmelden: STOP. Dein {studio}"}
        content = make.draft_content(cta_url="") | {"languages": {"de": {"sms": words}}}
        drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        found = flight.check(session, campaigns.get(session, campaign.id))
    assert found.estimate is not None
    assert (found.estimate.segments, found.estimate.most, found.estimate.exact) == (6, 2, True)
    assert found.estimate.cost_minor == 45
    assert "over_cost_ceiling" in found.problems
