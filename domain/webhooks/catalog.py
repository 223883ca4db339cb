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
    EventType("crm.campaign.failed", "campaign", "Every message that was tried failed; none reached a provider."),
    EventType(
        "crm.campaign.budget_warned", "campaign", "80 % of what a campaign may cost is spent.",
        ("spent_minor", "limit_minor", "currency"),
    ),
    EventType(
        "crm.campaign.ab_test.decided", "campaign",
        "A comparison of variants is decided, by its rules or by a person; what waited for it is let go.",
        ("verdict", "outcome", "variant"),
    ),
    EventType(
        "crm.campaign.ab_test.asks", "campaign", "A comparison ended without an answer and waits for a person.",
        ("verdict", "outcome"),
    ),
    EventType("crm.campaign.recipient.sent", "recipient", "A provider took a message.", _OF_RECIPIENT),
    EventType(
        "crm.campaign.recipient.opened", "recipient", "A person opened a message.", (*_OF_RECIPIENT, "actor")
    ),
    EventType(
        "crm.campaign.recipient.clicked", "recipient", "A person followed a link.", (*_OF_RECIPIENT, "actor", "link")
    ),
    EventType(
        "crm.campaign.recipient.converted", "recipient", "A person did what the campaign is for.",
        (*_OF_RECIPIENT, "goal", "link"),
    ),
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
    EventType(
        "crm.segment.member_added", "segment", "Members joined, by the rules or by hand; at most 500 per event.",
        ("member_ids", "by"),
    ),
    EventType(
        "crm.segment.member_removed", "segment", "Members left, by the rules or by hand; at most 500 per event.",
        ("member_ids", "by"),
    ),
    EventType(
        "crm.segment.calculated", "segment",
        "Everybody was asked; where `listed` is false, more than 10,000 moved and no event names them.",
        ("member_count", "added", "removed", "listed"),
    ),
    EventType("crm.sequence.started", "sequence", "A sequence went live, or goes on.", ("version",)),
    EventType("crm.sequence.paused", "sequence", "A sequence sends nothing for now.", ("reason",)),
    EventType("crm.sequence.enrolled", "sequence", "Members came into a sequence.", ("member_ids", "why")),
    EventType("crm.sequence.completed", "sequence", "Members had the last step of a sequence.", ("member_ids",)),
    EventType(
        "crm.sequence.exited", "sequence", "Members left a sequence before its end.", ("member_ids", "reason")
    ),
    EventType(
        "crm.sender.stopped", "sender_stop",
        "Nothing leaves from a sender any more: its campaigns drew too many complaints or refusals.",
        ("key", "channel", "reason", "harmed", "handed_over"),
    ),
    EventType("crm.sender.lifted", "sender_stop", "A person let a stopped sender go on.", ("key", "channel")),
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
    EventType(
        "crm.plan.changed", "tenant", "The tenant has another plan; what is over it was stopped, nothing was deleted.",
        ("from_tier", "to_tier", "stops", "holds", "resumes"),
    ),
    EventType("crm.gdpr.exported", "member", "Everything about a member was handed out.", ("format",)),
    EventType("crm.gdpr.erased", "member", "A member was removed everywhere, on request."),
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
