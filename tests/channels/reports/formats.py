"""Notices in the formats of mail servers that write no delivery report (RFC 3464); hosts, people and ids are invented.

Each format is filled with several endings, so that what is tested is the format and not one mail of it.
"""

from typing import NamedTuple

from tests.channels.reports.samples import ORIGINAL

WHO = "anna@kunde.example"

# What the far side said, whether that condemns the address, and the reason.
ENDINGS = (
    ("550 5.1.1 <{who}>: Recipient address rejected: User unknown in virtual mailbox table", "user_unknown"),
    ("550 5.1.1 No such user here", "user_unknown"),
    ("552 5.2.2 The mailbox of the recipient is over quota", "mailbox_full"),
    ("554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.list.example", "blocked"),
    (
        "550 5.7.26 Unauthenticated email from studio.example is not accepted due to domain's DMARC policy",
        "auth_failure",
    ),
)


class Format(NamedTuple):
    """How a server writes; `{said}` is where the far side's reply stands and `{who}` the recipient."""

    name: str
    sender: str
    subject: str
    body: str


FORMATS = (
    Format(
        "InterScan",
        '"InterScan MSS" <isux@gateway.example>',
        "Mail delivery error - message could not be delivered",
        "Sent >>> RCPT TO:<{who}>\nReceived <<< {said}\n\nUnable to deliver message to <{who}>.\n\n"
        "************************\n                     Message from InterScan Messaging Security Suite\n",
    ),
    Format(
        "MailMarshal",
        "postmaster@gateway.example",
        'Undeliverable Mail: "Dein Platz ist frei"',
        "Your message:\n    From:    b+tag@bounce.studio.example\n    Subject: Dein Platz ist frei\n\n"
        "Could not be delivered because of\n\n{said}\n\nThe following recipients were affected: \n    {who}\n\n"
        "Additional Information\n======================\n",
    ),
    Format(
        "MDaemon",
        "MDaemon at gateway.example <MDaemon@gateway.example>",
        "Permanent Delivery Failure",
        "The attached message had PERMANENT fatal delivery errors!\n\nAfter one or more unsuccessful delivery attempts "
        "the attached message has\nbeen removed from the mail queue on this server.\n\n"
        "YOUR MESSAGE WAS NOT DELIVERED TO ONE OR MORE RECIPIENTS!\n\nFailed address: {who}\n\n"
        "--- Session Transcript ---\n Mon 2026-11-02 09:00:01: --> MAIL From:<b+tag@bounce.studio.example>\n"
        " Mon 2026-11-02 09:00:01: <-- 250 2.1.0 Ok\n Mon 2026-11-02 09:00:01: --> RCPT To:<{who}>\n"
        " Mon 2026-11-02 09:00:02: <-- {said}\n Mon 2026-11-02 09:00:02: --> QUIT\n--- End Transcript ---\n",
    ),
    Format(
        "MailEnable",
        "Postmaster@gateway.example",
        "Message Delivery Failure",
        "MailEnable: Message could not be delivered to some recipients.\nThe following recipient(s) could not be "
        "reached:\n\n\tRecipient: [SMTP:{who}]\n\tReason:    {said}\n\n\nMessage headers follow:\n\n",
    ),
    Format(
        "hMailServer",
        "mailer-daemon@gateway.example",
        "Message undeliverable: Dein Platz ist frei",
        "Your message did not reach some or all of the intended recipients.\n\n   Sent: 02.11.2026 09:00:00\n"
        "   Subject: Dein Platz ist frei\n\nThe following recipient(s) could not be reached:\n\n{who}\n"
        "   Error Type: SMTP\n   Remote server (192.0.2.7) issued an error.\n   hMailServer sent: RCPT TO:<{who}>\n"
        "   Remote server replied: {said}\n\n\n\nhMailServer\n",
    ),
    Format(
        "SmarterMail",
        "System Administrator <postmaster@gateway.example>",
        "Delivery Failure",
        "Could not deliver message to the following recipient(s):\n\nFailed Recipient: {who}\n"
        "Reason: Remote host said: {said}\n\n   -- The header and top 20 lines of the message follows --\n\n",
    ),
    Format(
        "MessageLabs",
        "MAILER-DAEMON@gateway.example",
        "failure notice",
        "This is the mail delivery agent at gateway.example.\nI was not able to deliver your message to the following "
        "addresses.\n\n<{who}>:\n192.0.2.7 does not like recipient.\nRemote host said: {said}\n\n"
        "--- Below this line is a copy of the message.\n\n",
    ),
    Format(
        "CommuniGate Pro",
        "<MAILER-DAEMON@gateway.example>",
        "Undeliverable mail: Dein Platz ist frei",
        "Failed to deliver to '{who}'\nSMTP module(domain kunde.example) reports:\n host mx.kunde.example says:\n"
        " {said}\n\n",
    ),
    Format(
        "GroupWise",
        "Mailer-Daemon <Mailer-Daemon@gateway.example>",
        "Message status - undeliverable",
        "The message that you sent was undeliverable to the following:\n\t{who} ({said})\n\n"
        "Possibly truncated original message follows:\n\n",
    ),
    Format(
        "XMail",
        "PostMaster@gateway.example",
        "Error sending message [1162456800.1] from [gateway.example]",
        "[00] XMail bounce: Rcpt=[{who}];Error=[{said}]\n\n\n[01] Error sending message [1162456800.1] from "
        "[gateway.example].\n\nID:        <S1>\nMail From: <b+tag@bounce.studio.example>\nRcpt To:   <{who}>\n"
        "Server:    <mx.kunde.example>\n\n\n[02] The reason of the delivery failure was:\n\n{said}\n\n\n"
        "[05] Here is listed the initial part of the message:\n\n",
    ),
    Format(
        "IceWarp",
        "MAILER-DAEMON@gateway.example",
        "Delivery Status Notification (Failure)",
        "Your message cannot be delivered to the following recipients:\n\nRecipient address: {who}\n"
        "Reason: Remote SMTP server has rejected address\nDiagnostic code: smtp;{said}\n"
        "Remote system: dns;mx.kunde.example (TCP|192.0.2.9|25|192.0.2.7|25)\n\n",
    ),
    Format(
        "Exim",
        "Mail Delivery System <Mailer-Daemon@gateway.example>",
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        "  {who}\n    host mx.kunde.example [192.0.2.7]\n"
        "    SMTP error from remote mail server after RCPT TO:<{who}>:\n    {said}\n\n"
        "------ This is a copy of the message, including all the headers. ------\n\n",
    ),
    Format(
        "qmail",
        "MAILER-DAEMON@gateway.example",
        "failure notice",
        "Hi. This is the qmail-send program at gateway.example.\nI'm afraid I wasn't able to deliver your message to "
        "the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<{who}>:\n"
        "192.0.2.7 does not like recipient.\nRemote host said: {said}\nGiving up on 192.0.2.7.\n\n"
        "--- Below this line is a copy of the message.\n\n",
    ),
    Format(
        "Gmail",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
        "Delivery Status Notification (Failure)",
        "Delivery to the following recipient failed permanently:\n\n     {who}\n\nTechnical details of permanent "
        "failure: \nGoogle tried to deliver your message, but it was rejected by the server for the recipient domain "
        "kunde.example by mx.kunde.example. [192.0.2.7].\n\nThe error that the other server returned was:\n{said}\n\n"
        "----- Original message -----\n\n",
    ),
    Format(
        "1&1",
        "Mail Delivery System <mailer-daemon@kundenserver.example>",
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to\none or more of its recipients. This is a permanent error.\n\nThe following address failed:\n\n"
        "{who}:\nSMTP error from remote server for RCPT TO command, host: mx.kunde.example (192.0.2.7) reason: {said}\n"
        "\n--- The header of the original message is following. ---\n\n",
    ),
    Format(
        "Kerio",
        "Mail Delivery Subsystem <MAILER-DAEMON@gateway.example>",
        "Non-delivery report",
        "Your message has encountered delivery problems\nto the following recipient(s):\n\n{who}\n"
        "    delivery failed: the server mx.kunde.example replied:\n    {said}\n\nThe following is the header of the "
        "original message:\n\n",
    ),
)


def mail(form: Format, said: str) -> bytes:
    """Return a notice in that format about a reply."""
    reply = said.format(who=WHO)
    return (
        f"Return-Path: <>\nFrom: {form.sender}\nTo: b+tag@bounce.studio.example\nSubject: {form.subject}\n"
        "Content-Type: text/plain; charset=utf-8\n\n"
        f"{form.body.format(who=WHO, said=reply)}{ORIGINAL.format(to=WHO)}Hallo!\n"
    ).encode()
