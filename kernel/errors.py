"""Refusals: every expected 'no' of the product, with the way out, as RFC 9457 asks."""

from collections.abc import Iterable, Mapping
from typing import Any


class AriiaError(Exception):
    """A refusal that a caller can act on.

    `code` is stable and documented in docs/api.md, `status` is the HTTP status, `detail` says what is
    wrong and what to do; `extra` members are added to the problem document.
    """

    code = "refused"
    status = 400

    def __init__(self, detail: str, *, code: str | None = None, status: int | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.status = status or self.status
        self.extra = extra


class NotFound(AriiaError):  # noqa: N818 - named as the answer, not as the accident
    code = "not_found"
    status = 404

    def __init__(self, thing: str) -> None:
        super().__init__(f"There is no {thing} with this id here. Check the id and the key's tenant.", thing=thing)


class Conflict(AriiaError):  # noqa: N818
    """The step is not possible in the present state."""

    code = "conflict"
    status = 409


class IllegalStep(Conflict):
    """A verb that the lifecycle does not allow now; names those it allows."""

    code = "illegal_step"

    def __init__(self, verb: str, status: str, allowed: Iterable[str]) -> None:
        steps = sorted(allowed)
        way_out = f"Possible now: {', '.join(steps)}." if steps else "No further step is possible."
        super().__init__(
            f"A campaign that is {status} cannot {verb}. {way_out}", verb=verb, state=status, allowed=steps
        )


class Invalid(AriiaError):  # noqa: N818
    """A payload field that cannot be used."""

    code = "invalid"
    status = 422

    def __init__(self, field: str, detail: str, **extra: Any) -> None:
        super().__init__(f"{field}: {detail}", field=field, **extra)


class Unauthorised(AriiaError):  # noqa: N818
    code = "unauthorised"
    status = 401


class Forbidden(AriiaError):  # noqa: N818
    code = "forbidden"
    status = 403


class Gone(AriiaError):  # noqa: N818
    code = "gone"
    status = 410


class PlanLimit(AriiaError):  # noqa: N818
    """A plan limit that is used up; names limit, used, the reset and the tier that lifts it.

    `translations` are the same sentence by language, for readers of other languages than English.
    """

    code = "plan_limit"
    status = 402

    def __init__(self, detail: str, *, translations: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.translations = dict(translations or {})
