import base64
import unicodedata
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email import headers

ENCODED = [
    "=?utf-8?q?x=0D=0ABcc:_evil?=",
    "=?utf-8?b?eA0KQmNjOiBldmls?=",
    "=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3D0D=3D0ABcc=3A=5Fevil=3F=3D?=",
    "=?utf-7?q?+AA0ACg-Bcc: evil?=",
    "=?no-such?q?x?=",
    "=?utf-8?b?not base64!?=",
    "=?utf-8?q?a?= =?utf-8?q?b?=",
    "=?utf-8*de?q?x?=",
    "=?",
    "?=",
    "=?=",
]
PLAIN = [
    "\r\nBcc: evil@x.example\r\n", "\r\n\r\n<html>", "\nTo: a", "\r To: b", "\u2028Bcc: x", "\u2029", "\x85", "\x0b",
    "\x0c", "\x00", "\u202eevil\u202c", "\u2066x\u2069", "\u200b", "\u200d", "\ufeff", "\U0001f468\u200d\U0001f469",
    "é", "e\u0301", "日本語", "Grüße", "\ud800", "  ", "\t", '"', "\\", "<a@b>", ",", ";", ":", "@", "(c)", "=", "_",
    "?", "a" * 90, "ä" * 60, ".",
]  # fmt: skip
PIECE = st.one_of(st.sampled_from(ENCODED), st.sampled_from(PLAIN), st.text(max_size=20))
VALUES = st.one_of(
    st.lists(PIECE, max_size=8).map("".join),
    st.lists(PIECE, max_size=8).map(" ".join),
    st.text(min_size=300, max_size=400),
    st.lists(PIECE, min_size=1, max_size=3).map(lambda pieces: ("".join(pieces) * 10_000)[:10_000]),
)


def test_the_measured_attack_ends_as_text() -> None:
    assert headers.header_text("Hi =?utf-8?q?x=0D=0ABcc:_evil?=") == "Hi x Bcc: evil"
    assert b"\r\nBcc" not in headers.encode_header("Subject", "Hi =?utf-8?q?x=0D=0ABcc:_evil?=")


def test_what_is_still_an_encoded_word_after_three_rounds_is_encoded_and_not_passed_through() -> None:
    value = "x\r\nBcc: evil"
    for _ in range(5):
        value = f"=?utf-8?b?{base64.b64encode(value.encode()).decode()}?="
    text = headers.header_text(value)
    assert text.startswith("=?utf-8?b?")
    raw = headers.encode_header("Subject", value)
    assert text.encode() not in raw
    assert str(message_from_bytes(raw, policy=default)["Subject"]) == text
    assert text.encode() not in headers.mailbox(value, "a@b.example", 4).encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Grüße aus Köln", "Grüße aus Köln"),
        ("a\r\n b", "a b"),
        ("un\u200bsub\u00adscribe", "unsubscribe"),
        ("\u202egnp.exe", "gnp.exe"),
        ("e\u0301te\u0301", "été"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?q?Gr=C3=BC?= =?utf-8?q?=C3=9Fe?=", "Grüße"),
        ("=?utf-8?q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?=", "Grüße"),
        ("=?iso-8859-1?q?=DCber?= uns", "Über uns"),
        ("x" * 300, "x" * 200),
        ("", ""),
        (" \r\n ", ""),
    ],
)
def test_header_text_is_one_clean_line(value: str, text: str) -> None:
    assert headers.header_text(value) == text


def display_name(raw: bytes, header: str) -> str:
    """The name as RFC 2047 reads it: white space between encoded words does not count."""
    name, _ = parseaddr("".join(str(message_from_bytes(raw)[header]).splitlines()))
    return str(make_header(decode_header(name)))


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_scrubbed_text_holds_nothing_that_acts(value: str) -> None:
    text = headers.header_text(value)
    assert len(text) <= 200
    assert text == text.strip()
    assert "  " not in text
    assert unicodedata.is_normalized("NFC", text)
    assert not [sign for sign in text if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not set(text) & set(
        "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
    )


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_an_encoded_header_is_short_ascii_lines_and_reads_back(value: str) -> None:
    raw = headers.encode_header("Subject", value)
    lines = raw.removesuffix(b"\r\n").split(b"\r\n")
    assert raw.isascii()
    assert all(len(line) <= 76 for line in lines)
    assert all(line.startswith(b" ") and line.strip() for line in lines[1:])
    parsed = message_from_bytes(raw + b"\r\n", policy=default)
    assert parsed.keys() == ["Subject"]
    assert str(parsed["Subject"]) == headers.header_text(value)


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_a_display_name_reads_back_and_leaves_the_address_alone(name: str) -> None:
    raw = f"To: {headers.mailbox(name, 'anna@mail.example', 4)}\r\n\r\n".encode("ascii")
    assert all(len(line) <= 76 for line in raw.split(b"\r\n"))
    parsed = message_from_bytes(raw, policy=default)
    assert parsed.keys() == ["To"]
    (address,) = parsed["To"].addresses
    assert address.addr_spec == "anna@mail.example"
    assert display_name(raw, "To") == headers.header_text(name)
    if raw.count(b"=?") <= 1:  # between encoded words of a phrase, the newer parser of Python 3.11 invents a space
        assert address.display_name == headers.header_text(name)


def test_plain_ascii_stays_readable() -> None:
    assert headers.encode_text("Your class is waiting", 9) == "Your class is waiting"
    assert headers.mailbox("Anna Muster", "a@b.example", 4) == "Anna Muster <a@b.example>"
    assert headers.mailbox("Muster, Anna", "a@b.example", 4) == '"Muster, Anna" <a@b.example>'
    assert headers.mailbox(None, "a@b.example", 4) == "a@b.example"


def test_a_list_id_is_a_dotted_name() -> None:
    assert headers.list_id("news.studio.example") == "<news.studio.example>"
    assert headers.list_id("<news.studio.example>") == "<news.studio.example>"
    for wrong in ["news", "a b.example", "a.example\r\nBcc: x", "<a>.b", "ä.example", ""]:
        with pytest.raises(ValueError, match="list id"):
            headers.list_id(wrong)
