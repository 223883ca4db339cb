"""Where data about a member lies: one row per table, used by export and erasure alike, and compared with all tables.

Whoever adds a table says here what it holds about people, or that it holds nothing: a test asks for every one.
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

# By what a row belongs to a member: its own id, its messages, its addresses, its chats, its follow-ups' texts.
By = Literal["id", "member", "message", "address", "conversation", "chat"]
# What an erasure does: the row goes with the member by its foreign key; it goes; columns of it are emptied; it holds
# nothing but ids that name nobody any more.
Erasure = Literal["cascade", "delete", "blank", "keep"]


@dataclass(frozen=True, slots=True)
class Holding:
    """One table's part. `blank` are the emptied columns; `hidden` are never handed out (secrets)."""

    table: str
    by: By
    erasure: Erasure
    blank: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    hidden: frozenset[str] = frozenset()


def _blank(table: str, by: By, **columns: Any) -> Holding:
    return Holding(table, by, "blank", MappingProxyType(columns))


HOLDINGS = (
    Holding("member", "id", "delete"),
    *(
        Holding(table, "member", "cascade")
        for table in (
            "contact_point",
            "activity",
            "purchase",
            "consent",
            "consent_event",
            "segment_member",
            "follow_up",
            "follow_up_turn",
            "member_insight",
            "member_hours",
            "agent_task",
        )
    ),
    Holding("chat_link", "member", "cascade", hidden=frozenset({"token_hash"})),
    Holding("conversation", "chat", "delete"),
    Holding("conversation_message", "conversation", "cascade"),
    Holding("enrolment", "member", "keep"),
    Holding("conversion", "member", "keep"),
    _blank("import_row", "member", member_id=None, before=None, problems=[]),
    _blank("notice", "member", content={}),
    _blank("message", "member", address=None, address_norm=None, provider_text=None),
    Holding("message_event", "message", "blank"),  # whereabouts, by a function of the database
    _blank("inbound_mail", "message", raw=None, envelope_from=""),
    _blank("provider_callback", "message", words=None),
    Holding("message_charge", "message", "keep"),
    Holding("provider_look", "message", "keep"),
    Holding("address_health", "address", "delete"),
    Holding("suppression", "address", "delete"),
)
OF_TABLE = MappingProxyType({holding.table: holding for holding in HOLDINGS})

# Answers that are kept for repeats for a day may show a member; those that name this one go.
ANSWERS = "idempotency_key"

# Tables that hold nothing about members, or ids alone: of a member that is gone they name nobody.
IDS_ALONE = frozenset({
    "act_change", "actor_change", "audit_entry", "campaign", "domain_event", "event_counter", "member_change",
    "outbox", "plan_reservation", "preview_link", "webhook_delivery",
})  # fmt: skip
OF_THE_TEAM = frozenset({
    "api_key", "app_user", "brand_profile", "brand_rule", "credential_index", "follow_up_text", "login_identity",
    "opt_out_word", "review", "sender", "team_address", "tenant", "tenant_route", "user_session", "webhook_endpoint",
    "agent_question", "finding_override", "kb_synonym",
})  # fmt: skip
# Content, campaigns, sums, and the running of the service. Sealed replies of models (`model_call`) end by themselves;
# the bytes of an import (`import_file`) end with it, and its rows are compared with whom was erased.
NOBODYS = frozenset({
    "account_strain", "act_hour", "agent_run", "agent_step", "agent_task_campaign", "agent_task_word", "audit_head",
    "campaign_budget", "campaign_cost",
    "campaign_count", "campaign_part", "campaign_spend", "change_bell", "change_position", "chat_turn", "chunk",
    "chunk_sketch", "chunk_vector",
    "cohort_cell", "cohort_month", "cohort_stale", "cohort_state",
    "closed_country", "content_template", "dkim_key", "document", "document_upload", "draft_revision",
    "embedding_state", "enrolment_count", "erased_identity", "experiment", "experiment_decision", "experiment_look",
    "import_batch",
    "import_file", "kb_posting", "kb_term", "model_call", "offer", "plan_change", "plan_stop", "plan_usage",
    "provider_account", "rate_bucket", "rollup_day", "rollup_position", "rollup_quarter", "segment", "segment_day",
    "send_time_state", "sender_domain", "sender_stop", "sequence", "sequence_campaign", "sequence_version",
    "telegram_update", "template", "template_version", "tenant_due", "tenant_erasure", "tracked_link",
    "tracking_journal", "worker",
})  # fmt: skip
