"""Is the process alive, is it ready, and its figures."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text

from api import figures
from api.errors import problem
from kernel import db

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Answer while the process lives."""
    return {"status": "ok"}


@router.get("/ready", response_model=None)
def ready(request: Request) -> Response | dict[str, str]:
    """Answer 200 when the database takes statements, else 503."""
    try:
        with db.all_tenants_session("ready") as session:
            session.execute(text("SELECT 1"))
    except Exception as error:  # noqa: BLE001 - any failure means: not ready
        return problem(request, 503, "not_ready", f"The database does not answer ({type(error).__name__}).")
    return {"status": "ready"}


@router.get("/metrics", include_in_schema=False)
def metrics() -> Response:
    """Figures for Prometheus."""
    return Response(figures.counted() + figures.live(), media_type=CONTENT_TYPE_LATEST)
