"""What rules name and is not there: a misspelt attribute or a wrong campaign would mean nobody, and under `not` all."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.segments import attributes, rules
from domain.segments.compile import any_of
from kernel import db
from kernel.errors import Invalid
from models import Campaign


def check(session: Session, rule: Any) -> None:
    """Refuse a rule on an attribute that no member has, or has as another kind, and on a campaign that there is not.

    Raises Invalid with what is near. While a tenant has no member, every name of an attribute may come.
    """
    for problem in problems(session, rule):
        raise Invalid("rules", problem)


def problems(session: Session, rule: Any) -> Iterator[str]:
    """Yield what is wrong with what a checked rule names, one by one, each once."""
    yield from attributes.problems(session, rule)
    asked = dict.fromkeys(
        each.campaign_id for each in rules.each(rule) if isinstance(each, rules.CampaignRule) and each.campaign_id
    )
    if not asked:
        return
    own = select(Campaign.id).where(Campaign.tenant_id == db.tenant_of(session), Campaign.id == any_of(list(asked)))
    known = set(session.execute(own).scalars())
    yield from (
        f"there is no campaign {each}; choose another one, or none for any" for each in asked if each not in known
    )
