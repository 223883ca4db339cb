"""Public pages by token: see, comment, decide (`/p`), unsubscribe (`/u`), choose (`/preferences`).

GET and HEAD change nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from api import pages
from api.guesses import Guesses
from domain.campaigns import previews
from domain.delivery import service as delivery
from kernel import db
from kernel.errors import AriiaError, Conflict, Forbidden, Gone, Invalid, NotFound, PlanLimit
from kernel.tokens import Signed, same
from models import PreviewLink, Tenant
from preview import brand, csp, decisions, front, load, preferences, unsubscribe, view

_TEMPLATES = Path(__file__).parent / "templates"
_READ = ["GET", "HEAD"]
_SAMPLE = "preview"
_ONE_CLICK = "one-click"  # RFC 8058, 3.1: the value of List-Unsubscribe


def _refusal(request: Request, status: int, code: str, extra: Mapping[str, Any]) -> Response:
    """Return the page for a link or form that leads nowhere; says the same for every token that was never made."""
    look = pages.Look.of(request)
    context = {"code": code, "status": status, "extra": extra, "token": "", "csrf": "", "next_version": None}
    path = "" if request.method in _READ else _page_path(request)
    text = pages.render(_TEMPLATES, "problem.html", look, request, path=path, **context)
    headers = dict(csp.PUBLIC)
    if "retry_after" in extra:
        headers["Retry-After"] = str(extra["retry_after"])
    return pages.html(text, status=status, headers=headers)


def _page_path(request: Request) -> str:
    """Return the address of the page that a form or frame belongs to."""
    return "/".join(request.url.path.split("/")[:3])


router = APIRouter(include_in_schema=False, route_class=pages.page_route(_refusal))


_guesses = Guesses("preview")


def _found(request: Request, token: str) -> previews.Found:
    """Return whose link this is; raises NotFound, or TooManyGuesses for an address that goes on guessing."""
    try:
        return previews.find(token)
    except NotFound:
        _guesses.wrong(request.client.host if request.client else "")
        raise


def _look(request: Request, session: Session, language: str | None = None) -> pages.Look:
    tenant = load.tenant_of(session)
    return pages.Look.of(
        request,
        language=language or tenant.language,
        zone=tenant.time_zone,
        tenant=tenant.name,
        style=brand.style(tenant.brand_colour),
    )


def _choices(request: Request) -> view.Choices:
    asked = request.query_params
    return view.Choices(
        member=asked.get("member", ""),
        lang=asked.get("lang", ""),
        view="text" if asked.get("view") == "text" else "mail",
        dark=asked["dark"] if asked.get("dark") in {"custom", "forced"} else "none",
        images=asked.get("images") == "1",
        facts=asked.get("facts") == "1",
        variant=asked.get("variant", ""),
    )


@router.api_route("/p/{token}", methods=_READ)
def show(token: str, request: Request) -> Response:
    """Show what is to be decided, or what became of it."""
    found = _found(request, token)
    with db.tenant_session(found.tenant_id) as session:
        try:
            link = previews.open_link(session, found.link_id)
        except Gone as gone:
            return _gone(request, session, found, token, gone)
        return _page(request, session, link, token)


def _gone(request: Request, session: Session, found: previews.Found, token: str, gone: Gone) -> Response:
    link = load.any_link(session, found.link_id)
    if gone.extra.get("reason") == "rejected" and link is not None:
        return _page(request, session, link, token)
    context = {
        "code": gone.code,
        "status": gone.status,
        "extra": gone.extra,
        "token": token,
        "csrf": load.csrf_of(token),
        "next_version": decisions.next_version(session, link),
    }
    look = _look(request, session)
    text = pages.render(_TEMPLATES, "problem.html", look, request, path=_page_path(request), **context)
    return pages.html(text, status=gone.status, headers=csp.PUBLIC)


def _page(
    request: Request,
    session: Session,
    link: PreviewLink,
    token: str,
    *,
    status: int = 200,
    name: str = "approval.html",
    typed: view.Typed | None = None,
    error: str | None = None,
    **context: Any,
) -> HTMLResponse:
    look = _look(request, session)
    page = load.approval(
        session, link, token, _choices(request), language=look.language, typed=typed or view.Typed(), error=error
    )
    noted = request.method != "POST" and request.query_params.get("noted") == "1"
    text = pages.render(_TEMPLATES, name, look, request, path=f"/p/{token}", page=page, noted=noted, **context)
    return pages.html(text, status=status, headers=csp.PUBLIC)


@router.api_route("/p/{token}/mail", methods=_READ)
def mail(token: str, request: Request) -> Response:
    """Return the message alone, for the sandboxed frame of the page."""
    found = _found(request, token)
    with db.tenant_session(found.tenant_id) as session:
        link = load.any_link(session, found.link_id)
        if link is None or link.revoked_because != "rejected":
            link = previews.open_link(session, found.link_id)
        choices = _choices(request)
        text, _ = load.mail_html(session, link, choices)
    return HTMLResponse(text, headers=csp.mail(images=choices.images))


def _sent_from(request: Request, token: str, csrf: str) -> previews.Found:
    """Return where the link of a form leads. Raises Forbidden for a form that did not come from its own page."""
    pages.same_origin(request)
    if not same(csrf, load.csrf_of(token)):
        raise Forbidden("The form is out of date. Open the page again.", code="bad_csrf")
    return _found(request, token)


@router.post("/p/{token}/decision")
def decide(token: str, request: Request, form: Annotated[decisions.DecisionForm, Form()]) -> Response:
    """Take a decision: an approval is asked back once with its number, everything else is done at once."""
    found = _sent_from(request, token, form.csrf)
    try:
        with db.tenant_session(found.tenant_id) as session:
            link = previews.open_link(session, found.link_id)
            if link.purpose != "approve":
                raise Forbidden("This link is for looking only.", code="view_only")
            form.check()
            if form.decision == "approve" and (again := _asked_back(request, session, link, token, form)):
                return again
            decisions.take(session, link, form, decisions.evidence(request, form))
    except Gone as gone:
        with db.tenant_session(found.tenant_id) as session:
            return _gone(request, session, found, token, gone)
    except (Invalid, Conflict, PlanLimit) as refused:
        return _refused(request, found, token, form, refused)
    noted = {"noted": "1"} if form.decision == "comment" else {}
    return RedirectResponse(f"/p/{token}{_kept(request, **noted)}", status_code=303, headers=csp.PUBLIC)


def _asked_back(
    request: Request, session: Session, link: PreviewLink, token: str, form: decisions.DecisionForm
) -> Response | None:
    """Return the question with the exact number; nothing where it was answered for the number as it is."""
    look = _look(request, session)
    page = load.approval(session, link, token, _choices(request), language=look.language, typed=form.typed)
    if page.state != "open" or form.seen == page.send.will_send:
        return None
    if page.obstacles:
        raise Conflict("The checks stand in the way.", code="blocked")
    changed = form.seen is not None
    text = pages.render(_TEMPLATES, "confirm.html", look, request, path=f"/p/{token}", page=page, changed=changed)
    return pages.html(text, status=409 if changed else 200, headers=csp.PUBLIC)


def _refused(
    request: Request, found: previews.Found, token: str, form: decisions.DecisionForm, refused: AriiaError
) -> Response:
    """Return the page with the reason and everything that was typed."""
    if refused.code in {"hash_mismatch", "superseded"}:
        raise refused
    with db.tenant_session(found.tenant_id) as session:
        link = load.any_link(session, found.link_id)
        if link is None:
            raise refused
        error = decisions.error_code(refused, form)
        return _page(request, session, link, token, status=refused.status, typed=form.typed, error=error)


def _kept(request: Request, **more: str) -> str:
    query = request.url.include_query_params(**more).query
    return f"?{query}" if query else ""


@router.post("/p/{token}/waive")
def waive(token: str, request: Request, form: Annotated[decisions.WaiverForm, Form()]) -> Response:
    """Let one blocking finding pass, by name and reason."""
    found = _sent_from(request, token, form.csrf)
    try:
        with db.tenant_session(found.tenant_id) as session:
            decisions.waive(session, previews.open_link(session, found.link_id), form)
    except Gone as gone:
        with db.tenant_session(found.tenant_id) as session:
            return _gone(request, session, found, token, gone)
    except (Invalid, Conflict) as refused:
        if refused.code == "hash_mismatch":
            raise
        with db.tenant_session(found.tenant_id) as session:
            link = previews.open_link(session, found.link_id)
            error = "waiver" if isinstance(refused, Invalid) else refused.code
            typed = view.Typed(form.name.strip(), form.reason.strip())
            return _page(request, session, link, token, status=refused.status, typed=typed, error=error)
    return RedirectResponse(f"/p/{token}{_kept(request)}#checks", status_code=303, headers=csp.PUBLIC)


@router.post("/p/{token}/next")
def open_next(token: str, request: Request, csrf: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Give whoever asked for a change through this link the link to the version that came of it."""
    found = _sent_from(request, token, csrf)
    with db.tenant_session(found.tenant_id) as session:
        fresh = decisions.renew(session, load.any_link(session, found.link_id))
    return RedirectResponse(f"/p/{fresh}{_kept(request)}", status_code=303, headers=csp.PUBLIC)


@router.api_route("/u/{token}", methods=_READ)
def unsubscribe_page(token: str, request: Request) -> Response:
    """Show what somebody gets, and the button that ends it."""
    if token == _SAMPLE:
        return _sample(request, f"/u/{token}", "sample")
    return _preferences(token, request, saved=False)


def _sample(request: Request, path: str, state: Literal["sample", "sample_choices"]) -> Response:
    """Say where a link of a preview would lead."""
    page = view.Preferences(_SAMPLE, "", "", state)
    text = pages.render(_TEMPLATES, "preferences.html", pages.Look.of(request), request, path=path, page=page)
    return pages.html(text, headers=csp.PUBLIC)


@contextmanager
def _of_sender(signed: Signed) -> Iterator[Session]:
    """Open the rows of the tenant that a link of a message names; raises NotFound where it was taken away."""
    with db.tenant_session(signed.tenant_id) as session:
        if session.get(Tenant, signed.tenant_id) is None:
            raise NotFound("link")
        yield session


def _preferences(token: str, request: Request, *, saved: bool, asked: bool = False) -> Response:
    signed = unsubscribe.read(token)
    with _of_sender(signed) as session:
        page, language = unsubscribe.state(session, signed.ref_id, token, saved=saved, asked=asked)
        look = _look(request, session, language)
        text = pages.render(_TEMPLATES, "preferences.html", look, request, path=f"/u/{token}", page=page)
    return pages.html(text, headers=csp.PUBLIC)


@router.post("/u/{token}")
def change_preferences(
    token: str,
    request: Request,
    action: Annotated[str, Form(max_length=40)] = "",
    sure: Annotated[str, Form(max_length=10)] = "",
    one_click: Annotated[str, Form(alias="List-Unsubscribe", max_length=40)] = "",
) -> Response:
    """Unsubscribe, by the page's button or by a mailbox provider (RFC 8058: no cookie, no redirect, no question).

    The button asks once more while the message is so new that a mail filter may press it.
    """
    signed = unsubscribe.read(token)
    by_provider = one_click.strip().lower() == _ONE_CLICK
    with _of_sender(signed) as session:
        asked = not by_provider and unsubscribe.asks(session, signed.ref_id, action, sure=bool(sure))
        if not asked:
            unsubscribe.act(session, signed.ref_id, "one_click" if by_provider else action)
    if by_provider:
        return Response("ok\n", media_type="text/plain", headers=csp.PUBLIC)
    return _preferences(token, request, saved=not asked, asked=asked)


@router.api_route("/preferences/{token}", methods=_READ)
def choices(token: str, request: Request) -> Response:
    """Show what somebody gets on each channel, and how any of it ends."""
    if token == _SAMPLE:
        return _sample(request, f"/preferences/{token}", "sample_choices")
    signed = preferences.read(token)
    with _of_sender(signed) as session:
        return _choices_page(session, request, signed, token)


def _choices_page(session: Session, request: Request, signed: Signed, token: str, **how: Any) -> Response:
    page, language = preferences.state(session, signed.ref_id, token, **how)
    look = _look(request, session, language)
    text = pages.render(_TEMPLATES, "choices.html", look, request, path=f"/preferences/{token}", page=page)
    return pages.html(text, headers=csp.PUBLIC)


@router.post("/preferences/{token}")
def change_choices(
    token: str,
    request: Request,
    action: Annotated[str, Form(max_length=40)] = "",
    shown: Annotated[list[str], Form(max_length=40)] = [],  # noqa: B006 - fastapi copies it
    keep: Annotated[list[str], Form(max_length=40)] = [],  # noqa: B006
    sure: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Switch off what is not kept, or pause; the signed link is the right to do so: no cookie, no login."""
    signed = preferences.read(token)
    with _of_sender(signed) as session:
        names = preferences.wanted(session, signed.ref_id, action, shown, keep)
        if names and not sure and preferences.fresh(delivery.find(session, signed.ref_id)):
            return _choices_page(session, request, signed, token, asking=names, action=action)
        change = preferences.pause if action == "pause" else preferences.switch_off
        change(session, signed.ref_id, names)
        return _choices_page(session, request, signed, token, saved=True)


def install(app: FastAPI) -> None:
    """Add the public pages and their assets to an application."""
    app.include_router(router)
    front.install(app, _refusal)
    pages.mount_assets(app)
