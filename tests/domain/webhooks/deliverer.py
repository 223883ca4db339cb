"""A deliverer that a test kills: delivers for one tenant until nothing is due. Run by path."""

import sys
import threading
import time
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from domain.webhooks import deliveries, run
from kernel import db, settings


def main() -> None:
    database_url, app_role, data_dir, tenant = sys.argv[1:]
    settings.use(settings.Settings(data_dir=Path(data_dir), database_url=database_url, egress_allow="127.0.0.0/8"))
    db.configure(database_url, app_role=app_role or None)
    tenant_id = UUID(tenant)
    while True:
        run.deliver(tenant_id, seconds=4.0, stop=threading.Event())
        with db.tenant_session(tenant_id) as session:
            if deliveries.next_due(session) is None:
                return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
