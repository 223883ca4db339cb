"""What operators see and do about plans: what a tenant has and uses, and a change of its tier with what that brings."""

from uuid import UUID

from rich.console import Console

from domain.identity import tenants
from domain.plans import service as plans
from domain.plans import words
from domain.plans.catalog import FEATURES, FOLLOW_UPS, LIMITS, Tier
from domain.tiers import service as tiers
from domain.tiers.consequences import Outlook, Step
from kernel import db

ACTOR = "operator"
_console = Console()


def show(tenant_id: UUID) -> None:
    """Print tier, limits, features and the change that is to come."""
    with db.tenant_session(tenant_id) as session:
        tenant = tenants.current(session)
        _say(f"{tenant.name} ({tenant.slug}): {tenant.tier}, months in {tenant.time_zone}")
        for meter in plans.meters(session):
            resets = f", resets {words.local_time(meter.resets_at, meter.zone, 'en')}" if meter.resets_at else ""
            held = f" ({meter.reserved} reserved)" if meter.reserved else ""
            _say(f"  {meter.limit.label_en:16} {meter.used} of {_amount(meter.allowed)}{held}{resets}")
        for key, level in plans.features(session).items():
            _say(f"  {FEATURES[key].label_en:16} {words.level_name(level, 'en')}")
        planned = tiers.planned(session)
        if planned is not None:
            _say(f"  {planned.to_tier} from {words.local_time(planned.at, tenant.time_zone, 'en')}: {planned.reason}")


def change(tenant_id: UUID, tier: Tier, *, reason: str, at: str, dry_run: bool) -> None:
    """Print what a change brings and, unless it is a dry run, do or plan it."""
    with db.tenant_session(tenant_id) as session:
        outlook = tiers.preview(session, tier)
        _print(outlook)
        if dry_run:
            _say("Nothing was changed (dry run).")
        elif at == "next-month":
            row = tiers.plan_for_next_month(session, tier, reason=reason, actor=ACTOR)
            _say(f"Planned for {words.local_time(row.at, tenants.current(session).time_zone, 'en')}.")
        else:
            tiers.change(session, tier, reason=reason, actor=ACTOR)
            _say(f"The plan is {tier} now.")


def keep(tenant_id: UUID) -> None:
    """Take the planned change back, and say so."""
    with db.tenant_session(tenant_id) as session:
        _say("The plan stays." if tiers.withdraw(session, actor=ACTOR) else "No change is planned.")


def _print(outlook: Outlook) -> None:
    for step in outlook.steps:
        _say(f"  {_label(step)}: {_value(step, step.before)} → {_value(step, step.after)}{_used(step)}")
    told = (
        ("stops, and stays readable", outlook.stops),
        ("is held, because a segment stops", outlook.holds),
        ("works again", outlook.resumes),
    )
    for verb, things in told:
        for thing in things:
            _say(f"  {thing.kind} '{thing.name}' {verb}")
    _say("  What is approved keeps its broadcast; nothing is deleted.")
    if any(step.key == FOLLOW_UPS.key and _is_less(step) for step in outlook.steps):
        _say("  Of what was promised in a chat the first go out, as many as the new plan has in a month.")


def _is_less(step: Step) -> bool:
    """Return whether a limit goes down; None is no limit."""
    return step.after is not None and (step.before is None or int(step.after) < int(step.before))


def _label(step: Step) -> str:
    return LIMITS[step.key].label_en if step.key in LIMITS else FEATURES[step.key].label_en


def _value(step: Step, value: int | str | None) -> str:
    if step.key in LIMITS:
        return _amount(value)
    return words.level_name(None if value is None else str(value), "en")


def _amount(value: int | str | None) -> str:
    return "unlimited" if value is None else str(value)


def _used(step: Step) -> str:
    return f" ({step.used} in use)" if step.used else ""


def find(name: str) -> UUID:
    """Return the tenant of a slug or id. Raises NotFound."""
    try:
        return tenants.find(tenant_id=UUID(name))
    except ValueError:
        return tenants.find(slug=name)


def _say(line: str) -> None:
    _console.print(line, highlight=False, markup=False, soft_wrap=True)
