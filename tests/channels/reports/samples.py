"""Mails of the big families of mail servers, written for these tests: names, hosts and ids are invented."""

ORIGINAL = """\
Return-Path: <b+tag@bounce.studio.example>
Received: from app.studio.example by relay.studio.example; Mon, 2 Nov 2026 09:00:00 +0100
From: Studio Alpha <hallo@studio.example>
To: {to}
Subject: Dein Platz ist frei
Message-ID: <0190a2b4-1111-7222-8333-444455556666@studio.example>
Date: Mon, 2 Nov 2026 09:00:00 +0100

"""


def dsn(
    to: str,
    *,
    status: str,
    diagnostic: str,
    action: str = "failed",
    notice: str = "Your message could not be delivered.",
    server: str = "relay.studio.example",
) -> bytes:
    """A report after RFC 3464, as Postfix and most others write it."""
    wrapped = diagnostic.replace("\n", "\n    ")
    return f"""\
Return-Path: <>
From: MAILER-DAEMON@{server} (Mail Delivery System)
To: b+tag@bounce.studio.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="ABC.1/{server}"

This is a MIME-encapsulated message.

--ABC.1/{server}
Content-Description: Notification
Content-Type: text/plain; charset=utf-8

This is the mail system at host {server}.

{notice}

<{to}>: {wrapped}

--ABC.1/{server}
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; {server}
Arrival-Date: Mon, 2 Nov 2026 09:00:00 +0100

Final-Recipient: rfc822; {to}
Original-Recipient: rfc822;{to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {wrapped}

--ABC.1/{server}
Content-Description: Undelivered Message
Content-Type: message/rfc822

{ORIGINAL.format(to=to)}Hallo!

--ABC.1/{server}--
""".encode()


def plain(sender: str, subject: str, body: str, *, to: str = "anna@kunde.example", extra: str = "") -> bytes:
    """A bounce in plain words with the original below."""
    return (
        f"From: {sender}\nTo: b+tag@bounce.studio.example\nSubject: {subject}\n{extra}"
        f"Content-Type: text/plain; charset=utf-8\n\n{body}\n{ORIGINAL.format(to=to)}Hallo!\n"
    ).encode()


POSTFIX = dsn(
    "anna@kunde.example", status="5.1.1",
    diagnostic="host mx.kunde.example[192.0.2.7] said: 550 5.1.1\n<anna@kunde.example>: Recipient address rejected: "
    "User unknown (in reply to RCPT\nTO command)",
)  # fmt: skip
EXIM = plain(
    "Mail Delivery System <Mailer-Daemon@exim.example>", "Mail delivery failed: returning message to sender",
    """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  anna@kunde.example
    host mx.kunde.example [192.0.2.7]
    SMTP error from remote mail server after RCPT TO:<anna@kunde.example>:
    550 5.1.1 No such user here

------ This is a copy of the message, including all the headers. ------
""",
    extra="X-Failed-Recipients: anna@kunde.example\nAuto-Submitted: auto-replied\n",
)  # fmt: skip
QMAIL = plain(
    "MAILER-DAEMON@qmail.example", "failure notice",
    """Hi. This is the qmail-send program at qmail.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<anna@kunde.example>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 <anna@kunde.example>: no mailbox here by that name
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.
""",
)  # fmt: skip
SENDMAIL = plain(
    "Mail Delivery Subsystem <MAILER-DAEMON@sendmail.example>", "Returned mail: see transcript for details",
    """   ----- The following addresses had permanent fatal errors -----
<anna@kunde.example>
    (reason: 550 5.1.1 <anna@kunde.example>... User unknown)

   ----- Transcript of session follows -----
... while talking to mx.kunde.example.:
>>> RCPT To:<anna@kunde.example>
<<< 550 5.1.1 <anna@kunde.example>... User unknown
550 5.1.1 <anna@kunde.example>... User unknown

   ----- Original message follows -----
""",
)  # fmt: skip
EXCHANGE = dsn(
    "anna@kunde.example", status="5.1.10", server="exchange.example",
    notice="Delivery has failed to these recipients or groups:",
    diagnostic="550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient anna@kunde.example not found by SMTP address"
    " lookup",
)  # fmt: skip
OUTLOOK = dsn(
    "anna@kunde.example", status="5.4.1", server="outlook.example",
    diagnostic="550 5.4.1 Recipient address rejected: Access denied. [DB5EUR.prod.protection.example]",
)  # fmt: skip
GMAIL = plain(
    "Mail Delivery Subsystem <mailer-daemon@gmail.example>", "Delivery Status Notification (Failure)",
    """Delivery to the following recipient failed permanently:

     anna@kunde.example

Technical details of permanent failure:
The error that the other server returned was:
550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking

----- Original message -----

""",
    extra="X-Failed-Recipients: anna@kunde.example\n",
)  # fmt: skip
DOMINO = dsn(
    "anna@kunde.example", status="5.1.1", server="domino.example",
    diagnostic="User anna (anna@kunde.example) not listed in Domino Directory",
)  # fmt: skip
NO_HOST = dsn(
    "anna@kundde.example", status="5.4.4",
    diagnostic="Host or domain name not found. Name service error for name=kundde.example type=A: Host not found",
)  # fmt: skip
GERMAN = plain(
    "Mail-System <postmaster@post.example>", "Unzustellbar: Dein Platz ist frei",
    """Ihre Nachricht konnte nicht zugestellt werden.

<anna@kunde.example>:
550 5.1.1 Empfänger unbekannt

--- Original message ---
""",
)  # fmt: skip
FRENCH = dsn("anna@kunde.example", status="5.1.1", diagnostic="550 5.1.1 Adresse du destinataire inexistante")
SPANISH = dsn("anna@kunde.example", status="5.1.1", diagnostic="550 5.1.1 El usuario no existe")
JAPANESE = dsn("anna@kunde.example", status="5.1.1", diagnostic="550 5.1.1 宛先のメールアドレスは存在しません")

HARD = {
    "postfix": POSTFIX, "exim": EXIM, "qmail": QMAIL, "sendmail": SENDMAIL, "exchange": EXCHANGE, "outlook": OUTLOOK,
    "gmail": GMAIL, "domino": DOMINO, "no host": NO_HOST, "german": GERMAN, "french": FRENCH, "spanish": SPANISH,
    "japanese": JAPANESE,
}  # fmt: skip


def _soft(status: str, words: str) -> bytes:
    return dsn("anna@kunde.example", status=status, diagnostic=words)


SOFT = {
    "full": (_soft("5.2.2", "552 5.2.2 mailbox is over quota"), "mailbox_full"),
    "full, wrong code": (_soft("5.1.1", "552 5.1.1 <anna@kunde.example>: mailbox full"), "mailbox_full"),
    "full, German": (_soft("5.2.2", "552 5.2.2 Das Postfach ist voll"), "mailbox_full"),
    "disabled": (_soft("5.2.1", "550 5.2.1 The account you tried to reach is disabled"), "suspend"),
    "spam": (_soft("5.7.1", "550 5.7.1 message identified as spam"), "spam_detected"),
    "spf": (_soft("5.7.26", "550 5.7.26 Unauthenticated email, SPF did not pass"), "auth_failure"),
    "block list": (_soft("5.7.1", "554 5.7.1 Client host [192.0.2.9] blocked using bl.list.example"), "blocked"),
    "reverse": (_soft("5.7.25", "550 5.7.25 The sending IP has no PTR record"), "require_ptr"),
    "expired": (_soft("4.4.7", "delivery temporarily suspended: connect to mx: Connection timed out"), "expired"),
    "relay": (_soft("5.7.1", "554 5.7.1 <anna@kunde.example>: Relay access denied"), "no_relaying"),
    "too big": (_soft("5.3.4", "552 5.3.4 Message size exceeds fixed limit"), "mesg_too_big"),
    "sender": (_soft("5.1.8", "550 5.1.8 Sender address rejected: Domain not found"), "rejected"),
    "after the dot": (
        _soft("5.0.0", "host mx said: 550 5.0.0 User unknown (in reply to end of DATA command)"), "filtered",
    ),
    "bare": (_soft("5.0.0", ""), "undefined"),
}  # fmt: skip

VACATION = b"""\
From: Anna <anna@kunde.example>
To: b+tag@bounce.studio.example
Subject: Abwesenheit: Dein Platz ist frei
Auto-Submitted: auto-replied
Content-Type: text/plain; charset=utf-8

Ich bin im Urlaub. Die alte Adresse does not exist any more, 550 5.1.1 user unknown.
"""
PERSON = b"""\
From: Anna <anna@kunde.example>
To: b+tag@bounce.studio.example
Subject: Re: Dein Platz ist frei
Content-Type: text/plain

My other address bounces, look:
> <b@kunde.example>: 550 5.1.1 user unknown
"""
DELAYED = dsn(
    "anna@kunde.example",
    status="4.4.1",
    action="delayed",
    diagnostic="connect to mx.kunde.example: Connection timed out",
)
COMPLAINT = f"""\
From: feedback@provider.example
To: b+tag@bounce.studio.example
Subject: FW: Dein Platz ist frei
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="fbl"

--fbl
Content-Type: text/plain

This is an email abuse report.

--fbl
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1
Original-Rcpt-To: <anna@kunde.example>

--fbl
Content-Type: message/rfc822

{ORIGINAL.format(to="anna@kunde.example")}Hallo!
--fbl--
""".encode()
UNMARKED_COMPLAINT = COMPLAINT.replace(b"message/feedback-report", b"text/plain").replace(
    b"report-type=feedback-report; ", b""
)
NOT_SPAM = COMPLAINT.replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam")
DMARC = COMPLAINT.replace(b"Feedback-Type: abuse", b"Feedback-Type: auth-failure")
