"""Doors without a key: opens and clicks of real mail, by signed tokens. They answer quickly and reveal nothing."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from domain.delivery import service as delivery
from domain.delivery.service import Visit
from kernel import db, log
from kernel.errors import NotFound
from kernel.tokens import BadToken, get_signer

router = APIRouter(prefix="/t", tags=["tracking"])

# A transparent picture of one point (GIF89a).
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def _visit(request: Request) -> Visit:
    return Visit(request.method, {name.lower(): value for name, value in request.headers.items()})


@router.api_route("/o/{token}.gif", methods=["GET", "HEAD"], include_in_schema=False)
def open_pixel(token: str, request: Request) -> Response:
    """Answer with the picture, whatever the token is; note the open of a message of ours."""
    try:
        signed = get_signer().read("o", token)
        with db.tenant_session(signed.tenant_id) as session:
            delivery.record_open(session, signed.ref_id, _visit(request))
    except BadToken:
        pass
    except Exception as error:  # noqa: BLE001 - a picture is shown also when the note fails
        log.get("tracking").warning("open.not_recorded", error=type(error).__name__)
    return Response(_PIXEL, media_type="image/gif", headers=_HEADERS)


@router.api_route("/c/{token}", methods=["GET", "HEAD"], include_in_schema=False)
def follow_link(token: str, request: Request) -> Response:
    """Lead to the link's target by its number; raises NotFound for any other token."""
    try:
        signed = get_signer().read("c", token)
    except BadToken:
        raise NotFound("link") from None
    with db.tenant_session(signed.tenant_id) as session:
        target = delivery.record_click(session, signed.ref_id, signed.n, _visit(request))
    if target is None:
        raise NotFound("link")
    return RedirectResponse(target, status_code=302, headers=_HEADERS)
