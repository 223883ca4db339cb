"""What the shown person reads: the message, its claims and sources, its single texts, and what changed in it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from domain.campaigns import frame, revisions
from domain.consent.service import CHANNELS
from domain.content import checks, cohorts, diff, lines, places, slots, versions
from domain.content import compile as compiling
from domain.content.member_values import MemberFacts
from kernel import clock
from preview import mailframe, scenes, view
from preview.scenes import Scene

_PARTS = {"subject": "subject", "preheader": "preheader", "text": "text", "button": "button", lines.KEY: "line"}


def spots(session: Session, scene: Scene, member: MemberFacts, lang: str) -> tuple[view.Spot, ...]:
    """Return the texts that the shown person gets in this language, in reading order."""
    values = slot_values(session, scene, member, lang)
    own = cohorts.matcher(scene.revision.content_json).of(member, lang, clock.now())
    try:
        known = places.texts(scene.revision.content_json, scene.campaign.channel)
    except (KeyError, TypeError):
        return ()
    line_id = _line_id(scene, member, lang)
    mine = {places.read(path).field for path in known if places.read(path).cohort == own and own}
    return tuple(
        view.Spot(path, place, " ".join(filled(text, values).split()))
        for path, text in known.items()
        if (spot := places.read(path)).language == lang
        and (spot.cohort == own if spot.field in mine else not spot.cohort)
        and (not places.is_line(path) or path == lines.path_of(lang, scene.campaign.channel, line_id))
        and (place := place_of(path, scenes.groups(scene))) is not None
    )


def _line_id(scene: Scene, member: MemberFacts, lang: str) -> str:
    """Return the id of the personal line that the shown person gets; empty where they get none."""
    content = scene.revision.content_json
    said = lines.reader(content).of(member.insights, lang)
    return next((str(each["id"]) for each in lines.of_language(content, lang) if said and each["text"] == said), "")


def personal_lines(scene: Scene, member: MemberFacts, lang: str) -> tuple[view.Line, ...]:
    """Return the personal lines of a language, those for most members first."""
    content = scene.revision.content_json
    mine = lines.reader(content).of(member.insights, lang)
    found = sorted(lines.of_language(content, lang), key=lambda each: -each.get("size", 0))
    return tuple(
        view.Line(lang, each["text"], tuple(each["insights"]), each.get("size", 0), mine=each["text"] == mine)
        for each in found
    )


def second(session: Session, scene: Scene, member: MemberFacts, lang: str) -> tuple[view.Second, ...]:
    """Return the texts of the alternative of a language as the shown person would read them."""
    channel = scene.campaign.channel
    said = (scene.revision.content_json.get(versions.ALTERNATIVES) or {}).get(lang, {}).get(channel)
    if said is None:
        return ()
    values = slot_values(session, scene, member, lang)
    return tuple(
        view.Second(place, spoken)
        for field, text in checks.texts_of(said, channel)
        if (place := place_of(f"{lang}.{channel}.{field}", {})) is not None
        and (spoken := " ".join(filled(text, values).split()))
    )


def mail(scene: Scene, member: MemberFacts, lang: str, number: int) -> view.Mail:
    """Return the message of the shown person; it says `broken` where the content cannot be rendered."""
    key = versions.key_of(lang, number)
    if scene.texts is not None:
        links = scene.texts.variants[key].compiled.links
        return view.Mail("", "", scene.texts.preview(member, lang, number), lang, 0, links, remote_images=False)
    if scene.rendering is None:
        return view.Mail("", "", "", lang, 0, (), remote_images=False, broken=True)
    made = scene.rendering.preview(member, lang, number)
    links = scene.rendering.variants[key].compiled.links
    remote = mailframe.has_remote_images(made.html)
    return view.Mail(made.subject, made.preheader, made.text, lang, len(made.html.encode()), links, remote)


def claims(session: Session, scene: Scene, member: MemberFacts, lang: str, number: int) -> tuple[view.Claim, ...]:
    """Return the claims of the shown text; those of a variant beside A stand in the variant itself."""
    own = cohorts.matcher(scene.revision.content_json).of(member, lang, clock.now())
    stored = [
        claim
        for claim in scene.revision.claims_json
        if number == 0 and claim.get("language", lang) == lang and claim.get("cohort") in {None, own}
    ]
    variant = (
        versions.seen(scene.revision.content_json, number)["languages"].get(lang, {}).get(scene.campaign.channel, {})
    )
    pinned = {str(source["id"]): source for source in scene.revision.sources_json}
    values = slot_values(session, scene, member, lang)
    return tuple(
        view.Claim(
            n,
            lang,
            filled(str(claim.get("sentence", "")), values),
            str(claim.get("kind", "")),
            tuple(_source(pinned.get(str(ref))) for ref in claim.get("source_ids", ())),
        )
        for n, claim in enumerate(stored or variant.get("claims") or (), start=1)
    )


def offers(scene: Scene) -> tuple[view.Source, ...]:
    """Return the offers that slots of the text are filled from."""
    chosen = set(map(str, scene.revision.content_json.get("offers", ())))
    pinned = (source for source in scene.revision.sources_json if source["kind"] == "offer")
    return tuple(_source(source) for source in pinned if str(source["id"]) in chosen)


def _source(pinned: Mapping[str, Any] | None) -> view.Source:
    if pinned is None:
        return view.Source("missing", "", "")
    return view.Source(str(pinned["kind"]), str(pinned["title"]), str(pinned.get("excerpt", "")))


def slot_values(session: Session, scene: Scene, member: MemberFacts, lang: str) -> dict[str, str]:
    content = scene.revision.content_json
    offers = frame.offer_facts(session, content.get("offers", []))
    layout = frame.layout_facts(session, scene.campaign)
    fixed = compiling.constants_of(offers, layout, str(content.get("cta_url") or ""), lang)
    rendering = scene.rendering or scene.texts
    return fixed | (rendering.values(member, lang, clock.now()) if rendering else {})


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a sentence with its slots filled, as the message says it."""
    try:
        nodes = slots.parse(text)
    except slots.BadSlot:
        return text
    return "".join(_node(node, values) for node in nodes)


def _node(node: slots.Node, values: Mapping[str, str]) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, slots.Value):
        return values.get(node.name, "")
    return "".join(_node(each, values) for each in node.nodes) if values.get(node.name) else ""


def place_of(path: str, groups: Mapping[str, view.Group]) -> view.Place | None:
    """Read a path of the checks or of a difference: `de.email.blocks.2.text`, `de#de-away.sms.text`, `offers.0`."""
    key, _, rest_of_path = path.partition(".")
    key, variant = versions.read(key)
    language, _, cohort = key.partition("#")
    if variant or cohort:
        place = place_of(f"{language}.{rest_of_path}", groups) or view.Place(language, "whole")
        return replace(place, group=groups.get(cohort), variant=versions.letter(variant) if variant else "")
    parts = path.split(".")
    if parts[0] == "offers" and len(parts) > 1 and parts[1].isdigit():
        return view.Place("", "offer", int(parts[1]) + 1)
    if len(parts) < 2 or parts[1] not in CHANNELS:  # noqa: PLR2004
        return None
    rest = parts[2:]
    if rest[:1] == ["blocks"] and len(rest) > 1 and rest[1].isdigit():
        return view.Place(parts[0], "block", int(rest[1]) + 1)
    if rest[:1] == ["variables"] and len(rest) > 1 and rest[1].isdigit():
        return view.Place(parts[0], "variable", int(rest[1]))
    return view.Place(parts[0], _PARTS.get(rest[0] if rest else "", "whole"))


def difference(
    session: Session, scene: Scene, member: MemberFacts, remarks: Sequence[view.Remark]
) -> view.Difference | None:
    before = revisions.parent(session, scene.revision)
    if before is None:
        return None
    asked = [remark for remark in remarks if remark.verb == "revise" and remark.revision == before.n]
    values = {lang: slot_values(session, scene, member, lang) for lang in scene.languages}
    changes = []
    for path, words in diff.compare(before.content_json, scene.revision.content_json):
        place = place_of(path, scenes.groups(scene)) or view.Place("", "whole")
        changes.append(view.Change(place, _spoken_words(words, values.get(place.language, {}))))
    return view.Difference(before.n, asked[-1] if asked else None, tuple(changes))


def _spoken_words(words: diff.Words, values: Mapping[str, str]) -> diff.Words:
    """Return the difference as the shown person would read it; as written where they would read no difference."""
    old = filled("".join(text for op, text in words if op != "insert"), values)
    new = filled("".join(text for op, text in words if op != "delete"), values)
    return words if old == new else diff.words(old, new)
