"""Content templates of an account at Twilio: what the provider has, and whether WhatsApp approved it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.base import SendFailed
from channels.twilio import templates as provider
from channels.twilio.settings import Account, BadAccount
from channels.twilio.templates import APPROVED, Content
from domain.senders import accounts
from kernel import clock, db, log
from kernel.errors import Conflict, NotFound
from kernel.ids import new_id
from kernel.settings import get_settings
from kernel.vault import BadSeal
from models import ContentTemplate, ProviderAccount

GONE = "deleted"
LONGEST_VARIABLE = 1_024
FRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Synced:
    """How many templates the provider has, and how many of ours it has no more."""

    known: int
    gone: int


def sync(tenant_id: UUID, account_id: UUID) -> Synced:
    """Take over what the provider has now. Raises NotFound, Conflict for another kind of account or a refusal.

    No transaction is open while the provider is asked.
    """
    with db.tenant_session(tenant_id) as session:
        credentials = _credentials(accounts.get(session, account_id))
    try:
        found = provider.fetch(credentials)
    except SendFailed as failure:
        words = f"Twilio does not show its templates: {failure.code} {failure.text}. Check the account."
        raise Conflict(words, code="provider_refuses") from None
    with db.tenant_session(tenant_id) as session:
        for one in found:
            _take_over(session, account_id, one)
        gone = session.execute(
            update(ContentTemplate)
            .where(
                ContentTemplate.tenant_id == tenant_id,
                ContentTemplate.account_id == account_id,
                ContentTemplate.sid.not_in([one.sid for one in found]),
                ContentTemplate.approval != GONE,
            )
            .values(approval=GONE, checked_at=func.clock_timestamp())
            .returning(ContentTemplate.id)
        ).all()
        return Synced(len(found), len(gone))


def freshen(tenant_id: UUID, account_id: UUID) -> None:
    """Take over what the provider has now, unless that was done within the hour.

    A provider that does not answer changes nothing: what was known before stays known.
    """
    with db.tenant_session(tenant_id) as session:
        newest = session.execute(
            select(func.max(ContentTemplate.checked_at)).where(
                ContentTemplate.tenant_id == tenant_id, ContentTemplate.account_id == account_id
            )
        ).scalar_one()
        if newest is not None and newest > clock.now() - FRESH:
            return
    try:
        sync(tenant_id, account_id)
    except (Conflict, NotFound, BadSeal, BadAccount) as error:
        log.get("senders").warning("templates.not_refreshed", account=str(account_id), error=type(error).__name__)


def _credentials(account: ProviderAccount) -> Account:
    if account.kind != "twilio":
        raise Conflict("Only an account at Twilio has content templates.", code="no_templates")
    return Account(
        sid=str(account.settings["account_sid"]),
        token=accounts.secret_of(account),
        sender="templates",  # nothing is sent
        base_url=get_settings().twilio_url,
    )


def _take_over(session: Session, account_id: UUID, one: Content) -> None:
    shown = {
        "name": one.name[:200],
        "language": one.language,
        "kind": one.kind,
        "category": one.category,
        "body": one.body,
        "variables": {slot: one.samples.get(slot, "") for slot in one.slots},
        "approval": one.approval,
        "rejection": one.rejection,
        "checked_at": func.clock_timestamp(),
    }
    keys = {"tenant_id": db.tenant_of(session), "account_id": account_id, "sid": one.sid}
    session.execute(
        insert(ContentTemplate)
        .values(id=new_id(), **keys, **shown)
        .on_conflict_do_update(
            index_elements=["tenant_id", "account_id", "sid"], set_=shown | {"updated_at": func.clock_timestamp()}
        )
    )


def matching(
    session: Session, *, account_id: UUID | None = None, approval: str | None = None
) -> Select[ContentTemplate]:
    """Return the statement of the templates that fit the filters."""
    statement = select(ContentTemplate).where(ContentTemplate.tenant_id == db.tenant_of(session))
    if account_id is not None:
        statement = statement.where(ContentTemplate.account_id == account_id)
    if approval is not None:
        statement = statement.where(ContentTemplate.approval == approval)
    return statement


def get(session: Session, template_id: UUID) -> ContentTemplate:
    """Return the template; raises NotFound, also for another tenant's."""
    return db.own(session, ContentTemplate, template_id, "content template")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why WhatsApp would not take a template: unknown, not approved, or its variables do not fit (`names`)."""

    code: str
    approval: str | None = None
    names: tuple[str, ...] = ()


def problem(session: Session, account_id: UUID, sid: str, variables: Mapping[str, str]) -> Problem | None:
    """Return what keeps a template with these values from being sent, None when nothing does."""
    return judge(named(session, account_id, [sid]).get(sid), variables)


def named(session: Session, account_id: UUID, sids: Sequence[str]) -> dict[str, ContentTemplate]:
    """Return those templates of an account that were taken over, by the provider's ids."""
    statement = matching(session, account_id=account_id).where(ContentTemplate.sid.in_(sids))
    return {row.sid: row for row in session.execute(statement).scalars()}


def judge(row: ContentTemplate | None, variables: Mapping[str, str]) -> Problem | None:
    """Return what keeps a template with these values from being sent, None when nothing does."""
    if row is None:
        return Problem("template_unknown")
    if row.approval != APPROVED:
        return Problem("template_not_approved", approval=row.approval)
    wrong = set(row.variables) ^ set(variables)
    wrong |= {name for name, value in variables.items() if not value.strip() or len(value) > LONGEST_VARIABLE}
    return Problem("template_variables", names=tuple(sorted(wrong))) if wrong else None
