"""A member who is known to one tenant in every way there is."""

import json
from datetime import timedelta
from uuid import UUID

import make
from sqlalchemy import select

from domain.audience import imports
from domain.audience import service as audience
from domain.consent import service as consents
from kernel import clock, db
from kernel.ids import new_id
from models import (
    AddressHealth,
    Conversation,
    ConversationMessage,
    Conversion,
    IdempotencyKey,
    InboundMail,
    Member,
    Message,
    MessageEvent,
    Notice,
)

EMAIL, PHONE, CHAT = "ada.lovelace@example.org", "+4915112345678", "777000111"
SHARED = "family@example.org"
WORDS = [EMAIL, "4915112345678", "Lovelace", CHAT, "Analytical", "192.0.2"]
FILE = (
    f"Mitgliedsnummer;Vorname;Nachname;E-Mail;Telefon\nM-1815;Ada;Lovelace;{EMAIL};{PHONE}\n"
    "M-2;Bob;Boole;bob@example.org;\n"
)


def known_everywhere(tenant_id: UUID) -> tuple[UUID, UUID, UUID]:
    """A member who left a trace in as many tables as this product has places for."""
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        batch = imports.run(session, data=FILE.encode(), file_name="m.csv", actor="t", dry_run=False)
        ada = session.execute(select(Member).where(Member.external_id == "M-1815")).scalar_one()
        imports.run(session, data=FILE.replace("Ada", "Ada A").encode(), file_name="m.csv", actor="t", dry_run=False)
        audience.set_address(session, ada, "telegram", CHAT, actor="t")
        ada.attributes = {"machine": "Analytical"}
        audience.add_activity(session, ada.id, actor="t", kind="visit", at=clock.now(), subject="Analytical")
        audience.add_purchase(
            session, ada.id, actor="t", product="Analytical", amount_minor=1, currency="EUR", at=clock.now()
        )
        evidence = {"wording": "ja", "from": EMAIL}
        consents.record(
            session, ada.id, channel="email", purpose="marketing", state="granted", source="t", actor="t",
            evidence=evidence,
        )  # fmt: skip
        campaign = make.started(session)
        message = Message(
            tenant_id=tenant_id, id=new_id(), campaign_id=campaign.id, member_id=ada.id, channel="email",
            address=EMAIL, address_norm=EMAIL, language="de", state="sent", approval_hash="x",
            provider_text=f"250 ok {EMAIL}", accepted_at=clock.now(),
        )  # fmt: skip
        session.add(message)
        session.flush()
        for kind, actor in (("sent", "system"), ("opened", "human"), ("clicked", "human")):
            details = {"network": "192.0.2.0/24", "agent": f"Mail for {EMAIL}"} if actor == "human" else {}
            session.add(
                MessageEvent(
                    tenant_id=tenant_id, campaign_id=campaign.id, message_id=message.id, kind=kind, actor=actor,
                    details=details,
                )
            )  # fmt: skip
        session.add(
            Conversion(
                tenant_id=tenant_id, external_id=f"order-{new_id()}", goal="sale", value_minor=500, currency="EUR",
                source="api", attribution="message", campaign_id=campaign.id, message_id=message.id, member_id=ada.id,
            )
        )  # fmt: skip
        for name, member_id in ((f"telegram:{CHAT}", ada.id), (f"sms:{PHONE}", None)):
            chat = Conversation(tenant_id=tenant_id, member_id=member_id, channel=name.split(":")[0], external_id=name)
            session.add(chat)
            session.flush()
            session.add(
                ConversationMessage(
                    tenant_id=tenant_id, conversation_id=chat.id, author="member", text="Analytical", at=clock.now()
                )
            )
        session.add(AddressHealth(tenant_id=tenant_id, channel="email", address_norm=EMAIL, softs=1))
        session.add(
            InboundMail(
                tenant_id=tenant_id, message_id=message.id, envelope_from=EMAIL, size=9, raw=f"From: {EMAIL}".encode()
            )
        )
        notice = Notice(
            tenant_id=tenant_id, kind="confirmation", purpose="transactional", channel="email", key=str(new_id()),
            content={"subject": "Ada Lovelace"}, member_id=ada.id,
        )  # fmt: skip
        session.add(notice)
        session.flush()
        session.add(
            Message(
                tenant_id=tenant_id, id=new_id(), notice_id=notice.id, member_id=ada.id, channel="email",
                address=EMAIL, address_norm=EMAIL, language="de", state="pending", approval_hash="x",
                purpose="transactional",
            )
        )  # fmt: skip
        session.add(
            IdempotencyKey(
                tenant_id=tenant_id, principal="k", route="/members", key=str(new_id()), request_hash="h", status=201,
                body=json.dumps({"email": EMAIL}), lease_until=clock.now(), expires_at=clock.now() + timedelta(days=1),
            )
        )  # fmt: skip
        consents.suppress(session, channel="sms", address_norm=PHONE, reason="opt_out", source="t", actor="t")
        return ada.id, campaign.id, batch.id
