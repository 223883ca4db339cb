"""One connection to the scripted SMTP server: what is usual, and the faults that a test asked for."""

import asyncio
import base64
import re
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

_END = re.compile(rb"(?:^|\r\n)\.\r\n")
_LENIENT_END = re.compile(rb"(?:^|\r\n|\n|\r)\.(?:\r\n|\n|\r)")
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^>\r\n]*)>", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(r"(?:MAIL FROM|RCPT TO):<([^<>]*)>", re.IGNORECASE)


@dataclass
class Fault:
    """What goes wrong at a phase: connect, greeting, ehlo, starttls, auth, mail, rcpt, data, dot, rset or quit.

    A `reply` is said instead of the usual one; without it the server disconnects, or never answers (`silent`).
    `delay` seconds pass first. It happens at every `every`-th time, from the `first`-th on, at most `times` times.
    With `about`, only where the command's line holds these words. At the dot `stored` says whether the message was
    kept before; `leave` disconnects after the reply.
    """

    phase: str
    reply: str | None = None
    every: int = 1
    first: int = 1
    times: int | None = None
    delay: float = 0
    silent: bool = False
    stored: bool = False
    leave: bool = False
    about: str = ""
    only_late: bool = False  # the delay alone; the usual reply follows
    seen: int = field(default=0, init=False)
    done: int = field(default=0, init=False)

    def strikes(self) -> bool:
        self.seen += 1
        if self.seen < self.first or self.seen % self.every or (self.times is not None and self.done >= self.times):
            return False
        self.done += 1
        return True


@dataclass(frozen=True)
class Kept:
    """An accepted message, as its bytes came, without dot-stuffing."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    data: bytes
    connection: int

    @property
    def message_id(self) -> str:
        found = _MESSAGE_ID.search(self.data)
        return found.group(1).decode() if found else ""


@dataclass
class Script:
    """How the server behaves; shared by its connections and changeable while it runs."""

    faults: list[Fault] = field(default_factory=list)
    pipelining: bool = True
    users: dict[str, str] = field(default_factory=dict)  # sign-in is required when there are any
    auth: str = "PLAIN LOGIN"
    starttls: ssl.SSLContext | None = None
    lenient: bool = False  # takes bare CR and LF for line ends, as some servers do
    keep: bool = True
    injected: bytes = b""  # said in clear text together with the answer to STARTTLS


class Sink(Protocol):
    """What a conversation needs of its server."""

    script: Script
    always_354: bool
    count: int
    empty: int
    commands: Counter[str]
    conversations: "set[Conversation]"
    tasks: set[asyncio.Task[None]]

    def store(self, kept: Kept) -> None: ...


class Conversation(asyncio.Protocol):
    def __init__(self, sink: "Sink", number: int) -> None:
        self.sink = sink
        self.script = sink.script
        self.number = number
        self.transport: asyncio.Transport
        self.buffer = b""
        self.mode = "command"
        self.paused = False
        self.secure = False
        self.user: str | None = None
        self.line = ""
        self.sender: str | None = None
        self.recipients: list[str] = []
        self.out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.sink.conversations.add(self)
        self.unless_faulty("connect", self.welcome)
        self.flush()

    def welcome(self) -> None:
        self.unless_faulty("greeting", lambda: self.say("220 sink.example ESMTP"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.sink.conversations.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.work()

    def work(self) -> None:
        while not self.paused and not self.transport.is_closing() and self.step():
            pass
        self.flush()

    def step(self) -> bool:
        if self.mode == "body":
            end = (_LENIENT_END if self.script.lenient else _END).search(self.buffer)
            if end is None:
                return False
            body, self.buffer = self.buffer[: end.start()], self.buffer[end.end() :]
            self.mode = "command"
            self.accept(body + b"\r\n" if body else b"")
            return True
        line, found, rest = self.buffer.partition(b"\r\n")
        if not found:
            return False
        self.buffer = rest
        text = self.line = line.decode("utf-8", "replace")
        self.sink.commands[text.partition(" ")[0].upper() if self.mode == "command" else "AUTH-LINE"] += 1
        if self.mode == "command":
            self.command(text)
        else:
            self.auth_line(text)
        return True

    def say(self, reply: str) -> None:
        self.out.append(reply.encode() + b"\r\n")

    def flush(self) -> None:
        if self.out and not self.transport.is_closing():
            self.transport.write(b"".join(self.out))
        self.out = []

    def unless_faulty(self, phase: str, act: Callable[[], None]) -> None:
        """Do what is usual, or what a fault says instead."""
        fault = self.fault(phase)
        if fault is None:
            act()
        elif fault.only_late:
            self.later(fault.delay, act)
        elif fault.delay:
            self.later(fault.delay, lambda: self.fail(fault))
        else:
            self.fail(fault)

    def fault(self, phase: str) -> Fault | None:
        mine = (fault for fault in self.script.faults if fault.phase == phase and fault.about in self.line)
        return next((fault for fault in mine if fault.strikes()), None)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.paused = True

        def resume() -> None:
            self.paused = False
            act()
            self.work()

        asyncio.get_running_loop().call_later(seconds, resume)

    def fail(self, fault: Fault) -> None:
        if fault.silent:
            self.paused = True
        elif fault.reply is None:
            self.flush()
            self.transport.close()
        else:
            self.say(fault.reply)
            if fault.leave:
                self.flush()
                self.transport.close()

    def command(self, line: str) -> None:
        verb = line.partition(" ")[0].upper()
        act = getattr(self, f"do_{verb.lower()}", None)
        if act is None:
            self.say("500 5.5.1 unknown command")
        else:
            act(line)

    def do_ehlo(self, _line: str) -> None:
        offers = ["sink.example", "SIZE 52428800"]
        if self.script.pipelining:
            offers.append("PIPELINING")
        if self.script.starttls is not None and not self.secure:
            offers.append("STARTTLS")
        if self.script.users:
            offers.append(f"AUTH {self.script.auth}")
        reply = "\r\n".join([f"250-{offer}" for offer in offers] + ["250 ENHANCEDSTATUSCODES"])
        self.unless_faulty("ehlo", lambda: self.say(reply))

    def do_helo(self, _line: str) -> None:
        self.say("250 sink.example")

    def do_starttls(self, _line: str) -> None:
        if self.script.starttls is None:
            self.say("502 5.5.1 not here")
        else:
            self.unless_faulty("starttls", self.begin_encryption)

    def begin_encryption(self) -> None:
        assert self.script.starttls is not None
        self.out.append(b"220 2.0.0 go ahead\r\n" + self.script.injected)
        self.flush()
        self.buffer, self.paused, self.secure = b"", True, True
        task = asyncio.get_running_loop().create_task(self.encrypt(self.script.starttls))
        self.sink.tasks.add(task)
        task.add_done_callback(self.sink.tasks.discard)

    async def encrypt(self, context: ssl.SSLContext) -> None:
        with suppress(OSError, ConnectionError):
            made = await asyncio.get_running_loop().start_tls(self.transport, self, context, server_side=True)
            assert isinstance(made, asyncio.Transport)
            self.transport, self.paused = made, False
            self.work()

    def do_auth(self, line: str) -> None:
        self.unless_faulty("auth", lambda: self.sign_in(line))

    def sign_in(self, line: str) -> None:
        words = line.split(" ")
        if words[1].upper() == "PLAIN" and len(words) > 2:
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
            self.signed_in(user, password)
        elif words[1].upper() == "LOGIN":
            self.mode = "user"
            self.say("334 VXNlcm5hbWU6")
        else:
            self.say("504 5.5.4 not this way")

    def auth_line(self, line: str) -> None:
        if self.mode == "user":
            self.user, self.mode = base64.b64decode(line).decode(), "password"
            self.say("334 UGFzc3dvcmQ6")
        else:
            self.mode = "command"
            self.signed_in(self.user or "", base64.b64decode(line).decode())

    def signed_in(self, user: str, password: str) -> None:
        known = self.script.users.get(user) == password
        self.user = user if known else None
        self.say("235 2.7.0 welcome" if known else "535 5.7.8 user name or password is wrong")

    def do_mail(self, line: str) -> None:
        if self.script.users and self.user is None:
            self.say("530 5.7.0 sign in first")
        elif self.sender is not None:
            self.say("503 5.5.1 Sender already specified")
        else:
            self.unless_faulty("mail", lambda: self.take_sender(line))

    def take_sender(self, line: str) -> None:
        self.sender = _PATH.findall(line)[0]
        self.say("250 2.1.0 ok")

    def do_rcpt(self, line: str) -> None:
        if self.sender is None:
            self.say("503 5.5.1 MAIL first")
        else:
            self.unless_faulty("rcpt", lambda: self.take_recipient(line))

    def take_recipient(self, line: str) -> None:
        self.recipients.append(_PATH.findall(line)[0])
        self.say("250 2.1.5 ok")

    def do_data(self, _line: str) -> None:
        if not self.recipients and not self.sink.always_354:
            self.say("503 5.5.1 RCPT first")
        else:
            self.unless_faulty("data", self.begin_body)

    def begin_body(self) -> None:
        self.mode = "body"
        self.say("354 go ahead")

    def accept(self, stuffed: bytes) -> None:
        data = stuffed[1:] if stuffed.startswith(b".") else stuffed
        data = data.replace(b"\r\n..", b"\r\n.")
        sender, recipients = self.sender or "", tuple(self.recipients)
        self.clear()
        if not recipients:
            self.sink.empty += 1
            self.say("554 5.5.1 no valid recipients")
            return
        kept = Kept(sender, recipients, data, self.number)
        fault = self.fault("dot")
        if fault is None or fault.stored or fault.only_late:
            self.sink.store(kept)
        usual = f"250 2.0.0 Ok: queued as S{self.sink.count:06d}"
        if fault is None:
            self.say(usual)
        elif fault.only_late:
            self.later(fault.delay, lambda: self.say(usual))
        elif fault.delay:
            self.later(fault.delay, lambda: self.fail(fault))
        else:
            self.fail(fault)

    def clear(self) -> None:
        self.sender, self.recipients = None, []

    def do_rset(self, _line: str) -> None:
        self.unless_faulty("rset", self.begin_again)

    def begin_again(self) -> None:
        self.clear()
        self.say("250 2.0.0 ok")

    def do_noop(self, _line: str) -> None:
        self.say("250 2.0.0 ok")

    def do_quit(self, _line: str) -> None:
        self.unless_faulty("quit", self.leave)

    def leave(self) -> None:
        self.say("221 2.0.0 bye")
        self.flush()
        self.transport.close()
