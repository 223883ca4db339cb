"""Our SMTP client against Postfix's smtp-source: messages a second into the same smtp-sink, same size and sessions.

`python bench/smtp_client.py [--quick]`; rounds are interleaved (A B A B), the ratio is taken per round. Needs Debian's
package postfix (smtp-sink and smtp-source; the service stays off). Also measures what splicing one message costs.
"""

import argparse
import asyncio
import contextlib
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from channels.email import adapter
from channels.email.mime import Parts, Skeleton
from channels.email.smtp import Envelope, SmtpPool

SBIN = os.pathsep.join([os.defpath, "/usr/sbin"])
SIZE = 2_048


def tool(name: str) -> str:
    found = shutil.which(name, path=SBIN)
    if found is None:
        sys.exit(f"{name} is missing: apt-get install --no-install-recommends postfix")
    return found


@contextlib.contextmanager
def smtp_sink() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([tool("smtp-sink"), *user, f"127.0.0.1:{port}", "1024"]) as process:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
                if connection.recv(3) == b"220" and process.poll() is None:
                    break
            time.sleep(0.05)
        else:
            sys.exit("smtp-sink did not start")
        try:
            yield port
        finally:
            process.terminate()


def theirs(port: int, count: int, sessions: int) -> float:
    """Messages a second of smtp-source; -d keeps the connection for the next message."""
    arguments = [tool("smtp-source"), "-d", "-s", str(sessions), "-m", str(count), "-l", str(SIZE)]
    started = time.perf_counter()
    subprocess.run(
        [*arguments, "-f", "bounce@studio.example", "-t", "anna@mail.example", f"inet:127.0.0.1:{port}"], check=True
    )
    return count / (time.perf_counter() - started)


def message() -> bytes:
    head = b"From: studio <info@studio.example>\r\nTo: anna@mail.example\r\nSubject: bench\r\n\r\n"
    line = b"A line of a message that has the size of the one smtp-source sends.\r\n"
    return (head + line * 64)[: SIZE - 2] + b"\r\n"


async def hand_over(port: int, count: int, sessions: int) -> int:
    envelope = Envelope("bounce@studio.example", "anna@mail.example", message())
    accepted = 0
    left = iter(range(count))

    async def mark() -> None:
        return

    async def worker(pool: SmtpPool) -> None:
        nonlocal accepted
        async with pool.session() as session:
            for _ in left:
                await session.send(envelope, before_dot=mark)
                accepted += 1

    async with SmtpPool(f"smtp://127.0.0.1:{port}", sessions) as pool:
        await asyncio.gather(*(worker(pool) for _ in range(sessions)))
    return accepted


def ours(port: int, count: int, sessions: int, runner: Callable[..., int]) -> tuple[float, float]:
    """Messages a second, and microseconds of CPU per message."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    accepted = runner(hand_over(port, count, sessions))
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    if accepted != count:
        sys.exit(f"only {accepted} of {count} were accepted")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / seconds, cpu / count * 1e6


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def compare(count: int, rounds: int) -> None:
    print(f"{count} messages of {SIZE} bytes, {rounds} rounds; ratio = ours / smtp-source, median (spread)")
    print("sessions | smtp-source/s | ours/s (uvloop) | ratio | ours/s (asyncio) | ratio | µs CPU uvloop / asyncio")
    for sessions in (1, 4, 16, 64):
        rows: list[tuple[float, ...]] = []
        with smtp_sink() as port:
            ours(port, 200, sessions, adapter.run)
            for _ in range(rounds):
                source = theirs(port, count, sessions)
                fast, fast_cpu = ours(port, count, sessions, adapter.run)
                plain, plain_cpu = ours(port, count, sessions, asyncio.run)
                rows.append((source, fast, fast_cpu, plain, plain_cpu))
        source, fast, fast_cpu, plain, plain_cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        ratios = (spread([row[1] / row[0] for row in rows]), spread([row[3] / row[0] for row in rows]))
        print(
            f"{sessions:8} | {source:13.0f} | {fast:15.0f} | {ratios[0]} | {plain:16.0f} |"
            f" {ratios[1]} | {fast_cpu:.0f} / {plain_cpu:.0f}"
        )


def splice(rounds: int) -> None:
    """A message of 3.5 KB with six holes, non-ASCII names and a subject of its own."""
    paragraph = "<p>Grüße aus Köln: ein Absatz, wie er in einer Kampagne steht, mit <a href=x>Verweis</a>.</p>\n"
    skeleton = Skeleton.compile(
        subject=["Hallo ", 0, ", dein Kurs wartet"],
        html=[paragraph * 5, 0, paragraph * 5, 1, paragraph * 5, 2, paragraph * 4],
        text=["Hallo ", 0, ",\n\n" + "Ein Absatz des Textes.\n" * 20, 1, "\nViele Grüße\n"],
        from_name="Studio Köln",
        from_address="info@studio.example",
        list_id="news.studio.example",
        feedback_id="c1:t1:campaign:ariia",
    )
    url = "https://mail.studio.example/c/" + "a" * 64
    parts = Parts(
        to_address="joerg@mail.example", to_name="Jörg Müller", message_id="m1@studio.example", subject=["Jörg"],
        date="Sun, 01 Mar 2026 09:30:00 +0000", html=["Jörg", url, url], text=["Jörg", url], list_unsubscribe=url,
    )  # fmt: skip
    size, times = len(skeleton.splice(parts)), []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(2_000):
            skeleton.splice(parts)
        times.append((time.perf_counter() - started) / 2_000 * 1e6)
    print(f"splice: {size} bytes, 6 holes: {min(times):.1f} µs best, {statistics.median(times):.1f} µs median")


def main() -> None:
    parser = argparse.ArgumentParser(description="Our SMTP client against smtp-source.")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    splice(3 if quick else 9)
    compare(1_000 if quick else 5_000, 2 if quick else 5)


if __name__ == "__main__":
    main()
