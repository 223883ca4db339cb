"""What the answer of a rule depends on: which changes of a member, and whether time alone can turn it."""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from domain.changes import behaviour
from domain.segments import rules

EVERY_RULE = frozenset({"member_created", "segment_joined", "segment_left"})
_MEMBER = frozenset({"member_updated"})


@dataclass(frozen=True, slots=True)
class Depends:
    """`changes` are kinds of `domain.changes`; `days`: the answer turns at midnight, `moments`: within the day.

    `behaviour` are the acts of `domain.changes.behaviour` that may turn it; `campaigns`: campaigns that go may, too.
    """

    changes: frozenset[str] = frozenset()
    days: bool = False
    moments: bool = False
    behaviour: frozenset[str] = frozenset()
    campaigns: bool = False

    def __or__(self, other: "Depends") -> "Depends":
        return Depends(
            self.changes | other.changes,
            self.days or other.days,
            self.moments or other.moments,
            self.behaviour | other.behaviour,
            self.campaigns or other.campaigns,
        )


@singledispatch
def of(rule: Any) -> Depends:
    """Return what the answer of a checked rule depends on, without the segments that it refers to."""
    found = Depends()
    for each in rules.inner(rule):
        found |= of(each)
    return found


@of.register(rules.TextRule | rules.KnownRule | rules.StatusRule | rules.DayRule | rules.AttributeRule)
def _(_rule: Any) -> Depends:
    return Depends(_MEMBER)


@of.register
def _(_rule: rules.RecentRule) -> Depends:
    return Depends(_MEMBER, days=True)


@of.register
def _(_rule: rules.TagRule) -> Depends:
    return Depends(frozenset({"tag_added", "tag_removed"}))


@of.register
def _(_rule: rules.ContactRule) -> Depends:
    return Depends(frozenset({"contact_changed"}))


@of.register
def _(rule: rules.ConsentRule) -> Depends:
    return Depends(frozenset({"consent_changed"}), moments=rule.state == "granted")


@of.register
def _(_rule: rules.InsightRule) -> Depends:
    return Depends(frozenset({"insight_changed"}), moments=True)


@of.register
def _(rule: rules.ActivityRule) -> Depends:
    return Depends(frozenset({"activity", "history_changed"}), days=rule.in_last_days is not None)


@of.register
def _(rule: rules.PurchaseRule) -> Depends:
    timed = rule.in_last_days is not None or rule.measure == "days_since"
    return Depends(frozenset({"purchase", "history_changed"}), days=timed)


@of.register
def _(rule: rules.CampaignRule) -> Depends:
    timed = rule.in_last_days is not None
    if rule.did == "converted":
        return Depends(frozenset({"conversion"}), days=timed, campaigns=True)
    acts = frozenset({rule.did})
    return Depends(acts | {behaviour.JUDGED}, days=timed, behaviour=acts, campaigns=True)
