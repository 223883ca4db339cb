"""Every refusal leaves as one problem document (RFC 9457); bugs stay 500 and show nothing of the inside."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from kernel import log
from kernel.errors import AriiaError, PlanLimit

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    402: "Plan limit reached",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible now",
    410: "Gone",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    503: "Not ready",
}


def problem(request: Request, status: int, code: str, detail: str, **extra: Any) -> JSONResponse:
    """Build a problem document with the request's id."""
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": getattr(request.state, "request_id", None),
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004
    return JSONResponse({**body, **extra}, status_code=status, media_type=MEDIA_TYPE, headers=headers)


_EXAMPLES: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("bad_request", "There was an error parsing the body.", {}),
    401: ("bad_key", "This key is unknown, expired or revoked. Issue another one.", {}),
    402: (
        "plan_limit",
        "The plan starter allows 1 broadcast a month; 1 is used. Way out: upgrade to professional or wait.",
        {"limit": "broadcasts", "allowed": 1, "used": 1, "resets_at": "2026-11-30T23:00:00+00:00",
         "lifted_by": "professional"},
    ),
    403: ("missing_scope", "This key lacks the scope 'campaigns:write'. Issue one that has it.",
          {"scope": "campaigns:write"}),
    404: ("not_found", "There is no campaign with this id here. Check the id and the key's tenant.",
          {"thing": "campaign"}),
    409: ("illegal_step", "A campaign that is sent cannot pause. Possible now: retry_failed.",
          {"verb": "pause", "state": "sent", "allowed": ["retry_failed"]}),
    413: ("too_large", "The body is too large.", {}),
    422: ("invalid", "name: Field required",
          {"errors": [{"field": "name", "detail": "Field required", "code": "missing"}]}),
    503: ("database_unavailable", "The database does not answer or took too long. Try again soon.", {}),
}  # fmt: skip


def example(status: int) -> dict[str, Any]:
    """Return a refusal as it may be sent with this status, for the OpenAPI document."""
    code, detail, extra = _EXAMPLES[status]
    known = {"type": f"/problems/{code}", "title": _TITLES[status], "status": status, "code": code, "detail": detail}
    return {**known, "request_id": "01a1ff84-4a96-7b03-a760-d0318e2139e6", **extra}


def _refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AriiaError)  # noqa: S101 - registered for this class
    return refused(request, error)


def refused(request: Request, error: AriiaError) -> JSONResponse:
    """Build the problem document of a refusal; where it has the sentence in the reader's language, in that one."""
    translations = {"en": error.detail, **(error.translations if isinstance(error, PlanLimit) else {})}
    language = preferred_language(request.headers.get("accept-language", ""), tuple(translations))
    response = problem(request, error.status, error.code, translations[language], **_plain(error.extra))
    if len(translations) > 1:
        response.headers["Content-Language"] = language
    return response


def preferred_language(header: str, known: Sequence[str]) -> str:
    """Return which of the known languages an Accept-Language header prefers (RFC 9110 §12.5.4); else the first."""
    wishes = []
    for n, part in enumerate(header.split(",")[:20]):
        name, _, weight = part.partition(";")
        quality = weight.strip().removeprefix("q=") if weight else "1"
        try:
            wishes.append((-float(quality), n, name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    fitting = (name for quality, _, name in sorted(wishes) if quality < 0 and name in known)
    return next(fitting, known[0])


def _plain(extra: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in extra.items() if key not in {"type", "title", "status", "code", "detail"}}


def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = [
        {"field": _path(item["loc"]), "detail": item["msg"].removeprefix("Value error, "), "code": item["type"]}
        for item in error.errors()
    ]
    first = errors[0] if errors else {"field": "body", "detail": "cannot be read"}
    return problem(request, 422, "invalid", f"{first['field']}: {first['detail']}", errors=errors)


def _path(location: tuple[Any, ...]) -> str:
    parts = [str(part) for part in location if part not in {"body", "query", "path", "header"}]
    return ".".join(parts) or str(location[0])


def http_refusal(request: Request, error: Exception) -> JSONResponse:
    """Build the problem document of what the router or a dependency refused."""
    assert isinstance(error, HTTPException)  # noqa: S101
    code = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}.get(error.status_code, "refused")
    response = problem(request, error.status_code, code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


def _stale(request: Request, _error: Exception) -> JSONResponse:
    return problem(
        request, 409, "stale_version", "Somebody changed this meanwhile. Load it again and repeat the change."
    )


def _data(request: Request, _error: Exception) -> JSONResponse:
    return problem(request, 422, "invalid", "A value cannot be stored: it is too large or holds a NUL character.")


def _database(request: Request, error: Exception) -> JSONResponse:
    log.get("api").error("database.unavailable", error=type(error).__name__)
    return problem(
        request, 503, "database_unavailable", "The database does not answer or took too long. Try again soon."
    )


def _bug(request: Request, error: Exception) -> JSONResponse:
    log.get("api").error("request.failed", error=type(error).__name__, exc_info=error)
    return problem(request, 500, "internal", "Something went wrong on our side. The request id finds it in the log.")


def install(app: FastAPI) -> None:
    """Register the one handler per kind of error."""
    app.add_exception_handler(AriiaError, _refusal)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, http_refusal)
    app.add_exception_handler(StaleDataError, _stale)
    app.add_exception_handler(DataError, _data)
    app.add_exception_handler(OperationalError, _database)
    app.add_exception_handler(Exception, _bug)
