"""What a person meets who opens the service in a browser without a link: what this is, and what to do."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from api import errors, pages
from preview import csp

_TEMPLATES = Path(__file__).parent / "templates"
_API = "/api/"
_NO_ADDRESS = frozenset({404, 405})
router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
def front(request: Request) -> Response:
    """Tell people where campaigns are approved and where one signs in; programs get the same as a problem document."""
    if not pages.for_people(request):
        detail = "There is nothing here. The API is at /api/v1 and described by /openapi.json."
        return errors.problem(request, 404, "not_found", detail)
    text = pages.render(_TEMPLATES, "front.html", pages.Look.of(request), request, path="/")
    return pages.html(text, headers=csp.PUBLIC)


def install(app: FastAPI, refuse: pages.Refuse) -> None:
    """Add the page, and answer people at an address that is none with `refuse`; programs get problem documents."""
    app.include_router(router)
    app.add_exception_handler(HTTPException, _lost(refuse))


def _lost(refuse: pages.Refuse) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status in _NO_ADDRESS and not request.url.path.startswith(_API) and pages.for_people(request):
            return refuse(request, status, "refused", {})
        return errors.http_refusal(request, error)

    return answer
