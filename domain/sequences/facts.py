"""What is true of many members at once, in a handful of statements however many they are."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from channels.sms import regions
from domain.delivery import hours
from domain.delivery.hours import Hours
from domain.segments import moment
from domain.segments import resolve as segments
from domain.segments import rules as segment_rules
from domain.sequences import course
from domain.sequences.course import Exit, Facts
from domain.sequences.definition import Converted, Definition, Did, Fits
from kernel import db
from models import Member, Tenant

_PEOPLE = text("""
SELECT m.id, m.time_zone, p.address_norm AS sms, w.address_norm AS whatsapp FROM member m
LEFT JOIN contact_point p ON p.tenant_id = m.tenant_id AND p.member_id = m.id AND p.channel = 'sms' AND p.is_primary
  AND (m.time_zone IS NULL OR 'sms' = ANY(:channels))
LEFT JOIN contact_point w ON w.tenant_id = m.tenant_id AND w.member_id = m.id AND w.channel = 'whatsapp'
  AND w.is_primary AND 'whatsapp' = ANY(:channels)
WHERE m.tenant_id = :tenant AND m.id = ANY(:ids)
""")
_STOPPED = text("""
SELECT DISTINCT member_id FROM consent
WHERE tenant_id = :tenant AND member_id = ANY(:ids) AND channel = ANY(:channels) AND purpose = 'marketing'
  AND state = 'withdrawn'
""")
_ADDRESSES = text("""
SELECT p.member_id, p.channel, s.reason FROM contact_point p
LEFT JOIN suppression s ON s.tenant_id = p.tenant_id AND s.channel = p.channel AND s.address_norm = p.address_norm
  AND s.purpose IN ('marketing', 'all') AND s.lifted_at IS NULL
  AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
WHERE p.tenant_id = :tenant AND p.member_id = ANY(:ids) AND p.is_primary AND p.channel = ANY(:channels)
""")
_BEHAVIOUR = text("""
SELECT m.campaign_id, m.member_id, m.step, m.first_opened_at IS NOT NULL AS opened,
  m.first_clicked_at IS NOT NULL AS clicked
FROM message m
WHERE m.tenant_id = :tenant AND m.member_id = ANY(:ids) AND m.campaign_id = ANY(:campaigns)
""")
_CONVERTED = text("""
SELECT v.campaign_id, v.member_id, m.step FROM conversion v
LEFT JOIN message m ON m.tenant_id = v.tenant_id AND m.id = v.message_id
WHERE v.tenant_id = :tenant AND v.member_id = ANY(:ids) AND v.campaign_id = ANY(:campaigns)
""")
_CAMPAIGNS = text(
    "SELECT campaign_id, step FROM sequence_campaign WHERE tenant_id = :tenant AND sequence_id = :sequence"
)
_NOWHERE = ZoneInfo("UTC")
_PREFIX = max(map(len, hours.CALLING_HOURS))


class Person(NamedTuple):
    """A member in one pass."""

    enrolment_id: UUID
    member_id: UUID | None
    pass_n: int


class Clock(NamedTuple):
    """Whose clock a member lives by; `of_number` is the zone of the number's country where no other is known.

    `opens` is when the quiet hours of a channel are over, for those on which it is quiet now.
    """

    zone: ZoneInfo
    of_number: str | None
    opens: Mapping[str, datetime]


@dataclass(slots=True)
class Behaviour:
    """What members did with the messages of a pass: (member, pass, step of the sequence, what)."""

    did: set[tuple[UUID, int, str, str]]
    converted: set[tuple[UUID, int]]


def clocks(session: Session, channels: list[str], people: Sequence[Person], now: datetime) -> dict[UUID, Clock]:
    """Return the clock of each member who is still here: their own, else the number's, else the tenant's.

    With it when the quiet hours of these channels are over.
    """
    tenant = session.get_one(Tenant, db.tenant_of(session))
    opens = opening(hours.of_tenant(tenant.quiet_from, tenant.quiet_until), channels, now)
    keys = {"tenant": tenant.id, "ids": [each.member_id for each in people], "channels": channels}
    found = {}
    for row in session.execute(_PEOPLE, keys):
        of_number = regions.zone_of(row.sms) if row.sms and not row.time_zone else None
        zone = ZoneInfo(row.time_zone or of_number or tenant.time_zone)
        found[row.id] = Clock(zone, of_number, opens(zone, row.sms, row.whatsapp))
    return found


def opening(
    quiet: Hours, channels: Sequence[str], now: datetime
) -> Callable[[ZoneInfo, str | None, str | None], Mapping[str, datetime]]:
    """Return what says of a zone and of numbers for texts and WhatsApp when it is quiet no more, by channel.

    A channel that is open now, or never, is not among them: the gate judges what is sent there.
    """

    @cache
    def opens(zone: ZoneInfo, sms: str, whatsapp: str) -> Mapping[str, datetime]:
        numbers = {"sms": sms, "whatsapp": whatsapp}
        found = {each: hours.opening(quiet, each, numbers.get(each), now, zone) for each in channels}
        return {channel: at for channel, at in found.items() if at is not None and at > now}

    return lambda zone, sms, whatsapp: opens(zone, (sms or "")[:_PREFIX], (whatsapp or "")[:_PREFIX])


def gather(
    session: Session,
    sequence_id: UUID,
    version: Definition,
    people: Sequence[Person],
    known: Mapping[UUID, Clock],
    now: datetime,
) -> dict[UUID, Facts]:
    """Return the facts of each enrolment, without `ready`; `known` are the members who are here."""
    ids = list(known)
    keys: dict[str, Any] = {"tenant": db.tenant_of(session), "ids": ids}
    refused = _refused(session, keys, course.channels(version))
    behaviour = _behaviour(session, keys, sequence_id, version)
    fitting = _fitting(session, version, ids, now)
    found = {}
    for each in people:
        member_id = each.member_id
        if member_id is None or member_id not in known:
            found[each.enrolment_id] = Facts(_NOWHERE, leaves=Exit.ERASED)
            continue
        reached = any(
            (member_id, each.pass_n) in behaviour.converted
            if isinstance(goal, Converted)
            else member_id in fitting[_rule_key(goal)]
            for goal in version.goals
        )
        holds = {
            condition.key: (member_id, each.pass_n, condition.test.step, condition.test.what) in behaviour.did
            if isinstance(condition.test, Did)
            else member_id in fitting[_rule_key(condition.test)]
            for condition in version.conditions()
        }
        leaves = refused.get(member_id) or (Exit.GOAL if reached else None)
        found[each.enrolment_id] = Facts(known[member_id].zone, holds, leaves=leaves, opens=known[member_id].opens)
    return found


def _refused(session: Session, keys: dict[str, Any], channels: list[str]) -> dict[UUID, Exit]:
    """Return who must leave: one stop on a channel of the sequence is enough, a bounce only where no other is left."""
    keys = {**keys, "channels": channels}
    found = dict.fromkeys(session.execute(_STOPPED, keys).scalars(), Exit.UNSUBSCRIBED)
    reasons: defaultdict[UUID, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in session.execute(_ADDRESSES, keys):
        reasons[row.member_id][row.channel] |= {row.reason} - {None}
    for member_id, by_channel in reasons.items():
        every = set().union(*by_channel.values())
        if "complained" in every:
            found[member_id] = Exit.COMPLAINED
        elif every & {"unsubscribed", "opt_out"}:
            found[member_id] = Exit.UNSUBSCRIBED
        elif all("hard_bounce" in known for known in by_channel.values()):
            found.setdefault(member_id, Exit.BOUNCED)
    return found


def _behaviour(session: Session, keys: dict[str, Any], sequence_id: UUID, version: Definition) -> Behaviour:
    asked = {condition.test.what for condition in version.conditions() if isinstance(condition.test, Did)}
    goal = any(isinstance(each, Converted) for each in version.goals)
    if not asked and not goal:
        return Behaviour(set(), set())
    rows = session.execute(_CAMPAIGNS, {"tenant": keys["tenant"], "sequence": sequence_id})
    steps = {row.campaign_id: row.step for row in rows}
    keys = {**keys, "campaigns": list(steps)}
    did: set[tuple[UUID, int, str, str]] = set()
    if asked & {"opened", "clicked"}:
        for row in session.execute(_BEHAVIOUR, keys):
            place = (row.member_id, row.step, steps[row.campaign_id])
            did |= {(*place, "opened")} if row.opened or row.clicked else set()
            did |= {(*place, "clicked")} if row.clicked else set()
    converted = set()
    if goal or "converted" in asked:
        for row in session.execute(_CONVERTED, keys):
            converted.add((row.member_id, row.step or 0))
            did.add((row.member_id, row.step or 0, steps[row.campaign_id], "converted"))
    return Behaviour(did, converted)


def _rule_key(node: Fits) -> str:
    return repr(node.rule)


def _fitting(session: Session, version: Definition, ids: list[UUID], now: datetime) -> dict[str, set[UUID]]:
    """Return for each rule of the version whom it holds for, one statement a rule."""
    nodes = [node for node in (condition.test for condition in version.conditions()) if isinstance(node, Fits)]
    nodes += [goal for goal in version.goals if isinstance(goal, Fits)]
    found: dict[str, set[UUID]] = {}
    for node in nodes:
        if _rule_key(node) not in found:
            resolver = segments.Resolver(session, moment.of(session, now))
            condition = resolver.condition(segment_rules.read(node.rule))
            statement = select(Member.id).where(
                Member.tenant_id == db.tenant_of(session), Member.id.in_(ids), condition
            )
            found[_rule_key(node)] = set(session.execute(statement).scalars())
    return found
