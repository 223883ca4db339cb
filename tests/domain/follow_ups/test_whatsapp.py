"""A silent WhatsApp chat: an approved template, another channel that the member agreed to, or a word to the team."""

from collections.abc import Iterator
from uuid import UUID

import pytest
import tellers
import texters
from chaos import crowd
from fakes.twilio import FakeTwilio
from sqlalchemy import func, select, text
from tellers import Studio

from ariia.tasks import campaigns as sending
from domain.consent import opt_outs
from domain.conversations import service as conversations
from domain.follow_ups import fire, store
from domain.follow_ups.rules import Topic, Why
from domain.identity import tenants as service
from kernel import clock, db, settings
from models import ContentTemplate, Notice

SID = "HX" + "a" * 32


@pytest.fixture
def twilio(database) -> Iterator[FakeTwilio]:
    before = settings.get_settings()
    with FakeTwilio() as running:
        settings.use(before.model_copy(update={"twilio_url": running.url}))
        yield running
    settings.use(before)


def a_phone_studio(tenant_id: UUID, *, sms: bool) -> Studio:
    account = texters.account(tenant_id)
    member_id = texters.person(tenant_id, consent=False)
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        tellers.agree(session, member_id, "whatsapp")
        if sms:
            tellers.agree(session, member_id, "sms")
        tellers.approve(session, Topic.GENERAL, "de")
        chat = conversations.open_conversation(
            session, channel="whatsapp", external_id=f"whatsapp:{texters.PHONE}", member_id=member_id, actor="t"
        )
        return Studio(tenant_id, account.id, member_id, chat.id)


def promised(studio: Studio) -> UUID:
    return tellers.promised(studio, channel="whatsapp")


def fired(studio: Studio, follow_up_id: UUID) -> fire.Step:
    with db.tenant_session(studio.tenant_id) as session:
        step = fire.take(session, fire.keep, follow_up_id, store.get(session, follow_up_id).due_at)
    assert step is not None
    return step


def wrote(studio: Studio) -> None:
    """The member writes now, by the clock that the 24 hours are counted by."""
    with db.tenant_session(studio.tenant_id) as session:
        now = session.execute(select(func.clock_timestamp())).scalar_one()
        conversations.add_message(
            session, studio.conversation_id, author="member", text="Hallo", at=now, external_id=None, actor="t"
        )


def template(studio: Studio, approval: str) -> None:
    with db.tenant_session(studio.tenant_id) as session:
        session.add(
            ContentTemplate(
                tenant_id=studio.tenant_id,
                account_id=studio.account_id,
                sid=SID,
                name="reminder",
                language="de",
                kind="twilio/text",
                category="UTILITY",
                body="Hallo {{1}}, wie versprochen.",
                variables={"1": ""},
                approval=approval,
                checked_at=clock.now(),
            )
        )
        tellers.approve(session, Topic.GENERAL, "de", whatsapp={"template": SID, "variables": {"1": "{studio}"}})


def test_within_24_hours_the_own_words_go_out(tenants, twilio):
    studio = a_phone_studio(tenants.a, sms=False)
    wrote(studio)
    mine = promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    fire.run(studio.tenant_id)
    assert tellers.row(studio, mine).state == "sending"
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    tellers.look_now(studio.tenant_id)
    fire.run(studio.tenant_id)
    row = tellers.row(studio, mine)
    assert (row.state, row.channel) == ("sent", "whatsapp")
    assert row.provider_reference.startswith(("SM", "MM"))


def test_a_silent_chat_without_a_template_waits_for_the_team(tenants, twilio):
    studio = a_phone_studio(tenants.a, sms=False)
    mine = promised(studio)
    step = fired(studio, mine)
    assert (step.state, step.why) == ("failed", Why.NEEDS_TEMPLATE)


@pytest.mark.parametrize("approval", ["pending", "rejected", "deleted"])
def test_a_template_that_whatsapp_did_not_approve_is_none(tenants, twilio, approval):
    studio = a_phone_studio(tenants.a, sms=False)
    template(studio, approval)
    assert fired(studio, promised(studio)).why == Why.NEEDS_TEMPLATE


def test_a_silent_chat_gets_the_approved_template_and_the_ledger_lets_it_through(tenants, twilio):
    studio = a_phone_studio(tenants.a, sms=True)
    template(studio, "approved")
    mine = promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    fire.run(studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        content = session.execute(select(Notice.content)).scalar_one()
    assert (content["template"], content["variables"]) == (SID, {"1": session_name(studio)})
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    tellers.look_now(studio.tenant_id)
    fire.run(studio.tenant_id)
    assert (tellers.row(studio, mine).state, tellers.row(studio, mine).channel) == ("sent", "whatsapp")


def session_name(studio: Studio) -> str:
    with db.tenant_session(studio.tenant_id) as session:
        return service.current(session).name


def test_a_silent_chat_goes_over_to_a_channel_that_the_member_agreed_to(tenants, twilio):
    studio = a_phone_studio(tenants.a, sms=True)
    mine = promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    fire.run(studio.tenant_id)
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    tellers.look_now(studio.tenant_id)
    fire.run(studio.tenant_id)
    assert (tellers.row(studio, mine).state, tellers.row(studio, mine).channel) == ("sent", "sms")


def test_who_stopped_on_whatsapp_is_not_written_to_on_another_channel_instead(tenants, twilio):
    studio = a_phone_studio(tenants.a, sms=True)
    mine = promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        opt_outs.stop(
            session, channel="whatsapp", address_norm=texters.PHONE, everything=False, actor="m", evidence={"m": 1}
        )
    assert fired(studio, mine).state == "cancelled"


def test_the_ledger_still_refuses_free_words_in_a_silent_chat(tenants, twilio):
    studio = a_phone_studio(tenants.a, sms=False)
    wrote(studio)
    mine = promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    fire.run(studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(text("UPDATE conversation_message SET at = at - interval '2 days'"))
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    tellers.look_now(studio.tenant_id)
    fire.run(studio.tenant_id)
    assert (tellers.row(studio, mine).state, tellers.row(studio, mine).why) == ("failed", Why.NEEDS_TEMPLATE)
