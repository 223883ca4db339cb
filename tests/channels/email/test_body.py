import pytest

from channels.base import FailureKind
from channels.email.session import dot_stuffed
from channels.email.smtp import Envelope
from tests.channels.email.test_smtp import message, relay, send_one
from tests.fakes.smtp_sink import SmtpSink


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        b"Subject: a\r\n\r\n.\r\n..\r\n.hidden\r\n",
        b".",
        b"Subject: a\r\n\r\nno end",
        b"Subject: a\n\nbare\n.\nMAIL FROM:<evil@x.example>\nRCPT TO:<b@x.example>\nDATA\nSubject: b\n\nsecond\n.\n",
        b"Subject: a\r\n\r\nx\n.\r\nMAIL FROM:<evil@x.example>\r\n",
        b"Subject: a\r\n\r\nx\r\n.\nMAIL FROM:<evil@x.example>\r\n",
        b"Subject: a\r\n\r\nx\r.\rMAIL FROM:<evil@x.example>\r",
        b"Subject: a\r\n\r\nx\r\r\n.\r\r\nMAIL FROM:<evil@x.example>\r\n",
    ],
)
def test_no_body_ends_early_or_carries_a_second_message(body: bytes, lenient: bool) -> None:
    with SmtpSink(lenient=lenient) as sink:
        assert send_one(relay(sink), message(1, body)) is None
        assert sink.count == 1
        assert sink.commands["MAIL"] == 1
    normal = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert sink.messages[0].data == (normal if normal.endswith(b"\r\n") else normal + b"\r\n")


def test_an_empty_body_is_a_lone_dot() -> None:
    assert dot_stuffed(b"") == b".\r\n"


@pytest.mark.parametrize(
    "address", ["a@b.example\r\nDATA", "a b@c.example", "a@b.example>", "<a@b.example", "ä@b.example", "", "a\x00@b.de"]
)
def test_an_envelope_address_cannot_carry_a_command(address: str) -> None:
    with SmtpSink() as sink:
        failure = send_one(relay(sink), Envelope("bounce@studio.example", address, b"x"))
        assert failure is not None
        assert failure.kind is FailureKind.PERMANENT_RECIPIENT
        if address:
            failure = send_one(relay(sink), Envelope(address, "anna@mail.example", b"x"))
            assert failure is not None
            assert failure.kind is FailureKind.PERMANENT_CONFIG
        assert sink.connections == 0


def test_a_large_message_arrives_whole() -> None:
    body = b"Subject: big\r\n\r\n" + b".line of a large message\r\n" * 200_000
    with SmtpSink() as sink:
        assert send_one(relay(sink), message(1, body)) is None
        assert sink.messages[0].data == body
