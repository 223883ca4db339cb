"""Public pages by token: see, comment, ask for a change, approve, reject; unsubscribe. GET and HEAD change nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, FastAPI, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api import pages
from domain.campaigns import previews, reviews
from domain.campaigns.reviews import Decision
from domain.delivery import service as delivery
from domain.identity import tenants
from kernel import db
from kernel.errors import AriiaError, Forbidden, Gone, NotFound
from kernel.tokens import BadToken, get_signer
from preview import view

router = APIRouter(include_in_schema=False)
WISHES = {
    "de": ("kürzer", "persönlicher", "förmlicher", "anderes Angebot", "anderer Betreff"),
    "en": ("shorter", "more personal", "more formal", "other offer", "other subject"),
}
_LONGEST = 2_000


def _page(template: str, language: str, status: int = 200, **context: object) -> HTMLResponse:
    body = pages.render(template, language, **context)
    headers = {**pages.PUBLIC_HEADERS, "Content-Security-Policy": pages.CONTENT_POLICY}
    return HTMLResponse(body, status_code=status, headers=headers)


def _problem(request: Request, error: AriiaError, found: previews.Found | None = None) -> HTMLResponse:
    """Say what is the matter with a link, who to ask, and what happens next."""
    language = pages.language_of(request, "")
    name = ""
    if found is not None:
        with db.tenant_session(found.tenant_id) as session:
            tenant = tenants.current(session)
            name, language = tenant.name, pages.language_of(request, tenant.language)
    reason = str(error.extra.get("reason") or error.code)
    token = request.path_params.get("token", "")
    return _page(
        "problem.html", language, error.status, reason=reason, detail=error.detail, tenant=name, token=token,
        csrf=pages.csrf(token), path=request.url.path,
    )  # fmt: skip


def _approval(
    request: Request, token: str, member: int, lang: str | None, *, status: int = 200, **context: object
) -> HTMLResponse:
    found = previews.find(token)
    with db.tenant_session(found.tenant_id) as session:
        tenant_language = tenants.current(session).language
        language = pages.language_of(request, tenant_language)
        shown = view.build(session, found.link_id, member=member, language=lang, page_language=language)
        values: dict[str, object] = {
            "v": shown,
            "token": token,
            "csrf": pages.csrf(token),
            "wishes": WISHES[language],
            "plain": request.query_params.get("view") == "text",
            "dark": request.query_params.get("dark") == "1",
            "moment": lambda instant: pages.moment(instant, shown.tenant.time_zone, language),
            "place": lambda path: view.place(path, language),
            "error": None,
            "confirm": None,
            "typed": {},
            **context,
        }
        return _page("approval.html", language, status, **values)


@router.api_route("/p/{token}", methods=["GET", "HEAD"])
def see(
    request: Request,
    token: str,
    member: Annotated[int, Query(ge=0, le=20)] = 0,
    lang: Annotated[str | None, Query(max_length=5)] = None,
) -> Response:
    """Show the draft as one of the chosen members would see it."""
    try:
        return _approval(request, token, member, lang)
    except NotFound as error:
        return _problem(request, error)
    except Gone as error:
        return _problem(request, error, previews.find(token))


@router.api_route("/p/{token}/mail", methods=["GET", "HEAD"])
def see_mail(
    request: Request,
    token: str,
    member: Annotated[int, Query(ge=0, le=20)] = 0,
    lang: Annotated[str | None, Query(max_length=5)] = None,
    dark: Annotated[str, Query(pattern="^[01]$")] = "0",
) -> Response:
    """Return the mail itself for the sandboxed frame, under its own policy."""
    try:
        found = previews.find(token)
        with db.tenant_session(found.tenant_id) as session:
            shown = view.build(session, found.link_id, member=member, language=lang, page_language="de")
    except (NotFound, Gone) as error:
        return _problem(request, error)
    scheme = "@media all" if dark == "1" else "@media not all"
    body = shown.mail.html.replace("@media (prefers-color-scheme: dark)", scheme)
    return HTMLResponse(body, headers={**pages.PUBLIC_HEADERS, "Content-Security-Policy": pages.FRAME_POLICY})


@router.post("/p/{token}/decision")
def decide(
    request: Request,
    token: str,
    decision: Annotated[str, Form(pattern="^(approve|revise|reject|comment)$")],
    content_hash: Annotated[str, Form(max_length=64)],
    csrf: Annotated[str, Form(max_length=64)],
    comment: Annotated[str, Form()] = "",
    name: Annotated[str, Form(max_length=200)] = "",
    wish: Annotated[list[str] | None, Form()] = None,
    confirm: Annotated[str, Form(max_length=1)] = "",
) -> Response:
    """Take the decision: approve only after a page that repeats what will happen."""
    typed: dict[str, object] = {"comment": comment[:_LONGEST], "name": name, "wish": wish or []}
    try:
        found = previews.find(token)
        if not pages.is_own_form(request, token, csrf):
            raise Forbidden("This form is not from this page. Open the link again.", code="bad_csrf")
        if decision in {"approve", "reject"} and not confirm:
            return _approval(request, token, 0, None, confirm=decision, typed=typed)
        _take(request, found, decision, content_hash, typed)
    except Gone as error:
        return _problem(request, error, previews.find(token))
    except NotFound as error:
        return _problem(request, error)
    except AriiaError as error:
        return _approval(request, token, 0, None, status=error.status, error=error, typed=typed)
    return RedirectResponse(f"/p/{token}", status_code=303, headers=pages.PUBLIC_HEADERS)


def _take(request: Request, found: previews.Found, verb: str, content_hash: str, typed: dict[str, object]) -> None:
    with db.tenant_session(found.tenant_id) as session:
        link = previews.open_link(session, found.link_id)
        if link.purpose != "approve":
            raise Forbidden("This link only shows the draft; it cannot decide.", code="view_only")
        wishes = typed["wish"]
        decision = Decision(
            actor=f"link:{link.id}",
            name=str(typed["name"]) or None,
            revision_id=link.revision_id,
            content_hash=content_hash,
            comment=str(typed["comment"]) or None,
            wishes=tuple(str(item)[:60] for item in wishes) if isinstance(wishes, list) else (),
            evidence={"ip": _short_address(request), "agent": request.headers.get("user-agent", "")[:200]},
        )
        actions = {
            "approve": reviews.approve,
            "revise": reviews.request_changes,
            "reject": reviews.reject,
            "comment": reviews.comment,
        }
        actions[verb](session, link.campaign_id, decision)


def _short_address(request: Request) -> str:
    """Return the client's address without its last part, enough for the record."""
    host = request.client.host if request.client else ""
    return host.rpartition(".")[0] + ".0" if "." in host else host[:12]


@router.post("/p/{token}/next")
def open_next(request: Request, token: str, csrf: Annotated[str, Form(max_length=64)]) -> Response:
    """Lead the holder of a superseded link to the newest draft, within the life of that link."""
    try:
        found = previews.find(token)
        if not pages.is_own_form(request, token, csrf):
            raise Forbidden("This form is not from this page. Open the link again.", code="bad_csrf")
        with db.tenant_session(found.tenant_id) as session:
            url = previews.follow(session, found.link_id).url
    except AriiaError as error:
        return _problem(request, error)
    return RedirectResponse(url, status_code=303, headers=pages.PUBLIC_HEADERS)


def _message_of(token: str) -> tuple[UUID, UUID]:
    try:
        signed = get_signer().read("u", token)
    except BadToken:
        raise NotFound("page") from None
    return signed.tenant_id, signed.ref_id


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
def preferences(request: Request, token: str) -> Response:
    """Show what unsubscribing means; it needs one click more, because mail scanners open links."""
    if token == "preview":  # noqa: S105 - the word in preview mails
        return _page("unsubscribe.html", pages.language_of(request, ""), tenant="", done=False, preview=True, path="")
    try:
        tenant_id, message_id = _message_of(token)
    except NotFound as error:
        return _problem(request, error)
    with db.tenant_session(tenant_id) as session:
        message = delivery.find(session, message_id)
        tenant = tenants.current(session)
        done = message is not None and message.unsubscribed_at is not None
        language = pages.language_of(request, message.language if message else tenant.language)
        return _page("unsubscribe.html", language, tenant=tenant.name, done=done, preview=False, path=request.url.path)


@router.post("/u/{token}")
def unsubscribe(request: Request, token: str) -> Response:
    """Unsubscribe at once: one click from a mail program (RFC 8058) or the button of our page."""
    try:
        tenant_id, message_id = _message_of(token)
    except NotFound as error:
        return _problem(request, error)
    with db.tenant_session(tenant_id) as session:
        delivery.unsubscribe(session, message_id, source="one_click")
        tenant = tenants.current(session)
        language = pages.language_of(request, tenant.language)
        name = tenant.name
    return _page("unsubscribe.html", language, tenant=name, done=True, preview=False, path=request.url.path)


def install(app: FastAPI) -> None:
    """Add the public pages and the assets to the application."""
    app.include_router(router)
    pages.install_assets(app)
