"""The one contract behind every door: ask for a skill, look, answer, comment, cancel. No verb approves or sends."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.agent_tasks import actions, heard, progress, skills, standing, views
from domain.agent_tasks.progress import Step
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.standing import PartView
from domain.agent_tasks.states import OVER, State
from domain.agent_tasks.views import TaskRow, TaskView
from domain.audit import service as audit
from domain.campaigns import reviews
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb
from domain.knowledge.vectors import UNASKED, Understood
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound, PlanLimit
from kernel.ids import new_id
from models import AgentQuestion, AgentRun, AgentTask, Campaign, DraftRevision, Review

_LONGEST_CONTEXT = 200
_YES = r"\s*(?:ja|jawohl|gerne?|ok(?:ay)?|passt|mach das|bitte|yes|yep|sure|do it|go ahead)\b"
_NO = r"\s*(?:nein|nee|nicht|lass|stopp?|abbrechen|no|nope|don'?t|cancel|stop)\b"
_UNDECIDED = frozenset({Status.DRAFT, Status.AI_GENERATING, Status.NEEDS_INPUT, Status.PENDING_REVIEW})
_OPEN_RUNS = ("queued", "running", "paused_budget", "paused_provider")


def says_yes(text: str) -> bool | None:
    """Read an answer to a yes-or-no question; None where it is neither."""
    if re.match(_NO, text, re.IGNORECASE):
        return False
    return True if re.match(_YES, text, re.IGNORECASE) else None


@dataclass(frozen=True, slots=True)
class TaskService:
    """Every method works in the caller's transaction, on the rows of its tenant.

    `understood` is what the question of a search means, where the caller asked a model before.
    """

    session: Session
    understood: Understood = UNASKED

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
        if idempotency_key is not None:
            heard.checked("idempotency_key", idempotency_key, heard.LONGEST_KEY)
        if context_id is not None:
            heard.checked("context_id", context_id, _LONGEST_CONTEXT)
        digest = hashlib.sha256(json.dumps([skill, values], sort_keys=True).encode()).hexdigest()
        task_id = self._insert(skill, values, digest, requester, idempotency_key, context_id, confirm=confirm)
        if task_id is None:
            return self._known(requester, str(idempotency_key), digest).id
        heard.nothing_yet(self.session, requester, idempotency_key)
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
            raise heard.reused()
        return task

    def _begin(self, task: AgentTask, requester: Requester, wish: Any) -> None:
        """Do what the skill does; what the state or the plan forbids is kept as the task's refusal."""
        try:
            with self.session.begin_nested():
                if isinstance(wish, skills.SearchKnowledge):
                    actions.search(self.session, task, wish, self.understood)
                else:
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

    def events(self, task_id: UUID, requester: Requester, *, after: Collection[UUID] = ()) -> Sequence[Step]:
        """Return the steps that were finished after those in `after`, the last seen of each campaign, oldest first."""
        return progress.steps(self.session, self._find(task_id, requester), after=after)

    def last_of_each(self, task_id: UUID, requester: Requester, step_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Return the last of these steps by campaign of the task; those of other tasks are left out."""
        return progress.last_of_each(self.session, self._find(task_id, requester), step_ids)

    def answer(
        self, task_id: UUID, requester: Requester, *, question_id: UUID, text: str, idempotency_key: str | None = None
    ) -> UUID:
        """Answer a question of the task, once for each key; the last answer lets it go on.

        Raises NotFound for the question, Conflict where it is answered, Invalid for neither yes nor no.
        """
        heard.checked("text", text, reviews.LONGEST_COMMENT)
        task = self._find(task_id, requester, lock=True)
        requester.require(task.skill)
        if heard.before(self.session, task, requester, idempotency_key, question_id, text):
            return task.id
        if task.to_confirm and question_id == task.id:
            self._confirm(task, requester, text)
        else:
            campaign_id = self._asked_by(task, question_id)
            reviews.answer(self.session, campaign_id, question_id, text=text, actor=requester.actor)
        return task.id

    def _asked_by(self, task: AgentTask, question_id: UUID) -> UUID:
        """Return which campaign of the task the question belongs to."""
        question = self.session.get(AgentQuestion, question_id)
        if question is None or question.campaign_id not in standing.campaigns_of(self.session, task):
            raise NotFound("question")
        return question.campaign_id

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
        channel: str | None = None,
        scope: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> UUID:
        """Ask for another revision of what the task wrote, once for each key.

        Of a task with several drafts `revision_id`, the one that was seen, or `channel` says which is meant; without
        either it is for each that is up for review. Raises Conflict where none is, or for a newer draft than the one
        seen; NotFound or Invalid for a revision or channel that the task does not have.
        """
        heard.checked("text", text, reviews.LONGEST_COMMENT)
        task = self._find(task_id, requester)
        requester.require("revise_campaign")
        self._lock_campaigns(task)
        if heard.before(self.session, task, requester, idempotency_key, revision_id, channel, text):
            return task.id
        open_ = [part for part in self._meant(task, revision_id, channel) if part.state == State.WAITING_REVIEW]
        drafts = {part.campaign_id: part.revision_id for part in open_ if part.campaign_id and part.revision_id}
        for campaign_id, current in drafts.items():
            actions.request_changes(self.session, requester, campaign_id, revision_id or current, text, scope)
        if not drafts:
            raise Conflict("Feedback is taken while a draft is up for review.", code="not_in_review")
        return task.id

    def _lock_campaigns(self, task: AgentTask) -> Sequence[Campaign]:
        """Lock what the task is about, always in the same order."""
        ids = sorted(standing.campaigns_of(self.session, task))
        return [campaigns.lock(self.session, campaign_id) for campaign_id in ids]

    def _meant(self, task: AgentTask, revision_id: UUID | None, channel: str | None) -> Sequence[PartView]:
        """Return which campaigns of the task a revision or a channel means, all without either."""
        parts = standing.parts(self.session, task)
        if revision_id is not None:
            revision = self.session.get(DraftRevision, revision_id)
            parts = [part for part in parts if revision and part.campaign_id == revision.campaign_id]
            if not parts:
                raise NotFound("revision")
        found = [part for part in parts if channel in {None, part.channel}]
        if parts and not found:
            known = ", ".join(part.channel for part in parts)
            raise Invalid("channel", f"the task has no campaign there, but on {known}")
        return found

    def reply(
        self,
        task_id: UUID,
        requester: Requester,
        *,
        text: str,
        channel: str | None = None,
        idempotency_key: str | None = None,
    ) -> UUID:
        """Take a text that belongs to a task: the answer to its open question, or feedback on its draft.

        Of a task with several campaigns `channel` says which is meant.
        """
        task = self._find(task_id, requester)
        if heard.before(self.session, task, requester, idempotency_key, text, channel):
            return task.id
        asked = [each for each in views.view(self.session, task).questions if channel in {None, each.channel}]
        if asked:
            return self.answer(task.id, requester, question_id=asked[0].id, text=text)
        return self.feedback(task.id, requester, text=text, channel=channel)

    def cancel(self, task_id: UUID, requester: Requester) -> UUID:
        """End a task that nobody has decided on; a second call changes nothing.

        A campaign that the task made is cancelled with it; a revision or a proposed time is taken back. Raises
        Conflict once a person has decided or the task is over otherwise.
        """
        task = self._find(task_id, requester, lock=True)
        requester.require("cancel")
        if task.cancelled_at is not None:
            return task.id
        if standing.state(self.session, task) in OVER:
            raise Conflict("The task is over. What people decided is changed by people.", code="task_over")
        self._undo(task, requester)
        task.cancelled_at = self.session.execute(select(func.clock_timestamp())).scalar_one()
        audit.append(self.session, actor=requester.actor, action="task.cancel", subject=str(task.id))
        self.session.flush()
        return task.id

    def _undo(self, task: AgentTask, requester: Requester) -> None:
        """Take back what nobody has decided on. Runs are locked before campaigns, as by a worker that stores."""
        if task.skill == "propose_schedule":
            for campaign in self._lock_campaigns(task):
                actions.take_back(self.session, campaign, task, actor=requester.actor)
            return
        open_ = {part.campaign_id for part in standing.parts(self.session, task) if part.state not in OVER} - {None}
        self._stop_runs(open_)
        undecided = [campaign for campaign in self._lock_campaigns(task) if campaign.status in _UNDECIDED]
        undecided = [campaign for campaign in undecided if campaign.id in open_]
        if open_ and not undecided:
            raise Conflict("A person has decided on the campaign.", code="task_over")
        for campaign in undecided:
            if task.skill == "draft_campaign":
                campaigns.cancel(self.session, campaign.id, actor=requester.actor)
            elif campaign.status == Status.AI_GENERATING:
                self._back_to_review(campaign, requester)

    def _stop_runs(self, campaign_ids: Collection[UUID | None]) -> None:
        """End open runs; their worker finds that it holds them no more and drops what it wrote."""
        self.session.execute(
            update(AgentRun)
            .where(
                AgentRun.tenant_id == db.tenant_of(self.session),
                AgentRun.campaign_id.in_(campaign_ids),
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
