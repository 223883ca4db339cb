import base64
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from channels.base import FailureKind, SendFailed
from channels.email.adapter import check, explain, problem, run
from channels.email.settings import BadRelay, Relay, parse
from channels.email.smtp import Envelope, SmtpPool
from tests.channels.email.certificate import make_certificate
from tests.fakes.smtp_sink import Fault, SmtpSink

USERS = {"studio": "geheim:@/ü"}
MESSAGE = Envelope("bounce@studio.example", "anna@mail.example", b"Subject: a\r\n\r\nb\r\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def secure(certificate: tuple[Path, ssl.SSLContext]) -> Iterator[SmtpSink]:
    with SmtpSink(starttls=certificate[1], users=USERS) as sink:
        yield sink


def to(sink: SmtpSink, ca_file: Path | None, **changes: object) -> Relay:
    known = {"security": "starttls", "user": "studio", "password": "geheim:@/ü", "command_timeout": 3}
    chosen = {"ca_file": str(ca_file) if ca_file else None, **known, **changes}
    return replace(parse(sink.url), **chosen)  # type: ignore[arg-type]


def send(relay: Relay) -> None:
    async def once() -> None:
        async with SmtpPool(relay) as pool, pool.session() as session:
            await session.send(MESSAGE)

    run(once())


def failure_of(relay: Relay) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        check(relay)
    return caught.value


def test_starttls_greets_again_and_signs_in(secure: SmtpSink, certificate: tuple[Path, ssl.SSLContext]) -> None:
    send(to(secure, certificate[0]))
    assert secure.count == 1
    assert secure.commands["EHLO"] == 2
    assert secure.commands["STARTTLS"] == 1


def test_implicit_tls_encrypts_from_the_first_byte(certificate: tuple[Path, ssl.SSLContext]) -> None:
    with SmtpSink(tls=certificate[1], users=USERS) as sink:
        send(to(sink, certificate[0], security="tls"))
        assert sink.count == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_trusts_stops_before_the_password(
    certificate: tuple[Path, ssl.SSLContext], security: str
) -> None:
    context = {"starttls": certificate[1]} if security == "starttls" else {"tls": certificate[1]}
    with SmtpSink(users=USERS, **context) as sink:
        failure = failure_of(to(sink, None, security=security))
        assert (failure.kind, failure.phase) == (FailureKind.PERMANENT_CONFIG, "tls")
        assert "AUTH" not in sink.commands


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    public, context = make_certificate(tmp_path, "other.example")
    with SmtpSink(tls=context) as sink:
        failure = failure_of(to(sink, public, security="tls"))
    assert (failure.kind, failure.phase) == (FailureKind.PERMANENT_CONFIG, "tls")


def test_encryption_that_is_not_offered_is_not_done_without() -> None:
    with SmtpSink(users=USERS) as sink:
        failure = failure_of(to(sink, None))
        assert (failure.kind, failure.phase) == (FailureKind.PERMANENT_CONFIG, "tls")
        assert "no encryption" in failure.text
        assert "AUTH" not in sink.commands
        assert "MAIL" not in sink.commands


def test_words_slipped_in_before_encryption_are_not_believed(certificate: tuple[Path, ssl.SSLContext]) -> None:
    injected = (
        b"250-sink.example\r\n250 AUTH PLAIN\r\n235 2.7.0 welcome\r\n250 ok\r\n250 ok\r\n354 go\r\n250 stored\r\n"
    )
    with SmtpSink(starttls=certificate[1], users=USERS, injected=injected) as sink:
        try:
            send(to(sink, certificate[0]))
        except SendFailed as failure:
            assert failure.phase == "tls"  # noqa: PT017 - either way is safe
            assert sink.count == 0
        else:
            assert sink.count == 1


@pytest.mark.parametrize("offered", ["PLAIN LOGIN", "LOGIN", "PLAIN"])
def test_both_ways_to_sign_in_work(offered: str) -> None:
    with SmtpSink(users=USERS, auth=offered) as sink:
        send(to(sink, None, security="plain"))
        assert sink.count == 1


def test_a_server_without_a_way_to_sign_in_is_named() -> None:
    with SmtpSink(users=USERS, auth="XOAUTH2") as sink:
        failure = failure_of(to(sink, None, security="plain"))
    assert (failure.kind, failure.phase) == (FailureKind.PERMANENT_CONFIG, "auth")
    assert "no sign-in with a password" in failure.text


@pytest.mark.parametrize("offered", ["PLAIN", "LOGIN"])
def test_a_wrong_password_is_said_in_words_before_any_message(offered: str) -> None:
    with SmtpSink(users=USERS, auth=offered) as sink:
        words = problem(f"smtp://studio:wrong@127.0.0.1:{sink.port}")
        assert sink.commands["MAIL"] == 0
    assert words is not None
    assert words.startswith(f"The mail relay 127.0.0.1:{sink.port} does not take the user name or password: 535 5.7.8")
    assert "ARIIA_SMTP_URL" in words
    assert "wrong@" not in words


def test_a_working_relay_has_no_problem() -> None:
    with SmtpSink(users=USERS) as sink:
        assert problem(f"smtp://studio:geheim%3A%40%2F%C3%BC@127.0.0.1:{sink.port}") is None
        assert sink.commands["QUIT"] == 1
        assert sink.count == 0


def test_a_server_that_cannot_check_passwords_now_is_transient() -> None:
    with SmtpSink([Fault("auth", reply="454 4.7.0 temporary failure")], users=USERS) as sink:
        relay = to(sink, None, security="plain")
        failure = failure_of(relay)
    assert (failure.kind, failure.phase) == (FailureKind.TRANSIENT, "auth")
    assert "cannot check the user name and password now" in explain(failure, relay)


def test_a_failing_sign_in_burns_no_message() -> None:
    with SmtpSink([Fault("auth", reply="535 5.7.8 no")], users=USERS) as sink:
        with pytest.raises(SendFailed) as caught:
            send(to(sink, None, security="plain"))
        assert (caught.value.kind, caught.value.phase) == (FailureKind.PERMANENT_CONFIG, "auth")
        assert sink.commands["MAIL"] == 0


def test_a_server_from_before_ehlo_is_greeted_with_helo() -> None:
    with SmtpSink([Fault("ehlo", reply="502 5.5.1 what")]) as sink:
        send(parse(sink.url))
        assert sink.commands["HELO"] == 1
        assert sink.count == 1


def test_a_server_that_does_not_speak_smtp_is_left() -> None:
    with SmtpSink([Fault("greeting", reply="HTTP/1.1 400 Bad Request")]) as sink:
        failure = failure_of(parse(sink.url))
    assert (failure.kind, failure.phase, failure.text) == (
        FailureKind.TRANSIENT,
        "greeting",
        "the server does not speak SMTP",
    )


def test_a_password_never_travels_unencrypted_over_a_network() -> None:
    with pytest.raises(BadRelay, match="unencrypted"):
        parse("smtp://user:pw@mail.example")
    with pytest.raises(BadRelay, match="unencrypted"):
        Relay("192.0.2.1", 25, user="user", password="pw")
    assert parse("smtp://user:pw@127.0.0.1").user == "user"
    assert parse("smtp://user:pw@[::1]:25").host == "::1"


@pytest.mark.parametrize(
    "url",
    ["http://mail.example", "smtp://", "mail.example:25", "smtp://mail.example:port", "smtp://mail.example:99999", "",
     "smtp://mail.example/path", "smtps://[::1"],
)  # fmt: skip
def test_a_url_that_cannot_be_read_says_how_to_write_it(url: str) -> None:
    with pytest.raises(BadRelay, match="smtp://host:25"):
        parse(url)


def test_urls_carry_scheme_port_and_quoted_secrets() -> None:
    relay = parse("smtp+starttls://a%40b.example:p%2Fw@mail.example")
    assert (relay.host, relay.port, relay.security) == ("mail.example", 587, "starttls")
    assert (relay.user, relay.password) == ("a@b.example", "p/w")
    assert parse("smtps://mail.example").port == 465
    assert parse("smtp://mail.example").port == 25


def test_a_relay_does_not_show_its_password() -> None:
    relay = parse("smtps://user:geheim@mail.example")
    assert "geheim" not in f"{relay} {relay!r} {relay.name}"
    assert base64.b64encode(b"geheim").decode() not in repr(relay)
