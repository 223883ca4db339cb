import pytest

from channels.email.codes import classify, refusal
from channels.email.replies import NotSmtp, Reply, ReplyReader

TABLE = [
    # enhanced codes
    (550, "5.1.1 no such user", "rcpt", "permanent_recipient"),
    (550, "5.1.10 recipient not found", "rcpt", "permanent_recipient"),
    (550, "5.1.0 User unknown", "rcpt", "permanent_recipient"),
    (550, "5.1.0 Address rejected", "rcpt", "transient"),
    (551, "5.1.6 user has moved", "rcpt", "permanent_recipient"),
    (550, "5.1.2 bad destination system", "rcpt", "permanent_recipient"),
    (550, "5.4.4 host not found", "rcpt", "permanent_recipient"),
    (550, "5.2.1 no such user here", "rcpt", "permanent_recipient"),
    (550, "5.2.1 mailbox disabled", "rcpt", "transient"),
    (550, "5.1.1 mailbox is full", "rcpt", "transient"),
    (550, "5.1.1 rate limit exceeded", "rcpt", "transient"),
    (550, "5.1.1 rejected as spam", "rcpt", "sender_fault"),
    (552, "5.2.2 over quota", "rcpt", "transient"),
    (452, "4.2.2 mailbox full", "rcpt", "transient"),
    (451, "4.4.1 no answer from host", "rcpt", "transient"),
    (451, "4.3.0 local problem", "dot", "transient"),
    (452, "4.5.3 too many recipients", "rcpt", "transient"),
    (550, "5.1.8 bad sender address", "mail", "sender_fault"),
    (550, "5.7.1 message rejected", "dot", "sender_fault"),
    (550, "5.7.26 unauthenticated mail", "dot", "sender_fault"),
    (550, "5.7.515 access denied", "dot", "sender_fault"),
    (421, "4.7.26 unauthenticated mail", "dot", "sender_fault"),
    (421, "4.7.28 unusual rate", "rcpt", "throttle"),
    (450, "4.7.1 slow down", "rcpt", "throttle"),
    (451, "4.7.1 Greylisting in action", "rcpt", "transient"),
    (552, "5.3.4 message too big", "dot", "permanent_content"),
    (554, "5.6.0 malformed", "dot", "permanent_content"),
    (535, "5.7.8 bad credentials", "auth", "permanent_config"),
    (530, "5.7.0 authentication required", "mail", "permanent_config"),
    (454, "4.7.0 temporary authentication failure", "auth", "transient"),
    (421, "4.3.2 shutting down", "dot", "transient"),
    # words
    (550, "User unknown", "rcpt", "permanent_recipient"),
    (554, "delivery error: This user doesn't have an account", "rcpt", "permanent_recipient"),
    (550, "4.4.7 QUEUE.Expired; message expired", "rcpt", "transient"),
    (550, "5.4.316 Message expired, connection refused", "rcpt", "transient"),
    (550, "5.4.1 [a@b.example]: Recipient address rejected: Access denied", "rcpt", "permanent_recipient"),
    (550, "5.4.1 no answer from host", "rcpt", "transient"),
    (550, "Rejected", "rcpt", "sender_fault"),
    (550, "5.2.0 Message Filtered", "rcpt", "sender_fault"),
    (550, "Mailbox is frozen", "rcpt", "transient"),
    (550, "sorry, no mailbox here by that name (#5.1.1)", "rcpt", "permanent_recipient"),
    (550, "Qwbl nmrx, words that nobody understands", "rcpt", "sender_fault"),
    (501, "5.1.3 bad recipient address syntax", "rcpt", "permanent_recipient"),
    (501, "Syntax error in parameters", "mail", "permanent_config"),
    (554, "dd This user doesn't have a mail.example account (a@mail.example) [0]", "rcpt", "permanent_recipient"),
    (554, "account suspended", "rcpt", "transient"),
    (550, "blocked by Spamhaus", "rcpt", "sender_fault"),
    (554, "relay access denied", "rcpt", "permanent_config"),
    (552, "message size exceeds limit", "dot", "permanent_content"),
    # reply class alone
    (450, "", "rcpt", "transient"),
    (421, "", "rcpt", "throttle"),
    (550, "", "rcpt", "permanent_recipient"),
    (550, "", "mail", "sender_fault"),
    (550, "", "dot", "sender_fault"),
    (554, "", "greeting", "permanent_config"),
    (500, "", "mail", "permanent_config"),
    (599, "", "rcpt", "transient"),
]


@pytest.mark.parametrize(("code", "text", "phase", "kind"), TABLE)
def test_a_refusal_means(code: int, text: str, phase: str, kind: str) -> None:
    assert classify(Reply(code, text), phase) == kind


def test_a_sender_fault_that_is_temporary_may_be_repeated_and_a_permanent_one_not() -> None:
    assert refusal(Reply(421, "4.7.26 unauthenticated"), "dot").retryable
    assert not refusal(Reply(550, "5.7.26 unauthenticated"), "dot").retryable


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.2.0 greylisted, try again in 300 seconds", 300),
        ("4.7.0 retry after 5 minutes", 300),
        ("4.7.0 come back in 2 hours", 7200),
        ("4.7.0 later", None),
    ],
)
def test_a_named_wait_is_read(text: str, seconds: float | None) -> None:
    assert refusal(Reply(450, text), "rcpt").retry_after == seconds


def test_an_enhanced_code_of_another_class_is_not_believed() -> None:
    assert Reply(450, "5.1.1 gone").enhanced is None
    assert Reply(550, "5.1.1 gone").enhanced == "5.1.1"
    assert Reply(550, "5.1.1.7 strange").enhanced is None


def test_replies_are_the_same_however_the_bytes_arrive() -> None:
    stream = b"250-a.example\r\n250-SIZE 10\r\n250 PIPELINING\r\n354 go\n550 5.1.1 gone\r\n220\r\n"
    whole = ReplyReader().feed(stream)
    reader = ReplyReader()
    single = [reply for n in range(len(stream)) for reply in reader.feed(stream[n : n + 1])]
    assert single == whole
    assert whole[0] == Reply(250, "a.example\nSIZE 10\nPIPELINING")
    assert [reply.code for reply in whole] == [250, 354, 550, 220]
    assert not reader.halfway


@pytest.mark.parametrize(
    "data", [b"hello\r\n", b"2x0 ok\r\n", b"250-a\r\n550 b\r\n", b"9" * 5000, b"250-a\r\n" * 300, b"650 ok\r\n"]
)
def test_what_is_no_reply_ends_the_conversation(data: bytes) -> None:
    with pytest.raises(NotSmtp):
        ReplyReader().feed(data)
