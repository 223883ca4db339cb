"""The variants of a draft: each a revision that says what A says but for what is given."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import frame, revisions
from domain.campaigns import service as campaigns
from domain.content import checks, versions
from domain.experiments import rules
from domain.experiments.rules import Settings
from domain.plans import catalog
from domain.plans import service as plans
from kernel.errors import Conflict, Invalid, NotFound
from models import Campaign, DraftRevision


def write(
    session: Session,
    campaign_id: UUID,
    *,
    variants: Sequence[Mapping[str, Any]] | None,
    settings: Settings,
    parent_id: UUID | None,
    actor: str,
) -> DraftRevision:
    """Store a revision that holds the variants B, C… beside A, the current text, and how they are compared.

    A variant names, per language and channel, the fields that differ from A. None takes the alternatives that the
    agent wrote with the draft. Raises PlanLimit, Conflict when `parent_id` is not the current draft, and Invalid.
    """
    campaign = campaigns.get(session, campaign_id)
    plans.require(session, catalog.AB_TESTS)
    campaign, parent = _on_current(session, campaign.id, parent_id)
    content = copy.deepcopy(parent.content_json)
    given = _alternatives(content, campaign.channel) if variants is None else variants
    if settings.weights == (1,):
        settings = replace(settings, weights=(1,) * (1 + len(given)))
    if settings.arms != 1 + len(given):
        raise Invalid("weights", f"has one number for each of the {1 + len(given)} variants, A first")
    rules.checked(settings)
    if campaign.kind == campaigns.DRIP and (settings.holdout_percent or settings.test_percent is not None):
        field = "holdout_percent" if settings.holdout_percent else "test_percent"
        raise Invalid(field, "a step of a sequence has no audience to divide: each member gets a variant by its weight")
    if settings.metric == "opens" and campaign.channel != "email":
        raise Invalid("metric", "opens are known of e-mails only; compare clicks or conversions")
    if settings.metric == "clicks" and settings.arms > 1 and not content.get("cta_url"):
        raise Invalid("metric", "this draft has no link to click (cta_url); give it one, or compare conversions")
    made = [_variant(content, campaign.channel, each, n) for n, each in enumerate(given, start=1)]
    content.pop(versions.ALTERNATIVES, None)
    content[versions.KEY] = {**settings.as_json(), "variants": made}
    by_hand = variants is not None and bool(variants) and parent.origin != "human"
    return _stored(session, campaign, parent, content, origin="mixed" if by_hand else parent.origin, actor=actor)


def clear(session: Session, campaign_id: UUID, *, parent_id: UUID | None, actor: str) -> DraftRevision:
    """Store a revision without variants and holdout. Raises NotFound where there are none, Conflict as `write`."""
    campaign, parent = _on_current(session, campaign_id, parent_id)
    if versions.KEY not in parent.content_json:
        raise NotFound("A/B test")
    content = {key: value for key, value in parent.content_json.items() if key != versions.KEY}
    return _stored(session, campaign, parent, content, origin=parent.origin, actor=actor)


def _on_current(session: Session, campaign_id: UUID, parent_id: UUID | None) -> tuple[Campaign, DraftRevision]:
    campaign = campaigns.lock(session, campaign_id)
    parent = revisions.current(session, campaign)
    if parent_id is not None and parent.id != parent_id:
        raise Conflict("There is a newer draft. Load it and write on that one.", code="superseded")
    return campaign, parent


def _stored(
    session: Session, campaign: Campaign, parent: DraftRevision, content: dict[str, Any], *, origin: str, actor: str
) -> DraftRevision:
    found = checks.check_revision(content, frame.material(session, campaign, content, parent.sources_json))
    made = revisions.store(
        session,
        campaign.id,
        content_json=content,
        origin=origin,
        author=actor,
        parent_id=parent.id,
        sources=parent.sources_json,
        claims=parent.claims_json,
        findings=[finding.as_json() for finding in found],
        prompt_versions=parent.prompt_versions,
        plan=parent.plan_json,
    )
    compared = content.get(versions.KEY, {})
    told = {key: value for key, value in compared.items() if key != "variants"}
    action = "experiment.write" if compared else "experiment.clear"
    audit.append(session, actor=actor, action=action, subject=str(campaign.id), revision=made.n, **told)
    return made


def _alternatives(content: Mapping[str, Any], channel: str) -> list[dict[str, Any]]:
    others = content.get(versions.ALTERNATIVES) or {}
    lacking = sorted(language for language in content["languages"] if channel not in others.get(language, {}))
    if lacking:
        named = ", ".join(lacking)
        raise Invalid("variants", f"this draft has no alternative in {named}; generate one, or write it by hand")
    return [{"languages": {language: {channel: others[language][channel]} for language in content["languages"]}}]


def _variant(content: Mapping[str, Any], channel: str, given: Mapping[str, Any], n: int) -> dict[str, Any]:
    """Return a whole variant: what is given in the place of what A says."""
    place = f"variants.{n - 1}.languages"
    said = given.get("languages")
    if not isinstance(said, Mapping) or set(said) != set(content["languages"]):
        raise Invalid(place, f"holds exactly the languages of the draft: {', '.join(sorted(content['languages']))}")
    made = {}
    for language, channels in said.items():
        own = content["languages"][language][channel]
        words = channels.get(channel) if isinstance(channels, Mapping) else None
        if not isinstance(words, Mapping) or not words:
            raise Invalid(f"{place}.{language}.{channel}", "names the fields that differ from A, such as the subject")
        whole = {**own, **words}
        if whole == own:
            raise Invalid(f"{place}.{language}.{channel}", "says what A says; change it")
        made[language] = {channel: whole}
    return {"languages": made}
