"""A request is worked on by one thread, and its transaction is over before the answer leaves."""

import importlib
import pkgutil
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient

from api import errors, routes
from api.deps import columns_of
from api.schemas.campaigns import CampaignRow
from api.threads import ThreadRoute
from kernel.errors import NotFound
from models import Campaign

# Doors of providers, which look at the raw body; liveness, which must answer when no thread is free.
_OTHERS = {"hooks", "health", "public"}


class _Named(BaseModel):
    name: str


class _Seen:
    """What happened in which thread, in order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []

    def note(self, step: str) -> None:
        self.steps.append((step, threading.get_ident()))

    @property
    def names(self) -> list[str]:
        return [step for step, _ in self.steps]

    @property
    def threads(self) -> set[int]:
        return {thread for _, thread in self.steps}


def _application(seen: _Seen) -> FastAPI:
    router = APIRouter(route_class=ThreadRoute)

    def who() -> str:
        seen.note("who")
        return "ada"

    def opened(name: Annotated[str, Depends(who)]) -> Iterator[str]:
        try:
            yield f"{name}'s"
        except NotFound:
            seen.note("rolled back")
            raise
        seen.note("committed")

    async def allowed(name: Annotated[str, Depends(who)]) -> str:
        seen.note("allowed")
        return name

    rows_of = Annotated[str, Depends(opened, scope="function")]
    allowing = Annotated[str, Depends(allowed)]

    @router.post("/rows/{n}")
    def make_row(n: int, payload: _Named, rows: rows_of, _who: allowing) -> _Named:
        seen.note("route")
        if n == 0:
            raise NotFound("row")
        return _Named(name=f"{rows} {payload.name} {n}")

    app = FastAPI()
    app.include_router(router)
    errors.install(app)

    @app.middleware("http")
    async def leaves(request: Any, following: Any) -> Any:
        response = await following(request)
        seen.steps.append((f"answer {response.status_code}", -1))
        return response

    return app


def test_one_thread_does_everything_and_commits_before_the_answer():
    seen = _Seen()
    with TestClient(_application(seen)) as client:
        found = client.post("/rows/7", json={"name": "list"})
    assert found.json() == {"name": "ada's list 7"}
    assert seen.names == ["who", "allowed", "route", "committed", "answer 200"]
    assert len(seen.threads - {-1}) == 1


def test_a_refusal_rolls_back_before_it_leaves():
    seen = _Seen()
    with TestClient(_application(seen)) as client:
        assert client.post("/rows/0", json={"name": "list"}).json()["code"] == "not_found"
        assert client.post("/rows/7", json={"other": "list"}).status_code == 422
        assert client.post("/rows/7", content=b"{", headers={"content-type": "application/json"}).status_code == 422
    assert seen.names[:5] == ["who", "allowed", "route", "rolled back", "answer 404"]
    assert "route" not in seen.names[5:]


def test_a_dependency_that_waits_for_the_loop_is_a_bug_that_shows():
    router = APIRouter(route_class=ThreadRoute)

    class _Never:
        def __await__(self) -> Iterator[None]:
            yield

    async def waits() -> None:
        await _Never()

    @router.get("/")
    def show(_nothing: Annotated[None, Depends(waits)]) -> None:
        raise AssertionError

    app = FastAPI()
    app.include_router(router)
    with TestClient(app) as client, pytest.raises(RuntimeError, match="waits for the loop"):
        client.get("/")


def test_every_route_of_the_api_goes_through_one_thread():
    found = 0
    for module in pkgutil.iter_modules(routes.__path__):
        if module.name in _OTHERS:
            continue
        for router in vars(importlib.import_module(f"api.routes.{module.name}")).values():
            if isinstance(router, APIRouter):
                assert all(isinstance(route, ThreadRoute) for route in router.routes), module.name
                found += len(router.routes)
    assert found > 150


def test_a_list_reads_the_columns_it_shows():
    columns = columns_of(Campaign, CampaignRow)
    assert set(columns) == set(CampaignRow.model_fields) - {"counts"}

    class Shape(BaseModel):
        metadata: str

    with pytest.raises(TypeError, match=r"Campaign.metadata is no column"):
        columns_of(Campaign, Shape)
