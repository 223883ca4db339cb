"""All tables; importing this package registers every one of them."""

from models.agent import AgentRun, AgentStep, ModelCall
from models.base import Base
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
from models.knowledge import Chunk, Conversation, ConversationMessage, Document, Offer
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
from models.returns import AddressHealth, InboundMail
from models.senders import DkimKey, ProviderAccount, SenderDomain
from models.tracking import Conversion, TrackingJournal
from models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "Activity",
    "AddressHealth",
    "AgentQuestion",
    "AgentRun",
    "AgentStep",
    "ApiKey",
    "AppUser",
    "AuditEntry",
    "AuditHead",
    "Base",
    "Campaign",
    "CampaignCount",
    "ChatLink",
    "Chunk",
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
    "DomainEvent",
    "DraftRevision",
    "EventCounter",
    "FindingOverride",
    "IdempotencyKey",
    "ImportBatch",
    "ImportFile",
    "ImportRow",
    "InboundMail",
    "LoginIdentity",
    "Member",
    "Message",
    "MessageEvent",
    "ModelCall",
    "Notice",
    "Offer",
    "OptOutWord",
    "Outbox",
    "PlanReservation",
    "PlanUsage",
    "PreviewLink",
    "ProviderAccount",
    "ProviderCallback",
    "ProviderLook",
    "Purchase",
    "RateBucket",
    "Review",
    "Sender",
    "SenderDomain",
    "Suppression",
    "TelegramUpdate",
    "Template",
    "TemplateVersion",
    "Tenant",
    "TenantDue",
    "TenantRoute",
    "TrackedLink",
    "TrackingJournal",
    "UserSession",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Worker",
]
