"""What people write back: stop at once and exactly, start only what stop took, help without effect."""

from collections.abc import Iterator
from uuid import UUID

import make
import pytest
import texters
from chaos import crowd
from fakes.twilio import FakeTwilio
from sqlalchemy import func, select, update
from texters import PHONE

from ariia.tasks import campaigns as sending
from domain.audience import service as audience
from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.consent import opt_outs
from domain.consent import service as consents
from domain.consent.opt_out_words import Wish
from domain.conversations import service as conversations
from domain.delivery import materialise
from domain.returns import inbound
from domain.returns.inbound import Heard, Written
from kernel import db, settings
from kernel.ids import new_id
from models import (
    Consent,
    Conversation,
    ConversationMessage,
    Member,
    Message,
    MessageEvent,
    Notice,
    OptOutWord,
    Suppression,
)


@pytest.fixture
def twilio(database) -> Iterator[FakeTwilio]:
    with FakeTwilio() as running:
        settings.use(settings.get_settings().model_copy(update={"twilio_url": running.url}))
        yield running


@pytest.fixture
def studio(tenants) -> tuple[UUID, UUID]:
    return tenants.a, texters.account(tenants.a).id


def write(studio: tuple[UUID, UUID], text: str, *, channel: str = "sms", **more: object) -> Heard:
    about = {"address": PHONE, "external_id": f"SM{new_id().hex}"} | more
    with db.tenant_session(studio[0]) as session:
        return inbound.take(session, Written(channel=channel, text=text, account_id=studio[1], **about))


def suppressions(tenant_id: UUID) -> set[tuple[str, str, str]]:
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(Suppression.channel, Suppression.address_norm, Suppression.purpose).where(
                Suppression.lifted_at.is_(None)
            )
        )
        return {tuple(row) for row in rows}


def consent_of(tenant_id: UUID, channel: str = "sms") -> str:
    with db.tenant_session(tenant_id) as session:
        statement = select(Consent.state).where(Consent.channel == channel, Consent.purpose == "marketing")
        return session.execute(statement).scalar_one()


def notices(tenant_id: UUID) -> list[tuple[str, str]]:
    with db.tenant_session(tenant_id) as session:
        return [
            (row.kind, row.content["text"]) for row in session.execute(select(Notice).order_by(Notice.id)).scalars()
        ]


def test_a_stop_holds_at_once_is_confirmed_once_and_touches_nobody_else(studio, tenants, twilio):
    texters.person(studio[0])
    texters.person(tenants.b)
    assert write(studio, "Stopp!") == Heard(Wish.STOP, changed=True)
    assert suppressions(studio[0]) == {("sms", PHONE, "marketing")}
    assert (consent_of(studio[0]), consent_of(studio[0], "whatsapp")) == ("withdrawn", "granted")
    assert suppressions(tenants.b) == set()
    assert consent_of(tenants.b) == "granted"
    for _ in range(3):
        assert not write(studio, "STOP").changed
    sending.send_notices(studio[0], studio[0])
    assert [message["body"] for message in twilio.messages] == [notices(studio[0])[0][1]]
    assert "keine Werbung mehr per SMS" in twilio.messages[0]["body"]
    assert twilio.messages[0]["from"] == texters.NUMBER


def test_the_same_message_twice_has_one_effect(studio):
    texters.person(studio[0])
    assert write(studio, "stop", external_id="SM1").changed
    assert write(studio, "start", external_id="SM2").changed
    assert write(studio, "stop", external_id="SM1") == Heard(None, repeated=True)
    assert suppressions(studio[0]) == set()
    with db.tenant_session(studio[0]) as session:
        assert session.execute(select(func.count()).select_from(ConversationMessage)).scalar_one() == 2


def test_start_restores_what_stop_took_and_nothing_else(studio):
    person = texters.person(studio[0])
    other = {"channel": "sms", "reason": "complained", "source": "arf", "actor": "t"}
    with db.tenant_session(studio[0]) as session:
        consents.suppress(session, address_norm="+4915199", **other)
        consents.suppress(session, address_norm=PHONE, **(other | {"channel": "whatsapp", "reason": "unsubscribed"}))
        consents.record(
            session, person, channel="whatsapp", purpose="marketing", state="withdrawn", source="link", actor="t",
            evidence={},
        )  # fmt: skip
    assert write(studio, "STOP").changed
    assert write(studio, "START").changed
    assert consent_of(studio[0]) == "granted"
    assert suppressions(studio[0]) == {("sms", "+4915199", "marketing"), ("whatsapp", PHONE, "marketing")}
    for phone in ("+4915199", PHONE):
        assert not write(studio, "UNSTOP", channel="whatsapp", address=phone).changed
    assert consent_of(studio[0], "whatsapp") == "withdrawn"
    assert not write(studio, "START").changed
    assert [kind for kind, _ in notices(studio[0])] == ["opt_out", "start"]


def test_start_has_no_effect_after_a_hard_bounce_or_an_erasure(studio):
    person = texters.person(studio[0])
    with db.tenant_session(studio[0]) as session:
        consents.suppress(
            session, channel="sms", address_norm=PHONE, purpose="all", reason="hard_bounce", source="twilio", actor="t"
        )
    write(studio, "STOP")
    write(studio, "START")
    assert ("sms", PHONE, "all") in suppressions(studio[0])
    write(studio, "STOP")
    with db.tenant_session(studio[0]) as session:
        session.delete(session.get(Member, person))
    write(studio, "START")
    with db.tenant_session(studio[0]) as session:
        assert session.execute(select(Consent)).first() is None
        assert session.execute(select(Suppression.reason).where(Suppression.lifted_at.is_(None))).scalars().all() == [
            "hard_bounce"
        ]


@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp", "telegram"])
@pytest.mark.parametrize("purpose", ["marketing", "tracking", "transactional"])
@pytest.mark.parametrize("word", ["STOP", "STOPALL"])
def test_the_scope_of_a_stop(studio, channel, purpose, word):
    """A stop covers marketing on its channel; all covers every purpose on every channel of the person."""
    with db.tenant_session(studio[0]) as session:
        audience.create(
            session, actor="t", contact={"email": "a@b.example", "sms": PHONE, "whatsapp": PHONE, "telegram": "42"}
        )
    write(studio, word)
    address = {"email": "a@b.example", "telegram": "42"}.get(channel, PHONE)
    with db.tenant_session(studio[0]) as session:
        stopped = session.execute(
            select(Suppression.id).where(
                Suppression.channel == channel,
                Suppression.address_norm == address,
                Suppression.purpose.in_((purpose, "all")),
            )
        ).first()
    expected = word == "STOPALL" or (channel == "sms" and purpose == "marketing")
    assert (stopped is not None) == expected


def test_yes_is_a_start_only_when_nobody_asked_anything(studio):
    texters.person(studio[0])
    write(studio, "stop")
    with db.tenant_session(studio[0]) as session:
        conversation = session.execute(select(Conversation.id)).scalar_one()
        conversations.add_message(
            session, conversation, author="studio", text="Sollen wir dich zurückrufen?", at=None, external_id=None,
            actor="t",
        )  # fmt: skip
    assert write(studio, "Ja").wish is None
    assert suppressions(studio[0])
    assert write(studio, "Ja!").wish == Wish.START  # the last words are the person's own
    assert suppressions(studio[0]) == set()


def test_help_answers_who_writes_and_changes_nothing(studio, twilio):
    texters.person(studio[0])
    for _ in range(5):
        assert write(studio, "Hilfe") == Heard(Wish.HELP, changed=False)
    sending.send_notices(studio[0], studio[0])
    assert len(twilio.messages) == 1  # two machines must not talk for ever
    body = twilio.messages[0]["body"]
    assert "Alpha" in body
    assert "Lindenstraße 5" in body
    assert "/impressum" in body
    assert (suppressions(studio[0]), consent_of(studio[0])) == (set(), "granted")


def test_what_the_provider_understood_counts_and_is_not_answered_twice(studio):
    texters.person(studio[0])
    assert write(studio, "Basta", handled="STOP").changed
    assert write(studio, "Go", handled="START").changed
    assert write(studio, "Wer?", handled="HELP").wish == Wish.HELP
    assert notices(studio[0]) == []


def test_a_tenants_own_word_stops_for_this_tenant_alone(studio, tenants):
    with db.tenant_session(studio[0]) as session:
        session.add(OptOutWord(tenant_id=studio[0], word="pfeffer", created_by="t"))
    other = (tenants.b, texters.account(tenants.b).id)
    texters.person(studio[0])
    texters.person(tenants.b)
    assert write(studio, "Pfeffer!").wish == Wish.STOP
    assert write(other, "Pfeffer!").wish is None
    with db.tenant_session(studio[0]) as session:
        assert opt_outs.words(session) == ["pfeffer"]


def test_other_words_go_into_the_persons_conversation(studio):
    person = texters.person(studio[0])
    write(studio, "Kann ich morgen vorbeikommen?", to=texters.NUMBER)
    write(studio, "", media=("image/jpeg",))
    write(studio, "x" * 9_000)
    write(studio, "Wer seid ihr?", address="+4917699999999")
    with db.tenant_session(studio[0]) as session:
        known = session.execute(select(Conversation).where(Conversation.member_id == person)).scalar_one()
        said = session.execute(conversations.messages(session, known.id).order_by(ConversationMessage.id)).scalars()
        account = {"account": str(studio[1])}
        assert [(row.author, row.text[:20], row.metadata_json) for row in said] == [
            ("member", "Kann ich morgen vorb", {"to": texters.NUMBER, **account}),
            ("member", "[image/jpeg]", {"media": ["image/jpeg"], **account}),
            ("member", "x" * 20, account),
        ]
        assert session.execute(select(func.count()).where(Conversation.member_id.is_(None))).scalar_one() == 1
    texters.person(studio[0], "+4917699999999")
    write(studio, "Ich bin es", address="+4917699999999")
    with db.tenant_session(studio[0]) as session:
        assert session.execute(select(func.count()).where(Conversation.member_id.is_(None))).scalar_one() == 0


def test_a_stop_counts_at_the_campaign_that_it_answers(studio, twilio):
    with db.tenant_session(studio[0]) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
    texters.person(studio[0])
    with db.tenant_session(studio[0]) as session:
        campaign = make.campaign(session, channel="sms")
        words = {"text": "{greeting} komm wieder vorbei: {cta_url} Dein {studio}. Abmelden: STOP"}
        content = make.draft_content() | {"languages": {"de": {"sms": words}}}
        revision = drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        make.approve(session, campaign.id, revision)
        campaigns.start(session, campaign.id, actor="t")
        materialise.materialise(session, campaign.id)
    sending.send(studio[0], campaign.id)
    assert len(twilio.messages) == 1
    write(studio, "Bitte keine Nachrichten mehr")
    with db.tenant_session(studio[0]) as session:
        assert session.execute(select(Message.unsubscribed_at).where(Message.campaign_id == campaign.id)).scalar_one()
        event = session.execute(select(MessageEvent).where(MessageEvent.kind == "unsubscribed")).scalar_one()
        assert (event.actor, event.reason) == ("human", "stop")


def test_whoever_may_not_be_processed_is_stopped_and_never_started(studio):
    person = texters.person(studio[0])
    write(studio, "stop")
    with db.tenant_session(studio[0]) as session:
        session.execute(update(Member).where(Member.id == person).values(restricted=True))
    write(studio, "start")
    assert consent_of(studio[0]) == "withdrawn"
