"""All tables; importing this package registers every one of them."""

from models.agent import AgentRun, AgentStep, ModelCall
from models.agent_tasks import AgentTask
from models.analytics import ActorChange, RollupDay, RollupPosition, RollupQuarter
from models.base import Base
from models.brand import BrandProfile, BrandRule
from models.callbacks import ContentTemplate, OptOutWord, ProviderCallback, ProviderLook
from models.campaigns import (
    AgentQuestion,
    Campaign,
    DraftRevision,
    FindingOverride,
    PreviewLink,
    Review,
    Sender,
    Template,
    TemplateVersion,
)
from models.changes import ChangeBell, ChangePosition, MemberChange
from models.chats import ChatLink, TelegramUpdate
from models.costs import CampaignBudget, CampaignSpend, MessageCharge
from models.delivery import CampaignCount, Message, MessageEvent, Notice, RateBucket, TrackedLink
from models.events import DomainEvent, EventCounter
from models.experiments import Experiment, ExperimentDecision, ExperimentLook
from models.follow_ups import FollowUp, FollowUpText, FollowUpTurn, MemberInsight
from models.identity import (
    ApiKey,
    AppUser,
    AuditEntry,
    AuditHead,
    CredentialIndex,
    LoginIdentity,
    Tenant,
    TenantRoute,
    UserSession,
)
from models.knowledge import (
    Chunk,
    Conversation,
    ConversationMessage,
    Document,
    DocumentUpload,
    Offer,
    Posting,
    SynonymGroup,
    Term,
)
from models.operations import IdempotencyKey, Outbox, TenantDue, Worker
from models.people import (
    Activity,
    Consent,
    ConsentEvent,
    ContactPoint,
    ImportBatch,
    ImportFile,
    ImportRow,
    Member,
    Purchase,
    Suppression,
)
from models.plans import PlanChange, PlanReservation, PlanStop, PlanUsage
from models.privacy import ErasedIdentity
from models.reach import AccountStrain, CampaignCost, ChatTurn, ClosedCountry, TeamAddress
from models.returns import AddressHealth, InboundMail
from models.segments import Segment, SegmentDay, SegmentMember
from models.send_times import ActChange, ActHour, MemberHours, SendTimeState
from models.senders import DkimKey, ProviderAccount, SenderDomain
from models.sequences import Enrolment, Sequence, SequenceCampaign, SequenceVersion
from models.tracking import Conversion, TrackingJournal
from models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccountStrain",
    "ActChange",
    "ActHour",
    "Activity",
    "ActorChange",
    "AddressHealth",
    "AgentQuestion",
    "AgentRun",
    "AgentStep",
    "AgentTask",
    "ApiKey",
    "AppUser",
    "AuditEntry",
    "AuditHead",
    "Base",
    "BrandProfile",
    "BrandRule",
    "Campaign",
    "CampaignBudget",
    "CampaignCost",
    "CampaignCount",
    "CampaignSpend",
    "ChangeBell",
    "ChangePosition",
    "ChatLink",
    "ChatTurn",
    "Chunk",
    "ClosedCountry",
    "Consent",
    "ConsentEvent",
    "ContactPoint",
    "ContentTemplate",
    "Conversation",
    "ConversationMessage",
    "Conversion",
    "CredentialIndex",
    "DkimKey",
    "Document",
    "DocumentUpload",
    "DomainEvent",
    "DraftRevision",
    "Enrolment",
    "ErasedIdentity",
    "EventCounter",
    "Experiment",
    "ExperimentDecision",
    "ExperimentLook",
    "FindingOverride",
    "FollowUp",
    "FollowUpText",
    "FollowUpTurn",
    "IdempotencyKey",
    "ImportBatch",
    "ImportFile",
    "ImportRow",
    "InboundMail",
    "LoginIdentity",
    "Member",
    "MemberChange",
    "MemberHours",
    "MemberInsight",
    "Message",
    "MessageCharge",
    "MessageEvent",
    "ModelCall",
    "Notice",
    "Offer",
    "OptOutWord",
    "Outbox",
    "PlanChange",
    "PlanReservation",
    "PlanStop",
    "PlanUsage",
    "Posting",
    "PreviewLink",
    "ProviderAccount",
    "ProviderCallback",
    "ProviderLook",
    "Purchase",
    "RateBucket",
    "Review",
    "RollupDay",
    "RollupPosition",
    "RollupQuarter",
    "Segment",
    "SegmentDay",
    "SegmentMember",
    "SendTimeState",
    "Sender",
    "SenderDomain",
    "Sequence",
    "SequenceCampaign",
    "SequenceVersion",
    "Suppression",
    "SynonymGroup",
    "TeamAddress",
    "TelegramUpdate",
    "Template",
    "TemplateVersion",
    "Tenant",
    "TenantDue",
    "TenantRoute",
    "Term",
    "TrackedLink",
    "TrackingJournal",
    "UserSession",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Worker",
]
