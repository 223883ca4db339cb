"""Campaign parameters on links (utm_…): which mail and which link brought somebody, and never who."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlencode

_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe"})
_GAPS = re.compile(r"[^a-z0-9]+")
_LONGEST = 60
_WEB = re.compile(r"https?://", re.IGNORECASE)


@lru_cache(maxsize=1_024)
def slug(name: str) -> str:
    """Return a campaign's name as a-z, 0-9 and dashes, at most 60 characters; `campaign` where nothing is left."""
    folded = unicodedata.normalize("NFKD", name.lower().translate(_FOLDED)).encode("ascii", "ignore").decode()
    return _GAPS.sub("-", folded).strip("-")[:_LONGEST].strip("-") or "campaign"


def decorate(url: str, campaign: str, n: int, *, source: str = "ariia", medium: str = "email") -> str:
    """Return a link with utm_source, utm_medium, utm_campaign and utm_content.

    `campaign` is the campaign's name, `n` the link's position from 0. Query and fragment stay as they are, parameters
    that the link already has are not set again, and what is no web address is returned unchanged.
    """
    if not _WEB.match(url):
        return url
    wanted = {
        "utm_source": source,
        "utm_medium": medium,
        "utm_campaign": slug(campaign),
        "utm_content": f"link-{n + 1}",
    }
    have = {part.partition("=")[0].lower() for part in _query(url).split("&")}
    return extend(url, {name: value for name, value in wanted.items() if name not in have})


def plain(urls: Sequence[str], campaign: str | None, medium: str) -> dict[str, str]:
    """Return what makes links lead straight to their targets, as `link:<n>`; without a campaign undecorated."""
    return {
        f"link:{n}": url if campaign is None else decorate(url, campaign, n, medium=medium)
        for n, url in enumerate(urls)
    }


def extend(url: str, parameters: dict[str, str]) -> str:
    """Return a link with parameters behind its query and before its fragment."""
    if not parameters:
        return url
    before, hash_, fragment = url.partition("#")
    joint = "?" if "?" not in before else "" if before.endswith(("?", "&")) else "&"
    return f"{before}{joint}{urlencode(parameters)}{hash_}{fragment}"


def _query(url: str) -> str:
    return url.partition("#")[0].partition("?")[2]
