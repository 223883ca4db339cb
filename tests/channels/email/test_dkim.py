"""Our signatures are good in the eyes of another implementation, and not for anything that was changed."""

import re
import statistics
import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.email import dkim
from channels.email.session import dot_stuffed
from kernel import clock
from tests.channels.email.test_mime import PIECES, TEXT, compiled, parts
from tests.fakes.dkim_oracle import Judge

RSA, ED = dkim.make_key("rsa"), dkim.make_key("ed25519")
BOTH = dkim.Signer("studio.example", [dkim.Key("r1", RSA), dkim.Key("e1", ED)])
JUDGE = Judge(
    {
        "r1._domainkey.studio.example": f"v=DKIM1; k=rsa; p={dkim.public_key(RSA)}",
        "e1._domainkey.studio.example": f"v=DKIM1; k=ed25519; p={dkim.public_key(ED)}",
    }
)
HEAD = b"From: Studio <a@studio.example>\r\nTo: b@x.example\r\nSubject: hi\r\n"
MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def head_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[0]


def names_signed(message: bytes) -> list[str]:
    match = re.search(rb"\sh=([^;]+);", message)
    assert match is not None
    return re.sub(r"\s", "", match[1].decode()).split(":")


@MANY
@given(subject=st.lists(TEXT, max_size=3), html=PIECES, text=PIECES, values=st.lists(TEXT, min_size=4, max_size=4))
def test_what_the_skeleton_makes_verifies_with_both_keys(subject, html, text, values):
    message = compiled(subject=subject, html=html, text=text).splice(parts(html=values, text=values))
    signed = BOTH.sign(message)
    assert JUDGE.verdicts(signed, 2) == [True, True]
    assert signed.endswith(message)
    assert all(len(line) <= 100 for line in signed[: -len(message)].split(b"\r\n"))


LINES = st.lists(
    st.sampled_from([b"", b" ", b"\t", b"  a  b ", b"a\tb\t", b".", b"..a", b"x" * 990, b"=20=", b"a", b" \t \t"]),
    max_size=8,
)
FOLDS = st.sampled_from([b"a", b" a  b ", b"a\r\n b", b"a\r\n\t  b\t", b" \t", b"", b"a :b", b"\xc3\xbc"])


@MANY
@given(lines=LINES, ends=st.booleans(), folded=st.lists(st.tuples(st.sampled_from(dkim.SIGNED), FOLDS), max_size=6))
def test_any_headers_and_any_body_verify(lines, ends, folded):
    more = [(name, value) for name, value in folded if name != b"from"]
    fields = b"".join(b"%b: %b\r\n" % (name.title(), value) for name, value in more)
    message = HEAD + fields + b"\r\n" + b"\r\n".join(lines) + (b"\r\n" if ends and lines else b"")
    assert JUDGE.verdicts(BOTH.sign(message), 2) == [True, True]


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\r\n\r\n", b" \r\n", b"a", b"a ", b"a \r\n\r\n", b"a\r\n \r\n", b"\t\r\nb"]
)
def test_bodies_at_the_edge_verify(body):
    assert JUDGE.verdicts(BOTH.sign(HEAD + b"\r\n" + body), 2) == [True, True]


def test_line_ends_are_those_that_leave():
    signed = BOTH.sign(HEAD + b"\r\nbare\nlines\rhere\r\n.dot\n")
    assert JUDGE.verdicts(signed, 2) == [True, True]
    assert dot_stuffed(signed).replace(b"\r\n..dot", b"\r\n.dot") == signed + b".\r\n"


def test_from_is_named_once_more_than_it_is_there_and_one_click_is_covered():
    signed = BOTH.sign(compiled().splice(parts()))
    assert names_signed(signed) == [
        "from", "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "reply-to", "list-id",
        "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name.decode() for name in dkim.SIGNED])
def test_a_covered_header_that_changes_breaks_the_signature(name):
    message = BOTH.sign(compiled().splice(parts()))
    pattern = re.compile(rb"(\r\n" + name.encode() + rb": )", re.IGNORECASE)
    changed = pattern.sub(rb"\1x", message, count=1)
    assert changed != message
    assert JUDGE.verdicts(changed, 2) == [False, False]


def test_a_second_from_breaks_the_signature():
    message = BOTH.sign(compiled().splice(parts()))
    for changed in (
        b"From: Bank <b@bank.example>\r\n" + message,
        message.replace(b"\r\nTo:", b"\r\nFrom: b@x.example\r\nTo:"),
    ):
        assert JUDGE.verdicts(changed, 2) == [False, False]


def test_a_body_that_changes_breaks_the_signature():
    message = BOTH.sign(HEAD + b"\r\nHello\r\n")
    for changed in (message.replace(b"Hello", b"Hallo"), message + b"more\r\n", message.replace(b"Hello", b"")):
        assert JUDGE.verdicts(changed, 2) == [False, False]


def test_white_space_that_relays_may_change_does_not():
    message = BOTH.sign(HEAD + b"\r\nHello you\r\n")
    softened = message.replace(b"Hello you\r\n", b"Hello  \tyou \r\n\r\n\r\n").replace(b"Subject: hi", b"SUBJECT:  hi ")
    assert JUDGE.verdicts(softened, 2) == [True, True]


def test_a_message_without_from_is_not_signed():
    for message in (b"To: a@b.example\r\n\r\nx", b"", b"\r\nFrom: a@b.example\r\n", b"From"):
        with pytest.raises(dkim.NoFrom):
            BOTH.sign(message)


@pytest.mark.parametrize("name", ["", "a;b", "a b", "a\r\nb", "ü.example", ".a", "a" * 254])
def test_names_that_could_change_the_header_are_refused(name):
    with pytest.raises(ValueError, match="stand in the DNS"):
        dkim.Signer(name, [dkim.Key("s", ED)])
    with pytest.raises(ValueError, match="stand in the DNS"):
        dkim.Signer("a.example", [dkim.Key(name, ED)])


def test_the_signature_names_the_moment_of_our_clock(frozen_clock):
    frozen_clock(datetime(2026, 3, 1, tzinfo=UTC))
    assert b" t=%d;" % int(clock.now().timestamp()) in BOTH.sign(HEAD + b"\r\n")


def test_signing_costs_little_more_than_the_key_itself():
    signer = dkim.Signer("studio.example", [dkim.Key("r1", RSA)])
    message = compiled(html=["<p>Hallo, wir freuen uns auf dich in unserem Studio.</p>\n" * 50]).splice(parts())
    key = dkim._parsed(RSA)
    raw, whole = [], []
    for _ in range(400):
        started = time.thread_time()
        key.sign(message[:700], padding.PKCS1v15(), hashes.SHA256())
        raw.append(time.thread_time() - started)
        started = time.thread_time()
        signer.sign(message)
        whole.append(time.thread_time() - started)
    assert 3_000 < len(message) < 4_500
    assert statistics.median(whole) < statistics.median(raw) * 1.5
