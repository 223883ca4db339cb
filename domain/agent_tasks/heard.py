"""Which answers and comments were heard: the same key again says nothing new, whatever the door."""

import hashlib
import json

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.agent_tasks.requester import Requester
from kernel import db
from kernel.errors import Invalid
from kernel.ids import new_id
from models import AgentTask, AgentTaskWord

LONGEST_KEY = 255


def checked(field: str, text: str, longest: int) -> None:
    """Raise Invalid for a text that is empty, too long, or holds what PostgreSQL cannot store.

    That is U+0000, and a surrogate, which is no character and has no UTF-8 form.
    """
    if not 1 <= len(text.strip()) <= longest or "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise Invalid(field, f"1 to {longest} characters, without NUL")


def reused() -> Invalid:
    """Return the refusal of a key that stands for something else."""
    return Invalid("idempotency_key", "was used for something else; use a new key", code="key_reused")


def before(session: Session, task: AgentTask, requester: Requester, key: str | None, *words: object) -> bool:
    """Say whether the requester gave these words with this key before, and note them if not.

    A parallel holder of the key is waited for. Raises Invalid for a key that stands for other words or for a task.
    """
    if key is None:
        return False
    checked("idempotency_key", key, LONGEST_KEY)
    digest = hashlib.sha256(json.dumps([str(task.id), *map(str, words)]).encode()).hexdigest()
    row = insert(AgentTaskWord).values(
        id=new_id(),
        tenant_id=task.tenant_id,
        agent_task_id=task.id,
        requester=requester.actor,
        key=key,
        word_hash=digest,
        created_by=requester.actor,
    )
    noted = row.on_conflict_do_nothing(index_elements=["tenant_id", "requester", "key"]).returning(AgentTaskWord.id)
    if session.execute(noted).scalar_one_or_none() is None:
        if _hash_of(session, requester, key) != digest:
            raise reused()
        return True
    same = (AgentTask.tenant_id == task.tenant_id, AgentTask.requester == requester.actor)
    if session.execute(select(AgentTask.id).where(*same, AgentTask.idempotency_key == key)).first() is not None:
        raise reused()
    return False


def nothing_yet(session: Session, requester: Requester, key: str | None) -> None:
    """Raise Invalid where the key of a new task stands for words about another one."""
    if key is not None and _hash_of(session, requester, key) is not None:
        raise reused()


def _hash_of(session: Session, requester: Requester, key: str) -> str | None:
    return session.execute(
        select(AgentTaskWord.word_hash).where(
            AgentTaskWord.tenant_id == db.tenant_of(session),
            AgentTaskWord.requester == requester.actor,
            AgentTaskWord.key == key,
        )
    ).scalar_one_or_none()
