"""A sender that a test kills: works on one campaign until it is complete. Run by path.

With a last argument it says that it is there by a file of that name with its process id, and begins when the file is.
"""

import os
import sys
import time
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from channels.email import settings as relays
from domain.campaigns import service as campaigns
from domain.delivery import engine, outlets, recovery
from domain.delivery.claim import Work
from kernel import db, settings


def main() -> None:
    database_url, app_role, data_dir, tenant, campaign, port, sessions, lease, *gate = sys.argv[1:]
    settings.use(settings.Settings(data_dir=Path(data_dir), database_url=database_url))
    db.configure(database_url, app_role=app_role or None)
    tenant_id, campaign_id = UUID(tenant), UUID(campaign)
    outlet = outlets.through(relays.parse(f"smtp://127.0.0.1:{port}"), int(sessions))
    for name in gate:
        Path(f"{name}.{os.getpid()}").touch()
        while not Path(name).exists():
            time.sleep(0.001)
    while True:
        engine.send(tenant_id, Work(campaign_id, "email"), outlet, lease_seconds=int(lease), seconds=20)
        with db.tenant_session(tenant_id) as session:
            recovery.sweep(session)
            if campaigns.get(session, campaign_id).status != "sending":
                return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
