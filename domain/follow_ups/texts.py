"""What is said when a follow-up is due: words that a person of the tenant approved, with slots filled then.

The suggestions are offered for approval; nothing is sent with them before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.twilio.templates import APPROVED
from domain.audit import service as audit
from domain.content import slots
from domain.content.compile import LayoutFacts
from domain.content.compile_text import compile_text
from domain.content.member_values import MemberFacts, values_for
from domain.follow_ups.rules import LANGUAGES, Topic
from domain.identity import tenants
from domain.senders import content_templates
from kernel import clock, db
from kernel.errors import Invalid
from kernel.ids import new_id
from kernel.text import blank
from models import FollowUp, FollowUpText, Member

LONGEST = 1_000
SLOTS = frozenset({"greeting", "first_name", "last_name", "favourite_course", "studio", "sender_name"})
SUBJECT: Mapping[str, str] = MappingProxyType({"de": "Wie versprochen", "en": "As promised"})

_DE: dict[Topic, str] = {
    Topic.GENERAL: "{greeting} hier ist {studio}. Du wolltest, dass wir uns heute noch einmal melden: Was können wir "
    "für dich tun?",
    Topic.MEMBERSHIP: "{greeting} hier ist {studio}. Wir wollten heute noch einmal über deine Mitgliedschaft "
    "sprechen. Wann passt es dir?",
    Topic.TRIAL: "{greeting} hier ist {studio}. Heute melden wir uns wie besprochen wegen des Probetrainings. Wann "
    "möchtest du kommen?",
    Topic.COURSE: "{greeting} hier ist {studio}. Wir melden uns wie besprochen wegen des Kurses"
    "{?favourite_course:, vielleicht wieder {favourite_course}}. Sollen wir dir einen Platz freihalten?",
    Topic.APPOINTMENT: "{greeting} hier ist {studio}. Wie besprochen melden wir uns wegen eines Termins. Wann passt "
    "es dir?",
    Topic.OFFER: "{greeting} hier ist {studio}. Du wolltest, dass wir uns wegen unserer Angebote noch einmal melden. "
    "Was möchtest du wissen?",
    Topic.PAYMENT: "{greeting} hier ist {studio}. Wie besprochen erinnern wir dich an den offenen Punkt zu deinem "
    "Beitrag. Melde dich einfach bei Fragen.",
}
_EN: dict[Topic, str] = {
    Topic.GENERAL: "{greeting} this is {studio}. You asked us to get back to you today: what can we do for you?",
    Topic.MEMBERSHIP: "{greeting} this is {studio}. We meant to talk about your membership again today. When suits "
    "you?",
    Topic.TRIAL: "{greeting} this is {studio}. As agreed, we are getting back to you about the trial session. When "
    "would you like to come?",
    Topic.COURSE: "{greeting} this is {studio}. As agreed, we are getting back to you about the class"
    "{?favourite_course:, perhaps {favourite_course} again}. Shall we keep a place for you?",
    Topic.APPOINTMENT: "{greeting} this is {studio}. As agreed, we are getting back to you about an appointment. When "
    "suits you?",
    Topic.OFFER: "{greeting} this is {studio}. You asked us to get back to you about our offers. What would you like "
    "to know?",
    Topic.PAYMENT: "{greeting} this is {studio}. As agreed, this is a reminder of the open point about your fee. Just "
    "write if you have a question.",
}
SUGGESTIONS: Mapping[str, Mapping[Topic, str]] = MappingProxyType({"de": _DE, "en": _EN})


@dataclass(frozen=True, slots=True)
class Said:
    """A finished text; `template` and `variables` are those of an approved template for a silent WhatsApp chat."""

    text: str
    template: str | None = None
    variables: Mapping[str, str] | None = None

    @property
    def content(self) -> dict[str, Any] | None:
        """Return what the ledger keeps of the template."""
        return {"template": self.template, "variables": dict(self.variables or {})} if self.template else None


def approve(
    session: Session, *, topic: str, language: str, body: str, whatsapp: dict[str, Any] | None, actor: str
) -> FollowUpText:
    """Make these words the ones that are sent. Raises Invalid for a topic, a language, a slot or a length.

    The caller makes sure that `actor` is a person who may approve.
    """
    _check(topic, language, body, whatsapp)
    tenant_id = db.tenant_of(session)
    values = {"body": body.strip(), "whatsapp": whatsapp, "approved_by": actor, "approved_at": clock.now()}
    keys = {"tenant_id": tenant_id, "topic": topic, "language": language}
    row = session.execute(
        insert(FollowUpText)
        .values(id=new_id(), created_by=actor, **keys, **values)
        .on_conflict_do_update(index_elements=list(keys), set_=values)
        .returning(FollowUpText),
        execution_options={"populate_existing": True},
    ).scalar_one()
    audit.append(session, actor=actor, action="follow_up.text", subject=str(row.id), topic=topic, language=language)
    return row


def _check(topic: str, language: str, body: str, whatsapp: dict[str, Any] | None) -> None:
    if topic not in tuple(Topic):
        raise Invalid("topic", f"use one of {', '.join(Topic)}")
    if language not in LANGUAGES:
        raise Invalid("language", f"use one of {', '.join(LANGUAGES)}")
    if blank(body) or len(body) > LONGEST:
        raise Invalid("body", f"write 1 to {LONGEST} characters")
    variables = (whatsapp or {}).get("variables", {})
    for field, words in (("body", body), *((f"whatsapp.variables.{name}", text) for name, text in variables.items())):
        try:
            used = slots.names(slots.parse(words))
        except slots.BadSlot as bad:
            raise Invalid(field, str(bad)) from None
        if strange := sorted(used - SLOTS):
            raise Invalid(field, f"cannot use {{{strange[0]}}}; known here: {', '.join(sorted(SLOTS))}")


def approved(session: Session) -> Sequence[FollowUpText]:
    """Return every approved text of the tenant."""
    return (
        session.execute(
            select(FollowUpText)
            .where(FollowUpText.tenant_id == db.tenant_of(session))
            .order_by(FollowUpText.topic, FollowUpText.language)
        )
        .scalars()
        .all()
    )


def find(session: Session, topic: str, language: str) -> FollowUpText | None:
    """Return what is said about a topic: its own text, else the general one, in the language, else in the tenant's."""
    rows = {(row.topic, row.language): row for row in approved(session)}
    own = tenants.current(session).language
    wanted = [(name, spoken) for spoken in (language, own) for name in (topic, str(Topic.GENERAL))]
    return next((rows[key] for key in wanted if key in rows), None)


def fill(session: Session, row: FollowUp, found: FollowUpText, channel: str) -> Said:
    """Return the words for this member now. Raises slots.BadSlot for a text that cannot be read any more."""
    return Said(_filled(session, row, found, channel, {"text": found.body})["text"])


def _filled(
    session: Session,
    row: FollowUp,
    found: FollowUpText,
    channel: str,
    words: Mapping[str, str],
    *,
    one_line: bool = False,
) -> dict[str, str]:
    values, facts = _values(session, row, found.language), _facts(session, channel)
    return {
        str(name): compile_text(
            {"text": text}, channel=channel, language=found.language, form="du", offers=(), cta_url="", facts=facts,
            one_line=one_line,
        ).fill(values)
        for name, text in words.items()
    }  # fmt: skip


def fill_template(session: Session, row: FollowUp, found: FollowUpText, account_id: UUID | None) -> Said | None:
    """Return the approved WhatsApp template with its variables, None where there is none that WhatsApp would take."""
    known = found.whatsapp or {}
    sid = known.get("template")
    if not sid or account_id is None:
        return None
    variables = _filled(session, row, found, "whatsapp", known.get("variables", {}), one_line=True)
    if content_templates.problem(session, account_id, sid, variables) is not None:
        return None
    template = session.execute(content_templates.matching(session, account_id=account_id, approval=APPROVED)).scalars()
    body = next((one.body for one in template if one.sid == sid), "")
    return Said(body, sid, variables)


def _values(session: Session, row: FollowUp, language: str) -> dict[str, str]:
    member = session.get_one(Member, row.member_id)
    tenant = tenants.current(session)
    facts = MemberFacts(
        id=member.id,
        first_name=member.first_name,
        last_name=member.last_name,
        salutation=member.salutation,
        time_zone=member.time_zone,
        favourite_course=member.favourite_course,
        last_visit_at=member.last_visit_at,
    )
    return values_for(facts, language=language, form="du", time_zone=tenant.time_zone, now=clock.now())


def _facts(session: Session, channel: str) -> LayoutFacts:
    tenant = tenants.current(session)
    sender = tenants.default_sender(session, channel)
    return LayoutFacts(
        tenant_name=tenant.name,
        sender_name=sender.from_name,
        postal_address=tenant.postal_address or "",
        imprint_url=tenant.imprint_url or "",
    )
