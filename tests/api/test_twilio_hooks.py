"""The doors for Twilio over a real socket: the signature first, then the rows, then the answer."""

import http.client
import random
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
import texters
from fakes import twilio as twilios
from fakes.twilio import FakeTwilio
from pydantic import HttpUrl
from sqlalchemy import Engine, event, func, select, text

from api import hook_callers
from ariia.tasks import callbacks as tasks
from ariia.tasks import campaigns as sending
from channels.twilio.signature import sign
from domain.senders import accounts
from kernel import db, settings
from kernel.tokens import get_signer
from models import ConversationMessage, Message, ProviderAccount, ProviderCallback, Suppression

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def public(address) -> str:
    settings.use(settings.get_settings().model_copy(update={"public_url": HttpUrl(address)}))
    return address


@pytest.fixture
def twilio(public) -> Iterator[FakeTwilio]:
    with FakeTwilio() as running:
        settings.use(settings.get_settings().model_copy(update={"twilio_url": running.url}))
        yield running


@pytest.fixture
def account(tenants) -> ProviderAccount:
    return texters.account(tenants.a)


@pytest.fixture
def other(tenants) -> ProviderAccount:
    return texters.account(tenants.b, token="e" * 32)


@pytest.fixture(autouse=True)
def _patient(monkeypatch) -> None:
    monkeypatch.setattr(hook_callers.guesses, "_most", 100_000)


def raw(url: str, body: bytes, **headers: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(
        "POST", target, body, {"Content-Type": FORM} | {k.replace("_", "-"): v for k, v in headers.items()}
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def inbound_url(base: str, account: ProviderAccount) -> str:
    return f"{base}/hooks/twilio/{account.path_token}/inbound"


def count(tenant_id: UUID, table: type) -> int:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_sent_message_is_reported_delivered_and_read(tenants, account, twilio):
    message = texters.notice(tenants.a, account.id)
    sending.send_notices(tenants.a, tenants.a)
    sid = twilio.messages[0]["sid"]
    assert [twilio.report(sid, status) for status in ("read", "sent", "delivered", "delivered")] == [204] * 4
    tasks.read(tenants.a, account.id)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Message.state).where(Message.id == message)).scalar_one() == "read"
    assert count(tenants.a, ProviderCallback) == 3


def test_a_report_of_another_tenants_message_changes_nothing(tenants, account, other, twilio):
    foreign = texters.notice(tenants.b, other.id)
    texters.become(tenants.b, foreign, "sent")
    fields = {"MessageSid": "SM" + "1" * 32, "MessageStatus": "delivered", "AccountSid": twilios.SID}
    token = get_signer().sign("s", tenants.b, foreign)
    base = settings.get_settings().base_url
    url = f"{base}/hooks/twilio/{account.path_token}/status/{token}"
    assert twilios.post(url, fields, twilios.TOKEN) == 204
    assert (count(tenants.a, ProviderCallback), count(tenants.b, ProviderCallback)) == (0, 0)
    tampered = token[:-3] + ("B" if token[-3] == "A" else "A") + token[-2:]
    for wrong in (get_signer().sign("u", tenants.a, foreign), tampered, "x"):
        url = f"{base}/hooks/twilio/{account.path_token}/status/{wrong}"
        assert twilios.post(url, fields, twilios.TOKEN) == 404


def test_only_the_accounts_own_signature_opens_its_door(tenants, account, other, public):
    fields = {"From": texters.PHONE, "To": texters.NUMBER, "Body": "STOP", "MessageSid": "SM" + "2" * 32}
    body = urlencode(fields).encode()
    url, foreign = inbound_url(public, account), inbound_url(public, other)
    pairs = list(fields.items())
    good = sign(twilios.TOKEN, url, pairs)
    refused = [
        raw(url, body),
        raw(url, body, X_Twilio_Signature=""),
        raw(url, body, X_Twilio_Signature="ä"),
        raw(url, body, X_Twilio_Signature=sign("e" * 32, url, pairs)),
        raw(foreign, body, X_Twilio_Signature=good),
        raw(foreign, body, X_Twilio_Signature=sign(twilios.TOKEN, foreign, pairs)),
        raw(url + "?a=1", body, X_Twilio_Signature=good),
        raw(url, body, X_Twilio_Signature=good, Content_Type="application/json"),
        raw(url, b"\xff\xfe", X_Twilio_Signature=good),
        raw(url, body, X_Twilio_Signature=sign(twilios.TOKEN, url.replace("127.0.0.1", "localhost"), pairs),
            Host="localhost"),
    ]  # fmt: skip
    assert refused == [403] * len(refused)
    assert raw(f"{public}/hooks/twilio/{'x' * 43}/inbound", body, X_Twilio_Signature=good) == 404
    assert (count(tenants.a, ConversationMessage), count(tenants.b, ConversationMessage)) == (0, 0)
    assert raw(url, body, X_Twilio_Signature=good, Host="evil.example", X_Forwarded_Host="evil.example") == 200
    assert count(tenants.a, ConversationMessage) == 1


def test_a_thousand_changed_requests_are_all_refused(tenants, account, public):
    chance = random.Random(7)
    url = inbound_url(public, account)
    fields = [
        ("Body", "Hallo"),
        ("From", texters.PHONE),
        ("FromCity", ""),
        ("MessageSid", "SM" + "3" * 32),
        ("To", "+49"),
    ]
    body, signature = urlencode(fields), sign(twilios.TOKEN, url, fields)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    seen = []
    for _ in range(1_000):
        changed, query, given = _mutate(chance, body, signature)
        connection.request("POST", parts.path + query, changed, {"Content-Type": FORM, "X-Twilio-Signature": given})
        answer = connection.getresponse()
        answer.read()
        seen.append(answer.status)
    connection.close()
    assert set(seen) == {403}
    assert count(tenants.a, ConversationMessage) == 0
    assert raw(url, body.encode(), X_Twilio_Signature=signature) == 200


def _mutate(chance: random.Random, body: str, signature: str) -> tuple[bytes, str, str]:
    kind = chance.randrange(5)
    if kind == 0:
        where = chance.randrange(len(signature) - 1)
        letter = chance.choice("ABCDEFGHabcdefgh0123456789+/".replace(signature[where], ""))
        return body.encode(), "", signature[:where] + letter + signature[where + 1 :]
    if kind == 1:
        return body.encode(), f"?{chance.randrange(10**6)}", signature
    if kind == 2:
        return f"{body}&X{chance.randrange(10**6)}=".encode(), "", signature
    if kind == 3:
        parts = body.split("&")
        del parts[chance.randrange(len(parts))]
        return "&".join(parts).encode(), "", signature
    changed = bytearray(body.encode())
    where = body.index("Hallo") + chance.randrange(5)
    changed[where] = ord(chance.choice("bcdefg"))
    return bytes(changed), "", signature


def test_a_body_beyond_what_a_provider_sends_is_not_read(account, public):
    assert raw(inbound_url(public, account), b"a=" + b"x" * 300_000, X_Twilio_Signature="x" * 27 + "=") == 413


def test_a_stop_is_in_force_before_the_provider_has_its_answer(tenants, account, twilio, public):
    texters.person(tenants.a)
    assert twilio.write(inbound_url(public, account), "Stopp", sender=texters.PHONE, to=texters.NUMBER) == 200
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Suppression.address_norm)).scalar_one() == texters.PHONE
    assert count(tenants.b, Suppression) == 0
    whatsapp = f"whatsapp:{texters.PHONE}"
    url = inbound_url(public, account)
    assert twilio.write(url, "Wann?", sender=whatsapp, to=f"whatsapp:{texters.NUMBER}", sid="SM" + "4" * 32) == 200
    assert twilio.write(url, "Wann?", sender=whatsapp, to=f"whatsapp:{texters.NUMBER}", sid="SM" + "4" * 32) == 200
    with db.tenant_session(tenants.a) as session:
        said = session.execute(select(ConversationMessage.text).order_by(ConversationMessage.id)).scalars().all()
    assert said == ["Stopp", "Wann?"]


def test_a_report_of_another_account_at_the_provider_is_refused(tenants, account, twilio, public):
    url = inbound_url(public, account)
    fields = {"From": texters.PHONE, "Body": "x", "MessageSid": "SM" + "5" * 32, "AccountSid": "AC" + "9" * 32}
    assert twilios.post(url, fields, twilios.TOKEN) == 403
    assert count(tenants.a, ConversationMessage) == 0


def test_reports_before_the_answer_are_matched_over_http(tenants, account, twilio):
    twilio.before_answer = lambda message: [twilio.report(message["sid"], status) for status in ("delivered", "sent")]
    ids = [texters.notice(tenants.a, account.id, phone=f"+49151123456{n:02d}") for n in range(25)]
    sending.send_notices(tenants.a, tenants.a)
    tasks.read(tenants.a, account.id)
    with db.tenant_session(tenants.a) as session:
        rows = session.execute(select(Message.id, Message.state, Message.provider_id)).all()
    assert {row.id for row in rows} == set(ids)
    assert {row.state for row in rows} == {"delivered"}
    assert {row.provider_id for row in rows} == {message["sid"] for message in twilio.messages}


def test_a_webhook_is_answered_without_waiting_for_whoever_works_on_its_message(tenants, account, twilio):
    message = texters.notice(tenants.a, account.id)
    sending.send_notices(tenants.a, tenants.a)
    sid = twilio.messages[0]["sid"]
    with db.tenant_session(tenants.a) as session:
        held = session.execute(select(Message.id, Message.state).with_for_update()).all()
        assert [twilio.report(sid, f"status{n}") for n in range(60)] == [204] * 60
        assert session.execute(select(Message.id, Message.state)).all() == held
    with db.tenant_session(tenants.a) as session:
        assert session.execute(text("SELECT count(DISTINCT message_id) FROM provider_callback")).scalar_one() == 1
        assert session.get(ProviderAccount, account.id) is not None
        assert accounts.get(session, account.id).path_token == account.path_token
    assert message


def test_whoever_keeps_signing_wrongly_is_refused_before_any_work_and_nobody_else(
    tenants, account, other, public, monkeypatch
):
    monkeypatch.setattr(hook_callers.guesses, "_most", 5)
    monkeypatch.setattr(hook_callers.guesses, "_seen", OrderedDict())
    url, foreign = inbound_url(public, account), inbound_url(public, other)
    assert [raw(url, b"Body=x", X_Twilio_Signature="x") for _ in range(8)] == [403] * 5 + [429] * 3
    fields = {"From": texters.PHONE, "Body": "x", "MessageSid": "SM" + "6" * 32}
    assert twilios.post(foreign, fields, "e" * 32) == 200
    assert twilios.post(url, fields, twilios.TOKEN) == 429
    assert count(tenants.a, ConversationMessage) == 0


@contextmanager
def statements() -> Iterator[list[str]]:
    """What this process asks the database meanwhile."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_more) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_flood_of_wrong_signatures_does_not_reach_the_database(tenants, account, public, monkeypatch):
    monkeypatch.setattr(hook_callers, "_FRESH_SECONDS", 3_600.0)
    monkeypatch.setattr(hook_callers, "_AGAIN_SECONDS", 3_600.0)
    url, fields = inbound_url(public, account), {"From": texters.PHONE, "Body": "x", "MessageSid": "SM" + "7" * 32}
    assert twilios.post(url, fields, "e" * 32) == 403  # looked up, and once more because it did not fit
    status = f"{public}/hooks/twilio/{account.path_token}/status"
    token = get_signer().sign("s", tenants.a, account.id)
    parts = urlsplit(public)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def ask(where: str, given: str) -> int:
        path = urlsplit(where).path
        connection.request("POST", path, b"Body=x", {"Content-Type": FORM, "X-Twilio-Signature": given})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    wrong = sign("e" * 32, url, [])
    with statements() as seen:
        answers = {ask(url, wrong) for _ in range(100)}
        answers |= {ask(f"{status}/{token}", wrong) for _ in range(100)}
        answers |= {ask(f"{public}/hooks/twilio/{'y' * 43}/inbound", "short") for _ in range(100)}
        assert answers == {403}
        assert {ask(f"{status}/{token[:-2]}xx", wrong) for _ in range(100)} == {404}
    connection.close()
    assert seen == []
    assert twilios.post(url, fields, twilios.TOKEN) == 200


def test_a_token_that_was_just_replaced_counts_at_once(tenants, account, public):
    url = inbound_url(public, account)
    fields = {"From": texters.PHONE, "Body": "x"}
    assert twilios.post(url, fields | {"MessageSid": "SM" + "8" * 32}, twilios.TOKEN) == 200
    with db.tenant_session(tenants.a) as session:
        accounts.replace_secret(session, account.id, secret="d" * 32, actor="t")
    assert twilios.post(url, fields | {"MessageSid": "SM" + "9" * 32}, "d" * 32) == 200
    assert twilios.post(url, fields | {"MessageSid": "SM" + "0" * 32}, twilios.TOKEN) == 403
    assert count(tenants.a, ConversationMessage) == 2
