import random
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.headers import header_text
from channels.email.mime import Parts, Skeleton, date_text, quoted_printable
from tests.channels.email.test_headers import ENCODED, PLAIN, display_name

NAMES = [
    "From", "Reply-To", "List-Id", "Precedence", "Feedback-ID", "To", "Subject", "Date", "Message-ID",
    "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type",
]  # fmt: skip
SIGNS = st.sampled_from(
    ["=", "==", " ", "  ", "\t", ".", "..", "\r\n.", "\n.\n", "\r", "\n", "\r\n", "From ", "--", "ü", "ß", "\u202e",
     "\u2066", "\U0001f468\u200d\U0001f469", "\x00", "\x0b", "\u2028", "a" * 74, "a" * 75, "a" * 76, "a" * 200,
     "ä" * 40, "<p>", "=20", "=\r\n"]
)  # fmt: skip
TEXT = st.one_of(st.lists(SIGNS, max_size=12).map("".join), st.text(max_size=40), st.text(min_size=70, max_size=90))
PIECES = st.lists(st.one_of(TEXT, st.integers(0, 3)), max_size=8)


def compiled(**changes: Any) -> Skeleton:
    given_parts: dict[str, Any] = {
        "subject": ["Hallo ", 0, ", dein Kurs"],
        "html": ["<p>Hallo ", 0, "</p>"],
        "text": ["Hallo ", 0],
        "from_name": "Studio Köln",
        "from_address": "info@studio.example",
        "reply_to": "antwort@studio.example",
        "list_id": "news.studio.example",
        "feedback_id": "c1:t1:campaign:ariia",
    }
    return Skeleton.compile(**{**given_parts, **changes})


def parts(**changes: Any) -> Parts:
    known: dict[str, Any] = {
        "to_address": "anna@mail.example",
        "to_name": "Anna Müller",
        "message_id": "c1.m1@studio.example",
        "date": date_text(datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        "subject": ["Anna"],
        "html": ["Anna"],
        "text": ["Anna"],
        "list_unsubscribe": "https://studio.example/u/token",
    }
    return Parts(**{**known, **changes})


def parsed(raw: bytes) -> EmailMessage:
    found = message_from_bytes(raw, policy=default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def normal(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text).encode("utf-8", "replace").decode()


def joined(pieces: list[str | int], values: list[str]) -> str:
    """What the reader gets: neighbouring literals are one text, every value stands for itself."""
    runs: list[str] = []
    literal = ""
    for piece in pieces:
        if isinstance(piece, int):
            runs += [normal(literal), normal(values[piece])]
            literal = ""
        else:
            literal += piece
    return "".join([*runs, normal(literal)])


def bodies(raw: bytes) -> tuple[str, str]:
    text, html = parsed(raw).iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return text.get_payload(decode=True).decode(), html.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_a_message_has_the_headers_of_list_mail() -> None:
    message = parsed(compiled().splice(parts()))
    assert message.keys() == NAMES
    assert message["From"] == "Studio Köln <info@studio.example>"
    assert message["To"] == "Anna Müller <anna@mail.example>"
    assert message["Subject"] == "Hallo Anna, dein Kurs"
    assert message["Date"].datetime == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert message["Message-ID"] == "<c1.m1@studio.example>"
    assert message["Reply-To"] == "antwort@studio.example"
    assert message["List-Id"] == "<news.studio.example>"
    assert message["List-Unsubscribe"] == "<https://studio.example/u/token>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Feedback-ID"] == "c1:t1:campaign:ariia"
    assert message.get_content_type() == "multipart/alternative"


def test_listmonk_3063_no_fake_one_click() -> None:
    message = parsed(compiled().splice(parts(list_unsubscribe=None)))
    assert not [name for name in message if name.startswith("List-Unsubscribe")]
    over_http = parsed(compiled().splice(parts(list_unsubscribe="http://studio.example/u")))
    assert over_http["List-Unsubscribe"] == "<http://studio.example/u>"
    assert "List-Unsubscribe-Post" not in over_http


@pytest.mark.parametrize(
    "url",
    ["https://a b", "mailto:a@b.de", "", "https://x/>, <mailto:a@b.de", "https://x\r\nBcc: a", "https://ä.example"],
)
def test_an_unsubscribe_address_that_could_carry_more_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https address"):
        compiled().splice(parts(list_unsubscribe=url))


def test_senders_with_names_of_their_own_land_as_a_labels() -> None:
    message = parsed(compiled(from_address="info@bücher.example").splice(parts()))
    assert message["From"].addresses[0].addr_spec == "info@xn--bcher-kva.example"


def test_automatic_mail_says_so_and_is_no_list_mail() -> None:
    message = parsed(compiled(automatic=True, list_id=None, extra={"X-Ariia-Origin": "größer"}).splice(parts()))
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Ariia-Origin"] == "größer"
    assert "Precedence" not in message
    assert "List-Id" not in message


@pytest.mark.parametrize(
    "name", ["Bcc", "bcc", "X\r\nBcc", "X Y", "", "Subject", "Content-Type", "List-Unsubscribe-Post"]
)
def test_an_extra_header_cannot_replace_ours(name: str) -> None:
    with pytest.raises(ValueError, match="no header that may be added"):
        compiled(extra={name: "x"})


@pytest.mark.parametrize(
    "changes",
    [{"from_address": "a@b.de\r\nBcc: c@d.de"}, {"reply_to": "x"}, {"boundary": 'a"b\r\nccccc'}, {"list_id": "a"}],
)
def test_a_skeleton_refuses_what_would_break_its_headers(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compiled(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"to_address": "a@b.de\r\nBcc: c"},
        {"to_address": "a b@c.de"}, {"to_address": "ä@b.de"}, {"to_address": "a@b.de,c@d.de"}, {"to_address": ""},
        {"message_id": "a\r\n@b"}, {"message_id": "a"}, {"date": "today\r\nBcc: x"},
    ],
)  # fmt: skip
def test_a_recipient_refuses_what_would_break_the_headers(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="plain ASCII"):
        compiled().splice(parts(**changes))


def test_every_variant_has_a_boundary_of_its_own() -> None:
    assert len({compiled().boundary for _ in range(100)}) == 100


@settings(max_examples=600, deadline=None)
@given(PIECES, PIECES, st.lists(TEXT, min_size=4, max_size=4))
def test_a_spliced_message_reads_back_as_its_joined_pieces(
    html: list[str | int], text: list[str | int], values: list[str]
) -> None:
    raw = compiled(html=html, text=text).splice(parts(html=values, text=values))
    assert raw.isascii()
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    assert all(len(line) <= 76 for line in raw.split(b"\r\n") if not line.startswith((b"List-", b"To:")))
    assert parsed(raw).keys() == NAMES
    assert bodies(raw) == (joined(text, values), joined(html, values))


@settings(max_examples=600, deadline=None)
@given(TEXT)
def test_quoted_printable_may_be_followed_by_anything(text: str) -> None:
    encoded = quoted_printable(text)
    assert encoded == b"" or encoded.endswith(b"\r\n")
    for line in encoded.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))


def test_header_injection_by_encoded_word() -> None:
    """10,000 values in subject, names and the rest: exactly the expected header names, and the scrubbed text back."""
    chance = random.Random(20260301)
    extra = ["X-Ariia-A", "X-Ariia-B", "X-Ariia-C", "X-Ariia-D", "X-Ariia-E"]
    expected = [*NAMES[:4], *extra, *NAMES[5:]]
    for _ in range(1250):
        subject, sender, recipient, *rest = [hostile(chance) for _ in range(8)]
        skeleton = compiled(
            subject=[0], from_name=sender, feedback_id=None, extra=dict(zip(extra, rest, strict=True)), html=[], text=[]
        )
        raw = skeleton.splice(parts(subject=[subject], to_name=recipient))
        message = message_from_bytes(raw)
        assert message.keys() == expected
        assert display_name(raw, "From") == header_text(sender)
        assert display_name(raw, "To") == header_text(recipient)
        for name, value in zip(["Subject", *extra], [subject, *rest], strict=True):
            assert str(make_header(decode_header("".join(str(message[name]).splitlines())))) == header_text(value)


def hostile(chance: random.Random) -> str:
    pieces = chance.choices([*ENCODED, *PLAIN], k=chance.randint(1, 6))
    if chance.random() < 0.3:
        pieces.insert(
            0, "".join(chr(chance.choice([chance.randrange(0x300), chance.randrange(0xD800)])) for _ in range(9))
        )
    value = chance.choice(["", " ", "\r\n "]).join(pieces)
    return (value * 10_000)[:10_000] if chance.random() < 0.01 else value
