"""From a claimed message to what a door takes: a mail in its envelope, or a text.

Everything is compiled once per run; a message costs one fill.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from channels.base import TextParcel
from channels.email.addresses import envelope
from channels.email.dkim import Signer
from channels.email.mime import Parts, Skeleton
from channels.email.session import Envelope
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.content import versions
from domain.content.member_values import usable_name
from domain.delivery import render, return_path, texts
from domain.delivery.claim import Claimed, NoticeContent
from domain.identity import tenants
from domain.senders import domains
from kernel import clock, db
from kernel.errors import NotFound
from kernel.settings import get_settings
from models import Campaign, DraftRevision

Parcel = Envelope | TextParcel


class Maker(Protocol):
    """Makes parcels of one run."""

    def make(self, message: Claimed) -> Parcel:
        """Return what the door takes. Raises BadAddress, or whatever is wrong with this row."""
        ...


@dataclass(frozen=True, slots=True)
class Mails:
    """The mails of a campaign."""

    rendering: render.Rendering

    def make(self, message: Claimed) -> Envelope:
        data = self.rendering.message(
            message.id,
            message.address,
            message.member,
            message.language,
            tracked=message.tracked,
            number=message.variant,
        )
        back = _way_back(self.rendering.tenant_id, message.id, self.rendering.from_address)
        return Envelope(back, envelope(message.address), data, canonical=True)


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a campaign."""

    rendering: texts.TextRendering

    def make(self, message: Claimed) -> TextParcel:
        return self.rendering.message(
            message.id,
            message.address,
            message.member,
            message.language,
            tracked=message.tracked,
            first=not message.known,
            number=message.variant,
        )


def mark_of(revision: DraftRevision, variant: int) -> str:
    """Return what stands before a test: that it is one, and of which variant where there are several."""
    name = f" {versions.letter(variant)}" if versions.count(revision.content_json) > 1 else ""
    return f"[Test{name}] "


def for_campaign(session: Session, campaign: Campaign, revision: DraftRevision, *, mark: str = "") -> Maker:
    """Compile a revision; `mark` stands before the subject of a test."""
    if campaign.channel == "email":
        return Mails(render.prepare(session, campaign, revision, mark=mark))
    return Texts(texts.prepare(session, campaign, revision))


@dataclass(frozen=True, slots=True)
class Notices:
    """Notices of one channel: their own words, or a campaign's revision shown to its maker."""

    tenant_id: UUID
    channel: str
    from_name: str
    from_address: str
    reply_to: str | None
    signer: Signer | None
    tests: dict[tuple[UUID, int], Maker]

    def make(self, message: Claimed) -> Parcel:
        if message.notice is None:
            raise NotFound("notice")
        if message.notice.revision_id is not None:
            return self._test(message, message.notice)
        body = str(message.notice.content["text"])
        if self.channel != "email":
            template, variables = message.notice.content.get("template"), message.notice.content.get("variables", {})
            words = "" if template else body
            return texts.parcel(
                self.tenant_id, message.id, self.channel, message.address, words, variables, template=template
            )
        return self._mail(message, message.notice.content, body)

    def _test(self, message: Claimed, notice: NoticeContent) -> Parcel:
        revision_id, variant = notice.revision_id or UUID(int=0), message.variant or 0
        if (revision_id, variant) not in self.tests:
            with db.tenant_session(self.tenant_id) as session:
                campaign = campaigns.get(session, notice.campaign_id or UUID(int=0))
                revision = revisions.get(session, campaign.id, revision_id)
                mark = mark_of(revision, variant)
                self.tests[revision_id, variant] = for_campaign(session, campaign, revision, mark=mark)
        return self.tests[revision_id, variant].make(message)

    def _mail(self, message: Claimed, content: Mapping[str, object], body: str) -> Envelope:
        skeleton = Skeleton.compile(
            subject=[str(content["subject"])],
            html=[texts.page_of(body)],
            text=[body],
            from_name=self.from_name,
            from_address=self.from_address,
            reply_to=self.reply_to,
            automatic=True,
        )
        domain = self.from_address.rpartition("@")[2]
        to_name = " ".join(
            filter(None, (usable_name(message.member.first_name), usable_name(message.member.last_name)))
        )
        data = skeleton.splice(
            Parts(
                to_address=envelope(message.address),
                to_name=to_name or None,
                message_id=f"{message.id}@{domain}",
                date=format_datetime(clock.now()),
                subject=(),
                html=(),
                text=(),
            )
        )
        signed = self.signer.sign(data) if self.signer is not None else data
        back = _way_back(self.tenant_id, message.id, self.from_address)
        return Envelope(back, envelope(message.address), signed, canonical=True)


def _way_back(tenant_id: UUID, message_id: UUID, from_address: str) -> str:
    """Return where a bounce goes: to our own door, signed for this message, or to the sender where there is none."""
    domain = get_settings().bounce_domain
    return return_path.address_for(tenant_id, message_id, domain) if domain else from_address


def for_notices(session: Session, channel: str) -> Maker:
    """Prepare to make notices of a channel, from the tenant's default sender of it. Raises NotFound without one."""
    sender = tenants.default_sender(session, channel)
    address = envelope(sender.from_address) if channel == "email" else sender.from_address
    reply_to = envelope(sender.reply_to) if channel == "email" and sender.reply_to else None
    signer = domains.signers_for(session, address.rpartition("@")[2]) if channel == "email" else None
    return Notices(db.tenant_of(session), channel, sender.from_name, address, reply_to, signer, {})
