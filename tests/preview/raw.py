"""Requests without a browser's manners."""

from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit


def raw(
    url: str, method: str = "GET", data: dict[str, str] | list[tuple[str, str]] | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """One request without a browser's manners."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=60)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = urlencode(data).encode() if data is not None else None
    if body is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, sent)
    answer = connection.getresponse()
    found = (
        answer.status,
        {name.lower(): value for name, value in answer.getheaders()},
        answer.read().decode(errors="replace"),
    )
    connection.close()
    return found
