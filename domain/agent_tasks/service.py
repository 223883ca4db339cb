"""The one contract behind every door: ask for a skill, look, answer, comment, cancel. No verb approves or sends."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.agent_tasks import actions, skills, views
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.states import OVER, State
from domain.agent_tasks.views import Step, TaskRow, TaskView
from domain.audit import service as audit
from domain.campaigns import reviews
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound, PlanLimit
from kernel.ids import new_id
from models import AgentRun, AgentTask, Campaign, Review

LONGEST_KEY = 255
_YES = r"\s*(?:ja|jawohl|gerne?|ok(?:ay)?|passt|mach das|bitte|yes|yep|sure|do it|go ahead)\b"
_NO = r"\s*(?:nein|nee|nicht|lass|stopp?|abbrechen|no|nope|don'?t|cancel|stop)\b"
_UNDECIDED = frozenset({Status.DRAFT, Status.AI_GENERATING, Status.NEEDS_INPUT, Status.PENDING_REVIEW})
_OPEN_RUNS = ("queued", "running", "paused_budget", "paused_provider")


def says_yes(text: str) -> bool | None:
    """Read an answer to a yes-or-no question; None where it is neither."""
    if re.match(_NO, text, re.IGNORECASE):
        return False
    return True if re.match(_YES, text, re.IGNORECASE) else None


def _checked(field: str, text: str, longest: int) -> None:
    """Raise Invalid for a text that is empty, too long, or holds U+0000, which PostgreSQL cannot store."""
    if not 1 <= len(text.strip()) <= longest or "\x00" in text:
        raise Invalid(field, f"1 to {longest} characters, without NUL")


@dataclass(frozen=True, slots=True)
class TaskService:
    """Every method works in the caller's transaction, on the rows of its tenant."""

    session: Session

    def submit(
        self,
        skill: str,
        input: dict[str, Any],  # noqa: A002 - as the contract calls it
        requester: Requester,
        idempotency_key: str | None = None,
        *,
        context_id: str | None = None,
        confirm: bool = False,
    ) -> UUID:
        """Take a task and return its id; the same key of the same requester returns the same task, whatever the door.

        With `confirm` nothing happens before the requester says yes to the task's question. A plan limit or a campaign
        in another state makes a task that is refused; what cannot be asked at all raises: Forbidden without the
        skill's scope, Invalid for the input or a key that was used for something else, NotFound for what it names.
        """
        spec = skills.find(skill)
        requester.require(spec.name)
        wish = spec.read(input)
        values = wish.model_dump(mode="json")
        for name, word, longest in (("idempotency_key", idempotency_key, LONGEST_KEY), ("context_id", context_id, 200)):
            if word is not None:
                _checked(name, word, longest)
        digest = hashlib.sha256(json.dumps([skill, values], sort_keys=True).encode()).hexdigest()
        task_id = self._insert(skill, values, digest, requester, idempotency_key, context_id, confirm=confirm)
        if task_id is None:
            return self._known(requester, str(idempotency_key), digest).id
        task = self.session.get_one(AgentTask, task_id)
        if not confirm:
            self._begin(task, requester, wish)
        audit.append(self.session, actor=requester.actor, action="task.submit", subject=str(task.id), skill=skill)
        return task.id

    def _insert(
        self,
        skill: str,
        values: dict[str, Any],
        digest: str,
        requester: Requester,
        key: str | None,
        context_id: str | None,
        *,
        confirm: bool,
    ) -> UUID | None:
        """Write the row, or return None where the key is taken; a parallel holder of the key is waited for."""
        row = insert(AgentTask).values(
            id=new_id(),
            tenant_id=db.tenant_of(self.session),
            skill=skill,
            input=values,
            input_hash=digest,
            requester=requester.actor,
            idempotency_key=key,
            context_id=context_id,
            member_id=requester.member_id,
            to_confirm=confirm,
            created_by=requester.actor,
        )
        unique = ["tenant_id", "requester", "idempotency_key"]
        taken = row.on_conflict_do_nothing(index_elements=unique).returning(AgentTask.id)
        return self.session.execute(taken).scalar_one_or_none()

    def _known(self, requester: Requester, key: str, digest: str) -> AgentTask:
        task = self.session.execute(
            select(AgentTask).where(
                AgentTask.tenant_id == db.tenant_of(self.session),
                AgentTask.requester == requester.actor,
                AgentTask.idempotency_key == key,
            )
        ).scalar_one()
        if task.input_hash != digest:
            raise Invalid("idempotency_key", "was used for another task; use a new key", code="key_reused")
        return task

    def _begin(self, task: AgentTask, requester: Requester, wish: Any) -> None:
        """Do what the skill does; what the state or the plan forbids is kept as the task's refusal."""
        try:
            with self.session.begin_nested():
                actions.ACTIONS[task.skill](self.session, requester, task, wish)
                self.session.flush()
        except (Conflict, PlanLimit) as refusal:
            self.session.refresh(task)
            extra = json.loads(json.dumps(refusal.extra, default=str))
            task.refusal = {"code": refusal.code, "detail": refusal.detail, **extra}
            self.session.flush()

    def _find(self, task_id: UUID, requester: Requester, *, lock: bool = False) -> AgentTask:
        statement = select(AgentTask).where(AgentTask.tenant_id == db.tenant_of(self.session), AgentTask.id == task_id)
        if lock:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        task = self.session.execute(statement).scalar_one_or_none()
        if task is None or (requester.member_id is not None and task.requester != requester.actor):
            raise NotFound("task")
        if not requester.may_see(task.skill):
            requester.require(task.skill)
        return task

    def get(self, task_id: UUID, requester: Requester) -> TaskView:
        """Return the task. Raises NotFound, also for another tenant's, Forbidden without the skill's scope."""
        return views.view(self.session, self._find(task_id, requester))

    def matching(
        self, requester: Requester, *, skill: str | None = None, context_id: str | None = None
    ) -> Select[AgentTask]:
        """Return the statement of the tasks that the requester may see. Raises Forbidden where there can be none."""
        statement = select(AgentTask).where(AgentTask.tenant_id == db.tenant_of(self.session))
        if not requester.sees_all:
            if not requester.skills:
                raise requester.lacks("tasks:read")
            statement = statement.where(AgentTask.skill.in_(sorted(requester.skills)))
        if requester.member_id is not None:
            statement = statement.where(AgentTask.requester == requester.actor)
        if skill is not None:
            statement = statement.where(AgentTask.skill == skills.find(skill).name)
        if context_id is not None:
            statement = statement.where(AgentTask.context_id == context_id)
        return statement

    def list(
        self, requester: Requester, *, limit: int = 50, before: UUID | None = None, **which: Any
    ) -> Sequence[TaskRow]:
        """Return the requester's tasks, newest first; `before` is the last id of the page before."""
        statement = self.matching(requester, **which)
        if before is not None:
            statement = statement.where(AgentTask.id < before)
        found = self.session.execute(statement.order_by(AgentTask.id.desc()).limit(limit)).scalars().all()
        return views.rows(self.session, found)

    def count(self, requester: Requester, **which: Any) -> int:
        """Return how many tasks `list` has in all."""
        found = self.matching(requester, **which).subquery()
        return self.session.execute(select(func.count()).select_from(found)).scalar_one()

    def events(self, task_id: UUID, requester: Requester, *, after: UUID | None = None) -> Sequence[Step]:
        """Return the steps that were finished after the step `after`, oldest first."""
        return views.steps(self.session, self._find(task_id, requester), after=after)

    def answer(self, task_id: UUID, requester: Requester, *, question_id: UUID, text: str) -> UUID:
        """Answer a question of the task; the last answer lets it go on.

        Raises NotFound for the question, Conflict where it is answered, Invalid for neither yes nor no.
        """
        _checked("text", text, reviews.LONGEST_COMMENT)
        task = self._find(task_id, requester, lock=True)
        requester.require(task.skill)
        if task.to_confirm and question_id == task.id:
            self._confirm(task, requester, text)
        elif task.campaign_id is None:
            raise NotFound("question")
        else:
            reviews.answer(self.session, task.campaign_id, question_id, text=text, actor=requester.actor)
        return task.id

    def _confirm(self, task: AgentTask, requester: Requester, text: str) -> None:
        if task.confirmed_at is not None or task.cancelled_at is not None:
            raise Conflict("This question is already answered.", code="already_answered")
        if task.requester != requester.actor:
            raise NotFound("question")
        answer = says_yes(text)
        if answer is None:
            raise Invalid("text", "answer yes or no")
        if answer:
            task.confirmed_at = clock.now()
            self._begin(task, requester, skills.find(task.skill).read(task.input))
        else:
            task.cancelled_at = clock.now()
        audit.append(self.session, actor=requester.actor, action="task.confirm", subject=str(task.id), answer=answer)
        self.session.flush()

    def feedback(
        self,
        task_id: UUID,
        requester: Requester,
        *,
        text: str,
        revision_id: UUID | None = None,
        scope: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> UUID:
        """Ask for another revision of what the task wrote, the one seen or the present one; once for each key.

        Raises Conflict unless the draft is up for review, or for a newer draft than the one seen.
        """
        _checked("text", text, reviews.LONGEST_COMMENT)
        task = self._find(task_id, requester)
        requester.require("revise_campaign")
        campaign = campaigns.lock(self.session, task.campaign_id) if task.campaign_id else None
        if campaign is not None and idempotency_key and self._heard(campaign, requester, idempotency_key):
            return task.id
        if campaign is None or views.state(self.session, task) != State.WAITING_REVIEW:
            raise Conflict("Feedback is taken while a draft is up for review.", code="not_in_review")
        seen = revision_id or campaign.current_revision_id
        if seen is None:
            raise Conflict("There is no draft yet.", code="not_in_review")
        evidence = {"key": idempotency_key} if idempotency_key else {}
        actions.request_changes(self.session, requester, campaign.id, seen, text, scope, evidence)
        return task.id

    def _heard(self, campaign: Campaign, requester: Requester, key: str) -> bool:
        """Say whether the requester gave this feedback before."""
        rows = self.session.execute(
            select(Review.evidence).where(
                Review.tenant_id == campaign.tenant_id,
                Review.campaign_id == campaign.id,
                Review.verb == "revise",
                Review.actor == requester.actor,
            )
        )
        return any(evidence.get("key") == key for evidence in rows.scalars())

    def reply(self, task_id: UUID, requester: Requester, *, text: str, idempotency_key: str | None = None) -> UUID:
        """Take a text that belongs to a task: the answer to its open question, or feedback on its draft."""
        seen = self.get(task_id, requester)
        if seen.questions:
            return self.answer(task_id, requester, question_id=seen.questions[0].id, text=text)
        return self.feedback(task_id, requester, text=text, idempotency_key=idempotency_key)

    def cancel(self, task_id: UUID, requester: Requester) -> UUID:
        """End a task that nobody has decided on; a second call changes nothing.

        A campaign that the task made is cancelled with it; a revision or a proposed time is taken back. Raises
        Conflict once a person has decided or the task is over otherwise.
        """
        task = self._find(task_id, requester, lock=True)
        requester.require("cancel")
        if task.cancelled_at is not None:
            return task.id
        if views.state(self.session, task) in OVER:
            raise Conflict("The task is over. What people decided is changed by people.", code="task_over")
        if task.campaign_id is not None:
            self._undo(task, task.campaign_id, requester)
        task.cancelled_at = clock.now()
        audit.append(self.session, actor=requester.actor, action="task.cancel", subject=str(task.id))
        self.session.flush()
        return task.id

    def _undo(self, task: AgentTask, campaign_id: UUID, requester: Requester) -> None:
        """Take back what the task did. Runs are locked before the campaign, in the order of a worker that stores."""
        if task.skill == "propose_schedule":
            campaign = campaigns.lock(self.session, campaign_id)
            actions.take_back(self.session, campaign, task, actor=requester.actor)
            return
        self._stop_runs(campaign_id)
        campaign = campaigns.lock(self.session, campaign_id)
        if campaign.status not in _UNDECIDED:
            raise Conflict("A person has decided on the campaign.", code="task_over")
        if task.skill == "draft_campaign":
            campaigns.cancel(self.session, campaign.id, actor=requester.actor)
        elif campaign.status == Status.AI_GENERATING:
            self._back_to_review(campaign, requester)

    def _stop_runs(self, campaign_id: UUID) -> None:
        """End open runs; their worker finds that it holds them no more and drops what it wrote."""
        self.session.execute(
            update(AgentRun)
            .where(
                AgentRun.tenant_id == db.tenant_of(self.session),
                AgentRun.campaign_id == campaign_id,
                AgentRun.status.in_(_OPEN_RUNS),
            )
            .values(status="cancelled", lease_owner=None, lease_until=None, finished_at=clock.now())
        )

    def _back_to_review(self, campaign: Campaign, requester: Requester) -> None:
        """Put the draft that was to be revised up for review again."""
        self.session.execute(
            update(Review)
            .where(
                Review.tenant_id == campaign.tenant_id,
                Review.campaign_id == campaign.id,
                Review.revision_id == campaign.current_revision_id,
                Review.verb == "revise",
                Review.voided_at.is_(None),
            )
            .values(voided_at=clock.now(), voided_because="taken back")
        )
        campaigns.move(self.session, campaign, Verb.SUBMIT, actor=requester.actor)
