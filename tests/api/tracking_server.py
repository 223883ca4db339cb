"""The API with its doors in a process of its own: `python tracking_server.py <port> <database> <folder> <secret>`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from domain.tracking import ingest
from kernel import db, log, settings


@asynccontextmanager
async def taking(_app: FastAPI) -> AsyncIterator[None]:
    ingest.start()
    yield
    ingest.stop()


def main() -> None:
    port, database, folder, secret, role = sys.argv[1:]
    log.configure("error")
    settings.use(settings.Settings(data_dir=Path(folder), database_url=database, secret_key=SecretStr(secret)))
    db.configure(database, app_role=role or None)
    uvicorn.run(create_app(lifespan=taking), host="127.0.0.1", port=int(port), log_config=None, access_log=False)


if __name__ == "__main__":
    main()
