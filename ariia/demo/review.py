"""What the approver does in the browser: opens the preview as several members, keeps the pages, and approves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ariia.demo.client import Browser, Form, Page

_STEPS = 3


class NotApproved(RuntimeError):  # noqa: N818
    """The page did not let the approver through; the text says where it stopped."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the preview, kept as a file."""

    url: str
    file: Path


def as_members(browser: Browser, url: str, folder: Path, *, most: int = 3) -> list[Seen]:
    """Open the preview as up to `most` members that the page offers; keep each page with its mail frame.

    Raises NotApproved when the page cannot be opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first = _opened(browser, url)
    views = _member_links(first, url)
    seen = []
    for n, link in enumerate(views[:most], start=1):
        page = _opened(browser, link)
        file = folder / f"member-{n}.html"
        file.write_bytes(page.answer.body)
        for frame in page.frames[:1]:
            (folder / f"member-{n}-mail.html").write_bytes(_opened(browser, frame).answer.body)
        seen.append(Seen(link, file))
    return seen


def _opened(browser: Browser, url: str) -> Page:
    page = browser.open(url)
    if page.answer.status != 200:  # noqa: PLR2004
        raise NotApproved(f"GET {urlsplit(url).path[:12]}… answered {page.answer.status}")
    return page


def _member_links(page: Page, url: str) -> list[str]:
    """Return the page's links to itself as another member, one per member, in the page's order."""
    path = urlsplit(url).path
    links: dict[str, str] = {}
    for link in page.links:
        parts = urlsplit(link)
        member = parse_qs(parts.query).get("member")
        if parts.path == path and member:
            links.setdefault(member[0], link)
    return list(links.values())


def approve(browser: Browser, url: str, *, name: str) -> Page:
    """Approve by the forms of the page, as a person without scripts would, through its confirmation.

    Raises NotApproved when no form approves or the service refuses.
    """
    page = _opened(browser, url)
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
