"""The life of a campaign: one table of status × verb → status. API, pages, docs and tests read it."""

from enum import StrEnum

from kernel.errors import IllegalStep


class Status(StrEnum):
    DRAFT = "draft"
    AI_GENERATING = "ai_generating"
    NEEDS_INPUT = "needs_input"
    PENDING_REVIEW = "pending_review"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    HELD = "held"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Verb(StrEnum):
    """What people ask for, and (second part) what the system itself does."""

    EDIT = "edit"
    GENERATE = "generate"
    REVISE = "revise"
    ANSWER = "answer"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    REJECT = "reject"
    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    DELETE = "delete"
    RETRY_FAILED = "retry_failed"
    SUBMIT = "submit"
    ASK = "ask"
    STOP_WRITING = "stop_writing"
    HOLD = "hold"
    COMPLETE = "complete"
    FAIL = "fail"


SYSTEM_VERBS = frozenset({Verb.SUBMIT, Verb.ASK, Verb.STOP_WRITING, Verb.HOLD, Verb.COMPLETE, Verb.FAIL})

_S, _V = Status, Verb

# EDIT of something approved voids the approval: that is why it leads back to the review.
TABLE: dict[Status, dict[Verb, Status]] = {
    _S.DRAFT: {
        _V.EDIT: _S.DRAFT,
        _V.GENERATE: _S.AI_GENERATING,
        _V.SUBMIT: _S.PENDING_REVIEW,
        _V.CANCEL: _S.CANCELLED,
        _V.DELETE: _S.CANCELLED,
    },
    _S.AI_GENERATING: {
        _V.SUBMIT: _S.PENDING_REVIEW,
        _V.ASK: _S.NEEDS_INPUT,
        _V.STOP_WRITING: _S.DRAFT,
        _V.CANCEL: _S.CANCELLED,
    },
    _S.NEEDS_INPUT: {
        _V.EDIT: _S.NEEDS_INPUT,
        _V.ANSWER: _S.AI_GENERATING,
        _V.GENERATE: _S.AI_GENERATING,
        _V.SUBMIT: _S.PENDING_REVIEW,
        _V.CANCEL: _S.CANCELLED,
        _V.DELETE: _S.CANCELLED,
    },
    _S.PENDING_REVIEW: {
        _V.EDIT: _S.PENDING_REVIEW,
        _V.SUBMIT: _S.PENDING_REVIEW,
        _V.GENERATE: _S.AI_GENERATING,
        _V.REVISE: _S.AI_GENERATING,
        _V.APPROVE: _S.APPROVED,
        _V.REJECT: _S.DRAFT,
        _V.CANCEL: _S.CANCELLED,
        _V.DELETE: _S.CANCELLED,
    },
    _S.APPROVED: {
        _V.EDIT: _S.PENDING_REVIEW,
        _V.SUBMIT: _S.PENDING_REVIEW,
        _V.WITHDRAW: _S.PENDING_REVIEW,
        _V.SCHEDULE: _S.SCHEDULED,
        _V.START: _S.SENDING,
        _V.HOLD: _S.HELD,
        _V.CANCEL: _S.CANCELLED,
    },
    _S.SCHEDULED: {
        _V.EDIT: _S.PENDING_REVIEW,
        _V.SUBMIT: _S.PENDING_REVIEW,
        _V.WITHDRAW: _S.PENDING_REVIEW,
        _V.UNSCHEDULE: _S.APPROVED,
        _V.START: _S.SENDING,
        _V.HOLD: _S.HELD,
        _V.CANCEL: _S.CANCELLED,
    },
    _S.SENDING: {
        _V.PAUSE: _S.PAUSED,
        _V.HOLD: _S.HELD,
        _V.COMPLETE: _S.SENT,
        _V.FAIL: _S.FAILED,
        _V.CANCEL: _S.CANCELLED,
    },
    _S.PAUSED: {_V.RESUME: _S.SENDING, _V.HOLD: _S.HELD, _V.CANCEL: _S.CANCELLED},
    _S.HELD: {
        _V.EDIT: _S.PENDING_REVIEW,
        _V.SUBMIT: _S.PENDING_REVIEW,
        _V.WITHDRAW: _S.PENDING_REVIEW,
        _V.RESUME: _S.SENDING,
        _V.CANCEL: _S.CANCELLED,
    },
    _S.SENT: {_V.RETRY_FAILED: _S.SENDING},
    _S.FAILED: {_V.RETRY_FAILED: _S.SENDING, _V.CANCEL: _S.CANCELLED},
    _S.CANCELLED: {_V.DELETE: _S.CANCELLED},
}


def allowed(status: Status) -> frozenset[Verb]:
    """Return the verbs that people may use now."""
    return frozenset(TABLE[status]) - SYSTEM_VERBS


def follow(status: Status, verb: Verb) -> Status:
    """Return the status that `verb` leads to; raises IllegalStep naming what is possible instead."""
    try:
        return TABLE[status][verb]
    except KeyError:
        raise IllegalStep(verb, status, allowed(status)) from None
