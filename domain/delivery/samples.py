"""A campaign's text to the team's own number or chat, as a member would get it: marked, and in no statistics.

It is a message outside the campaign, in the same ledger and through the same gate. Its links behave as a member's do
(counted where the member agreed to tracking), and what they count belongs to the test and to no campaign.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import content_templates, frame, revisions
from domain.campaigns import service as campaigns
from domain.content import versions
from domain.delivery import links, notices, parcels, team, texts
from kernel import db
from kernel.errors import Conflict, Invalid
from kernel.ids import new_id
from models import Campaign, Consent, DraftRevision, Member, Message, Notice


def send_tests(
    session: Session,
    campaign_id: UUID,
    *,
    member_id: UUID,
    to: str,
    actor: str,
    language: str | None = None,
    variant: int | None = None,
) -> dict[int, UUID]:
    """Send every variant of the current revision, or the one that is asked for; returns the messages by variant.

    A draft that compares nothing has one, 0. Raises Invalid for a variant that it does not have, and what `send_test`
    raises.
    """
    campaign = campaigns.get(session, campaign_id)
    if campaign.current_revision_id is None:
        raise Conflict("There is no draft yet; write one first.", code="no_content")
    there = range(versions.count(revisions.current(session, campaign).content_json))
    if variant is not None and variant not in there:
        raise Invalid("variant", f"names one of A to {versions.letter(there[-1])}; leave it out to get all of them")
    wanted = there if variant is None else [variant]
    return {
        n: send_test(session, campaign_id, member_id=member_id, to=to, actor=actor, language=language, variant=n)
        for n in wanted
    }


def send_test(
    session: Session,
    campaign_id: UUID,
    *,
    member_id: UUID,
    to: str,
    actor: str,
    language: str | None = None,
    variant: int = 0,
) -> UUID:
    """Send a variant of the current revision, as `member_id` would get it, to one of the team: a mail, or a text.

    Returns the message's id. Raises what `send` and `notices.send_test` raise.
    """
    campaign = campaigns.get(session, campaign_id)
    if campaign.channel == "email":
        made = notices.send_test(session, campaign_id, member_id=member_id, to=to, actor=actor, language=language)
        db.own(session, Message, made, "message").variant = variant
        session.flush()
        return made
    if campaign.current_revision_id is None:
        raise Conflict("There is no draft yet; write one first.", code="no_content")
    made = send(session, campaign, member_id=member_id, to=to, language=language, actor=actor, variant=variant)
    audit.append(session, actor=actor, action="campaign.test", subject=str(campaign.id), member=str(member_id))
    return made


def send(
    session: Session,
    campaign: Campaign,
    *,
    member_id: UUID,
    to: str,
    language: str | None,
    actor: str,
    variant: int = 0,
) -> UUID:
    """Send the current revision of a text campaign to one of the team's addresses; returns the message's id.

    Raises NotFound for the member, Invalid for an address that is not the team's, and Conflict where the member's data
    may not be used, no account carries the channel, or WhatsApp would not take the template.
    """
    member = db.own(session, Member, member_id, "member")
    if member.restricted:
        raise Conflict("The data of this member is restricted. Choose another one.", code="member_restricted")
    address = team.required(session, campaign.channel, to)
    account_id = content_templates.account_of(session, campaign)
    if account_id is None:
        raise Conflict("The campaign has no sender with an account. Choose one.", code="sender_missing")
    if (reason := content_templates.problem(session, campaign)) is not None:
        raise Conflict(f"WhatsApp would not take it: {reason}.", code="template_problem")
    revision = revisions.current(session, campaign)
    known = list(revision.content_json["languages"])
    wanted = language or member.language
    spoken = wanted if wanted in known else known[0]
    message_id = notices.send(
        session,
        kind="test",
        purpose="transactional",
        channel=campaign.channel,
        address=address.address_norm,
        key=f"test:{new_id()}",
        account_id=account_id,
        language=spoken,
        actor=actor,
        campaign_id=campaign.id,
    )
    if campaign.materialised_at is None:  # later they stand, and the revision with them
        links.put(session, campaign, revision.id)
    _fill(session, campaign, revision, member, message_id, variant)
    return message_id


def _fill(
    session: Session, campaign: Campaign, revision: DraftRevision, member: Member, message_id: UUID, variant: int
) -> None:
    """Make the text for this message, whose id its links carry: the member's text, and not the member's message."""
    message = db.own(session, Message, message_id, "message")
    message.tracked = _agreed_to_tracking(session, member.id, campaign.channel)
    message.variant = variant
    made = texts.prepare(session, campaign, revision).message(
        message_id,
        message.address or "",
        frame.member_facts(member),
        message.language,
        tracked=message.tracked,
        number=variant,
    )
    content: dict[str, Any] = {"text": "", "subject": "", "template": made.template, "variables": dict(made.variables)}
    if made.template is None:
        content = {"text": parcels.mark_of(revision, variant) + made.body, "subject": ""}
    session.execute(
        update(Notice)
        .where(Notice.tenant_id == campaign.tenant_id, Notice.id == message.notice_id)
        .values(content=content, member_id=member.id)
    )
    session.flush()


def _agreed_to_tracking(session: Session, member_id: UUID, channel: str) -> bool:
    found = session.execute(
        select(Consent.id)
        .where(
            Consent.tenant_id == db.tenant_of(session),
            Consent.member_id == member_id,
            Consent.channel == channel,
            Consent.purpose == "tracking",
            Consent.state == "granted",
            or_(Consent.expires_at.is_(None), Consent.expires_at > func.clock_timestamp()),
        )
        .limit(1)
    )
    return found.scalar_one_or_none() is not None
