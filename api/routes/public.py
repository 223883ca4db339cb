"""Doors without a key beside the tracking door: what it hands on, and the script for pages."""

from pathlib import Path

from fastapi import APIRouter, Response

from kernel.errors import NotFound

router = APIRouter(prefix="/t", tags=["tracking"])

_SCRIPT = (Path(__file__).parent.parent / "assets" / "ariia.js").read_text()
_HEADERS = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}


@router.get("/ariia.js", include_in_schema=False)
async def page_script() -> Response:
    """Return the script that reports conversions of a page to this service."""
    return Response(_SCRIPT, media_type="text/javascript", headers=_HEADERS)


@router.api_route("/{rest:path}", methods=["GET", "HEAD", "OPTIONS"], include_in_schema=False)
async def nothing_here(rest: str) -> Response:  # noqa: ARG001 - whatever the door did not know
    """Answer every token and path that is not ours in the same way, and never by a redirect."""
    raise NotFound("link")
