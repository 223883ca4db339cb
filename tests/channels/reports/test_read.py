import base64
import quopri
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.reports.read import read
from tests.channels.reports import samples

EVERY = (
    list(samples.HARD.values())
    + [raw for raw, _ in samples.SOFT.values()]
    + [samples.VACATION, samples.PERSON, samples.DELAYED, samples.COMPLAINT, samples.UNMARKED_COMPLAINT]
)


@pytest.mark.parametrize("name", samples.HARD)
def test_a_wrong_address_is_hard_for_every_family(name):
    report = read(samples.HARD[name])
    assert report.kind == "bounce"
    (finding,) = report.recipients
    assert finding.address in {"anna@kunde.example", "anna@kundde.example"}
    assert finding.hard
    assert finding.reason in {"user_unknown", "host_unknown"}
    assert not finding.sender_fault
    assert report.original_message_id == "0190a2b4-1111-7222-8333-444455556666@studio.example"


@pytest.mark.parametrize("name", samples.SOFT)
def test_every_other_refusal_leaves_the_address_alone(name):
    raw, reason = samples.SOFT[name]
    report = read(raw)
    (finding,) = report.recipients
    assert (report.kind, finding.reason, finding.hard) == ("bounce", reason, False)
    assert finding.address == "anna@kunde.example"


def test_sender_faults_are_marked():
    faults = {name for name, (raw, _) in samples.SOFT.items() if read(raw).recipients[0].sender_fault}
    assert faults == {"spam", "spf", "block list", "reverse", "relay", "sender"}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (samples.VACATION, "auto_reply"),
        (samples.PERSON, "other"),
        (samples.DELAYED, "delayed"),
        (samples.COMPLAINT, "complaint"),
        (samples.UNMARKED_COMPLAINT, "complaint"),
        (samples.NOT_SPAM, "other"),
        (samples.DMARC, "other"),
        (b"", "other"),
    ],
)
def test_what_is_no_bounce_is_none(raw, kind):
    report = read(raw)
    assert report.kind == kind
    assert not any(finding.hard for finding in report.recipients)


def test_a_complaint_names_the_person_and_our_mail():
    for raw in (samples.COMPLAINT, samples.UNMARKED_COMPLAINT):
        report = read(raw)
        assert report.recipients[0].address == "anna@kunde.example"
        assert report.original_message_id.startswith("0190a2b4-")


@pytest.mark.parametrize("raw", EVERY)
def test_line_ends_make_no_difference(raw):
    assert read(raw.replace(b"\n", b"\r\n")) == read(raw) == read(raw.replace(b"\n", b"\r"))


def test_several_recipients_are_told_apart():
    raw = samples.plain(
        "MAILER-DAEMON@x.example", "failure notice",
        "<anna@kunde.example>:\n550 5.1.1 no such user\n\n<ben@kunde.example>:\n552 5.2.2 mailbox full\n\n"
        "--- Below this line is a copy of the message.\n",
    )  # fmt: skip
    assert [(each.address, each.hard) for each in read(raw).recipients] == [
        ("anna@kunde.example", True), ("ben@kunde.example", False),
    ]  # fmt: skip


@given(st.binary(max_size=2_000))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_a_report(raw):
    assert not any(finding.hard and not finding.address for finding in read(raw).recipients)


@given(st.integers(0, len(EVERY) - 1), st.data())
@settings(max_examples=250, deadline=None)
def test_a_mail_that_was_cut_off_condemns_nobody_whom_the_whole_does_not(which, data):
    raw = EVERY[which]
    cut = data.draw(st.integers(0, len(raw)))
    assert _hard(raw[:cut]) <= _hard(raw)


def _hard(raw: bytes) -> set[str]:
    return {finding.address for finding in read(raw).recipients if finding.hard}


def _parts(raw: bytes) -> tuple[bytes, bytes, list[bytes]]:
    head, _, body = raw.partition(b"\n\n")
    boundary = head.partition(b'boundary="')[2].partition(b'"')[0]
    return head, b"--" + boundary, body.split(b"--" + boundary)


@pytest.mark.parametrize("raw", [raw for raw in EVERY if b"boundary=" in raw])
def test_parts_in_another_order_condemn_nobody_new(raw):
    dice = random.Random(7)
    head, mark, (first, *middle, last) = _parts(raw)
    for _ in range(20):
        dice.shuffle(middle)
        assert _hard(head + b"\n\n" + mark.join([first, *middle, last])) <= _hard(raw)


@pytest.mark.parametrize("raw", EVERY)
def test_lines_wrapped_elsewhere_condemn_nobody_new(raw):
    dice = random.Random(11)
    head, _, body = raw.partition(b"\n\n")
    for _ in range(20):
        lines = []
        for line in body.split(b"\n"):
            cut = line.find(b" ", dice.randrange(30, 70))
            field = line.split(b" ")[0].endswith(b":") or line.startswith((b" ", b"-"))
            lines.append(line if cut < 0 or not field else line[:cut] + b"\n   " + line[cut:])
        assert _hard(head + b"\n\n" + b"\n".join(lines)) <= _hard(raw)


@pytest.mark.parametrize("raw", [raw for raw in EVERY if b"boundary=" not in raw])
def test_another_encoding_changes_nothing(raw):
    head, _, body = raw.partition(b"\n\n")
    coded = head + b"\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(body)
    quoted = head + b"\nContent-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring(body)
    for mutant in (coded, quoted):
        assert [(f.address, f.hard, f.reason) for f in read(mutant).recipients] == [
            (f.address, f.hard, f.reason) for f in read(raw).recipients
        ]


BOMBS = {
    "blanks": b" " * 400_000,
    "open angles": b"<" * 400_000,
    "ats": b"a@" * 200_000,
    "dots": b"550 5.1.1 " + b"a." * 200_000 + b"@",
    "words": b"user " * 80_000,
    "not": b"mailbox " + b"does not " * 50_000,
    "fields": b"Final-Recipient: rfc822; a@b.example\n" * 10_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 30_000,
    "parameters": b"Content-Type: multipart/mixed; " + b"; a" * 100_000,
    "parts": b'Content-Type: multipart/mixed; boundary="x"\n\n' + b"--x\n" * 100_000,
    "nested": b"Content-Type: message/rfc822\n\n" * 30_000,
    "headers": b"X-A: b\n" * 60_000,
    "codes": b"550 5.1.1 " * 40_000,
    "replies": b"From: MAILER-DAEMON\nSubject: failure\n\n" + b"<<< 550 5.1.1 <a@b.example>... User unknown\n" * 8_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_mail_costs_no_more_than_its_length(name):
    bomb = BOMBS[name]
    head = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n"
    for raw in (bomb, head + bomb, head + b"<a@b.example>: 550 " + bomb):
        started = time.thread_time()
        read(raw)
        whole = time.thread_time() - started
        started = time.thread_time()
        read(raw[: len(raw) // 4])
        quarter = time.thread_time() - started
        assert whole < max(0.15, 12 * quarter), (whole, quarter)
        assert whole < 10
