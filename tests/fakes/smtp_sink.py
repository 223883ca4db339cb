"""A scripted SMTP server on loopback: it keeps what it accepts, and fails where a test tells it to.

In a test: `with SmtpSink(faults=[Fault("rcpt", reply="550 5.1.1 no such user", every=3)]) as sink: … sink.url`.
As a process: `python tests/fakes/smtp_sink.py --port-file F --dump D`; D gets one line per accepted message.
"""

import argparse
import asyncio
import os
import signal
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes.smtp_conversation import Conversation, Fault, Kept, Script

__all__ = ["Fault", "Kept", "Script", "SmtpSink", "sink_process"]


class SmtpSink:
    """The server, in a thread of its own. `messages` and `count` are what it said yes to, and what it kept."""

    def __init__(
        self,
        faults: Sequence[Fault] = (),
        *,
        dump: Path | None = None,
        always_354: bool = False,
        tls: ssl.SSLContext | None = None,
        **script: object,
    ) -> None:
        self.script = Script(list(faults), **script)  # type: ignore[arg-type]
        self.always_354 = always_354  # answers DATA with 354 although no recipient was taken
        self.messages: list[Kept] = []
        self.count = 0
        self.empty = 0
        self.connections = 0
        self.commands: Counter[str] = Counter()
        self.conversations: set[Conversation] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self._tls = tls
        self._dump = os.open(dump, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if dump else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), name="smtp-sink", daemon=True)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def faults(self) -> list[Fault]:
        return self.script.faults

    def store(self, kept: Kept) -> None:
        self.count += 1
        if self.script.keep:
            self.messages.append(kept)
        if self._dump is not None:
            os.write(self._dump, f"{kept.message_id}\n".encode())

    def _converse(self) -> Conversation:
        self.connections += 1
        return Conversation(self, self.connections)

    async def serve(self, started: Callable[[], None] | None = None) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await loop.create_server(self._converse, "127.0.0.1", self.port, ssl=self._tls, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        (started or self._ready.set)()
        async with server:
            await self._stop.wait()
            server.close()
            for conversation in list(self.conversations):
                conversation.transport.abort()
            for task in list(self.tasks):
                task.cancel()
            await asyncio.sleep(0)

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join(60)
        if self._dump is not None:
            os.close(self._dump)
        assert not self._thread.is_alive()


@contextmanager
def sink_process(folder: Path, *options: str) -> Iterator[tuple[int, Path]]:
    """Run the sink as a process of its own; yields its port and the file of accepted Message-IDs."""
    import subprocess  # noqa: PLC0415

    port_file, dump = folder / "sink.port", folder / "sink.dump"
    arguments = [sys.executable, __file__, "--port-file", str(port_file), "--dump", str(dump), *options]
    with subprocess.Popen(arguments) as process:
        try:
            waiting = threading.Event()
            while not port_file.exists():
                assert process.poll() is None, "the sink did not start"
                waiting.wait(0.02)
            yield int(port_file.read_text()), dump
        finally:
            process.terminate()


async def _serve_until_signalled(sink: SmtpSink, port_file: Path) -> None:
    def started() -> None:
        draft = port_file.with_suffix(".draft")
        draft.write_text(str(sink.port))
        draft.rename(port_file)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, sink.stop)
    await sink.serve(started)


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted SMTP sink on loopback.")
    parser.add_argument("--port-file", type=Path, required=True, help="gets the port when the sink listens")
    parser.add_argument("--dump", type=Path, help="gets one line per accepted message: its Message-ID")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--delay-at-dot", type=float, default=0, help="seconds between storing and answering")
    parser.add_argument("--disconnect-at-dot", type=int, default=0, help="store every n-th message and disconnect")
    parser.add_argument("--refuse-recipient", type=int, default=0, help="refuse every n-th recipient with 550")
    chosen = parser.parse_args()
    faults = []
    if chosen.refuse_recipient:
        faults.append(Fault("rcpt", reply="550 5.1.1 no such user", every=chosen.refuse_recipient))
    if chosen.disconnect_at_dot:
        faults.append(Fault("dot", every=chosen.disconnect_at_dot, stored=True))
    if chosen.delay_at_dot:
        faults.append(Fault("dot", only_late=True, delay=chosen.delay_at_dot))
    sink = SmtpSink(faults, dump=chosen.dump, keep=False, pipelining=not chosen.no_pipelining)
    sink.port = chosen.port
    asyncio.run(_serve_until_signalled(sink, chosen.port_file))


if __name__ == "__main__":
    main()
