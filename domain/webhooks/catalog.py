"""Every event that the product tells, with a sentence each; docs/events.md is made from this table."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class EventType:
    """`aggregate` is the kind of thing whose events keep their order; `payload` names the fields of its data."""

    name: str
    aggregate: str
    sentence: str
    payload: tuple[str, ...] = ()


_OF_FOLLOW_UP = ("member_id", "topic", "channel", "due_at")
_OF_RECIPIENT = ("campaign_id", "message_id", "member_id", "channel")

_ALL = (
    EventType("crm.campaign.created", "campaign", "A campaign was made.", ("kind", "channel")),
    EventType("crm.campaign.updated", "campaign", "Fields of a campaign were changed.", ("fields",)),
    EventType("crm.campaign.deleted", "campaign", "A campaign that nothing was sent for was removed."),
    EventType("crm.campaign.approved", "campaign", "A person approved exactly what will be sent.", ("audience_count",)),
    EventType("crm.campaign.started", "campaign", "The sending of an approved campaign began."),
    EventType("crm.campaign.paused", "campaign", "A person stopped the sending for now."),
    EventType("crm.campaign.resumed", "campaign", "A paused or held campaign goes on."),
    EventType("crm.campaign.held", "campaign", "The service stopped, because something is not as approved."),
    EventType("crm.campaign.cancelled", "campaign", "A campaign was ended for good."),
    EventType("crm.campaign.completed", "campaign", "Nothing of the campaign is open any more."),
    EventType("crm.campaign.failed", "campaign", "The campaign could not be sent."),
    EventType("crm.campaign.recipient.sent", "recipient", "A provider took a message.", _OF_RECIPIENT),
    EventType(
        "crm.campaign.recipient.opened", "recipient", "A person opened a message.", (*_OF_RECIPIENT, "actor")
    ),
    EventType(
        "crm.campaign.recipient.clicked", "recipient", "A person followed a link.", (*_OF_RECIPIENT, "actor", "link")
    ),
    EventType("crm.campaign.recipient.converted", "recipient", "A person did what the campaign is for.", _OF_RECIPIENT),
    EventType(
        "crm.campaign.recipient.bounced", "recipient", "A message cannot be delivered.", (*_OF_RECIPIENT, "reason")
    ),
    EventType("crm.consent.granted", "member", "A member agreed.", ("channel", "purpose")),
    EventType("crm.consent.withdrawn", "member", "A member took a consent back.", ("channel", "purpose")),
    EventType(
        "crm.suppression.added", "suppression", "An address must not be written to any more.",
        ("channel", "purpose", "reason"),
    ),
    EventType("crm.suppression.lifted", "suppression", "A suppression was taken back.", ("channel",)),
    EventType("crm.member.created", "member", "A member was added; imports tell when they are finished."),
    EventType("crm.member.updated", "member", "Fields or addresses of a member were changed.", ("fields",)),
    EventType("crm.member.erased", "member", "A member and what belongs to it was removed."),
    EventType("crm.segment.created", "segment", "A segment was made.", ("name", "kind")),
    EventType("crm.segment.updated", "segment", "Fields or rules of a segment were changed.", ("fields",)),
    EventType("crm.segment.deleted", "segment", "A segment was removed; campaigns for it are held."),
    EventType("crm.segment.member_added", "segment", "A member was put into a static segment.", ("member_id",)),
    EventType("crm.segment.member_removed", "segment", "A member was taken out of a static one.", ("member_id",)),
    EventType("crm.import.finished", "import", "A file was imported, all of it.", ("kind", "counts")),
    EventType("crm.import.failed", "import", "A file could not be imported; nothing of it was applied.", ("kind",)),
    EventType("crm.follow_up.proposed", "follow_up", "A member was asked when to be written to.", _OF_FOLLOW_UP),
    EventType("crm.follow_up.scheduled", "follow_up", "A dated message was promised to a member.", _OF_FOLLOW_UP),
    EventType("crm.follow_up.moved", "follow_up", "A promised message has another date.", _OF_FOLLOW_UP),
    EventType(
        "crm.follow_up.cancelled", "follow_up", "A promised message will not be sent.", (*_OF_FOLLOW_UP, "reason")
    ),
    EventType("crm.follow_up.sent", "follow_up", "A provider took a promised message.", _OF_FOLLOW_UP),
    EventType("crm.follow_up.failed", "follow_up", "A promised message could not be sent.", (*_OF_FOLLOW_UP, "reason")),
    EventType(
        "crm.follow_up.expired", "follow_up", "A question was not answered, or the moment passed.",
        (*_OF_FOLLOW_UP, "reason"),
    ),
    EventType(
        "crm.webhook.disabled", "webhook", "An endpoint gets nothing any more: it failed for days, or said 410.",
        ("reason",),
    ),
    EventType(
        "crm.agent_task.changed", "agent_task",
        "The campaign of an agent's task took a step; ask for the task's state.",
        ("skill", "campaign_id", "step"),
    ),
    EventType("crm.webhook.ping", "webhook", "Somebody tries an endpoint out; only that endpoint gets it."),
)  # fmt: skip

TYPES: MappingProxyType[str, EventType] = MappingProxyType({kind.name: kind for kind in _ALL})
PING = "crm.webhook.ping"
TASK = "crm.agent_task.changed"
DISABLED = "crm.webhook.disabled"
RECIPIENT = "crm.campaign.recipient."
FEED = frozenset(name for name in TYPES if name.startswith(RECIPIENT))

# What a step of a campaign's life tells; the other steps tell nothing.
OF_STEP: MappingProxyType[str, str] = MappingProxyType({
    "approve": "crm.campaign.approved",
    "start": "crm.campaign.started",
    "pause": "crm.campaign.paused",
    "resume": "crm.campaign.resumed",
    "hold": "crm.campaign.held",
    "cancel": "crm.campaign.cancelled",
    "complete": "crm.campaign.completed",
    "fail": "crm.campaign.failed",
})  # fmt: skip


def as_markdown() -> str:
    """Return the table of docs/events.md."""
    rows = ["| type | order kept per | meaning | data |", "|---|---|---|---|"]
    for kind in TYPES.values():
        fields = ", ".join(f"`{name}`" for name in kind.payload) or "–"
        rows.append(f"| `{kind.name}` | {kind.aggregate} | {kind.sentence} | {fields} |")
    return "\n".join(rows)
