"""The sender process of `bench/growth.py`: imports what sending needs, and says in JSON what it used."""

import json
import resource
import sys
import time
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from channels.email import settings as relays
from domain.delivery import engine, outlets
from domain.delivery.claim import Work
from kernel import db, settings

_SESSIONS = 64


def main() -> None:
    url, folder, tenant_id, campaign_id, port, messages = sys.argv[1:]
    settings.use(settings.Settings(data_dir=Path(folder), database_url=url, log_level="error"))
    db.configure(url)
    work, relay, sent = Work(UUID(campaign_id), "email"), relays.parse(f"smtp://127.0.0.1:{port}"), 0
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    while sent < int(messages):
        outlet = outlets.through(relay, _SESSIONS)
        sent += engine.send(UUID(tenant_id), work, outlet, lease_seconds=60, seconds=2).sent
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds = time.perf_counter() - began
    print(json.dumps({"sent": sent, "seconds": seconds, "cpu": cpu, "memory": after.ru_maxrss * 1_024}))


if __name__ == "__main__":
    main()
