"""What every page shares: templates and their catalogue, formats, assets, security headers, and pages for refusals."""

import gettext
import io
import json
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from babel.core import UnknownLocaleError, negotiate_locale
from babel.dates import format_date, format_datetime, format_time, get_timezone_name
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from kernel import log
from kernel.errors import AriiaError, Forbidden
from kernel.settings import get_settings

_ROOT = Path(__file__).resolve().parent.parent
_SHARED = _ROOT / "console" / "templates"
_LOCALE = Path(__file__).parent / "locale"
DIST = _ROOT / "console" / "assets" / "dist"
LANGUAGES = ("de", "en")
THEMES = ("light", "dark")
# The query parameters that say how a page is looked at; links and forms keep them.
_CHOICES = frozenset({"member", "lang", "view", "dark", "images", "facts", "variant", "l", "theme"})
_QUALITY = re.compile(r"\bq=([01](?:\.\d{0,3})?)")
_LOCALES = {"de": "de_DE", "en": "en_GB"}

# The lines that domain.knowledge.sources writes of an offer.
_OFFER_LINE = re.compile(r"(Preis: |statt |gültig ab |gültig bis )(?:(\d+)\.(\d\d) ([A-Z]{3})|(\d{4}-\d\d-\d\d))")
_ENGLISH = {"Preis: ": "Price: ", "statt ": "instead of ", "gültig ab ": "valid from ", "gültig bis ": "valid until "}

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Formats:
    """Numbers, dates and money as the reader of the page writes them. `zone` is an IANA name."""

    language: str
    zone: str

    @property
    def _locale(self) -> str:
        return _LOCALES[self.language]

    def number(self, value: int) -> str:
        return format_decimal(value, locale=self._locale)

    def money(self, minor: int, currency: str) -> str:
        return format_currency(minor / 100, currency, locale=self._locale)

    def day(self, value: date) -> str:
        return format_date(value, format="long", locale=self._locale)

    def offer(self, text: str) -> str:
        """Return an offer's lines, as a source has them, with money and dates as the reader writes them."""
        return "\n".join(self._offer_line(line) for line in text.split("\n"))

    def _offer_line(self, line: str) -> str:
        match = _OFFER_LINE.fullmatch(line)
        if match is None:
            return line
        label, units, cents, currency, day = match.groups()
        value = self.day(date.fromisoformat(day)) if day else self.money(int(units + cents), currency)
        return (label if self.language == "de" else _ENGLISH[label]) + value

    def moment(self, value: datetime) -> str:
        """Return day and time in the zone, with the zone's name: no instant stands without one."""
        local = value.astimezone(ZoneInfo(self.zone))
        name = get_timezone_name(local, width="short", locale=self._locale, zone_variant=None)
        return f"{format_datetime(local, format='EEE, d. MMM y, HH:mm', locale=self._locale)} {name}"

    def short(self, value: datetime) -> str:
        """Return day and time without the zone, for lists whose zone is said elsewhere."""
        return format_datetime(value.astimezone(ZoneInfo(self.zone)), format="short", locale=self._locale)

    def time(self, value: datetime) -> str:
        return format_time(value.astimezone(ZoneInfo(self.zone)), format="short", locale=self._locale)


def choose_language(request: Request, tenant: str | None = None) -> str:
    """Return the language of a page: `?l=`, then the tenant's, then the browser's, then German."""
    asked = request.query_params.get("l")
    for wish in (asked, tenant):
        if wish in LANGUAGES:
            return str(wish)
    preferred = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    try:
        return negotiate_locale(preferred, LANGUAGES, sep="-") or LANGUAGES[0]
    except (UnknownLocaleError, ValueError):
        return LANGUAGES[0]


def for_people(request: Request) -> bool:
    """Return whether a browser asks: its Accept names HTML, and nothing of JSON that it would rather have.

    Programs that take anything (`*/*`, or no Accept) are none (RFC 9110, 12.5.1).
    """
    weights: dict[str, float] = {}
    for part in request.headers.get("accept", "").split(",")[:20]:
        name, _, options = part.partition(";")
        found = _QUALITY.search(options)
        weights[name.strip().lower()] = float(found[1]) if found else 1.0
    html = weights.get("text/html", 0.0)
    return html > 0 and all(html >= weights.get(name, 0.0) for name in ("application/json", "application/problem+json"))


def choose_theme(request: Request) -> str | None:
    """Return light or dark where the reader chose one by `?theme=` or earlier; None follows the system."""
    asked = request.query_params.get("theme") or request.cookies.get("theme")
    return asked if asked in THEMES else None


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> gettext.NullTranslations:
    """Return the translations into a language; the texts in templates are the English ones."""
    path = _LOCALE / f"{language}.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        entries = read_po(file, locale=language, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, entries)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@lru_cache(maxsize=8)
def environment(folder: Path, language: str) -> Environment:
    """Return the templates of a folder, with the shared ones behind them, in one language."""
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder), FileSystemLoader(_SHARED)]),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = catalogue(language)
    made.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(asset=asset, icons=lambda: asset("icons.svg"), host=lambda url: urlsplit(url).netloc)
    return made


@lru_cache(maxsize=4)
def _manifest(path: Path, _changed: int) -> Mapping[str, str]:
    names: Mapping[str, str] = json.loads(path.read_text())
    return names


def asset(name: str) -> str:
    """Return the address of a built asset by its source path; empty before `./dev assets` has run."""
    path = DIST / "manifest.json"
    try:
        built = _manifest(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return ""
    return f"/assets/{built[name]}" if name in built else ""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page meets its reader. `zone` names the instants on it, `tenant` whose page it is."""

    language: str
    theme: str | None
    zone: str = "UTC"
    tenant: str = ""
    style: str = ""

    @classmethod
    def of(cls, request: Request, *, language: str | None = None, **fields: str) -> "Look":
        return cls(choose_language(request, language), choose_theme(request), **fields)


def render(folder: Path, name: str, look: Look, request: Request, *, path: str, **context: Any) -> str:
    """Return a page, with links that keep how the reader looks at it.

    Templates see `look`, `f` (formats), `link` (the page at `path` with other choices), `query` (the same without the
    path), `action` (the present choices, for the addresses of forms) and the context.
    """
    asked = {key: value for key, value in request.query_params.items() if key in _CHOICES}

    def query(**changes: str | None) -> str:
        kept = {key: value for key, value in (asked | changes).items() if value}
        return "?" + urlencode(kept) if kept else ""

    def link(**changes: str | None) -> str:
        return path + query(**changes)

    page = environment(folder, look.language).get_template(name)
    formats = Formats(look.language, look.zone)
    return page.render(look=look, f=formats, link=link, query=query, action=query(), **context)


def same_origin(request: Request) -> None:
    """Raise Forbidden unless the request was made by one of our own pages.

    A page with `Referrer-Policy: no-referrer` posts `Origin: null` (Fetch standard, "append a request Origin header");
    then the browser's own word counts: Sec-Fetch-Site.
    """
    origin = request.headers.get("origin")
    own = {"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in (get_settings().base_url, str(request.base_url))}
    if origin in own or (origin in {None, "null"} and request.headers.get("sec-fetch-site") == "same-origin"):
        return
    raise Forbidden("The form was not sent from this page. Open the page again and repeat.", code="bad_csrf")


Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Refuse = Callable[[Request, int, str, Mapping[str, Any]], Response]


def page_route(refuse: Refuse) -> type[APIRoute]:
    """Return a route class whose refusals leave as pages made by `refuse(request, status, code, extra)`."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def shown(request: Request) -> Response:
                try:
                    return await handler(request)
                except AriiaError as error:
                    return refuse(request, error.status, error.code, error.extra)
                except RequestValidationError:
                    return refuse(request, 422, "invalid", {})
                except HTTPException as error:
                    return refuse(request, error.status_code, "refused", {})
                except Exception as error:  # noqa: BLE001 - a person gets a page, the log gets the rest
                    log.get("pages").error("page.failed", error=type(error).__name__, exc_info=error)
                    return refuse(request, 500, "internal", {"request_id": getattr(request.state, "request_id", "")})

            return shown

    return PageRoute


def html(text: str, *, status: int = 200, headers: Mapping[str, str] = HEADERS) -> HTMLResponse:
    """Return a page with its security headers."""
    return HTMLResponse(text, status_code=status, headers=dict(headers))


class _Assets(StaticFiles):
    """The built assets; their names change with their content, so they may be kept for good."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not DIST.is_dir():
            await Response("run: ./dev assets", status_code=404, media_type="text/plain")(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer


def mount_assets(app: FastAPI) -> None:
    """Serve the built assets under /assets, compressed."""
    app.mount("/assets", GZipMiddleware(_Assets(directory=DIST, check_dir=False), minimum_size=1_000), name="assets")
