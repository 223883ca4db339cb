"""Who messages come from, through which accounts, and the domains of mail."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.senders import (
    AccountIn,
    AccountOut,
    DomainDetail,
    DomainIn,
    DomainOut,
    DomainPatch,
    FindingOut,
    PauseIn,
    PricesIn,
    PricesOut,
    RecordOut,
    SecretIn,
    SenderAccountIn,
    SenderIn,
    SenderOut,
    SenderStopOut,
    StopLiftIn,
    TeamAddressIn,
    TeamAddressOut,
    TopicIn,
)
from api.threads import ThreadRoute
from domain.delivery import return_path, team
from domain.identity import queries
from domain.identity.service import Principal
from domain.returns import bots
from domain.senders import accounts as service
from domain.senders import checks, countries, domains, health, prices, stops, topics
from domain.senders import service as identities
from kernel import db
from models import ProviderAccount, Sender, SenderDomain, SenderStop, TeamAddress

router = APIRouter(tags=["senders"], route_class=IdempotentRoute)
# Without Idempotency-Key: a kept digest of the payload would let the secret in it be guessed.
accounts = APIRouter(tags=["accounts"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("settings:read")]
Writer = Annotated[Principal, requires("settings:write")]


@router.post("/senders", status_code=201)
def add_sender(payload: SenderIn, session: TenantSession, who: Writer) -> SenderOut:
    """Add an identity; the first one of a channel becomes its default."""
    return SenderOut.of(identities.add(session, actor=who.actor, **payload.model_dump()))


@router.get("/senders")
def list_senders(session: TenantSession, _who: Reader, paging: Paging) -> Page[SenderOut]:
    """List the identities that messages come from."""
    rows, cursor = page_of(session, queries.senders(session), Sender.id, paging)
    return Page(items=[SenderOut.of(row) for row in rows], next_cursor=cursor)


@router.put("/senders/{sender_id}/account")
def send_through(sender_id: UUID, payload: SenderAccountIn, session: TenantSession, who: Writer) -> SenderOut:
    """Let a sender's messages leave through another account."""
    return SenderOut.of(identities.send_through(session, sender_id, payload.account_id, actor=who.actor))


@accounts.post("/accounts", status_code=201)
def create_account(payload: AccountIn, session: TenantSession, who: Writer) -> AccountOut:
    """Keep credentials at a provider, sealed; the secret is never shown again."""
    account = service.create(
        session,
        kind=payload.kind,
        label=payload.label,
        settings=payload.settings,
        secret=payload.secret.get_secret_value(),
        rate_per_second=payload.rate_per_second,
        sessions=payload.sessions,
        actor=who.actor,
    )
    return _shown(session, account)


def _shown(session: Session, account: ProviderAccount) -> AccountOut:
    session.refresh(account)
    return AccountOut.of(account, session.execute(countries.closed(session, account.id)).scalars().all())


@accounts.get("/accounts")
def list_accounts(session: TenantSession, _who: Reader, paging: Paging) -> Page[AccountOut]:
    """List the accounts at providers, without their secrets."""
    rows, cursor = page_of(session, service.of_tenant(session), ProviderAccount.id, paging)
    closed = countries.of_accounts(session, [row.id for row in rows])
    return Page(items=[AccountOut.of(row, closed.get(row.id, [])) for row in rows], next_cursor=cursor)


@accounts.get("/accounts/{account_id}")
def get_account(account_id: UUID, session: TenantSession, _who: Reader) -> AccountOut:
    """Show an account without its secret."""
    return _shown(session, service.get(session, account_id))


@accounts.put("/accounts/{account_id}/prices")
def set_prices(account_id: UUID, payload: PricesIn, session: TenantSession, who: Writer) -> PricesOut:
    """Say what a segment of an SMS costs, for each country and for all others; replaces what was said before."""
    kept = prices.set_prices(
        session, account_id, default=payload.default, by_country=payload.countries, actor=who.actor
    )
    return PricesOut(default=kept.default, countries=kept.countries)


@accounts.get("/accounts/{account_id}/prices")
def get_prices(account_id: UUID, session: TenantSession, _who: Reader) -> PricesOut:
    """Show what a segment of an SMS costs."""
    kept = prices.of(service.get(session, account_id))
    return PricesOut(default=kept.default, countries=kept.countries)


@accounts.delete("/accounts/{account_id}/closed-countries/{country}", status_code=204)
def open_country(account_id: UUID, country: str, session: TenantSession, who: Writer) -> Response:
    """Send to a country again, after the permission was given at the provider."""
    countries.reopen(session, account_id, country, actor=who.actor)
    return Response(status_code=204)


@accounts.put("/accounts/{account_id}/secret")
def replace_secret(account_id: UUID, payload: SecretIn, session: TenantSession, who: Writer) -> AccountOut:
    """Replace the secret; a paused account goes on."""
    secret = payload.secret.get_secret_value()
    return _shown(session, service.replace_secret(session, account_id, secret=secret, actor=who.actor))


@accounts.put("/accounts/{account_id}/sns-topic")
def change_topic(account_id: UUID, payload: TopicIn, session: TenantSession, who: Writer) -> AccountOut:
    """Let another topic of Amazon SNS report; it takes over when Amazon asks to confirm its subscription."""
    return _shown(session, topics.change(session, account_id, payload.sns_topic, actor=who.actor))


@accounts.post("/accounts/{account_id}/pause")
def pause_account(account_id: UUID, payload: PauseIn, session: TenantSession, who: Writer) -> AccountOut:
    """Let nothing leave through an account until somebody resumes it."""
    service.pause(session, account_id, payload.reason, actor=who.actor)
    return _shown(session, service.get(session, account_id))


@accounts.post("/accounts/{account_id}/resume")
def resume_account(account_id: UUID, session: TenantSession, who: Writer) -> AccountOut:
    """Let messages leave through an account again."""
    return _shown(session, service.resume(session, account_id, actor=who.actor))


@accounts.post("/accounts/{account_id}/check")
def check_account(account_id: UUID, who: Writer) -> AccountOut:
    """Try the account out at its provider; `check_problem` says what is wrong. Sends nothing.

    A bot that works is connected: its name is kept, and it reports to this service from now on.
    """
    account = checks.try_out(who.tenant_id, account_id)
    if account.kind == bots.KIND and account.check_problem is None:
        account = bots.connect(who.tenant_id, account_id)
    with db.tenant_session(who.tenant_id) as session:
        return AccountOut.of(account, session.execute(countries.closed(session, account_id)).scalars().all())


@accounts.delete("/accounts/{account_id}", status_code=204)
def delete_account(account_id: UUID, who: Writer) -> Response:
    """Forget an account and its secret; not while a sender uses it. A bot stops reporting to this service."""
    bots.forget(who.tenant_id, account_id, actor=who.actor)
    return Response(status_code=204)


@router.get("/sender-stops")
def list_stops(session: TenantSession, _who: Reader, paging: Paging) -> Page[SenderStopOut]:
    """List the senders that were stopped for what their messages drew, newest first; those that were lifted too."""
    rows, cursor = page_of(session, stops.of_tenant(session), SenderStop.id, paging)
    return Page(items=[SenderStopOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/sender-stops/{stop_id}/lift")
def lift_stop(stop_id: UUID, payload: StopLiftIn, session: TenantSession, who: Writer) -> SenderStopOut:
    """Let messages leave from a stopped sender again; its held campaigns are resumed one by one."""
    row = stops.lift(session, stop_id, note=payload.note, actor=who.actor)
    session.refresh(row)
    return SenderStopOut.of(row)


@router.post("/team-addresses", status_code=201)
def add_team_address(payload: TeamAddressIn, session: TenantSession, who: Writer) -> TeamAddressOut:
    """Name a number or chat of your team, which tests of texts may go to."""
    row = team.add(session, channel=payload.channel, address=payload.address, label=payload.label, actor=who.actor)
    session.refresh(row)
    return TeamAddressOut.of(row)


@router.get("/team-addresses")
def list_team_addresses(session: TenantSession, _who: Reader, paging: Paging) -> Page[TeamAddressOut]:
    """List the numbers and chats of your team."""
    rows, cursor = page_of(session, team.of_tenant(session), TeamAddress.id, paging)
    return Page(items=[TeamAddressOut.of(row) for row in rows], next_cursor=cursor)


@router.delete("/team-addresses/{address_id}", status_code=204)
def remove_team_address(address_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Send no tests there any more."""
    team.remove(session, address_id, actor=who.actor)
    return Response(status_code=204)


@router.post("/sender-domains", status_code=201)
def add_domain(payload: DomainIn, session: TenantSession, who: Writer) -> DomainDetail:
    """Add a domain of mail and make its DKIM keys; shows the DNS records to publish."""
    row = domains.add(
        session,
        domain=payload.domain,
        dkim_by=payload.dkim,
        relay_domain=payload.relay_domain,
        relay_selector=payload.relay_selector,
        actor=who.actor,
    )
    return _detail(session, row)


def _detail(session: Session, row: SenderDomain) -> DomainDetail:
    session.refresh(row)
    return DomainDetail(
        **DomainOut.of(row).model_dump(),
        records=[RecordOut.of(record) for record in domains.records(session, row)],
        organisational_domain=row.findings.get("organisational_domain"),
        policy=row.findings.get("policy"),
        spf_lookups=row.findings.get("spf_lookups"),
        complaints_to=return_path.complaints_address(row.tenant_id),
        findings=[FindingOut(**item) for item in row.findings.get("items", [])],
    )


@router.get("/sender-domains")
def list_domains(session: TenantSession, _who: Reader, paging: Paging) -> Page[DomainOut]:
    """List the domains of mail."""
    rows, cursor = page_of(session, domains.of_tenant(session), SenderDomain.id, paging)
    return Page(items=[DomainOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/sender-domains/{domain_id}")
def get_domain(domain_id: UUID, session: TenantSession, _who: Reader) -> DomainDetail:
    """Show a domain: the DNS records to publish, and what the last look into the DNS found."""
    return _detail(session, domains.get(session, domain_id))


@router.put("/sender-domains/{domain_id}")
def change_domain(domain_id: UUID, payload: DomainPatch, session: TenantSession, who: Writer) -> DomainDetail:
    """Say who signs for a domain; it is to be checked again."""
    row = domains.change(
        session,
        domain_id,
        dkim_by=payload.dkim,
        relay_domain=payload.relay_domain,
        relay_selector=payload.relay_selector,
        actor=who.actor,
    )
    return _detail(session, row)


@router.post("/sender-domains/{domain_id}/check")
def check_domain(domain_id: UUID, who: Writer) -> DomainDetail:
    """Look into the DNS: SPF, DKIM, DMARC, MX and the relay's name."""
    health.examine(who.tenant_id, domain_id)
    with db.tenant_session(who.tenant_id) as session:
        return _detail(session, domains.get(session, domain_id))


@router.post("/sender-domains/{domain_id}/keys")
def renew_keys(domain_id: UUID, session: TenantSession, who: Writer) -> DomainDetail:
    """Make new DKIM keys; they sign once a check finds their records, until then the old ones do."""
    return _detail(session, domains.renew_keys(session, domain_id, actor=who.actor))


@router.delete("/sender-domains/{domain_id}", status_code=204)
def remove_domain(domain_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Forget a domain and its keys."""
    domains.remove(session, domain_id, actor=who.actor)
    return Response(status_code=204)
