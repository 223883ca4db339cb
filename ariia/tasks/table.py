"""Every background task by name: the relay, the in-process runner and Celery use this table."""

from collections.abc import Callable
from types import MappingProxyType
from uuid import UUID

from ariia.tasks import (
    analytics,
    callbacks,
    campaigns,
    experiments,
    follow_ups,
    imports,
    knowledge,
    plans,
    retention,
    returns,
    segments,
    send_times,
    senders,
    sequences,
    webhooks,
)

Task = Callable[[UUID, UUID], None]

TASKS: MappingProxyType[str, Task] = MappingProxyType(
    {
        "campaigns.start": campaigns.start,
        "campaigns.send": campaigns.send,
        "notices.send": campaigns.send_notices,
        "campaigns.cancel_open": campaigns.cancel_open,
        "returns.callbacks": callbacks.read,
        "returns.watch": callbacks.look,
        "returns.read": returns.read,
        "returns.empty": returns.empty,
        "agents.run": campaigns.write,
        "follow_ups.run": follow_ups.run,
        "follow_ups.read": follow_ups.read,
        "follow_ups.close": follow_ups.close,
        "insights.read": follow_ups.gather,
        "imports.run": imports.run,
        "knowledge.read": knowledge.read,
        "knowledge.embed": knowledge.embed,
        "plans.change": plans.change,
        "privacy.retain": retention.sweep,
        "segments.refresh": segments.run,
        "segments.behave": segments.behave,
        "send_times.count": send_times.count,
        "domains.check": senders.check_domain,
        "sequences.run": sequences.run,
        "experiments.look": experiments.look,
        "webhooks.deliver": webhooks.deliver,
        "analytics.count": analytics.count,
    }
)
