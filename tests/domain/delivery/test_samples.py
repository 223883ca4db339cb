"""Tests of texts to the team's own numbers and chats: marked, like a member's, and in no statistics."""

from uuid import UUID

import make
import pytest
import texters
from chaos import crowd
from fakes import telegram as telegrams
from fakes.http_provider import Fault
from fakes.telegram import FakeTelegram
from fakes.twilio import content
from sqlalchemy import select, text

from ariia.tasks import campaigns as tasks
from domain.audience import service as audience
from domain.campaigns import drafting
from domain.consent import service as consents
from domain.delivery import materialise, queries, samples, team
from domain.returns import inbound
from domain.returns.inbound import Written
from domain.senders import accounts, content_templates
from domain.senders import service as senders
from domain.tracking import hits, store, targets
from domain.tracking.hits import Hit
from kernel import clock, db, settings
from kernel.errors import Conflict, Invalid, NotFound
from models import CampaignCount, Conversion, Message, MessageEvent, Notice, TeamAddress

OURS, THEIRS = "+491700000001", "+491700000002"
TEMPLATE = "HX" + "d" * 32
PHONE = b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


@pytest.fixture
def studio(tenants) -> tuple[UUID, UUID]:
    for tenant_id, phone in ((tenants.a, OURS), (tenants.b, THEIRS)):
        with db.tenant_session(tenant_id) as session:
            crowd.no_quiet_hours(session)
            for channel in ("sms", "whatsapp"):
                team.add(session, channel=channel, address=phone, label="Mara", actor="t")
    return tenants.a, texters.account(tenants.a).id


def drafted(tenant_id: UUID, channel: str = "sms", **variant: object) -> UUID:
    words = {"text": "{greeting} komm vorbei: {cta_url} Dein {studio}. Abmelden: STOP"}
    with db.tenant_session(tenant_id) as session:
        campaign = make.campaign(session, channel=channel)
        written = make.draft_content() | {"languages": {"de": {channel: variant or words}}}
        drafting.write(session, campaign.id, content=written, parent_id=None, actor="t")
        return campaign.id


def ask(tenant_id: UUID, campaign_id: UUID, member_id: UUID, to: str = OURS) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return samples.send_test(session, campaign_id, member_id=member_id, to=to, actor=make.ACTOR)


def state(tenant_id: UUID, message_id: UUID) -> tuple[str, str | None]:
    with db.tenant_session(tenant_id) as session:
        row = session.execute(select(Message.state, Message.reason).where(Message.id == message_id)).one()
        return row.state, row.reason


def test_a_text_goes_to_the_team_with_a_members_data_marked_and_counts_nowhere(studio, twilio):
    tenant_id, _ = studio
    member_id = texters.person(tenant_id, first_name="Jörg")
    campaign_id = drafted(tenant_id)
    message_id = ask(tenant_id, campaign_id, member_id, "0170 0000001")
    tasks.send_notices(tenant_id, tenant_id)
    assert [message["to"] for message in twilio.messages] == [OURS]
    body = twilio.messages[0]["body"]
    assert body.startswith("[Test] Hallo Jörg, komm vorbei: https://www.studio.example/kurse?a=1&b=2")
    assert state(tenant_id, message_id) == ("sent", None)
    with db.tenant_session(tenant_id) as session:
        assert queries.counts(session, campaign_id) == {}
        assert session.execute(select(CampaignCount)).first() is None
        row = session.execute(select(Message)).scalar_one()
        assert (row.campaign_id, row.member_id, row.tracked) == (None, None, False)
        assert session.execute(select(Notice.member_id)).scalar_one() == member_id


def test_nobody_but_the_team_gets_a_test(studio, twilio):
    tenant_id, _ = studio
    member_id = texters.person(tenant_id)
    campaign_id = drafted(tenant_id)
    for address in (THEIRS, texters.PHONE):
        with pytest.raises(Invalid, match="your team"):
            ask(tenant_id, campaign_id, member_id, address)
    with pytest.raises(Invalid, match="no valid phone number"):
        ask(tenant_id, campaign_id, member_id, "mara@studio.example")
    with pytest.raises(NotFound):
        ask(tenant_id, campaign_id, make_foreign(studio))
    with db.tenant_session(tenant_id) as session:
        audience.get(session, member_id).restricted = True
    with pytest.raises(Conflict, match="restricted"):
        ask(tenant_id, campaign_id, member_id)
    with db.tenant_session(tenant_id) as session:
        assert session.execute(select(Message)).first() is None


def make_foreign(studio: tuple[UUID, UUID]) -> UUID:
    """An id that is no member of the studio's."""
    return studio[1]


def test_links_of_a_test_are_counted_for_the_test_alone_where_the_member_agreed(studio, twilio):
    tenant_id, _ = studio
    member_id = texters.person(tenant_id)
    with db.tenant_session(tenant_id) as session:
        consents.record(session, member_id, channel="sms", purpose="tracking", state="granted", source="t", actor="t",
                        evidence={"wording": "ja"})  # fmt: skip
    campaign_id = drafted(tenant_id)
    message_id = ask(tenant_id, campaign_id, member_id)
    tasks.send_notices(tenant_id, tenant_id)
    assert "/t/c/" in twilio.messages[0]["body"]
    assert targets.read(tenant_id, message_id).urls[b"\x00\x00"].startswith("https://www.studio.example/kurse")
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE message SET accepted_at = accepted_at - interval '1 hour'"))
    at = int(clock.now().timestamp() * 1_000_000)
    hit = Hit(
        tenant_id.bytes, message_id.bytes, hits.KINDS.index("clicked"), hits.METHODS["GET"], 0, at, b"", PHONE, b""
    )
    with db.tenant_session(tenant_id) as session:
        store.store(session, [hit], 0)
    with db.tenant_session(tenant_id) as session:
        row = session.execute(select(MessageEvent).where(MessageEvent.kind == "clicked")).scalar_one()
        assert (row.message_id, row.campaign_id, row.actor) == (message_id, None, "human")
        assert queries.counts(session, campaign_id) == {}
        assert session.execute(select(Conversion)).first() is None


def test_a_link_that_was_tried_out_leads_where_the_approved_text_says(studio, twilio):
    tenant_id, _ = studio
    member_id = texters.person(tenant_id)
    campaign_id = drafted(tenant_id)
    message_id = ask(tenant_id, campaign_id, member_id)
    with db.tenant_session(tenant_id) as session:
        campaign = materialise.campaigns.get(session, campaign_id)
        content_json = make.draft_content(cta_url="https://www.studio.example/neu") | {
            "languages": {"de": {"sms": {"text": "{greeting} {cta_url} Dein {studio}. Abmelden: STOP"}}}
        }
        revision = drafting.write(session, campaign_id, content=content_json, parent_id=campaign.current_revision_id,
                                  actor="t")  # fmt: skip
        make.approve(session, campaign_id, revision)
        materialise.campaigns.start(session, campaign_id, actor="t")
        materialise.materialise(session, campaign_id)
    urls = targets.read(tenant_id, message_id).urls
    assert urls[b"\x00\x00"].startswith("https://www.studio.example/neu")


def test_a_whatsapp_template_is_tried_out_as_it_is_and_free_text_where_the_team_wrote(studio, twilio):
    tenant_id, account_id = studio
    member_id = texters.person(tenant_id, first_name="Jörg")
    twilio.contents = [content("herbst", "{{1}} Bis bald.", sid=TEMPLATE, approval="paused")]
    content_templates.sync(tenant_id, account_id)
    campaign_id = drafted(tenant_id, "whatsapp", template=TEMPLATE, variables={"1": "{greeting}"})
    with pytest.raises(Conflict, match="is paused"):
        ask(tenant_id, campaign_id, member_id)
    twilio.contents[0]["approval_requests"]["status"] = "approved"
    content_templates.sync(tenant_id, account_id)
    ask(tenant_id, campaign_id, member_id)
    free = drafted(tenant_id, "whatsapp")
    closed = ask(tenant_id, free, member_id)
    tasks.send_notices(tenant_id, tenant_id)
    assert [(each["to"], each["content"], each["variables"]) for each in twilio.messages] == [
        (f"whatsapp:{OURS}", TEMPLATE, '{"1": "Hallo J\\u00f6rg,"}')
    ]
    assert state(tenant_id, closed) == ("skipped", "window_closed")
    with db.tenant_session(tenant_id) as session:
        inbound.take(session, Written("whatsapp", OURS, "Hallo, ich bin's", "SM1", account_id))
    ask(tenant_id, free, member_id)
    tasks.send_notices(tenant_id, tenant_id)
    assert twilio.messages[-1]["body"].startswith("[Test] Hallo Jörg, komm vorbei")


def test_a_chat_of_the_team_gets_a_test_too(tenants):
    tenant_id = tenants.a
    with FakeTelegram() as telegram:
        settings.use(settings.get_settings().model_copy(update={"telegram_url": telegram.url}))
        with db.tenant_session(tenant_id) as session:
            bot = accounts.create(session, kind="telegram", label="Bot", settings={}, secret=telegrams.TOKEN, actor="t")
            senders.add(session, channel="telegram", from_name="S", from_address="LindenBot", reply_to=None,
                        is_default=True, account_id=bot.id, actor="t")  # fmt: skip
            team.add(session, channel="telegram", address="4711", label="Mara", actor="t")
            with pytest.raises(Invalid, match="number of a chat"):
                team.add(session, channel="telegram", address="@mara", label="Mara", actor="t")
            member = audience.create(session, actor="t", first_name="</b>_*[x](y)`", contact={"telegram": "99"}).id
        ask(tenant_id, drafted(tenant_id, "telegram"), member, "4711")
        tasks.send_notices(tenant_id, tenant_id)
        assert list(telegram.sent) == ["4711"]
        assert telegram.sent["4711"][0].startswith("[Test] Hallo")


def test_a_test_whose_answer_was_lost_is_not_sent_twice(studio, twilio):
    tenant_id, _ = studio
    message_id = ask(tenant_id, drafted(tenant_id), texters.person(tenant_id))
    twilio.faults.append(Fault(drop_after=True))
    tasks.send_notices(tenant_id, tenant_id)
    tasks.send_notices(tenant_id, tenant_id)
    assert (state(tenant_id, message_id)[0], len(twilio.messages)) == ("unknown", 1)


def test_a_team_names_its_addresses_once_and_not_without_end(studio, tenants):
    tenant_id, _ = studio
    with db.tenant_session(tenant_id) as session, pytest.raises(Conflict, match="on the list"):
        team.add(session, channel="sms", address="0170 0000001", label="again", actor="t")
    with db.tenant_session(tenant_id) as session:
        for n in range(team.MOST - 2):
            team.add(session, channel="telegram", address=str(5_000 + n), label="x", actor="t")
        with pytest.raises(Conflict, match="at most 20"):
            team.add(session, channel="telegram", address="1", label="x", actor="t")
        with pytest.raises(Invalid, match="use one of"):
            team.add(session, channel="email", address="a@b.example", label="x", actor="t")
        row = session.execute(select(TeamAddress.id).limit(1)).scalar_one()
    with db.tenant_session(tenants.b) as session, pytest.raises(NotFound):
        team.remove(session, row, actor="t")
