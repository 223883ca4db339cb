"""The message inside its frame: the very HTML that is sent, with the reader's choices put around it."""

import html as escaping
import re
from collections.abc import Iterable

from preview.view import Claim

_DARK_RULES = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")
_SCHEMES = re.compile(r'(<meta name="(?:supported-)?color-scheme"[^>]* content=")[^"]*(")')
_INVERTED = (
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}img{filter:invert(1) hue-rotate(180deg)}</style>"
)
_MARK = "background:#ffe9a8;color:#15202a;padding:1px 2px;border-radius:3px"
_NUMBER = "font-size:11px;font-weight:700;margin-left:2px"
_REMOTE = re.compile(r"<img[^>]+src=[\"']?https?:", re.IGNORECASE)


def dress(page: str, *, dark: str, claims: Iterable[Claim] = ()) -> str:
    """Return the page as a mail program would show it. `dark` is none, custom or forced; claims are marked.

    The reader's own system does not decide: what was chosen on the page is what is shown.
    """
    custom = dark == "custom"
    page = _DARK_RULES.sub("@media all" if custom else "@media not all", page)
    page = _SCHEMES.sub(rf"\g<1>{'dark' if custom else 'light'}\g<2>", page)
    for claim in claims:
        page = _marked(page, claim)
    extra = '<base target="_blank">' + (_INVERTED if dark == "forced" else "")
    return page.replace("<head>", f"<head>{extra}", 1)


def _marked(page: str, claim: Claim) -> str:
    said = escaping.escape(claim.sentence, quote=True)
    start, body, rest = page.partition("<body")
    mark = f'<mark style="{_MARK}">{said}<sup style="{_NUMBER}">{claim.n}</sup></mark>'
    visible, hidden = rest.find("</div>"), len(said)
    place = rest.find(said, max(visible, 0)) if hidden else -1
    if place < 0:
        return page
    return start + body + rest[:place] + mark + rest[place + len(said) :]


def has_remote_images(page: str) -> bool:
    """Say whether the message would load a picture from elsewhere."""
    return _REMOTE.search(page) is not None
