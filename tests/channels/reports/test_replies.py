"""What mail servers say, provider by provider: alone, in a report, in a live conversation, and wrapped anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.codes import classify
from channels.email.judge import codes_of, judge
from channels.email.reasons import HARD, Reason
from channels.email.replies import Reply
from channels.email.reports.read import read
from tests.channels.reports.formats import ENDINGS, FORMATS, WHO, mail
from tests.channels.reports.replies import Sample, samples
from tests.channels.reports.samples import ORIGINAL, dsn

SAMPLES = samples()
SOURCES = sorted({sample.source for sample in SAMPLES})
COMMANDS = {
    "connect": "while receiving the initial server greeting",
    "ehlo": "in reply to EHLO command",
    "mail": "in reply to MAIL FROM command",
    "rcpt": "in reply to RCPT TO command",
    "data": "in reply to DATA command",
    "dot": "in reply to end of DATA command",
}


def _verdict(sample: Sample, phase: str):
    reply, status = codes_of(sample.text)
    return judge(sample.text, status=status, reply=reply, phase=phase)


def _hard(sample: Sample) -> bool:
    return Reason(sample.reason) in HARD


def test_there_are_enough_of_them_to_say_something():
    assert len(SAMPLES) >= 600
    assert len(SOURCES) >= 20
    assert len({sample.reason for sample in SAMPLES}) >= 25


@pytest.mark.parametrize("source", SOURCES)
def test_every_reply_is_understood(source):
    wrong = {
        sample.text: verdict.reason
        for sample in SAMPLES
        if sample.source == source and (verdict := _verdict(sample, sample.phase)).reason != sample.reason
    }
    assert wrong == {}


@pytest.mark.parametrize("source", SOURCES)
def test_without_the_command_nothing_becomes_hard_that_was_not(source):
    others = [sample for sample in SAMPLES if sample.source == source and not _hard(sample)]
    # At MAIL FROM and at the end of the data nobody can be missing, and this is only known from the command.
    told_by_command = {"mail", "dot", "ehlo", "connect"}
    assert [s.text for s in others if _verdict(s, "").hard and s.phase not in told_by_command] == []


@pytest.mark.parametrize("source", SOURCES)
def test_a_report_about_a_reply_says_the_same(source):
    wrong = []
    for sample in SAMPLES:
        reply, status = codes_of(sample.text)
        if sample.source != source or not reply.startswith("5") or not (sample.phase or status):
            continue
        said = f"{sample.text} ({COMMANDS[sample.phase]})" if sample.phase else sample.text
        (finding,) = read(dsn(WHO, status=status or "5.0.0", diagnostic=said)).recipients
        if finding.hard != _hard(sample):
            wrong.append((sample.text, finding.reason))
    assert wrong == []


def test_a_live_refusal_condemns_exactly_the_same_addresses():
    wrong = []
    for sample in SAMPLES:
        reply, _ = codes_of(sample.text)
        if sample.phase in {"rcpt", "dot"} and reply.startswith("5") and sample.text.startswith(reply):
            words = "\n".join(sample.text.split(f" {reply}-"))[4:]
            said = classify(Reply(int(reply), words), sample.phase)
            if (said == "permanent_recipient") != _hard(sample):
                wrong.append((sample.text, said))
    assert wrong == []


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize(("said", "reason"), ENDINGS, ids=[reason for _, reason in ENDINGS])
def test_a_notice_without_a_report_names_the_person_and_the_reason(form, said, reason):
    report = read(mail(form, said))
    assert [(f.address, f.reason, f.hard) for f in report.recipients] == [(WHO, reason, Reason(reason) in HARD)]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_format_is_known_without_the_empty_return_path(form):
    raw = mail(form, ENDINGS[0][0])
    assert read(raw.replace(b"Return-Path: <>\n", b"", 1)).recipients == read(raw).recipients


@given(st.sampled_from(SAMPLES), st.sampled_from(["\r\n", "\n", "\n ", "  ", "\t"]))
def test_how_a_reply_is_wrapped_makes_no_difference(sample, gap):
    wrapped = Sample("", sample.phase, sample.reason, sample.text.replace(" ", gap))
    reply, status = codes_of(sample.text)
    assert judge(wrapped.text, status=status, reply=reply, phase=sample.phase).reason == sample.reason


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Re: Mail delivery failed", "I got this: 550 5.1.1 <anna@kunde.example>: user unknown from your SMTP server"),
        ("AW: Unzustellbar: Rechnung", "Der Server sagte 550 5.1.1 anna@kunde.example unknown user (RCPT TO)"),
        ("Fwd: failure notice", "Look: anna@kunde.example, remote host said: 550 5.1.1 user unknown"),
        ("Delivery problem with my parcel", "Parcel 550 could not be delivered, tell anna@kunde.example please"),
        ("Your failed payment", "Hello, code 550 was refused. Yours, anna@kunde.example"),
    ],
)
def test_what_a_person_writes_about_a_bounce_is_not_one(subject, body):
    raw = f"From: Bernd <bernd@kunde.example>\nTo: hallo@studio.example\nSubject: {subject}\n\n{body}\n"
    assert read(raw.encode()).recipients == ()


def test_a_group_that_may_not_exist_is_no_missing_person_in_any_language():
    body = (
        "Hej anna@kunde.example,\n\nGruppen (verein) finns kanske inte, eller så får du inte skriva till den.\n"
        "Adressen finns inte kanske heller.\n\nhttps://groups.google.example/support/\n"
    )
    raw = (
        "Return-Path: <>\nFrom: Mail Delivery Subsystem <mailer-daemon@googlemail.example>\nTo: b@studio.example\n"
        f"Subject: Delivery Status Notification (Failure)\nX-Failed-Recipients: verein@gruppen.example\n\n{body}"
    )
    assert {(f.reason, f.hard) for f in read(raw.encode()).recipients} == {("rejected", False)}


@pytest.mark.parametrize(
    ("transcript", "hard"),
    [
        (">>> DATA\n<<< 550 No mailbox by that name\n550 5.1.1 <{who}>... User unknown\n<<< 503 5.0.0 Need RCPT", True),
        (">>> DATA\n<<< 550 No mailbox by that name\n<<< 554 5.5.1 Error: no valid recipients", True),
        (">>> DATA\n<<< 550 Unknown user {who}\n554 5.0.0 Service unavailable", False),
        (">>> RCPT To:<{who}>\n<<< 550 No mailbox by that name", True),
        (">>> MAIL From:<b@studio.example>\n<<< 550 unknown user", False),
    ],
)
def test_with_pipelining_the_answer_to_rcpt_is_read_after_data(transcript, hard):
    body = (
        "   ----- The following addresses had permanent fatal errors -----\n<{who}>\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mx.kunde.example.:\n" + transcript + "\n"
    ).format(who=WHO)
    raw = (
        "Return-Path: <>\nFrom: Mail Delivery Subsystem <MAILER-DAEMON@relay.studio.example>\n"
        "To: b+tag@bounce.studio.example\nSubject: Returned mail: see transcript for details\n\n"
        f"{body}\n{ORIGINAL.format(to=WHO)}Hallo!\n"
    )
    findings = read(raw.encode()).recipients
    assert [(f.address, f.hard) for f in findings] == [(WHO, hard)]


def test_what_a_gateway_quotes_counts_more_than_its_own_category():
    said = "5.1.0 - Unknown address error 550-'5.7.1 Mail from studio.example refused by policy' (delivery attempts: 0)"
    assert not judge(said, status="5.1.0", reply="550").hard
    said = "5.1.0 - Unknown address error 550-'5.1.1 user unknown' (delivery attempts: 0)"
    assert judge(said, status="5.1.0", reply="550").hard


@pytest.mark.parametrize(
    ("diagnostic", "hard"),
    [
        ("550 Access denied", False),
        ("550 Rejected", False),
        ("550 5.1.1 Rejected", True),
        ("550 No such user here", True),
        ("", True),
    ],
)
def test_what_the_reporting_server_concluded_counts_less_than_what_was_said(diagnostic, hard):
    (finding,) = read(dsn(WHO, status="5.1.1", diagnostic=diagnostic)).recipients
    assert finding.hard is hard


def test_a_missing_domain_that_is_the_senders_condemns_nobody():
    said = "550 Domain {} does not exist"
    (ours,) = read(dsn(WHO, status="5.0.0", diagnostic=said.format("bounce.studio.example"))).recipients
    (theirs,) = read(dsn(WHO, status="5.0.0", diagnostic=said.format("kunde.example"))).recipients
    assert (ours.reason, ours.hard, ours.sender_fault) == ("rejected", False, True)
    assert (theirs.reason, theirs.hard) == ("host_unknown", True)


def test_the_same_said_twice_of_one_person_is_one_finding():
    raw = dsn(WHO, status="5.1.1", diagnostic="550 5.1.1 user unknown")
    group = b"Final-Recipient: rfc822; anna@kunde.example"
    start, end = raw.index(group), raw.index(b"\n\n--ABC", raw.index(group))
    twice = raw[:end] + b"\n\n" + raw[start:end] + raw[end:]
    assert read(twice).recipients == read(raw).recipients


def test_headers_that_a_notice_quotes_are_not_its_end():
    body = (
        "This report relates to a message you sent with the following header fields:\n\n"
        "  Message-id: <1@studio.example>\n  Date: Mon, 2 Nov 2026 09:00:00 +0100\n  From: hallo@studio.example\n"
        "  To: anna@kunde.example\n  Subject: Dein Platz ist frei\n\n"
        "Your message cannot be delivered to the following recipients:\n\n"
        "  Recipient address: anna@kunde.example\n  Reason: Remote SMTP server has rejected address\n"
        "  Diagnostic code: smtp;550 5.1.1 No such user here\n"
    )
    raw = f"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nTo: b@studio.example\nSubject: Delivery failed\n\n{body}\n"
    (finding,) = read((raw + ORIGINAL.format(to=WHO)).encode()).recipients
    assert (finding.address, finding.reason, finding.hard) == (WHO, "user_unknown", True)
