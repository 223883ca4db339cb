import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.addresses import BadAddress, envelope, normalise_address


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("Anna.Muster@Example.ORG", "anna.muster@example.org"),
        (" anna@example.org ", "anna@example.org"),
        ("jörg"[0] + "@Bücher.DE", "j@xn--bcher-kva.de"),
        ("a+tag@b-c.example", "a+tag@b-c.example"),
        ("a@xn--bcher-kva.de", "a@xn--bcher-kva.de"),
        ("a@日本.jp", "a@xn--wgv71a.jp"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_an_address_has_one_compared_form(address: str, found: str) -> None:
    assert normalise_address(address) == found
    assert normalise_address(found) == found


def test_the_envelope_keeps_the_case_before_the_at() -> None:
    assert envelope("Anna.M@Bücher.de") == "Anna.M@xn--bcher-kva.de"


@pytest.mark.parametrize(
    "address",
    [
        "", "@", "a@", "@b.de", "a", "a@b", "a@localhost", "a@b..de", "a@.de", "a@-b.de", "a@b-.de", "a..b@c.de",
        ".a@b.de", "a.@b.de", "a b@c.de", "a@b c.de", '"a b"@c.de', "a@[127.0.0.1]", "a@127.0.0.1", "a@b.123",
        "<a@b.de>", "a@b.de>", "a@b.de\r\nBcc: c@d.de", "a\n@b.de", "a@b.de\n",
        "a@b.de\x00", "a,b@c.de", "a@b@c.de", "a@b.de,c@d.de",
        "x" * 65 + "@b.de", "a@" + "b" * 64 + ".de", "a@" + "b." * 130 + "de", "a\u200b@b.de",
        "a@b\u202e.de", "a@xn--.de",
    ],
)  # fmt: skip
def test_what_cannot_be_written_to_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        envelope(address)


def test_a_local_part_outside_ascii_is_refused_in_words() -> None:
    with pytest.raises(BadAddress, match="“jörg” before the @ has letters that most mail servers cannot deliver to"):
        normalise_address("jörg@example.org")


SIGNS = st.text(st.sampled_from("ab0.-_+@!\"<>() \r\nä\u200b=?,;:[]\\'"), max_size=12)


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(st.text(max_size=30), st.builds("{}@{}.{}".format, SIGNS, SIGNS, st.sampled_from(["de", "example", "ü"])))
)
def test_what_is_accepted_is_plain_and_a_second_opinion_agrees(text: str) -> None:
    try:
        found = envelope(text)
    except BadAddress:
        return
    assert found.isascii()
    assert found.isprintable()
    assert not set(found) & set(' <>,;:"()[]\\')
    assert found.count("@") == 1
    try:
        validate_email(found, check_deliverability=False, test_environment=True, globally_deliverable=False)
    except EmailNotValidError as error:
        raise AssertionError(found) from error
