"""A small HTTP client on the standard library: the API with a key, and pages as a browser without scripts sees them."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

_PATIENCE = 120


class Refused(Exception):  # noqa: N818
    """The service answered with an error; `str()` is its code and advice."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and from where after redirects."""

    status: int
    url: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


def _open(opener: OpenerDirector, request: Request) -> Answer:
    try:
        with opener.open(request, timeout=_PATIENCE) as response:
            return Answer(response.status, response.geturl(), response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.geturl() or request.full_url, error.read())


class Api:
    """The REST API under `/api/v1`, as the holder of one key."""

    def __init__(self, url: str, key: str) -> None:
        self._base = f"{url.rstrip('/')}/api/v1"
        self._key = key
        self._opener = build_opener()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON behind a path. Raises Refused."""
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None, None)

    def post(self, path: str, payload: Any = None) -> Any:
        """Send JSON, return JSON (None for an empty answer). Raises Refused."""
        body = None if payload is None else json.dumps(payload).encode()
        return self._call("POST", path, body, "application/json")

    def put(self, path: str, payload: Any) -> Any:
        """Change something, return JSON. Raises Refused."""
        return self._call("PUT", path, json.dumps(payload).encode(), "application/json")

    def upload(self, path: str, file: Path, *, media_type: str, **fields: str) -> Any:
        """Send a file with form fields. Raises Refused."""
        body, boundary = _multipart(file, media_type, fields)
        return self._call("POST", path, body, f"multipart/form-data; boundary={boundary}")

    def all(self, path: str, **query: Any) -> Iterator[Any]:
        """Yield every item of a list, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, limit=200, **query, **cursor)
            yield from page["items"]
            if not page.get("next_cursor"):
                return
            cursor = {"cursor": page["next_cursor"]}

    def _call(self, method: str, path: str, body: bytes | None, content_type: str | None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if body is not None and content_type is not None:
            headers["Content-Type"] = content_type
        request = Request(f"{self._base}{path}", data=body, headers=headers, method=method)  # noqa: S310 - our own service
        answer = _open(self._opener, request)
        if answer.status >= 400:  # noqa: PLR2004
            raise _refusal(answer)
        return json.loads(answer.body) if answer.body else None


def _refusal(answer: Answer) -> Refused:
    try:
        problem = json.loads(answer.body)
        return Refused(answer.status, str(problem["code"]), str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return Refused(answer.status, "no_problem_document", answer.text[:300])


def _multipart(file: Path, media_type: str, fields: dict[str, str]) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    return b"".join([*parts, head.encode(), file.read_bytes(), f"\r\n--{boundary}--\r\n".encode()]), boundary


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page: where it goes, and its fields with their present values."""

    method: str
    action: str
    fields: dict[str, str]
    buttons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link with the pieces of text that stand in it."""

    url: str
    texts: tuple[str, ...]


class _Forms(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self._buttons: list[tuple[str, str]] = []
        self._fields: dict[str, str] = {}
        self._target: tuple[str, str] | None = None
        self._area: str | None = None
        self.found: list[Form] = []
        self.frames: list[str] = []
        self.links: list[Link] = []
        self._link: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "iframe" and values.get("src"):
            self.frames.append(urljoin(self._base, values["src"]))
        elif tag == "a" and values.get("href"):
            self._link = (urljoin(self._base, values["href"]), [])
        elif tag == "form":
            self._target = (values.get("method", "get").lower(), urljoin(self._base, values.get("action", "")))
            self._fields, self._buttons = {}, []
        elif self._target is not None:
            self._field(tag, values)

    def _field(self, tag: str, values: dict[str, str]) -> None:
        name = values.get("name", "")
        kind = values.get("type", "submit" if tag == "button" else "text")
        if "disabled" in values:
            return
        if tag == "button" or (tag == "input" and kind == "submit"):
            self._buttons.append((name, values.get("value", "")))
        elif tag == "input" and name and (kind not in {"checkbox", "radio"} or "checked" in values):
            self._fields[name] = values.get("value", "")
        elif tag == "textarea" and name:
            self._area = name
            self._fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._fields[self._area] += data
        if self._link is not None and data.strip():
            self._link[1].append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "a" and self._link is not None:
            self.links.append(Link(self._link[0], tuple(self._link[1])))
            self._link = None
        elif tag == "form" and self._target is not None:
            self.found.append(Form(*self._target, self._fields, tuple(self._buttons)))
            self._target = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page as a person meets it: its text, forms, links and frames."""

    answer: Answer
    forms: tuple[Form, ...]
    links: tuple[Link, ...]
    frames: tuple[str, ...]


class Browser:
    """A browser without scripts: keeps cookies, follows redirects, submits the forms it sees."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def open(self, url: str) -> Page:
        """Return the page at `url`, whatever its status."""
        return _page(_open(self._opener, Request(url, headers={"Accept": "text/html"})))  # noqa: S310 - our own service

    def submit(self, form: Form, **filled: str) -> Page:
        """Send a form with its hidden fields and what the person filled in."""
        data = urlencode(form.fields | filled)
        headers = {"Accept": "text/html", "Origin": form.action[: form.action.index("/", 8)]}
        if form.method == "get":
            request = Request(f"{form.action.split('?')[0]}?{data}", headers=headers)  # noqa: S310
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            request = Request(form.action, data=data.encode(), headers=headers, method="POST")  # noqa: S310
        return _page(_open(self._opener, request))


def _page(answer: Answer) -> Page:
    parser = _Forms(answer.url)
    parser.feed(answer.text)
    return Page(answer, tuple(parser.found), tuple(parser.links), tuple(parser.frames))
