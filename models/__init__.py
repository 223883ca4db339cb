"""All tables; importing this package registers every one of them."""

from models.agent import AgentRun, AgentStep, ModelCall
from models.agent_tasks import AgentTask
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
from models.chats import ChatLink, TelegramUpdate
from models.delivery import CampaignCount, Message, MessageEvent, Notice, RateBucket, TrackedLink
from models.events import DomainEvent, EventCounter
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
from models.plans import PlanReservation, PlanUsage
from models.reach import AccountStrain, CampaignCost, ChatTurn, ClosedCountry, TeamAddress
from models.returns import AddressHealth, InboundMail
from models.segments import Segment, SegmentMember
from models.senders import DkimKey, ProviderAccount, SenderDomain
from models.tracking import Conversion, TrackingJournal
from models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccountStrain",
    "Activity",
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
    "CampaignCost",
    "CampaignCount",
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
    "EventCounter",
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
    "MemberInsight",
    "Message",
    "MessageEvent",
    "ModelCall",
    "Notice",
    "Offer",
    "OptOutWord",
    "Outbox",
    "PlanReservation",
    "PlanUsage",
    "Posting",
    "PreviewLink",
    "ProviderAccount",
    "ProviderCallback",
    "ProviderLook",
    "Purchase",
    "RateBucket",
    "Review",
    "Segment",
    "SegmentMember",
    "Sender",
    "SenderDomain",
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
