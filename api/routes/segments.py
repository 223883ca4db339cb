"""Segments: groups of members by rule, by hand, or both."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, columns_of, page_in, page_of
from api.idempotency import IdempotentRoute
from api.schemas.segments import (
    AddedOut,
    CampaignRef,
    FileOut,
    LookOut,
    MembersIn,
    PerformanceOut,
    PersonOut,
    PlaceOut,
    RemovedOut,
    RuleChange,
    RuleIn,
    RuleList,
    RuleOut,
    RulesIn,
    SegmentDetail,
    SegmentIn,
    SegmentOut,
    SegmentPatch,
    SegmentRow,
    SequenceRef,
    VocabularyOut,
)
from api.tables import streamed
from domain.audience import segment_files
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import TABLE, Status, Verb
from domain.identity.service import Principal
from domain.plans import service as plans
from domain.plans.catalog import ANALYTICS
from domain.segments import export, membership, moment, named, performance, preview, tree, vocabulary
from domain.segments import rules as language
from domain.segments import service as segments
from domain.segments.service import Affected
from domain.sequences import uses
from models import Member, Segment, SegmentMember

router = APIRouter(prefix="/segments", tags=["segments"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("members:read")]
Writer = Annotated[Principal, requires("members:write")]
_MISSING = "segment_missing"
_VOID = "approval_void"
_WAITING = (Status.APPROVED, Status.SCHEDULED)


def _sentences(session: Session, rules: dict[str, Any] | None) -> dict[str, str]:
    if rules is None:
        return {}
    read = language.read(rules)
    return {each: segments.sentence(session, read, each) for each in ("de", "en")}


def _detail(session: Session, segment: Segment) -> SegmentDetail:
    shown = SegmentOut.of(segment).model_dump()
    needed = [CampaignRef.of(each) for each in segments.needed_by(session, segment.id)]
    using = [SequenceRef.of(each) for each in uses.of_segment(session, segment.id)]
    said = _sentences(session, segment.rules)
    return SegmentDetail(**shown, sentence=said, campaigns=needed, sequences=using)


def _hold(session: Session, affected: Sequence[Affected], actor: str) -> None:
    """Hold the campaigns that would otherwise find out when they are about to send."""
    for each in affected:
        if Verb.HOLD in TABLE[Status(each.status)]:
            campaigns.hold(session, each.id, reason=_MISSING, actor=actor)


def _hold_unsealed(session: Session, segment: Segment, actor: str) -> None:
    """Hold the campaigns that wait for their start, and whose approval covers other rules than there are now."""
    for each in (segment, *segments.around(session, segment)):
        for needed in segments.needed_by(session, each.id):
            if needed.status in _WAITING and not campaigns.is_covered(session, needed.id):
                campaigns.hold(session, needed.id, reason=_VOID, actor=actor)


@router.post("", status_code=201)
def create_segment(payload: SegmentIn, session: TenantSession, who: Writer) -> SegmentDetail:
    """Make a segment by rules, by hand, or by rules that people may correct."""
    made = segments.create(
        session,
        name=payload.name,
        kind=payload.kind,
        rule=payload.rules,
        description=payload.description,
        actor=who.actor,
    )
    return _detail(session, made)


@router.get("")
def list_segments(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    kind: Annotated[Literal["dynamic", "static", "hybrid"] | None, Query()] = None,
    status: Annotated[Literal["active", "inactive", "archived"] | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of the name.")] = None,
) -> Page[SegmentRow]:
    """List segments, newest first, with how much needs each."""
    statement = segments.listed(session, kind=kind, status=status, text=q)

    def used(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        by_campaigns, by_segments = segments.used_by(session)
        by_sequences = uses.counts(session, ids)
        return {
            each: {
                "used_by": {
                    "campaigns": by_campaigns[each],
                    "sequences": by_sequences[each],
                    "segments": by_segments[each],
                }
            }
            for each in ids
        }

    return page_in(session, statement, Segment.id, paging, SegmentRow, used)


@router.get("/vocabulary")
def get_vocabulary(session: TenantSession, _who: Reader) -> VocabularyOut:
    """Show what rules can be made of: types, fields, operators, and the values that members have."""
    return VocabularyOut.model_validate(
        {
            "types": vocabulary.types(),
            "insights": vocabulary.insights(),
            "values": vocabulary.values(session),
            "deepest": language.DEEPEST,
            "most_rules": language.MOST_RULES,
        }
    )


@router.post("/preview")
def preview_rules(payload: RulesIn, session: TenantSession, _who: Reader) -> LookOut:
    """Count and sample whom unsaved rules mean, and say them as a sentence; quick enough to ask while typing."""
    found = preview.look(session, payload.rules, quick=payload.quick)
    sample = [PersonOut.of(member) for member in found.sample]
    warnings = list(named.problems(session, language.read(payload.rules)))
    return LookOut(
        count=found.count, exact=found.exact, low=found.low, high=found.high, sample=sample,
        sentence=_sentences(session, payload.rules), warnings=warnings,
    )  # fmt: skip


@router.get("/{segment_id}")
def get_segment(segment_id: UUID, session: TenantSession, _who: Reader) -> SegmentDetail:
    """Show one segment."""
    return _detail(session, segments.get(session, segment_id))


@router.put("/{segment_id}")
def change_segment(segment_id: UUID, payload: SegmentPatch, session: TenantSession, who: Writer) -> SegmentDetail:
    """Change a segment; campaigns that were approved with the former rules are held."""
    required = {"name", "status", "rules"}
    given = payload.model_dump(exclude_unset=True)
    fields = {name: value for name, value in given.items() if name not in required or value is not None}
    segment = segments.change(session, segment_id, actor=who.actor, **fields)
    if segment.status != "active":
        _hold(session, segments.needed_by(session, segment.id), who.actor)
        uses.pause(session, segment.id, f"the segment '{segment.name}' is {segment.status}", actor=who.actor)
    if "rules" in fields:
        _hold_unsealed(session, segment, who.actor)
    return _detail(session, segment)


@router.delete("/{segment_id}")
def delete_segment(segment_id: UUID, session: TenantSession, who: Writer) -> RemovedOut:
    """Remove a segment; says which campaigns and sequences need it. They are held instead of sent, and paused."""
    name = segments.get(session, segment_id).name
    affected = segments.remove(session, segment_id, actor=who.actor)
    _hold(session, affected, who.actor)
    paused = uses.pause(session, segment_id, f"the segment '{name}' was deleted", actor=who.actor)
    return RemovedOut(
        campaigns=[CampaignRef.of(each) for each in affected], sequences=[SequenceRef.of(each) for each in paused]
    )


@router.get("/{segment_id}/rules")
def list_rules_of_segment(segment_id: UUID, session: TenantSession, _who: Reader) -> RuleList:
    """List the rules of a segment one by one, outer ones first, each as a sentence."""
    return _rules(session, segments.get(session, segment_id))


def _rules(session: Session, segment: Segment) -> RuleList:
    places = tree.places(tree.named(segment.rules)) if segment.rules is not None else ()
    return RuleList(
        items=[
            RuleOut(
                id=place.node["id"],
                parent_id=place.parent["id"] if place.parent else None,
                level=place.level,
                rule=place.node,
                sentence=_sentences(session, place.node),
            )
            for place in places
        ]
    )


@router.post("/{segment_id}/rules", status_code=201)
def add_rule_to_segment(segment_id: UUID, payload: RuleIn, session: TenantSession, who: Writer) -> RuleList:
    """Add one rule; the answer lists all of them."""
    changed = segments.add_rule(session, segment_id, payload.rule, parent_id=payload.parent_id, actor=who.actor)
    _hold_unsealed(session, changed, who.actor)
    return _rules(session, changed)


@router.put("/{segment_id}/rules/{rule_id}")
def replace_rule_of_segment(
    segment_id: UUID, rule_id: str, payload: RuleChange, session: TenantSession, who: Writer
) -> RuleList:
    """Put another rule in the place of one; the answer lists all of them."""
    changed = segments.replace_rule(session, segment_id, rule_id, payload.rule, actor=who.actor)
    _hold_unsealed(session, changed, who.actor)
    return _rules(session, changed)


@router.delete("/{segment_id}/rules/{rule_id}")
def remove_rule_from_segment(segment_id: UUID, rule_id: str, session: TenantSession, who: Writer) -> RuleList:
    """Take one rule out; the last one stays, for a segment without rules would mean everybody."""
    changed = segments.remove_rule(session, segment_id, rule_id, actor=who.actor)
    _hold_unsealed(session, changed, who.actor)
    return _rules(session, changed)


@router.post("/{segment_id}/calculate")
def calculate_segment(segment_id: UUID, session: TenantSession, _who: Writer) -> SegmentDetail:
    """Ask the rules about everybody, now."""
    return _detail(session, segments.recount(session, segment_id))


@router.get("/{segment_id}/members")
def list_members_of_segment(segment_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[PlaceOut]:
    """List who is in a segment, newest members first."""
    segment = segments.get(session, segment_id)
    places, cursor = page_of(session, segments.places_of(segment), SegmentMember.member_id, paging)
    known = segments.members_by_id(session, [place.member_id for place in places], columns_of(Member, PersonOut))
    items = [known[place.member_id] | _place(place) for place in places]
    return Page[PlaceOut].model_validate({"items": items, "next_cursor": cursor})


def _place(place: SegmentMember) -> dict[str, Any]:
    return {
        "joined_at": place.joined_at,
        "by": "hand" if place.by_hand else "rules",
        "added_by": place.hand_by,
        "added_at": place.hand_at,
    }


@router.post("/{segment_id}/members")
def add_members_to_segment(segment_id: UUID, payload: MembersIn, session: TenantSession, who: Writer) -> AddedOut:
    """Put members into a static or hybrid segment."""
    added = membership.add(session, segment_id, payload.member_ids, actor=who.actor)
    return AddedOut(added=added, member_count=segments.get(session, segment_id).member_count or 0)


@router.post("/{segment_id}/members/file")
def add_members_by_file(
    segment_id: UUID,
    file: Annotated[UploadFile, File(description="CSV or JSON of at most 100,000 rows that name members.")],
    session: TenantSession,
    who: Writer,
    dry_run: Annotated[bool, Form(description="Only say what would happen.")] = False,  # noqa: FBT002 - a form field
) -> FileOut:
    """Put the members that a file names by number, e-mail address or phone into a static or hybrid segment."""
    name = file.filename or "file.csv"
    found = segment_files.run(
        session, segment_id, data=file.file.read(), file_name=name, dry_run=dry_run, actor=who.actor
    )
    return FileOut.model_validate({"dry_run": dry_run, **{key: getattr(found, key) for key in found.__slots__}})


@router.delete("/{segment_id}/members/{member_id}", status_code=204, response_model=None)
def remove_member_from_segment(segment_id: UUID, member_id: UUID, session: TenantSession, who: Writer) -> None:
    """Take a member out; of a hybrid segment also against its rules."""
    membership.take(session, segment_id, member_id, actor=who.actor)


@router.delete("/{segment_id}/members/{member_id}/choice", status_code=204, response_model=None)
def forget_choice_in_segment(segment_id: UUID, member_id: UUID, session: TenantSession, who: Writer) -> None:
    """Forget that somebody was put in or taken out by hand: the rules of the hybrid segment decide again."""
    membership.let_rules_decide(session, segment_id, member_id, actor=who.actor)


@router.get("/{segment_id}/performance")
def get_segment_performance(
    segment_id: UUID,
    session: TenantSession,
    _who: Reader,
    first: Annotated[date | None, Query(alias="from", description="First day; 30 days ago if absent.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day; today if absent.")] = None,
    per: Annotated[Literal["day", "week", "month"], Query()] = "day",
) -> PerformanceOut:
    """Show how a segment grew and what campaigns for it did, per day, week or month of the tenant's clock."""
    segment = segments.get(session, segment_id)
    plans.require_level(session, ANALYTICS, "advanced")
    performance.keep_current(session, segment.id)
    end = last or moment.of(session).today
    found = performance.spans(session, segment.id, first or end - timedelta(days=30), end, per)
    return PerformanceOut(per=per, currency=performance.currency(session), spans=found)


@router.get(
    "/{segment_id}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/json": {}}, "description": "The members, by id."}},
)
def export_segment(
    segment_id: UUID,
    session: TenantSession,
    who: Reader,
    format: Annotated[Literal["csv", "json"], Query()] = "csv",  # noqa: A002 - the name of the parameter
    columns: Annotated[
        str | None,
        Query(max_length=4_000, description="Such as `email=E-Mail,first_name,attribute:level`, heading behind `=`."),
    ] = None,
) -> StreamingResponse:
    """Read the whole segment as a file, in chosen columns."""
    segment, chosen = segments.get(session, segment_id), export.columns_of(columns)
    make = export.as_csv if format == "csv" else export.as_json
    return streamed(make(who.tenant_id, segment.id, chosen), format, f"segment-{segment.id}")
