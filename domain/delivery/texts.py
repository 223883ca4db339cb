"""One campaign's texts (SMS, WhatsApp, Telegram), ready for anybody; the preview and the sending use this."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from channels.base import TextParcel
from domain.campaigns import frame
from domain.content import cohorts, lines, versions
from domain.content.compile_text import CompiledText, compile_text, compile_variables
from domain.content.member_values import MemberFacts, values_for
from domain.delivery import render
from kernel import clock
from kernel.tokens import get_signer
from models import Campaign, DraftRevision, Tenant

_VALID_SECONDS = 4 * 3_600  # a text that could not be delivered for so long is not wanted any more
_REPORTING = frozenset({"sms", "whatsapp"})


@dataclass(frozen=True, slots=True)
class TextVariant:
    """One language: free text, or an approved template with what fills its variables."""

    compiled: CompiledText
    template: str | None
    variables: Mapping[str, CompiledText]
    plain: dict[str, str]  # what makes every link lead straight to its target


@dataclass(frozen=True, slots=True)
class TextRendering:
    """A revision with everything that its texts need."""

    tenant_id: UUID
    channel: str
    form: str
    time_zone: str
    variants: Mapping[str, TextVariant]  # by language, cohort and variant of a comparison
    groups: cohorts.Matcher = cohorts.NONE
    said: lines.Lines = lines.NONE

    def variant(self, member: MemberFacts, language: str, now: datetime, number: int | None = None) -> TextVariant:
        """Return what this member gets in a language: the copy of their cohort, or the base copy, of a variant."""
        key = cohorts.key_of(language, self.groups.of(member, language, now))
        return self.variants[versions.key_of(key, number)]

    def values(self, member: MemberFacts, language: str, now: datetime) -> dict[str, str]:
        """Return the member's slots."""
        found = values_for(member, language=language, form=self.form, time_zone=self.time_zone, now=now)
        if member.insights:
            found[lines.SLOT] = self.said.of(member.insights, language)
        return found

    def preview(self, member: MemberFacts, language: str, number: int | None = None) -> str:
        """Return the text as this member would see it, with plain links."""
        variant = self.variant(member, language, clock.now(), number)
        return variant.compiled.fill(self.values(member, language, clock.now()) | variant.plain)

    def message(
        self,
        message_id: UUID,
        address: str,
        member: MemberFacts,
        language: str,
        *,
        tracked: bool,
        first: bool = True,
        number: int | None = None,
    ) -> TextParcel:
        """Return the finished text for one recipient; the first one names the way out, `number` is the variant."""
        variant = self.variant(member, language, clock.now(), number)
        values = self.values(member, language, clock.now()) | variant.plain
        if tracked:
            links = range(len(variant.compiled.links))
            values |= {f"link:{n}": render.link("c", self.tenant_id, message_id, n) for n in links}
        filled = {name: compiled.fill(values) for name, compiled in variant.variables.items()}
        body = "" if variant.template else variant.compiled.fill(values, first=first)
        return parcel(self.tenant_id, message_id, self.channel, address, body, filled, template=variant.template)


def parcel(
    tenant_id: UUID,
    message_id: UUID,
    channel: str,
    address: str,
    body: str,
    variables: Mapping[str, str],
    *,
    template: str | None = None,
) -> TextParcel:
    """Return what a door for texts takes; the provider reports to an address that is signed for this message.

    The account's part of that address is added by the outlet, which knows it.
    """
    report_to = get_signer().sign("s", tenant_id, message_id) if channel in _REPORTING else None
    return TextParcel(
        reference=str(message_id),
        to=address,
        body=body,
        template=template,
        variables=variables,
        report_to=report_to,
        valid_seconds=_VALID_SECONDS,
    )


def page_of(body: str) -> str:
    """Return the HTML of a plain notice."""
    paragraphs = "".join(f"<p>{html.escape(part)}</p>" for part in body.split("\n\n"))
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{paragraphs}</body></html>'


def prepare(session: Session, campaign: Campaign, revision: DraftRevision) -> TextRendering:
    """Compile every language of a revision for the campaign's channel."""
    tenant = session.get_one(Tenant, campaign.tenant_id)
    content: dict[str, Any] = revision.content_json
    form = str(content.get("form", "du"))
    offers = frame.offer_facts(session, content.get("offers", []))
    facts = frame.layout_facts(session, campaign)
    cta_url = str(content.get("cta_url") or "")

    variants = {}
    for key, language, variant in cohorts.variants(content, campaign.channel):
        options: dict[str, Any] = {
            "channel": campaign.channel,
            "language": language,
            "form": form,
            "offers": offers,
            "cta_url": cta_url,
            "facts": facts,
        }
        compiled = compile_text(variant, **options)
        variants[key] = TextVariant(
            compiled,
            variant.get("template"),
            compile_variables(variant, **options),
            frame.plain_links(campaign, tenant, compiled.links),
        )
    matcher = cohorts.matcher(content)
    said = lines.reader(content)
    return TextRendering(campaign.tenant_id, campaign.channel, form, tenant.time_zone, variants, matcher, said)


def free_text_languages(revision: DraftRevision, channel: str) -> list[str]:
    """Return the languages whose text is not an approved template."""
    languages: dict[str, Any] = revision.content_json.get("languages", {})
    return [name for name, channels in languages.items() if not channels.get(channel, {}).get("template")]
