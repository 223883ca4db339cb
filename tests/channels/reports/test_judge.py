import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.judge import by_status, clean, codes_of, judge
from channels.email.reasons import HARD
from channels.email.registry import CODES

MISSING = [
    "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in local recipient table",
    "550 5.1.1 <a@b.example>: Recipient address rejected: b.example",
    "550 5.1.1 <a@b.example>... User Unknown",
    "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking",
    "550 5.5.0 Requested action not taken: mailbox unavailable: no such user",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found",
    "550 5.1.1 sorry, no mailbox here by that name. (#5.1.1)",
    "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
    "550 5.1.1 unknown or illegal alias: a@b.example",
    "554 5.1.1 bad destination mailbox address",
    "550 5.1.1 This email address doesn't exist on our server",
    "550 5.1.1 Not our Customer",
    "550 5.4.1 [a@b.example]: Recipient address rejected: Access denied",
    "550 5.1.6 user has moved to another address",
    "550 5.1.2 Host or domain name not found. Name service error for name=b.example type=AAAA: Host not found",
    "550 5.1.2 <a@b.example>... Host unknown (Name server: b.example.: host not found)",
    "556 5.1.10 <a@b.example>: Recipient address rejected: Domain b.example does not accept mail (nullMX)",
    "550 5.1.1 Unrouteable address",
    "550 5.1.1 No such user - psmtp",
    "550 5.1.1 user a not listed in public Name & Address Book",
    "550 5.1.1 User a@b.example does not exist",
    "550 5.1.1 Adresse inconnue",
    "550 5.1.1 Diese Adresse existiert nicht",
    "550 5.1.1 Postfach nicht gefunden",
    "550 5.1.1 La cuenta no existe",
    "550 5.1.1 該当のユーザーは存在しません",
    "521 5.3.2 b.example does not accept mail",
]
SOFT = [
    ("550 5.1.1 <a@b.example>: mailbox full, over quota", "mailbox_full"),
    ("452 4.2.2 The email account that you tried to reach is over quota", "mailbox_full"),
    ("552 5.2.2 user has exceeded his storage allocation", "mailbox_full"),
    ("550 5.2.1 The email account that you tried to reach is disabled", "suspend"),
    ("550 5.1.1 mailbox temporarily disabled: a@b.example", "suspend"),
    ("550 5.7.1 Our system has detected that this message is likely unsolicited mail", "spam_detected"),
    ("550-5.7.26 This mail has been blocked because the sender is unauthenticated. SPF did not pass", "auth_failure"),
    ("550 5.7.509 Access denied, sending domain b.example does not pass DMARC verification", "auth_failure"),
    ("550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.list.example", "blocked"),
    ("554 5.7.1 The server sending your mail [192.0.2.1] does not have a reverse DNS entry", "require_ptr"),
    ("550 5.1.8 <x@y.example>: Sender address rejected: Domain not found", "rejected"),
    ("550 5.7.1 Sender user unknown", "rejected"),
    ("550 5.1.7 Invalid address of the sender: domain does not exist", "rejected"),
    ("550 relay not permitted", "no_relaying"),
    ("554 5.4.6 Too many hops 27 (25 max): mail forwarding loop", "network_error"),
    ("552 5.3.4 Message size exceeds fixed limit", "mesg_too_big"),
    ("450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents", "speeding"),
    ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", "bad_reputation"),
    ("554 5.7.1 Message rejected: virus found", "virus_detected"),
    ("550 5.7.1 Message rejected for policy reasons", "policy_violation"),
    ("550 5.2.0 Message filtered", "filtered"),
    ("550 User unknown", "filtered"),
    ("550 5.7.1 unknown user, spam or policy", "spam_detected"),
    ("451 4.3.0 Temporary system error, try again later", "system_error"),
]


@pytest.mark.parametrize("words", MISSING)
def test_words_that_condemn_an_address(words):
    reply, status = codes_of(words)
    assert judge(words, status=status, reply=reply).hard


@pytest.mark.parametrize(("words", "reason"), SOFT)
def test_words_that_do_not(words, reason):
    reply, status = codes_of(words)
    verdict = judge(words, status=status, reply=reply)
    assert (verdict.reason, verdict.hard) == (reason, False)


@pytest.mark.parametrize("words", ["550 User unknown", "550 5.0.0 No such user", "554 5.7.1 unknown user"])
def test_a_refusal_after_the_message_condemns_nobody_unless_its_code_does(words):
    reply, status = codes_of(words)
    assert not judge(words, status=status, reply=reply, phase="dot").hard


def test_at_rcpt_an_unknown_user_needs_no_status_code():
    assert judge("550 User unknown", reply="550", phase="rcpt").hard


def test_names_in_addresses_and_links_are_no_words():
    text = "552 <no-such-user@unknown-user.example>: over quota, see https://help.example/user-unknown"
    assert judge(text).reason == "mailbox_full"
    assert "unknown" not in clean(text)


def test_an_ip_number_is_no_code():
    assert codes_of("host 192.0.2.550 [5.1.1.7] said: 450 4.2.2 full") == ("450", "4.2.2")
    assert codes_of("no code at all") == ("", "")


def test_every_listed_code_is_a_code_and_speaks_of_its_own_class():
    assert all(re.fullmatch(r"[5X]\.[1-7]\.\d{1,3}", code) for code in CODES)
    assert {code for code, reason in CODES.items() if reason in HARD} == {
        "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4", "5.4.310", "5.7.17", "5.7.18",
    }  # fmt: skip


@given(st.integers(0, 999), st.integers(0, 999))
def test_a_temporary_code_alone_condemns_nobody(subject, detail):
    assert by_status(f"4.{subject}.{detail}") not in HARD
    assert not judge("", status=f"4.{subject}.{detail}", reply="450", phase="rcpt").hard


@given(st.sampled_from(["connect", "ehlo", "mail"]), st.sampled_from(MISSING))
def test_before_anybody_was_named_nobody_is_missing(phase, words):
    reply, status = codes_of(words)
    verdict = judge(words, status=status, reply=reply, phase=phase)
    assert not verdict.hard or verdict.reason == "not_accept"
