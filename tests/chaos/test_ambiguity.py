"""The ambiguity matrix: the connection ends at each point of a conversation, and each message says what is known of it.

What surely never left is tried again, what surely arrived is sent, and only what nobody can know is unknown: never
before the final dot (SMTP) or before the request (HTTP) was written. Under `hold` nothing arrives twice.
"""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit
from uuid import UUID

import make
import pytest
from fakes.smtp_sink import SmtpSink
from fakes.tcp_proxy import Cut, TcpProxy
from fakes.telegram import FakeTelegram
from fakes.twilio import FakeTwilio
from sqlalchemy import select, text

from channels.email import settings as relays
from domain.campaigns import service as campaigns
from domain.delivery import engine, materialise, outlets, recovery
from domain.delivery.claim import Work
from domain.senders import accounts
from kernel import db, outbox, settings
from models import Message
from tests.domain.delivery import test_channels as channels
from tests.domain.delivery.test_channels import studio

__all__ = ["studio"]
Rows = dict[UUID, tuple[str, str | None]]
PEOPLE = 3
DOT = rb"\r\n\.\r\n"


@dataclass(frozen=True)
class Stage:
    """Where the connection ends, and what becomes of the message that meets it: state and reason, and its arrival."""

    name: str
    cut: Cut
    state: str
    reason: str | None
    arrived: bool


def stage(name: str, cut: Cut, state: str, reason: str | None = None, *, arrived: bool = False) -> Stage:
    return Stage(name, cut, state, reason, arrived)


AWAY, AGAIN, DOUBT = ("deferred", "relay_away"), ("deferred", "retry"), ("unknown", "no_answer")
SMTP = [
    stage("before the banner", Cut("server"), *AWAY),
    stage("in the banner", Cut("server", rb"220", 2), *AWAY),
    stage("after the banner", Cut("server", rb"220 [^\r]*\r\n"), *AWAY),
    stage("after EHLO", Cut("client", rb"EHLO [^\r]*\r\n"), *AWAY),
    stage("in the answer to EHLO", Cut("server", rb"250-[^\r]*\r\n", 4), *AWAY),
    stage("after AUTH", Cut("client", rb"AUTH [^\r]*\r\n"), *AWAY),
    stage("in the answer to AUTH", Cut("server", rb"235", 1), *AWAY),
    stage("in MAIL", Cut("client", rb"MAIL FROM:"), *AGAIN),
    stage("after MAIL", Cut("client", rb"MAIL [^\r]*\r\n"), *AGAIN),
    stage("after RCPT", Cut("client", rb"RCPT [^\r]*\r\n"), *AGAIN),
    stage("after DATA", Cut("client", rb"\nDATA\r\n"), *AGAIN),
    stage("in the answer to DATA", Cut("server", rb"354", 3), *AGAIN),
    stage("after the answer to DATA", Cut("server", rb"354 [^\r]*\r\n"), *AGAIN),
    stage("in the body", Cut("client", rb"Message-ID:"), *DOUBT),
    stage("in the final dot", Cut("client", DOT, -2), *DOUBT),
    stage("after the final dot", Cut("client", DOT), *DOUBT, arrived=True),
    stage("before the reply to it", Cut("server", once=DOT), *DOUBT, arrived=True),
    stage("in the reply to it", Cut("server", rb"250", 2, once=DOT), *DOUBT, arrived=True),
    stage("after the reply to it", Cut("server", rb"250 [^\r]*\r\n", once=DOT), "sent", arrived=True),
]


def mails(tenant_id: UUID) -> UUID:
    with db.tenant_session(tenant_id) as session:
        for n in range(PEOPLE):
            make.member(session, f"p{n}@example.org", first_name="Jo")
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
        return campaign_id


def rows(tenant_id: UUID) -> Rows:
    with db.tenant_session(tenant_id) as session:
        return {row.id: (row.state, row.reason) for row in session.execute(select(Message)).scalars()}


def due_again(tenant_id: UUID) -> None:
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE message SET not_before = clock_timestamp() WHERE state = 'deferred'"))


def swept(tenant_id: UUID, campaign_id: UUID) -> str:
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        return str(campaigns.get(session, campaign_id).status)


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "step-by-step"])
@pytest.mark.parametrize("at", SMTP, ids=[one.name for one in SMTP])
def test_a_mail_whose_connection_ends_is_what_can_be_known_of_it(studio, at, pipelining):
    campaign_id = mails(studio)
    cut = replace(at.cut)
    with (
        SmtpSink(users={"jo": "secret"}, pipelining=pipelining) as sink,
        TcpProxy(sink.port, [cut]) as proxy,
    ):
        relay = relays.parse(f"smtp://jo:secret@127.0.0.1:{proxy.port}")
        outlet, work = outlets.through(relay, sessions=1), Work(campaign_id, "email")
        engine.send(studio, work, outlet, lease_seconds=30)
        assert cut.used
        before = rows(studio)
        judge(at, before, mails_of(sink))
        due_again(studio)
        engine.send(studio, work, outlet, lease_seconds=30)
        finished(before, rows(studio), mails_of(sink))
    assert swept(studio, campaign_id) == "sent"


def mails_of(sink: SmtpSink) -> Counter[UUID]:
    return Counter(UUID(kept.message_id.partition("@")[0]) for kept in sink.messages)


def judge(at: Stage, found: Rows, arrived: Counter[UUID]) -> None:
    """One message met the end of the connection; the others went on, through a new one."""
    if at.state == "sent":  # the next one may meet the end of it, before it said anything of itself
        assert set(found.values()) <= {("sent", None), AGAIN}
    else:
        assert Counter(found.values()) == {("sent", None): PEOPLE - 1, (at.state, at.reason): 1}
    doubted = {message_id for message_id, (state, _) in found.items() if state == "unknown"}
    sent = {message_id for message_id, (state, _) in found.items() if state == "sent"}
    assert arrived == Counter(sent | doubted if at.arrived else sent)


def finished(before: Rows, last: Rows, arrived: Counter[UUID]) -> None:
    """What was in doubt is not sent again; everything else arrived, and nothing twice."""
    doubted = {message_id for message_id, (state, _) in before.items() if state == "unknown"}
    assert {message_id for message_id, (state, _) in last.items() if state == "unknown"} == doubted
    assert {message_id for message_id, (state, _) in last.items() if state == "sent"} == set(last) - doubted
    assert set(last) - doubted <= set(arrived) <= set(last)
    assert set(arrived.values()) == {1}


HTTP = [
    stage("at the first byte", Cut("client"), *DOUBT),
    stage("in the request", Cut("client", rb"POST /"), *DOUBT),
    stage("after the request, before the answer", Cut("server"), *DOUBT, arrived=True),
    stage("in the head of the answer", Cut("server", rb"HTTP/1.1 2", 3), *DOUBT, arrived=True),
    stage("after the head of the answer", Cut("server", rb"\r\n\r\n"), *DOUBT, arrived=True),
    stage("in the body of the answer", Cut("server", rb"\r\n\r\n", 9), *DOUBT, arrived=True),
]


@dataclass(frozen=True)
class Provider:
    """A provider's fake: whom it took messages for, and how to put another address before it."""

    channel: str
    port: int
    taken: Callable[[], list[str]]

    def reached_by(self, port: int) -> None:
        name = {"sms": "twilio_url", "telegram": "telegram_url"}[self.channel]
        settings.use(settings.get_settings().model_copy(update={name: f"http://127.0.0.1:{port}"}))


@pytest.fixture(params=["sms", "telegram"])
def provider(request, database) -> Iterator[Provider]:
    if request.param == "sms":
        with FakeTwilio() as twilio:
            yield Provider("sms", port_of(twilio.url), lambda: [str(message["to"]) for message in twilio.messages])
    else:
        with FakeTelegram() as telegram:
            yield Provider(
                "telegram",
                port_of(telegram.url),
                lambda: [chat for chat, texts in telegram.sent.items() for _ in texts],
            )


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def texts(tenant_id: UUID, channel: str) -> UUID:
    """A campaign through one slot of an account."""
    account_id = channels.sender(tenant_id, channel)
    with db.tenant_session(tenant_id) as session:
        accounts.get(session, account_id).sessions = 1
    channels.members(tenant_id, channel, PEOPLE)
    return channels.started(tenant_id, channel)


@pytest.mark.parametrize("at", HTTP, ids=[one.name for one in HTTP])
def test_a_text_whose_connection_ends_is_what_can_be_known_of_it(studio, provider, at):
    campaign_id = texts(studio, provider.channel)
    cut = replace(at.cut)
    with TcpProxy(provider.port, [cut]) as proxy:
        provider.reached_by(proxy.port)
        channels.run(studio, campaign_id)
        assert cut.used
        before = rows(studio)
        judge(at, before, texts_of(studio, provider))
        due_again(studio)
        channels.run(studio, campaign_id)
        finished(before, rows(studio), texts_of(studio, provider))


def test_a_provider_that_nobody_reaches_leaves_no_doubt(studio, provider):
    campaign_id = texts(studio, provider.channel)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        provider.reached_by(nobody.getsockname()[1])
        channels.run(studio, campaign_id)
    assert {state for state, _ in rows(studio).values()} == {"deferred"}
    assert provider.taken() == []
    provider.reached_by(provider.port)
    deadline = time.monotonic() + 60
    while {state for state, _ in rows(studio).values()} != {"sent"}:  # a chat takes one text per second
        assert time.monotonic() < deadline
        due_again(studio)
        channels.run(studio, campaign_id)
    assert set(texts_of(studio, provider).values()) == {1}


def texts_of(tenant_id: UUID, provider: Provider) -> Counter[UUID]:
    """What the provider took, by message."""
    with db.tenant_session(tenant_id) as session:
        ids = {row.address_norm: row.id for row in session.execute(select(Message)).scalars()}
    return Counter(ids[address] for address in provider.taken())
