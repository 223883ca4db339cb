import smtplib
import socket
from base64 import b32decode, b32encode
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from ariia.inbound import Door
from ariia.tasks import returns
from domain.delivery import return_path
from kernel import db
from kernel.ids import new_id
from kernel.tokens import BadToken, get_signer
from models import InboundMail, Message, Outbox, Suppression
from tests.channels.reports import samples
from tests.domain.returns.conftest import DOMAIN, sent


def deliver(door, recipient: str, raw: bytes, sender: str = "") -> tuple[int, bytes]:
    with smtplib.SMTP("127.0.0.1", door.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
        client.ehlo()
        client.mail(sender)
        code, words = client.rcpt(recipient)
        if code != 250:
            return code, words
        return client.data(raw)


def work(tenant_id) -> int:
    """Run what the door asked for."""
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(select(Outbox).where(Outbox.task == "returns.read")).scalars().all()
        ids = [row.arguments["id"] for row in rows]
        session.execute(text("DELETE FROM outbox WHERE task = 'returns.read'"))
    for each in ids:
        returns.read(tenant_id, UUID(each))
    return len(ids)


def count(tenant_id, entity) -> int:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(func.count()).select_from(entity)).scalar_one()


def state(tenant_id, message_id) -> str:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(Message.state).where(Message.id == message_id)).scalar_one()


def test_a_return_path_fits_an_address_and_reads_back_in_either_case(tenants):
    message_id = new_id()
    path = return_path.address_for(tenants.a, message_id, DOMAIN)
    assert len(path.partition("@")[0]) <= 64
    for form in (path, path.upper(), path.title()):
        signed = return_path.read(form, DOMAIN, lambda _code: [tenants.b, tenants.a])
        assert (signed.tenant_id, signed.ref_id) == (tenants.a, message_id)


def test_no_flipped_bit_of_a_return_path_is_accepted(tenants):
    token = get_signer().sign_path(tenants.a, new_id())
    raw = bytearray(b32decode(token.upper() + "==="))
    for bit in range(len(raw) * 8):
        raw[bit // 8] ^= 1 << bit % 8
        altered = b32encode(bytes(raw)).rstrip(b"=").decode().lower()
        with pytest.raises(BadToken):
            get_signer().read_path(altered, lambda _code: [tenants.a, tenants.b])
        raw[bit // 8] ^= 1 << bit % 8
    for other in (token[:-1], token + "a", "", token[:-1] + "7"):
        with pytest.raises(BadToken):
            get_signer().read_path(other, lambda _code: [tenants.a])


def test_a_return_path_of_one_tenant_is_nobody_elses(tenants):
    token = get_signer().sign_path(tenants.a, new_id())
    with pytest.raises(BadToken):
        get_signer().read_path(token, lambda _code: [tenants.b])


def test_a_hard_bounce_bounces_the_message_and_suppresses_the_address(door, tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    path = return_path.address_for(tenants.a, message.id, DOMAIN)
    assert deliver(door, path.upper(), samples.POSTFIX)[0] == 250
    assert work(tenants.a) == 1
    assert state(tenants.a, message.id) == "bounced"
    with db.tenant_session(tenants.a) as session:
        row = session.execute(select(Suppression)).scalar_one()
        assert (row.address_norm, row.reason, row.purpose, row.expires_at) == (
            "anna@kunde.example", "hard_bounce", "all", None,
        )  # fmt: skip
        mail = session.execute(select(InboundMail)).scalar_one()
        assert (mail.kind, mail.reason, mail.outcome) == ("bounce", "user_unknown", "hard")
        assert mail.raw is not None
    assert count(tenants.b, InboundMail) == count(tenants.b, Suppression) == 0


def test_a_thousand_forged_reports_suppress_nobody(door, tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    good = return_path.address_for(tenants.a, message.id, DOMAIN)
    local, _, _ = good.partition("@")
    with smtplib.SMTP("127.0.0.1", door.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
        client.ehlo()
        for n in range(1_000):
            client.mail("")
            forged = (
                f"bounce{n}@{DOMAIN}",
                f"b+{'a' * 61}@{DOMAIN}",
                f"{local[: n % 60]}{'b' if local[n % 60] != 'b' else 'c'}{local[n % 60 + 1 :]}@{DOMAIN}",
                f"{local}@other.example",
            )[n % 4]
            code, words = client.rcpt(forged)
            assert (code, words[:5]) == (550, b"5.1.1"), forged
            client.rset()
    assert state(tenants.a, message.id) == "sent"
    for tenant_id in (tenants.a, tenants.b):
        assert count(tenant_id, InboundMail) == count(tenant_id, Suppression) == 0


def test_what_stands_in_a_report_never_chooses_another_message(door, tenants):
    anna, ben = sent(tenants.a, "anna@kunde.example", "ben@kunde.example")
    raw = samples.POSTFIX.replace(b"0190a2b4-1111-7222-8333-444455556666", str(ben.id).encode())
    assert deliver(door, return_path.address_for(tenants.a, anna.id, DOMAIN), raw)[0] == 250
    work(tenants.a)
    assert (state(tenants.a, anna.id), state(tenants.a, ben.id)) == ("bounced", "sent")


def test_a_signed_path_to_nothing_is_kept_and_suppresses_nobody(door, tenants):
    assert deliver(door, return_path.address_for(tenants.a, new_id(), DOMAIN), samples.POSTFIX)[0] == 250
    work(tenants.a)
    assert count(tenants.a, Suppression) == 0
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(InboundMail.outcome)).scalar_one() == "unbound"


def test_nothing_is_confirmed_that_is_not_committed(tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    path = return_path.address_for(tenants.a, message.id, DOMAIN)
    with Door(DOMAIN, "127.0.0.1:0", None) as door, db.tenant_session(tenants.a) as session:
        session.execute(text("LOCK TABLE inbound_mail IN ACCESS EXCLUSIVE MODE"))
        with smtplib.SMTP("127.0.0.1", door.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
            client.ehlo()
            client.mail("")
            assert client.rcpt(path)[0] == 250
            client.sock.settimeout(1)
            with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
                client.data(samples.POSTFIX)


def test_a_mail_above_a_mebibyte_is_refused_and_the_door_stays_open(door, tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    path = return_path.address_for(tenants.a, message.id, DOMAIN)
    assert deliver(door, path, samples.POSTFIX + b"x" * 1_100_000)[0] == 552
    assert count(tenants.a, InboundMail) == 0
    assert deliver(door, path, samples.POSTFIX)[0] == 250


def test_lmtp_answers_once_for_every_recipient(door, tenants):
    anna, ben = sent(tenants.a, "anna@kunde.example", "ben@kunde.example")
    with socket.create_connection(("127.0.0.1", door.ports["lmtp"]), timeout=60) as line:
        talk = line.makefile("rwb")

        def say(command: str) -> bytes:
            talk.write(command.encode() + b"\r\n")
            talk.flush()
            return talk.readline()

        assert talk.readline().startswith(b"220 ")
        assert say("EHLO x").startswith(b"500")
        assert say("LHLO x").startswith(b"250-")
        while not talk.readline().startswith(b"250 "):
            pass
        assert say("MAIL FROM:<>").startswith(b"250")
        for each in (anna, ben):
            path = return_path.address_for(tenants.a, each.id, DOMAIN)
            assert say(f"RCPT TO:<{path}>").startswith(b"250")
        assert say(f"RCPT TO:<x@{DOMAIN}>").startswith(b"550 5.1.1")
        assert say("DATA").startswith(b"354")
        talk.write(samples.POSTFIX.replace(b"\n", b"\r\n") + b"\r\n.\r\n")
        talk.flush()
        assert [talk.readline()[:3], talk.readline()[:3]] == [b"250", b"250"]
        assert say("QUIT").startswith(b"221")
    assert count(tenants.a, InboundMail) == 2
