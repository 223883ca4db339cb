"""A studio that sends texts through the fake provider, for tests."""

from uuid import UUID

from fakes import twilio as twilios
from sqlalchemy import text

from domain.audience import service as audience
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import engine, notices, outlets, queries, supply
from domain.senders import accounts
from domain.senders import service as senders
from kernel import db
from models import ProviderAccount

NUMBER = "+4930111222"
PHONE = "+4915112345678"


def account(tenant_id: UUID, *, sid: str = twilios.SID, token: str = twilios.TOKEN) -> ProviderAccount:
    """An account at Twilio with a sender of each channel."""
    with db.tenant_session(tenant_id) as session:
        made = accounts.create(
            session,
            kind="twilio",
            label="Twilio",
            settings={"account_sid": sid},
            secret=token,
            actor="t",
            rate_per_second=500.0,
        )
        for channel in ("sms", "whatsapp"):
            senders.add(
                session, channel=channel, from_name="Studio", from_address=NUMBER, reply_to=None, is_default=True,
                account_id=made.id, actor="t",
            )  # fmt: skip
        return made


def person(tenant_id: UUID, phone: str = PHONE, *, consent: bool = True, **fields: object) -> UUID:
    """A member who can be reached by phone and agreed to marketing on both channels."""
    with db.tenant_session(tenant_id) as session:
        member = audience.create(session, actor="t", contact={"sms": phone, "whatsapp": phone}, **fields)
        for channel in ("sms", "whatsapp") if consent else ():
            consents.record(
                session, member.id, channel=channel, purpose="marketing", state="granted", source="t", actor="t",
                evidence={"wording": "ja"},
            )  # fmt: skip
        return member.id


def notice(tenant_id: UUID, account_id: UUID, *, channel: str = "sms", phone: str = PHONE, body: str = "Hallo") -> UUID:
    """A message outside campaigns that waits to be sent."""
    with db.tenant_session(tenant_id) as session:
        key = f"{channel}{phone}{body}"
        return notices.send(
            session, kind="test", purpose="transactional", channel=channel, address=phone, key=key, body=body,
            account_id=account_id,
        )  # fmt: skip


def become(tenant_id: UUID, message_id: UUID, state: str, *, ago: str = "0", provider_id: str | None = None) -> None:
    """Put a message into a state since `ago` (an interval)."""
    with db.tenant_session(tenant_id) as session:
        session.execute(
            text(
                "UPDATE message SET state = CAST(:state AS text), provider_id = :provider, phase = 'answer', "
                "accepted_at = "
                "CASE WHEN CAST(:state AS text) = 'sent' THEN clock_timestamp() - CAST(:ago AS interval) END, "
                "created_at = clock_timestamp() - CAST(:ago AS interval) - interval '1 minute', "
                "updated_at = clock_timestamp() - CAST(:ago AS interval) WHERE id = :id"
            ),
            {"state": state, "provider": provider_id, "ago": ago, "id": message_id},
        )


def run(tenant_id: UUID, campaign_id: UUID, **more: float) -> engine.Outcome:
    """Send what is due of a campaign through its account."""
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        outlet, work = outlets.of_campaign(session, campaign), supply.work_of(session, campaign)
    return engine.send(tenant_id, work, outlet, lease_seconds=20, **more)


def drain(tenant_id: UUID, campaign_id: UUID) -> dict[str, int]:
    """Run until nothing is pending any more: a busy machine may take more than one; returns the states."""
    for _ in range(6):
        run(tenant_id, campaign_id)
        if "pending" not in (found := counts(tenant_id, campaign_id)):
            break
    return found


def counts(tenant_id: UUID, campaign_id: UUID) -> dict[str, int]:
    """How many messages of a campaign are in each state."""
    with db.tenant_session(tenant_id) as session:
        return queries.counts(session, campaign_id)
