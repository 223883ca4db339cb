"""Finding a route by the first part of its path, where FastAPI alone tries all routes one after the other."""

from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class Area(APIRouter):
    """The routes under one first part, `/campaigns`; a request for another part passes without a look at them."""

    def __init__(self, prefix: str, first: str) -> None:
        super().__init__()
        self._paths = (f"{prefix}/{first}", f"{prefix}/{first}/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path != self._paths[0] and not path.startswith(self._paths[1]):
            return Match.NONE, {}
        return super().matches(scope)


def areas(prefix: str, routers: Iterable[APIRouter]) -> list[Area]:
    """Sort the routes of the routers, which will be included under `prefix`, by the first part of their paths.

    Routes of one part keep their order. Raises TypeError for what is no route with a path.
    """
    found: dict[str, Area] = {}
    for router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute):
                raise TypeError(f"{route!r} is no route of the API")
            first = route.path.split("/")[1]
            found.setdefault(first, Area(prefix, first)).routes.append(route)
    return list(found.values())
