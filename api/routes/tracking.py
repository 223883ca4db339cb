"""Opens and clicks told by clients that know a token, conversions told by shops, and how a campaign's links did."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.auth import requires
from api.deps import TenantSession
from api.idempotency import IdempotentRoute
from api.schemas.tracking import (
    ClickedOut,
    ConversionIn,
    ConversionOut,
    LinkOut,
    LinksOut,
    OpenedOut,
    TokenIn,
)
from api.threads import ThreadRoute
from api.tracking_door import packed_hit
from domain.campaigns import service as campaigns
from domain.identity.service import Principal
from domain.plans import service as plans
from domain.plans.catalog import ANALYTICS
from domain.tracking import conversions, hits, ingest, queries
from domain.tracking.conversions import Came, Deed
from domain.tracking.targets import Cache
from kernel.errors import Invalid, NotFound
from kernel.tokens import BadToken, get_signer

public = APIRouter(prefix="/campaigns/tracking", tags=["tracking"], route_class=ThreadRoute)
router = APIRouter(tags=["tracking"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Teller = Annotated[Principal, requires("members:write")]


def _targets(request: Request) -> Cache:
    """Return the cache of this application, for the loop that serves it."""
    cache = getattr(request.app.state, "tracking_targets", None)
    if cache is None:
        cache = request.app.state.tracking_targets = Cache()
    return cache


@public.post("/open")
async def tell_open(payload: TokenIn, request: Request) -> OpenedOut:
    """Note that a message was opened, told by a client that shows messages itself; the signed token is the key."""
    try:
        body = get_signer().check("o", payload.token)
    except BadToken:
        return OpenedOut(kept=False)
    return OpenedOut(kept=await ingest.current().keep(hits.OPENED, packed_hit(hits.OPENED, body, request.scope)))


@public.post("/click")
async def tell_click(payload: TokenIn, request: Request) -> ClickedOut:
    """Note a click and say where the link leads. Needs no key: the token is signed."""
    try:
        body = get_signer().check("c", payload.token)
    except BadToken:
        raise NotFound("link") from None
    url = await _targets(request).target(body)
    kept = await ingest.current().keep(hits.CLICKED, packed_hit(hits.CLICKED, body, request.scope))
    return ClickedOut(url=url, kept=kept)


@router.post("/campaigns/tracking/conversion", status_code=201)
def tell_conversion(payload: ConversionIn, session: TenantSession, who: Teller, response: Response) -> ConversionOut:
    """Keep a conversion, once per `external_id`: told again it answers 200 with what was kept first.

    It belongs to the message of `visit` or `message_id`, else to the member's last click by a person within the
    tenant's window.
    """
    visit = None
    if payload.visit is not None:
        try:
            signed = get_signer().read("v", payload.visit)
        except BadToken:
            raise Invalid("visit", "is not one of ours; pass the parameter ariia_v as it came") from None
        if signed.tenant_id != who.tenant_id:
            raise Invalid("visit", "is not one of ours; pass the parameter ariia_v as it came")
        visit = signed.ref_id, signed.n
    deed = Deed(payload.external_id, payload.goal, payload.value_minor, payload.currency, payload.at)
    came = Came(visit, payload.message_id, payload.member_id, payload.member_external_id)
    kept, new = conversions.record(session, deed, came, actor=who.actor)
    response.status_code = 201 if new else 200
    return ConversionOut.of(kept)


@router.get("/campaigns/{campaign_id}/links")
def list_links(campaign_id: UUID, session: TenantSession, _who: Reader) -> LinksOut:
    """Show a campaign's links by their place in the content: clicks of people, people, and clicks of machines.

    From the standard level of analytics on.
    """
    campaigns.get(session, campaign_id)
    plans.require_level(session, ANALYTICS, "standard")
    return LinksOut(items=[LinkOut.of(link) for link in queries.links(session, campaign_id)])
