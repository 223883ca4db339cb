"""The web process: the API, the public pages, and, without Redis, worker and beat inside."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api.app import create_app
from ariia import process, worker
from domain.tracking import ingest
from kernel.settings import get_settings
from preview import routes as preview

# Requests worked on at once. More threads than this only wait for each other (bench/api.py).
_THREADS = 6


@asynccontextmanager
async def _background(_app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = _THREADS
    redis_url = get_settings().redis_url
    work: worker.InProcess | worker.Bell
    if redis_url is None:
        work = await run_in_threadpool(worker.start_in_process)
    else:
        work = worker.ring_through(redis_url)
    await run_in_threadpool(ingest.start)
    # What is loaded now stays: the collector need not walk over it while requests wait.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        await run_in_threadpool(ingest.stop)
        await run_in_threadpool(work.stop)


def build() -> FastAPI:
    """Return the whole application; the database must be prepared."""
    app = create_app(lifespan=_background)
    preview.install(app)
    return app


def create() -> FastAPI:
    """Prepare the process and build the application, for `uvicorn --factory ariia.web:create`."""
    process.prepare()
    return build()
