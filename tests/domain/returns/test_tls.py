"""STARTTLS at the inbound door, over real sockets."""

import smtplib
import socket
import ssl

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from ariia.certificate import Certificate
from ariia.inbound import Door, open_door
from domain.delivery import return_path
from kernel import db
from kernel.settings import Settings
from models import InboundMail
from tests.channels.email.certificate import make_certificate
from tests.channels.reports import samples
from tests.domain.returns.conftest import DOMAIN, sent


@pytest.fixture
def files(tmp_path):
    public, _ = make_certificate(tmp_path)
    return public, tmp_path / "sink.key"


@pytest.fixture
def secure(database, files):
    with Door(DOMAIN, "127.0.0.1:0", "127.0.0.1:0", Certificate(*files)) as opened:
        yield opened


def trusting(public) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(public))


def kept(tenant_id) -> int:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(func.count()).select_from(InboundMail)).scalar_one()


@pytest.mark.parametrize("name", ["smtp", "lmtp"])
def test_a_bounce_comes_in_under_tls(secure, files, tenants, name):
    (message,) = sent(tenants.a, "anna@kunde.example")
    path = return_path.address_for(tenants.a, message.id, DOMAIN)
    talk = smtplib.LMTP if name == "lmtp" else smtplib.SMTP
    with talk("localhost", secure.ports[name], local_hostname="mx.example") as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert client.starttls(context=trusting(files[0]))[0] == 220
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.sock.version() in {"TLSv1.2", "TLSv1.3"}
        client.mail("")
        assert client.rcpt("nobody@other.example")[0] == 550
        assert client.rcpt(path)[0] == 250
        assert client.data(samples.POSTFIX)[0] == 250
    assert (kept(tenants.a), kept(tenants.b)) == (1, 0)


def test_without_a_certificate_nothing_is_offered_and_plain_text_goes_on(door):
    with smtplib.SMTP("127.0.0.1", door.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS")[0] == 500
        assert client.noop()[0] == 250


def test_what_is_pipelined_behind_starttls_is_not_taken_for_tls(secure):
    with socket.create_connection(("127.0.0.1", secure.ports["smtp"]), timeout=60) as plain:
        plain.recv(1024)
        plain.sendall(b"EHLO mx.example\r\n")
        assert b"STARTTLS" in plain.recv(4096)
        plain.sendall(b"STARTTLS\r\nMAIL FROM:<injected@other.example>\r\n")
        assert plain.recv(4096) == b""


def test_the_conversation_begins_again_under_tls(secure, files):
    with smtplib.SMTP("localhost", secure.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
        client.ehlo()
        client.mail("said@before.example")
        assert client.docmd("STARTTLS", "now")[0] == 501
        client.starttls(context=trusting(files[0]))
        client.ehlo()
        assert client.docmd("RCPT", "TO:<anna@kunde.example>")[0] == 503
        assert client.docmd("STARTTLS")[0] == 500


def test_a_peer_that_cannot_agree_on_tls_harms_nobody_else(secure):
    with socket.create_connection(("127.0.0.1", secure.ports["smtp"]), timeout=60) as plain:
        plain.recv(1024)
        plain.sendall(b"STARTTLS\r\n")
        assert plain.recv(1024).startswith(b"220")
        plain.sendall(b"this is no TLS at all\r\n")
        while plain.recv(1024):
            pass
    with smtplib.SMTP("127.0.0.1", secure.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
        assert client.noop()[0] == 250


def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(secure, files, tmp_path):
    public, key = files

    def certificate_shown() -> bytes:
        with smtplib.SMTP("localhost", secure.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.starttls(context=context)
            return client.sock.getpeercert(binary_form=True)

    first = certificate_shown()
    renewed = tmp_path / "renewed"
    renewed.mkdir()
    make_certificate(renewed)
    kept_key = key.read_bytes()
    public.write_bytes((renewed / "sink.pem").read_bytes())  # the key does not fit yet
    assert certificate_shown() == first
    key.write_bytes((renewed / "sink.key").read_bytes())
    second = certificate_shown()
    assert second != first
    public.write_bytes(b"nothing")
    key.write_bytes(kept_key)
    assert certificate_shown() == second


def test_the_settings_name_both_files_or_none(files, tmp_path, monkeypatch):
    public, key = files
    with pytest.raises(ValidationError, match="set both or neither"):
        Settings(inbound_certificate=public)
    asked = {"bounce_domain": DOMAIN, "inbound_listen": "127.0.0.1:0", "inbound_key": key}
    with pytest.raises(OSError, match="No such file"):
        open_door(Settings(inbound_certificate=tmp_path / "absent.pem", **asked))
    opened = open_door(Settings(inbound_certificate=public, **asked))
    assert opened is not None
    try:
        with smtplib.SMTP("localhost", opened.ports["smtp"], local_hostname="mx.example", timeout=60) as client:
            client.starttls(context=trusting(public))
            assert client.noop()[0] == 250
    finally:
        opened.stop()
