"""What a form of the approval page asks for, and what came of it."""

import math
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.campaigns import previews, reviews, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.content import places
from kernel import clock
from kernel.errors import AriiaError, Conflict, Forbidden, Invalid, NotFound
from kernel.text import blank
from models import PreviewLink, Review
from preview import view

_LONGEST_NAME = 80
_LONGEST_AGENT = 200
_HOUR = 3_600
_LONGEST_PATH = 200


class DecisionForm(BaseModel):
    """The fields of the form; `seen` is the number of recipients on the confirmation."""

    model_config = ConfigDict(extra="forbid")

    csrf: str = Field("", max_length=64)
    content_hash: str = Field("", max_length=64)
    decision: Literal["approve", "withdraw", "revise", "reject", "comment"]
    name: str = Field("", max_length=400)
    comment: str = Field("", max_length=20_000)
    wishes: list[str] = Field(default_factory=list, max_length=10)
    seen: int | None = None
    places: list[str] = Field(default_factory=list, max_length=reviews.MOST_PLACES)

    @property
    def typed(self) -> view.Typed:
        return view.Typed(self.name.strip(), self.comment.strip(), tuple(self.wishes), tuple(self.places))

    def check(self) -> None:
        """Raise Invalid naming the field that is missing or too long."""
        if blank(self.name) or len(self.typed.name) > _LONGEST_NAME:
            raise Invalid("name", "enter your name, for the record")
        if len(self.typed.comment) > reviews.LONGEST_COMMENT:
            raise Invalid("comment", "is too long")


class WaiverForm(BaseModel):
    """Who lets a finding pass, and why."""

    model_config = ConfigDict(extra="forbid")

    csrf: str = Field("", max_length=64)
    content_hash: str = Field("", max_length=64)
    finding: str = Field("", max_length=64)
    name: str = Field("", max_length=400)
    reason: str = Field("", max_length=20_000)

    def check(self) -> None:
        """Raise Invalid naming the field that is missing or too long."""
        if blank(self.name) or len(self.name.strip()) > _LONGEST_NAME:
            raise Invalid("name", "enter your name, for the record")
        if blank(self.reason) or len(self.reason) > reviews.LONGEST_COMMENT:
            raise Invalid("reason", "say in a sentence why the finding may pass")


def waive(session: Session, link: PreviewLink, form: WaiverForm) -> None:
    """Let a finding of the revision that the link shows pass.

    Raises Invalid, Forbidden for a link that is for looking only, and Conflict where another draft is current.
    """
    form.check()
    if link.purpose != "approve":
        raise Forbidden("This link is for looking only.", code="view_only")
    campaign = campaigns.lock(session, link.campaign_id)
    if campaign.status != Status.PENDING_REVIEW or campaign.current_revision_id != link.revision_id:
        raise Conflict("A decision was already made.", code="already_decided")
    if form.content_hash != link.content_hash:
        raise Conflict("The text is not the one that you saw.", code="hash_mismatch")
    reviews.waive(
        session,
        campaign.id,
        form.finding,
        actor=actor_of(link),
        name=form.name.strip(),
        reason=form.reason.strip(),
    )


def actor_of(link: PreviewLink) -> str:
    """Return who acts in the audit chain: the link; the person's own word for themselves stands beside it."""
    return f"link:{link.id}"


def evidence(request: Request, form: DecisionForm) -> dict[str, Any]:
    """Return what is kept of the request: a truncated address, the program, and the number that was seen."""
    host = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")[:_LONGEST_AGENT]
    return {"ip": _truncated(host), "user_agent": agent, "seen": form.seen}


def _truncated(host: str) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return str(ip_network(f"{host}/{24 if address.version == 4 else 48}", strict=False))  # noqa: PLR2004


def take(session: Session, link: PreviewLink, form: DecisionForm, kept: dict[str, Any]) -> None:
    """Record the decision on the revision that the link shows. Raises Invalid, Conflict or PlanLimit."""
    if form.decision == "withdraw":
        reviews.withdraw(
            session, link.campaign_id, actor=actor_of(link), name=form.typed.name, reason=form.typed.comment
        )
        return
    decision = reviews.Decision(
        actor=actor_of(link),
        revision_id=link.revision_id,
        content_hash=form.content_hash,
        name=form.typed.name,
        comment=form.typed.comment or None,
        wishes=tuple(wish.strip()[:60] for wish in form.wishes if wish.strip()),
        scope=_scope(form.places) if form.decision == "revise" else {},
        evidence=kept | {"link": str(link.id)},
    )
    verbs: dict[str, Any] = {
        "approve": reviews.approve,
        "revise": reviews.request_changes,
        "reject": reviews.reject,
        "comment": reviews.comment,
    }
    verbs[form.decision](session, link.campaign_id, decision)


def _scope(paths: list[str]) -> dict[str, Any]:
    """Return the clicked texts as the review knows them; what is none of the draft is refused there."""
    found = []
    for path in paths:
        place = places.read(path[:_LONGEST_PATH])
        named = {"language": place.language, "cohort": place.cohort, "channel": place.channel, "field": place.field}
        found.append({name: value for name, value in named.items() if value})
    return {"places": found} if found else {}


def error_code(refused: AriiaError, form: DecisionForm) -> str:
    """Return which text of the page fits a refusal."""
    if isinstance(refused, Invalid):
        if len(form.typed.comment) > reviews.LONGEST_COMMENT:
            return "too_long"
        if refused.extra.get("field") == "name":
            return "name"
        return {"revise": "comment_revise", "reject": "comment_reject"}.get(form.decision, "comment")
    return "already_decided" if refused.code == "illegal_step" else refused.code


def next_version(session: Session, link: PreviewLink | None) -> int | None:
    """Return the number of the version that came of a change asked for through this link, while it is up for review.

    None for links that ended in another way, were not the ones that asked, or whose time is over.
    """
    if link is None or link.revoked_because != "superseded" or link.expires_at <= clock.now():
        return None
    asked = session.execute(
        select(Review.id).where(
            Review.tenant_id == link.tenant_id,
            Review.revision_id == link.revision_id,
            Review.verb == "revise",
            Review.actor == actor_of(link),
        )
    ).first()
    campaign = campaigns.get(session, link.campaign_id)
    if asked is None or campaign.status != Status.PENDING_REVIEW:
        return None
    current = revisions.current(session, campaign)
    return current.n if current.parent_id == link.revision_id else None


def renew(session: Session, link: PreviewLink | None) -> str:
    """Return the token of a link to the next version, valid as long as the old one; raises NotFound."""
    if link is None or next_version(session, link) is None:
        raise NotFound("preview")
    hours = math.ceil((link.expires_at - clock.now()).total_seconds() / _HOUR)
    made = previews.create(
        session,
        link.campaign_id,
        actor=actor_of(link),
        purpose=link.purpose,
        hours=max(1, min(hours, previews.LONGEST_HOURS)),
        after=link,
    )
    return made.token
