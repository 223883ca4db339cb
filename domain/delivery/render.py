"""One campaign, ready to be rendered for anybody: the approved content compiled per language, with its frame.

The preview and the sending use this; only the links differ (`links`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy.orm import Session

from channels.email.addresses import envelope
from channels.email.dkim import Signer
from channels.email.mime import Parts, Skeleton
from domain.campaigns import frame
from domain.content import cohorts, lines, versions
from domain.content.compile import CompiledEmail, RenderedEmail, compile_email
from domain.content.member_values import MemberFacts, values_for
from domain.senders import domains
from kernel import clock
from kernel.settings import get_settings
from kernel.tokens import get_signer
from models import Campaign, DraftRevision, Sender, Tenant


@dataclass(frozen=True, slots=True)
class Variant:
    """One language: the compiled content, the MIME skeleton around it, and its links without counting."""

    compiled: CompiledEmail
    skeleton: Skeleton
    plain: dict[str, str]  # what makes every link lead straight to its target


@dataclass(frozen=True, slots=True)
class Rendering:
    """A revision with everything that its messages need."""

    tenant_id: UUID
    campaign_id: UUID
    form: str
    time_zone: str
    from_address: str
    domain: str
    variants: Mapping[str, Variant]  # by language, cohort and variant of a comparison
    signer: Signer | None = None
    groups: cohorts.Matcher = cohorts.NONE
    said: lines.Lines = lines.NONE

    def values(self, member: MemberFacts, language: str, now: datetime) -> dict[str, str]:
        found = values_for(member, language=language, form=self.form, time_zone=self.time_zone, now=now)
        if member.insights:
            found[lines.SLOT] = self.said.of(member.insights, language)
        return found

    def variant(self, member: MemberFacts, language: str, now: datetime, number: int | None = None) -> Variant:
        """Return what this member gets in a language: the copy of their cohort, or the base copy, of a variant."""
        cohort = self.groups.of(member, language, now)
        return self.variants[versions.key_of(cohorts.key_of(language, cohort), number)]

    def preview(self, member: MemberFacts, language: str, number: int | None = None) -> RenderedEmail:
        """Return the message as this member would see it, with plain links and no tracking."""
        variant = self.variant(member, language, clock.now(), number)
        base = get_settings().base_url
        fixed = {"unsubscribe_url": f"{base}/u/preview", "preferences_url": f"{base}/preferences/preview", "pixel": ""}
        return variant.compiled.render(self.values(member, language, clock.now()) | variant.plain | fixed)

    def message(
        self,
        message_id: UUID,
        address: str,
        member: MemberFacts,
        language: str,
        *,
        tracked: bool,
        number: int | None = None,
    ) -> bytes:
        """Return the finished mail for one recipient; `number` is the variant of a comparison."""
        now = clock.now()
        variant = self.variant(member, language, now, number)
        linked = _linker(self.tenant_id, message_id)
        unsubscribe = linked("u", 0)
        values = self.values(member, language, now) | variant.plain
        values |= {
            "unsubscribe_url": unsubscribe,
            "preferences_url": linked("p", 0),
            "pixel": "",
        }
        if tracked:
            values |= {f"link:{n}": linked("c", n) for n in range(len(variant.compiled.links))}
            values["pixel"] = linked("o", 0)
        filled = variant.compiled.fill(values)
        data = variant.skeleton.splice(
            Parts(
                to_address=envelope(address),
                to_name=" ".join(filter(None, (values["first_name"], values["last_name"]))),
                message_id=f"{message_id}@{self.domain}",
                date=_date(int(now.timestamp())),
                subject=filled.subject,
                html=filled.html,
                text=filled.text,
                list_unsubscribe=unsubscribe,
            )
        )
        return self.signer.sign(data) if self.signer is not None else data


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """Return the Date header of a second since 1970 (RFC 5322 §3.3)."""
    return format_datetime(datetime.fromtimestamp(second, UTC))


_PATHS = {"u": ("/u/", ""), "p": ("/preferences/", ""), "c": ("/t/c/", ""), "o": ("/t/o/", ".gif")}


def link(kind: str, tenant_id: UUID, message_id: UUID, n: int = 0) -> str:
    """Return a signed public address: unsubscribe (u), preferences (p), click (c) or open (o)."""
    return _linker(tenant_id, message_id)(kind, n)


def _linker(tenant_id: UUID, message_id: UUID) -> Callable[[str, int], str]:
    """Return what makes the addresses of one message, by kind and number."""
    base, sign = get_settings().base_url, get_signer().sign

    def linked(kind: str, n: int) -> str:
        before, after = _PATHS[kind]
        return f"{base}{before}{sign(kind, tenant_id, message_id, n)}{after}"

    return linked


def prepare(session: Session, campaign: Campaign, revision: DraftRevision, *, mark: str = "") -> Rendering:
    """Compile every language of a revision; `mark` stands before the subject of a test."""
    tenant = session.get_one(Tenant, campaign.tenant_id)
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    content = revision.content_json
    form = str(content.get("form", "du"))
    offers = frame.offer_facts(session, content.get("offers", []))
    facts = frame.layout_facts(session, campaign)
    address = envelope(sender.from_address) if sender else "preview@localhost"
    domain = address.rpartition("@")[2]
    variants = {}
    for key, language, copy in cohorts.variants(content, "email"):
        compiled = compile_email(
            copy,
            language=language,
            form=form,
            offers=offers,
            cta_url=str(content.get("cta_url") or ""),
            facts=facts,
        )
        skeleton = Skeleton.compile(
            subject=[mark, *compiled.subject.pieces],
            html=compiled.html.pieces,
            text=compiled.text.pieces,
            from_name=sender.from_name if sender else tenant.name,
            from_address=address,
            reply_to=envelope(sender.reply_to) if sender and sender.reply_to else None,
            list_id=f"{tenant.slug}.{domain}",
            feedback_id=f"{campaign.id}:{tenant.slug}:ariia",
            extra={"X-Content-Origin": revision.origin},
        )
        variants[key] = Variant(compiled, skeleton, frame.plain_links(campaign, tenant, compiled.links))
    signer = domains.signers_for(session, domain)
    return Rendering(
        campaign.tenant_id,
        campaign.id,
        form,
        tenant.time_zone,
        address,
        domain,
        variants,
        signer,
        cohorts.matcher(content),
        lines.reader(content),
    )
