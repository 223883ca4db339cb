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
        "tasks",
    )
)
WRITE_SCOPES = frozenset(
    f"{area}:write"
    for area in ("campaigns", "members", "knowledge", "conversations", "templates", "settings", "consent", "webhooks")
)
SEND, APPROVE, KEYS = "campaigns:send", "campaigns:approve", "keys:write"
PRIVACY = "members:privacy"  # to hand out, or to erase, everything about one member

# What an agent may be asked for: a scope for each skill, so that a key holds exactly those it needs.
READING_SKILLS = frozenset({"get_campaign", "estimate_audience", "search_knowledge", "list_followups"})
WRITING_SKILLS = frozenset({
    "draft_campaign", "revise_campaign", "propose_schedule", "cancel", "propose_followup", "cancel_followup",
})  # fmt: skip


def skill_scope(skill: str) -> str:
    """Return the scope that lets a principal ask for a skill."""
    return f"skill:{skill}"


SKILL_SCOPES = frozenset(skill_scope(skill) for skill in READING_SKILLS | WRITING_SKILLS)
SCOPES = READ_SCOPES | WRITE_SCOPES | SKILL_SCOPES | {SEND, APPROVE, KEYS, PRIVACY}

# A key speaks for a machine: it may do what its scopes say, and never approve.
KEY_SCOPES = SCOPES - {APPROVE}

# A key that holds a skill is an agent's: it may read and propose. People write, decide, send, and hand out links.
AGENT_SCOPES = (READ_SCOPES - {"audit:read"}) | SKILL_SCOPES

_READING = frozenset(skill_scope(skill) for skill in READING_SKILLS)

OF_ROLE: dict[Role, frozenset[str]] = {
    Role.OWNER: SCOPES,
    Role.MANAGER: SCOPES - {KEYS},
    Role.EDITOR: READ_SCOPES | SKILL_SCOPES | (WRITE_SCOPES - {"settings:write", "webhooks:write"}),
    Role.APPROVER: READ_SCOPES | _READING | {APPROVE},
    Role.VIEWER: (READ_SCOPES - {"audit:read"}) | _READING,
}


def of_new_key(role: Role) -> frozenset[str]:
    """Return what a key of `role` holds that names no scopes; skills are only given by name."""
    return OF_ROLE[role] & KEY_SCOPES - SKILL_SCOPES


def of_key(scopes: frozenset[str]) -> frozenset[str]:
    """Return what a key that holds `scopes` may use, whatever is stored: an agent's never sends or approves."""
    held = scopes & KEY_SCOPES
    return held & AGENT_SCOPES if held & SKILL_SCOPES else held


def may(role: Role, scopes: frozenset[str], scope: str) -> bool:
    """Say whether a principal of `role` with `scopes` holds `scope`; both must grant it."""
    return scope in scopes and scope in OF_ROLE[role]
