"""The topic of Amazon SNS that an account's reports come from, and changing it without losing one in between.

A new topic takes over when its subscription is confirmed; until then the old one is heard, and from then on refused.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.senders import accounts
from domain.senders.kinds import KINDS
from kernel.errors import Conflict
from models import ProviderAccount

SETTING = "sns_topic"


def of(account: ProviderAccount) -> str | None:
    """Return the topic that the account hears."""
    return account.settings.get(SETTING)


def change(session: Session, account_id: UUID, topic: str | None, *, actor: str) -> ProviderAccount:
    """Hear another topic as soon as its subscription is confirmed; None: hear none, at once.

    The first topic of an account is heard at once. Raises NotFound, Conflict for an account that has no topics, and
    Invalid for what is no topic.
    """
    account = accounts.get(session, account_id)
    fields = KINDS[account.kind].fields
    if SETTING not in fields:
        raise Conflict("Only an account of the kind smtp hears a topic of Amazon SNS.", code="no_topics")
    if topic is not None:
        fields[SETTING].check(SETTING, topic)
    session.refresh(account, with_for_update=True)
    if topic is None or of(account) is None:
        _hear(account, topic)
    else:
        account.next_sns_topic = topic if topic != of(account) else None
    audit.append(session, actor=actor, action="account.topic", subject=str(account.id), topic=topic)
    session.flush()
    return account


def _hear(account: ProviderAccount, topic: str | None) -> None:
    others = {name: value for name, value in account.settings.items() if name != SETTING}
    account.settings = others | ({SETTING: topic} if topic is not None else {})
    account.next_sns_topic = None


def confirmed(session: Session, account_id: UUID, topic: str) -> bool:
    """Hear a topic whose subscription was confirmed, and no longer the one before; False where none was to change."""
    account = accounts.get(session, account_id)
    session.refresh(account, with_for_update=True)
    if account.next_sns_topic != topic:
        return False
    before = of(account)
    _hear(account, topic)
    audit.append(
        session, actor="provider:sns", action="account.topic_confirmed", subject=str(account.id), topic=topic,
        before=before,
    )  # fmt: skip
    session.flush()
    return True
