"""A real Postfix, private to the test, sends what it cannot deliver back to our door."""

import asyncio
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from domain.delivery import return_path
from domain.returns import mail
from kernel import db
from models import InboundMail, Message, Suppression
from tests.domain.returns.conftest import DOMAIN, sent

POSTFIX = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DAEMONS = Path("/usr/lib/postfix/sbin")

pytestmark = pytest.mark.skipif(
    POSTFIX is None or not DAEMONS.exists() or os.geteuid() != 0,
    reason="needs Postfix and root: its master insists on root as the owner of its folders",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def configure(folder: Path, relay: int, door: int, refuser: int) -> Path:
    config, queue, data = folder / "etc", folder / "queue", folder / "data"
    for each in (config, queue, data):
        each.mkdir()
    shutil.chown(data, "postfix", "postfix")
    (config / "main.cf").write_text(
        f"""compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
daemon_directory = {DAEMONS}
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = relay.studio.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
transport_maps = inline:{{ {{ {DOMAIN} = smtp:[127.0.0.1]:{door} }} }}
relayhost = [127.0.0.1]:{refuser}
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
biff = no
"""
    )
    (config / "master.cf").write_text(
        f"""127.0.0.1:{relay} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
showq unix n - n - - showq
flush unix n - n 1000? 0 flush
"""
    )
    return config


def end(pid_file: Path) -> None:
    """End the master that this test started, should it still be there; nobody else's pid stands in its folder."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    for _ in range(50):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        time.sleep(0.1)


class Refuser:
    """A server that knows nobody: the far end of the relay."""

    def __init__(self) -> None:
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        async def talk(reader, writer) -> None:
            writer.write(b"220 mx.kunde.example ESMTP\r\n")
            while line := (await reader.readline()).upper():
                if line.startswith(b"RCPT"):
                    writer.write(b"550 5.1.1 <anna@kunde.example>: User unknown\r\n")
                elif line.startswith(b"QUIT"):
                    writer.write(b"221 2.0.0 Bye\r\n")
                    break
                else:
                    writer.write(b"250 2.0.0 OK\r\n")
                await writer.drain()
            writer.close()

        async def serve() -> None:
            server = await asyncio.start_server(talk, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._end = asyncio.Event()
            self._ready.set()
            await self._end.wait()
            server.close()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)


@pytest.fixture
def relay(door, tmp_path) -> Iterator[int]:
    folder = Path("/tmp") / f"ariia-postfix-{os.getpid()}"  # the sockets' paths must be short and open to "postfix"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    refuser = Refuser()
    port = free_port()
    config = configure(folder, port, door.ports["smtp"], refuser.port)
    log = (folder / "start.log").open("w")
    master = subprocess.Popen([POSTFIX, "-c", str(config), "start-fg"], stdout=log, stderr=log)
    try:
        for _ in range(600):
            if master.poll() is not None:
                pytest.skip(f"Postfix does not run here: {(folder / 'start.log').read_text()[-300:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        subprocess.run([POSTFIX, "-c", str(config), "abort"], stdout=log, stderr=log, check=False, timeout=60)
        end(folder / "queue" / "pid" / "master.pid")
        if master.poll() is None:
            master.terminate()
        master.wait(60)
        log.close()
        refuser.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_what_a_real_relay_cannot_deliver_comes_back_and_suppresses_the_address(relay, tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    path = return_path.address_for(tenants.a, message.id, DOMAIN)
    with smtplib.SMTP("127.0.0.1", relay, local_hostname="app.studio.example", timeout=60) as client:
        text = f"From: hallo@studio.example\r\nTo: anna@kunde.example\r\nMessage-ID: <{message.id}@studio.example>\r\n"
        client.sendmail(path, ["anna@kunde.example"], text + "Subject: Hallo\r\n\r\nHallo!\r\n")
    kept = None
    for _ in range(900):
        with db.tenant_session(tenants.a) as session:
            kept = session.execute(select(InboundMail.id)).scalar_one_or_none()
        if kept is not None:
            break
        time.sleep(0.1)
    assert kept is not None
    with db.tenant_session(tenants.a) as session:
        assert mail.read(session, kept) == "hard"
        assert session.execute(select(Message.state).where(Message.id == message.id)).scalar_one() == "bounced"
        assert session.execute(select(Suppression.address_norm)).scalar_one() == "anna@kunde.example"
