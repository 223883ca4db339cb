"""Roles and scopes: what a principal may do. Approving is separate from creating and sending."""

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    EDITOR = "editor"
    APPROVER = "approver"
    VIEWER = "viewer"


READ_SCOPES = frozenset(
    f"{area}:read"
    for area in (
        "campaigns",
        "members",
        "knowledge",
        "conversations",
        "templates",
        "settings",
        "events",
        "audit",
        "webhooks",
    )
)
WRITE_SCOPES = frozenset(
    f"{area}:write"
    for area in ("campaigns", "members", "knowledge", "conversations", "templates", "settings", "consent", "webhooks")
)
SEND, APPROVE, KEYS = "campaigns:send", "campaigns:approve", "keys:write"
SCOPES = READ_SCOPES | WRITE_SCOPES | {SEND, APPROVE, KEYS}

# A key speaks for a machine: it may do what its scopes say, and never approve.
KEY_SCOPES = SCOPES - {APPROVE}

OF_ROLE: dict[Role, frozenset[str]] = {
    Role.OWNER: SCOPES,
    Role.MANAGER: SCOPES - {KEYS},
    Role.EDITOR: READ_SCOPES | (WRITE_SCOPES - {"settings:write", "webhooks:write"}),
    Role.APPROVER: READ_SCOPES | {APPROVE},
    Role.VIEWER: READ_SCOPES - {"audit:read"},
}


def may(role: Role, scopes: frozenset[str], scope: str) -> bool:
    """Say whether a principal of `role` with `scopes` holds `scope`; both must grant it."""
    return scope in scopes and scope in OF_ROLE[role]
