"""How a model call can end badly: one vocabulary for ports, provider and runs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Fault(StrEnum):
    """The named ends of an attempt; the value is what runs, logs and the ledger show."""

    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    AUTH = "auth"
    BAD_REQUEST = "bad_request"
    REFUSED = "refused"
    CONTENT_FILTERED = "content_filtered"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    EMPTY = "empty"
    PROTOCOL = "protocol"


class Outcome(StrEnum):
    """What a call that gave no answer means for the run that asked."""

    FAILED = "failed"
    PAUSED_PROVIDER = "paused_provider"
    PAUSED_BUDGET = "paused_budget"


class Delivery(StrEnum):
    """Whether the request may have been worked on, and so billed, although no usage is known."""

    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Hint:
    """What a refusal of the request says about the server: the parameter it names, and its own code."""

    parameter: str | None = None
    code: str | None = None
    speaks_of_schema: bool = False


class ModelError(Exception):
    """One attempt failed; raised by ports and by the provider's own checks.

    `retry_after` is in seconds, as the server asked. `delivery` tells whether the attempt is billed at its
    estimate. `problems` are validator messages that may be shown to the model. Never carries reply text.
    """

    def __init__(
        self,
        fault: Fault,
        *,
        retry_after: float | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        delivery: Delivery = Delivery.NO,
        hint: Hint | None = None,
        problems: tuple[str, ...] = (),
    ) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.retry_after = retry_after
        self.http_status = http_status
        self.request_id = request_id
        self.delivery = delivery
        self.hint = hint or Hint()
        self.problems = problems


class CallStopped(Exception):  # noqa: N818 - a named end of a call, some of them only a pause
    """A model call ended without an answer.

    `outcome` is the status the run takes, `code` a stable reason, `retry_at` when a paused call is worth
    another try (`None`: when somebody changed something).
    """

    def __init__(
        self,
        outcome: Outcome,
        code: str,
        *,
        retry_at: datetime | None = None,
        request_id: str | None = None,
        http_status: int | None = None,
        unknown: bool = False,
    ) -> None:
        super().__init__(f"{outcome}: {code}")
        self.outcome = outcome
        self.code = code
        self.retry_at = retry_at
        self.request_id = request_id
        self.http_status = http_status
        self.unknown = unknown


class BudgetExhausted(CallStopped):
    """The next attempt could pass a limit, run_token_limit or month_token_limit; it was not made."""

    def __init__(self, code: str = "run_token_limit") -> None:
        super().__init__(Outcome.PAUSED_BUDGET, code)
