"""What the approver does in the browser: opens the preview as several members, keeps the pages, and approves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ariia.demo.client import Browser, Form, Link, Page

_STEPS = 3


class NotApproved(RuntimeError):  # noqa: N818
    """The page did not let the approver through; the text says where it stopped."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the preview: through whose eyes, the subject there, and where the page is kept."""

    who: str
    subject: str
    file: Path


def as_members(browser: Browser, url: str, folder: Path, *, most: int = 3) -> list[Seen]:
    """Open the preview as up to `most` members that the page offers; keep each page with its mail frame.

    Raises NotApproved when a page cannot be opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _seen(browser, link, folder / f"member-{n}.html")
        for n, link in enumerate(_different(_opened(browser, url), url, most), start=1)
    ]


def _seen(browser: Browser, link: Link, file: Path) -> Seen:
    page = _opened(browser, link.url)
    if not page.frames:
        raise NotApproved("the page shows no mail")
    file.write_bytes(page.answer.body)
    frame = _opened(browser, page.frames[0]).answer
    file.with_stem(f"{file.stem}-mail").write_bytes(frame.body)
    title = re.search(r"<title>(.*?)</title>", frame.text, re.DOTALL)
    return Seen(", ".join(link.texts), unescape(title.group(1)) if title else "", file)


def _opened(browser: Browser, url: str) -> Page:
    page = browser.open(url)
    if page.answer.status != 200:  # noqa: PLR2004
        raise NotApproved(f"GET {urlsplit(url).path[:12]}… answered {page.answer.status}")
    return page


def _different(page: Page, url: str, most: int) -> list[Link]:
    """Return the page's links to itself as another member, first those whose note differs, in the page's order."""
    path = urlsplit(url).path
    links: dict[str, Link] = {}
    for link in page.links:
        parts = urlsplit(link.url)
        query = parse_qs(parts.query)
        if parts.path == path and "member" in query and "lang" not in query:
            links.setdefault(query["member"][0], link)
    by_note: dict[str, Link] = {}
    for link in links.values():
        by_note.setdefault(link.texts[-1] if link.texts else "", link)
    chosen = [*by_note.values(), *(link for link in links.values() if link not in by_note.values())][:most]
    return [link for link in links.values() if link in chosen]


def approve(browser: Browser, url: str, *, name: str) -> Page:
    """Approve by the forms of the page, as a person without scripts would, through its confirmation.

    Raises NotApproved when no form approves or the service refuses.
    """
    page = _opened(browser, url)
    if _approving(page.forms)[0] is None:
        raise NotApproved("the page offers no way to approve")
    for _ in range(_STEPS):
        form, button = _approving(page.forms)
        if form is None:
            break
        typed = {"name": name} if "name" in form.fields else {}
        page = browser.submit(form, **typed, **button)
        if page.answer.status >= 400:  # noqa: PLR2004
            raise NotApproved(f"POST {urlsplit(form.action).path[-10:]} answered {page.answer.status}")
    return page


def _approving(forms: Sequence[Form]) -> tuple[Form | None, dict[str, str]]:
    """Return the form that approves, and the button to press in it."""
    for form in forms:
        for name, value in form.buttons:
            if form.method == "post" and value == "approve":
                return form, {name: value}
        if form.method == "post" and form.fields.get("decision") == "approve":
            return form, {}
    return None, {}
