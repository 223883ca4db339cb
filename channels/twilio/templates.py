"""Content templates of an account, with WhatsApp's word about each.

Source: www.twilio.com/docs/content/content-api-resources.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels.twilio.settings import Account

MOST = 1_000
APPROVED = "approved"
UNSUBMITTED = "unsubmitted"
_SLOT = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Content:
    """One template. `slots` are the variables that it uses, `samples` what stands in them by default.

    `approval` is WhatsApp's: approved, pending, received, rejected, paused, disabled, or unsubmitted.
    """

    sid: str
    name: str
    language: str
    kind: str
    body: str
    slots: tuple[str, ...]
    samples: Mapping[str, str]
    category: str | None
    approval: str
    rejection: str | None


def fetch(account: Account) -> list[Content]:
    """Return the account's templates, at most a thousand. Raises SendFailed."""
    from channels.twilio.client import asking, client_of  # noqa: PLC0415 - the library takes a second to load

    client = client_of(account)
    with asking():
        found = client.content.v1.content_and_approvals.list(limit=MOST, page_size=50)
    return [_content(one) for one in found]


def _content(one: Any) -> Content:
    kinds: dict[str, Any] = one.types or {}
    shown = [each for each in kinds.values() if isinstance(each, dict)]
    body = next((str(each["body"]) for each in shown if each.get("body")), "")
    approval = one.approval_requests if isinstance(one.approval_requests, dict) else {}
    return Content(
        sid=str(one.sid),
        name=str(one.friendly_name or approval.get("name") or one.sid),
        language=str(one.language or ""),
        kind=next(iter(kinds), ""),
        body=body,
        slots=tuple(dict.fromkeys(_SLOT.findall(json.dumps(shown)))),
        samples={str(name): str(value) for name, value in (one.variables or {}).items()},
        category=str(approval["category"]).lower() if approval.get("category") else None,
        approval=str(approval.get("status") or UNSUBMITTED).lower(),
        rejection=str(approval["rejection_reason"]) if approval.get("rejection_reason") else None,
    )
