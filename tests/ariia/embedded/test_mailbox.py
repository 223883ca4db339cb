"""The built-in mailbox against a plain client, a pipelining one and hostile ones."""

import email
import gc
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariia.embedded.mailbox import Mailbox

ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
HEADERS = 2  # lines the mailbox puts in front


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox(tmp_path / "mailbox") as running:
        yield running


class Wire:
    """A raw connection; `ask` sends and returns so many reply lines."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        assert self.line().startswith("220")

    def line(self) -> str:
        return self.file.readline().decode().strip()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes, lines: int = 1) -> list[str]:
        self.send(data)
        return [self.line() for _ in range(lines)]

    def codes(self, data: bytes, lines: int = 1) -> list[str]:
        return [line[:3] for line in self.ask(data, lines)]

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@contextmanager
def wire(mailbox: Mailbox) -> Iterator[Wire]:
    with closing(Wire(mailbox.port)) as opened:
        yield opened


def bodies(mailbox: Mailbox) -> list[bytes]:
    """The mails as they were sent: without what the mailbox puts in front."""
    return [data.split(b"\r\n", HEADERS)[HEADERS] for data in mailbox.messages()]


def test_a_plain_client_delivers_and_the_envelope_is_kept(mailbox):
    with smtplib.SMTP("127.0.0.1", mailbox.port) as client:
        client.ehlo()
        assert {"pipelining", "8bitmime", "size"} <= set(client.esmtp_features)
        client.sendmail("a@b.example", ["c@d.example", "e@f.example"], b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nhallo\r\n")
    (data,) = mailbox.messages()
    found = email.message_from_bytes(data)
    assert found["Return-Path"] == "<a@b.example>"
    assert found["Delivered-To"] == "c@d.example, e@f.example"
    assert bodies(mailbox) == [b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nhallo\r\n"]
    assert mailbox.count() == 1
    assert mailbox.url == f"smtp://127.0.0.1:{mailbox.port}"


LINES = st.lists(
    st.one_of(st.sampled_from([b".", b"..", b".a", b"", b"\n.\n", b"a\n.", b"\r.\r"]), st.binary(max_size=20)),
    min_size=1,
    max_size=8,
).map(lambda lines: [line.replace(b"\r\n", b"") for line in lines])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, cut=st.integers(1, 40))
def test_every_byte_comes_back_whatever_the_lines_and_however_they_are_cut(mailbox, lines, cut):
    sent = b"\r\n".join(line.rstrip(b"\r").lstrip(b"\n") for line in lines) + b"\r\n"
    stuffed = (b"\r\n" + sent).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    with wire(mailbox) as client:
        assert client.codes(ENVELOPE, 3) == ["250", "250", "354"]
        for start in range(0, len(stuffed), cut):
            client.send(stuffed[start : start + cut])
        assert client.line().startswith("250")
    assert bodies(mailbox)[-1] == sent


def test_pipelined_mails_are_kept_one_by_one_and_in_order(mailbox):
    sizes = [1, 60_000, 65_536, 70_000, 140_000, 3]
    mails = [b"Subject: %d\r\n\r\n%s\r\n" % (n, b"z" * size) for n, size in enumerate(sizes)]
    with wire(mailbox) as client:
        sender = threading.Thread(
            target=client.send, args=(b"".join(ENVELOPE + mail + b".\r\n" for mail in mails) + b"QUIT\r\n",)
        )
        sender.start()
        replies = [client.line()[:3] for _ in range(4 * len(mails) + 1)]
        sender.join()
        assert client.line() == ""
    assert replies == ["250", "250", "354", "250"] * len(mails) + ["221"]
    assert bodies(mailbox) == mails


def test_a_restart_overwrites_no_mail_and_keeps_the_order(tmp_path):
    """Names once began anew with each start, so the first mail of a restarted service replaced an older one."""
    for number in range(3):
        with Mailbox(tmp_path / "mailbox") as mailbox, wire(mailbox) as client:
            for mail in range(2):
                client.ask(ENVELOPE, 3)
                assert client.ask(b"%d-%d\r\n.\r\n" % (number, mail))[0].startswith("250")
    assert bodies(mailbox) == [b"%d-%d\r\n" % (number, mail) for number in range(3) for mail in range(2)]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n"])
def test_only_the_real_end_ends_a_mail(mailbox, end):
    """Anything else smuggles a second mail through a server that sees two where another sees one."""
    smuggled = b"one" + end + ENVELOPE + b"two\r\n"
    with wire(mailbox) as client:
        client.ask(ENVELOPE, 3)
        assert client.codes(smuggled + b".\r\nQUIT\r\n", 2) == ["250", "221"]
    assert mailbox.count() == 1


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (b"DATA\r\n", ["503"]),
        (b"RCPT TO:<c@d.example>\r\n", ["503"]),
        (b"MAIL FROM:<a@b>\r\nDATA\r\n", ["250", "503"]),
        (b"MAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n", ["250", "503"]),
        (b"MAIL FROM:<a@b>\r\nRSET\r\nRCPT TO:<c@d>\r\n", ["250", "250", "503"]),
        (b"MAIL FROM:<a@b>\r\nHELO x\r\nRCPT TO:<c@d>\r\n", ["250", "250", "503"]),
        (b"MAIL FROM:a@b\r\n", ["501"]),
        (b"MAIL\r\n", ["501"]),
        (b"MAIL FROM:<a@b> SIZE=31457281\r\n", ["552"]),
        (b"MAIL FROM:<a@b> SIZE=31457280 BODY=8BITMIME\r\n", ["250"]),
        (b"MAIL FROM:<a@b> SIZE=ten\r\n", ["555"]),
        (b"MAIL FROM:<a@b> SIZE=" + b"9" * 4000 + b"\r\n", ["555"]),
        (b"MAIL FROM:<a@b> SMTPUTF8\r\n", ["555"]),
        (b"MAIL FROM:<>\r\nRCPT TO:<>\r\n", ["250", "501"]),
        (b"mail from:<a@b>\r\nrcpt to:<c@d>\r\nnoop\r\n", ["250", "250", "250"]),
        (b"MAIL FROM:<a@b>\r\nRCPT TO:<c\rBcc: x@d>\r\n", ["250", "501"]),
        (b"MAIL FROM:<a@b>\r\nRCPT TO:<c <c@d>\r\n", ["250", "501"]),
        ("MAIL FROM:<jörg@b>\r\n".encode(), ["501"]),
        (b"MAIL FROM:<\xff@b>\r\n", ["501"]),
        (b"\r\n", ["500"]),
        (b"HELP\r\nVRFY a\r\nSTARTTLS\r\nAUTH PLAIN AAA=\r\n", ["500"] * 4),
        (b"x" * 5000 + b"\r\nNOOP\r\n", ["500", "250"]),
        (b"x" * 300_000 + b"\r\nNOOP\r\n", ["500", "250"]),
        (b"NOOP\nNOOP\r\n", ["250", "250"]),
    ],
)
def test_commands_are_taken_in_order_or_refused(mailbox, said, answers):
    with wire(mailbox) as client:
        assert client.codes(said, len(answers)) == answers
        assert client.codes(b"QUIT\r\n") == ["221"]
    assert mailbox.count() == 0


def test_a_mail_that_grows_too_large_is_refused_and_the_connection_goes_on(mailbox):
    with wire(mailbox) as client:
        client.ask(ENVELOPE, 3)
        chunk = b"x" * 998 + b"\r\n"
        for _ in range(32):
            client.send(chunk * 1024)
        assert client.codes(b".\r\n") == ["552"]
        assert client.codes(ENVELOPE, 3) == ["250", "250", "354"]
        assert client.codes(b"small\r\n.\r\n") == ["250"]
    assert bodies(mailbox) == [b"small\r\n"]


def test_too_many_recipients_are_refused_and_the_others_kept(mailbox):
    with wire(mailbox) as client:
        client.ask(b"MAIL FROM:<a@b>\r\n")
        codes = client.codes(b"".join(b"RCPT TO:<%d@d>\r\n" % n for n in range(1002)), 1002)
        assert codes == ["250"] * 1000 + ["452"] * 2
        assert client.codes(b"DATA\r\nx\r\n.\r\n", 2) == ["354", "250"]


def test_a_mail_that_is_cut_off_is_not_kept(mailbox):
    with wire(mailbox) as client:
        client.ask(ENVELOPE, 3)
        client.send(b"half a ma")
    with wire(mailbox) as client:
        assert client.codes(b"NOOP\r\n") == ["250"]
    assert mailbox.count() == 0


def test_a_mail_that_cannot_be_written_is_refused_for_now(mailbox):
    (mailbox.folder / "tmp").rmdir()
    with wire(mailbox) as client:
        client.ask(ENVELOPE, 3)
        assert client.codes(b"x\r\n.\r\n") == ["452"]
        (mailbox.folder / "tmp").mkdir()
        client.ask(ENVELOPE, 3)
        assert client.codes(b"x\r\n.\r\n") == ["250"]
    assert mailbox.count() == 1


def test_stopping_closes_what_is_open_and_says_nothing(tmp_path):
    with Mailbox(tmp_path / "mailbox") as mailbox:
        idle, reading = Wire(mailbox.port), Wire(mailbox.port)
        reading.ask(ENVELOPE, 3)
    mailbox.stop()
    for client in (idle, reading):
        assert client.file.read() == b""
        client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", mailbox.port))
    del mailbox
    gc.collect()  # an unclosed transport would warn here


def test_a_port_that_is_taken_is_an_error_and_a_second_mailbox_takes_another(mailbox, tmp_path):
    with pytest.raises(OSError, match="address already in use"):
        Mailbox(tmp_path / "second", mailbox.port).start()
    with Mailbox(tmp_path / "second") as second:
        assert second.port != mailbox.port


def test_what_a_killed_mailbox_left_half_written_goes(tmp_path):
    (tmp_path / "mailbox" / "tmp").mkdir(parents=True)
    (tmp_path / "mailbox" / "tmp" / "1.eml").write_bytes(b"half")
    with Mailbox(tmp_path / "mailbox") as mailbox:
        assert mailbox.count() == 0
    assert not list((tmp_path / "mailbox" / "tmp").iterdir())


def test_mails_of_many_connections_are_all_kept_and_fast(mailbox):
    """The aim is 1,000 a second on a quiet machine; a tenth of it must be there on a busy one."""
    each, connections = 250, 8
    text = b"Subject: x\r\n\r\n" + b"y" * 1_500 + b"\r\n"

    def deliver(number: int) -> None:
        with wire(mailbox) as client:
            for mail in range(each):
                client.ask(ENVELOPE, 3)
                assert client.codes(b"X-Number: %d-%d\r\n" % (number, mail) + text + b".\r\n") == ["250"]

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(connections)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    numbers = {body.split(b"\r\n")[0] for body in bodies(mailbox)}
    assert numbers == {b"X-Number: %d-%d" % (n, mail) for n in range(connections) for mail in range(each)}
    assert each * connections / seconds > 100
