"""Over HTTP: closed countries, prices, the team's own numbers, tests of texts, and a bot that is let go."""

from collections.abc import Iterator

import make
import pytest
import texters
from chaos import crowd
from fakes import telegram as telegrams
from fakes.http_provider import Fault
from fakes.telegram import FakeTelegram
from fakes.twilio import FakeTwilio
from pydantic import HttpUrl
from sqlalchemy import select

from ariia.tasks import campaigns as tasks
from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.delivery import materialise
from domain.senders import countries
from kernel import db, settings
from models import AuditEntry, Campaign


@pytest.fixture
def twilio(address) -> Iterator[FakeTwilio]:
    with FakeTwilio() as running:
        settings.use(settings.get_settings().model_copy(update={"twilio_url": running.url}))
        yield running


def sms(tenant_id, *phones: str, **fields: object) -> Campaign:
    """A drafted SMS campaign of 160 characters and a little more: two segments."""
    for phone in phones:
        texters.person(tenant_id, phone)
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        campaign = make.campaign(session, channel="sms", **fields)
        words = {"text": "{greeting} " + "so ein langer Text " * 8 + "Abmelden: STOP. Dein {studio}"}
        content = make.draft_content(cta_url="") | {"languages": {"de": {"sms": words}}}
        drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        return campaigns.get(session, campaign.id)


def test_a_closed_country_is_named_with_what_to_do_and_opened_by_its_owner(clients, tenants):
    ours, theirs = clients
    account = texters.account(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert countries.close(session, account.id, "+436641234567", code="21408", words="no permission") == "AT"
        assert countries.close(session, account.id, "+436647654321", code="21408", words="again") == "AT"
        assert countries.close(session, account.id, "4711", code="21408", words="x") is None
    shown = ours.get(f"/accounts/{account.id}").json()
    assert [(one["country"], one["code"], one["words"]) for one in shown["closed_countries"]] == [
        ("AT", "21408", "no permission")
    ]
    assert "AT" in shown["closed_countries"][0]["finding"]["de"]
    assert shown["state"] == "active"
    listed = {row["id"]: row for row in ours.get("/accounts").json()["items"]}
    assert listed[str(account.id)]["closed_countries"] == shown["closed_countries"]
    path = f"/accounts/{account.id}/closed-countries"
    assert theirs.call("DELETE", f"{path}/AT").status_code == 404
    assert ours.call("DELETE", f"{path}/DE").status_code == 404
    assert ours.call("DELETE", f"{path}/AT").status_code == 204
    assert ours.get(f"/accounts/{account.id}").json()["closed_countries"] == []
    with db.tenant_session(tenants.a) as session:
        actions = session.execute(select(AuditEntry.action).order_by(AuditEntry.seq)).scalars().all()
    assert actions.count("account.close_country") == actions.count("account.open_country") == 1


def test_prices_by_country_make_the_cost_that_is_shown_approved_and_recorded(clients, tenants):
    ours, theirs = clients
    account = texters.account(tenants.a)
    path = f"/accounts/{account.id}/prices"
    wanted = {"default": "10", "countries": {"DE": "7.5", "AT": "9.25"}}
    assert theirs.call("PUT", path, wanted).status_code == 404
    answer = ours.call("PUT", path, wanted)
    assert (answer.status_code, answer.json()) == (200, wanted)
    assert ours.get(path).json() == wanted
    campaign = sms(tenants.a, "+4915112345601", "+4915112345602", "+436641234567", "+12125550123")
    checked = ours.get(f"/campaigns/{campaign.id}/flight-check").json()
    assert checked["estimate"]["countries"] == [
        {"country": "DE", "messages": 2, "segments": 4, "price": "7.5", "cost": "30.0"},
        {"country": "AT", "messages": 1, "segments": 2, "price": "9.25", "cost": "18.50"},
        {"country": "US", "messages": 1, "segments": 2, "price": "10", "cost": "20"},
    ]
    assert (checked["estimate"]["cost_minor"], checked["estimate"]["exact"]) == (69, True)  # 68.5, rounded once
    assert ours.get(f"/campaigns/{campaign.id}/cost").status_code == 404
    with db.tenant_session(tenants.a) as session:
        revision = materialise.revisions.current(session, campaign)
        make.approve(session, campaign.id, revision)
        campaigns.start(session, campaign.id, actor="t")
        materialise.materialise(session, campaign.id)
    ours.call("PUT", path, {"default": None, "countries": {"DE": "1"}})
    kept = ours.get(f"/campaigns/{campaign.id}/cost").json()
    assert kept == checked["estimate"]  # as it was when the recipients were fixed
    assert theirs.get(f"/campaigns/{campaign.id}/cost").status_code == 404
    later = sms(tenants.a)
    estimate = ours.get(f"/campaigns/{later.id}/flight-check").json()["estimate"]
    assert estimate["cost_minor"] is None  # the others have no price any more, and nobody guesses one


@pytest.mark.parametrize(
    "wrong",
    [
        {"default": "-1"},
        {"default": "1.23456"},
        {"countries": {"XX": "7"}},
        {"countries": {"de": "7"}},
        {"countries": {"DE": "free"}},
        {"price": "7"},
    ],
)
def test_what_is_no_price_is_refused(clients, tenants, wrong):
    account = texters.account(tenants.a)
    answer = clients[0].call("PUT", f"/accounts/{account.id}/prices", wrong)
    assert answer.status_code == 422
    assert clients[0].get(f"/accounts/{account.id}/prices").json() == {"default": None, "countries": {}}


def test_a_campaign_that_became_dearer_than_approved_is_held_and_sends_nothing(clients, tenants, twilio):
    account = texters.account(tenants.a)
    clients[0].call("PUT", f"/accounts/{account.id}/prices", {"default": "7"})
    campaign = sms(tenants.a, "+4915112345601", "+4915112345602", cost_ceiling_minor=30)
    with db.tenant_session(tenants.a) as session:
        make.approve(session, campaign.id, materialise.revisions.current(session, campaign))
        campaigns.start(session, campaign.id, actor="t")
    clients[0].call("PUT", f"/accounts/{account.id}/prices", {"default": "8"})
    tasks.start(tenants.a, campaign.id)
    tasks.send(tenants.a, campaign.id)
    shown = clients[0].get(f"/campaigns/{campaign.id}").json()
    assert (shown["status"], shown["hold_reason"]) == ("held", "over_cost_ceiling")
    assert twilio.messages == []


def test_a_test_of_a_text_goes_to_a_number_of_the_team(clients, tenants, twilio):
    ours, theirs = clients
    texters.account(tenants.a)
    campaign = sms(tenants.a)
    member_id = str(texters.person(tenants.a, "+4915112345677"))
    wish = {"member_id": member_id, "to": "+491700000001"}
    refused = ours.post(f"/campaigns/{campaign.id}/test", wish)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    number = {"channel": "sms", "address": "+491700000001", "label": "Mara"}
    made = ours.post("/team-addresses", number)
    assert (made.status_code, made.json()["label"]) == (201, "Mara")
    assert ours.post("/team-addresses", number).status_code == 409
    assert theirs.get("/team-addresses").json()["items"] == []
    assert theirs.post(f"/campaigns/{campaign.id}/test", wish).status_code == 404
    assert ours.post(f"/campaigns/{campaign.id}/test", wish).status_code == 202
    tasks.send_notices(tenants.a, tenants.a)
    assert [message["to"] for message in twilio.messages] == ["+491700000001"]
    assert twilio.messages[0]["body"].startswith("[Test] ")
    path = f"/team-addresses/{made.json()['id']}"
    assert theirs.call("DELETE", path).status_code == 404
    assert ours.call("DELETE", path).status_code == 204
    assert ours.post(f"/campaigns/{campaign.id}/test", wish).status_code == 422


@pytest.mark.parametrize("away", [False, True])
def test_a_bot_that_is_deleted_stops_reporting_and_an_absent_provider_does_not_keep_it(clients, tenants, address, away):
    ours, theirs = clients
    with FakeTelegram() as telegram:
        settings.use(
            settings.get_settings().model_copy(
                update={"telegram_url": telegram.url, "public_url": HttpUrl("https://campaigns.example")}
            )
        )
        wanted = {"kind": "telegram", "label": "Bot", "settings": {}, "secret": telegrams.TOKEN}
        bot = ours.post("/accounts", wanted).json()
        assert ours.post(f"/accounts/{bot['id']}/check").json()["check_problem"] is None
        assert telegram.webhook["url"].startswith("https://campaigns.example/hooks/telegram/")
        assert theirs.call("DELETE", f"/accounts/{bot['id']}").status_code == 404
        sender = {"channel": "telegram", "from_name": "S", "from_address": "LindenBot", "account_id": bot["id"]}
        used = ours.post("/senders", sender).json()
        assert ours.call("DELETE", f"/accounts/{bot['id']}").status_code == 409
        assert telegram.webhook != {}  # it is in use, so it goes on reporting
        other = ours.post("/accounts", wanted).json()
        assert ours.call("PUT", f"/senders/{used['id']}/account", {"account_id": other["id"]}).status_code == 200
        if away:
            telegram.faults.append(Fault(drop_before=True))
        assert ours.call("DELETE", f"/accounts/{bot['id']}").status_code == 204
        assert (telegram.webhook == {}) is not away
        assert ours.get(f"/accounts/{bot['id']}").status_code == 404
