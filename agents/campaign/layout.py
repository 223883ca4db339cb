"""From words to a content: where code places them, what cohorts may replace, and what stays as it was."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from agents.campaign.replies import CampaignBase, CohortCopy, Copy, EmailCopy, TextBase, TextCopy
from agents.campaign.state import State
from domain.content import cohorts, lines, places, slots, versions
from domain.content.cohorts import Bounds, Cohort

_BRACES = r"\{\?[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\{[^{}]*\}"
_FIRST = re.compile(
    rf"(?P<before>(?:\{{studio\}}: )?\{{greeting\}}\s+)(?P<first>(?:{_BRACES}|[^{{}}.!?])+[.!?])(?=\s)", re.DOTALL
)


def placed(state: State, origin: str, target: str | None) -> dict[str, Any]:
    """Return the content with the base copies that this run wrote; languages that it did not write stay as they are."""
    todo, previous = state["todo"], state["previous"]
    if previous is not None and not todo.languages:
        return copy.deepcopy(previous)
    channel, plan = state["channel"], state["plan"]
    kept = dict((previous or {}).get("languages", {}))
    for language, reply in state["parts"].items():
        kept[language] = {channel: variant(reply, channel, has_offer=bool(plan.offer_ids), target=target)}
    content: dict[str, Any] = {
        "v": 1,
        "origin": origin,
        "form": state["style"].form,
        "style": state["style"].as_json(),
        "offers": plan.offer_ids,
        "cta_url": target or "",
        "languages": {language: kept[language] for language in state["languages"] if language in kept},
    }
    others = _alternatives(state, target)
    compared = (previous or {}).get(versions.KEY)  # the variants beside A are a person's: they stay
    more = {versions.ALTERNATIVES: others, versions.KEY: compared}
    return {**content, **{key: value for key, value in more.items() if value}}


def _alternatives(state: State, target: str | None) -> dict[str, Any]:
    """Return the second texts by language: those of this run, and those of languages that it did not write."""
    channel, has_offer = state["channel"], bool(state["plan"].offer_ids)
    before = copy.deepcopy((state["previous"] or {}).get(versions.ALTERNATIVES) or {})
    found = {}
    for language in state["languages"]:
        reply = state["parts"].get(language)
        if reply is None and language in before:
            found[language] = before[language]
        elif reply is not None and reply.alternative is not None:
            found[language] = {channel: variant(reply, channel, has_offer=has_offer, target=target, other=True)}
    return found


def assembled(state: State, origin: str, target: str | None) -> dict[str, Any]:
    """Return the whole content: base copies, the copy of cohorts, and single texts on top."""
    content = placed(state, origin, target)
    items = _items(state, content)
    if items:
        content[cohorts.KEY] = {"bounds": _bounds(state["previous"]), "items": items}
    else:
        content.pop(cohorts.KEY, None)
    _say_lines(state, content)
    if not state["edits"]:
        return content
    content = places.changed(content, state["edits"])
    groups = {each["id"]: each for each in (content.get(cohorts.KEY) or {}).get("items", ())}
    for claim in state["edit_claims"]:
        spoken = content["languages"][claim["language"]][state["channel"]]
        owner = groups.get(claim["cohort"], spoken) if "cohort" in claim else spoken
        said = {name: value for name, value in claim.items() if name not in {"language", "cohort"}}
        owner["claims"] = [*(owner.get("claims") or []), said]
    if content.get("origin") == "human":
        content["origin"] = "mixed"
    return content


def _say_lines(state: State, content: dict[str, Any]) -> None:
    """Give the content its personal lines; those of languages that this run did not write stay as they are."""
    channel, anew = state["channel"], set(state["todo"].languages)
    by_id = {target.id: target for target in state["targets"]}
    before = ((state["previous"] or {}).get(lines.KEY) or {}).get("items", ())
    items = [each for each in before if each["language"] not in anew and each["language"] in content["languages"]]
    for target_id, reply in sorted(state.get("personal", {}).items()):
        target = by_id[target_id]
        if reply.line and reply.line.strip() and _has_room(content, target.language, channel):
            items.append(lines.item(target, reply.line.strip(), reply.used))
    if items:
        content[lines.KEY] = {"items": items}
    else:
        content.pop(lines.KEY, None)


def _has_room(content: Mapping[str, Any], language: str, channel: str) -> bool:
    """Make room for a line behind the opening, of the cohorts too; False where the text has no opening of its own."""
    spoken = content["languages"][language][channel]
    if lines.SLOT in str(spoken):
        return True
    field = replaceable(spoken, channel).get("opener")
    if field is None:
        return False
    others = [each["texts"] for each in cohorts.of_language(content, language) if field in each["texts"]]
    _open(spoken, channel, field)
    for texts in others:
        texts[field] = _opened(texts[field], channel)
    second = (content.get(versions.ALTERNATIVES) or {}).get(language, {}).get(channel)
    place = replaceable(second, channel).get("opener") if second is not None else None
    if place is not None:  # a comparison is about words, not about who gets a line
        _open(second, channel, place)
    return True


def _open(spoken: dict[str, Any], channel: str, field: str) -> None:
    holder, name = (spoken["blocks"][int(field.split(".")[1])], "text") if channel == "email" else (spoken, field)
    holder[name] = _opened(holder[name], channel)


def _opened(text: str, channel: str) -> str:
    """Return an opening with room for a line behind it."""
    if channel == "email":
        return f"{text} {lines.CLAUSE}"
    return _FIRST.sub(lambda match: f"{match[0]} {lines.CLAUSE}", text, count=1)


def _bounds(previous: Mapping[str, Any] | None) -> dict[str, int]:
    known: dict[str, int] | None = ((previous or {}).get(cohorts.KEY) or {}).get("bounds")
    bounds = Bounds()
    return known or {"new": bounds.new, "active": bounds.active, "quiet": bounds.quiet}


def _items(state: State, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cohorts in their order: those written now, and those of languages that were not touched."""
    written = state.get("snippets", {})
    before = {each["id"]: each for each in ((state["previous"] or {}).get(cohorts.KEY) or {}).get("items", ())}
    anew = set(state["todo"].cohorts)
    found = []
    for cohort in state["cohorts"]:
        if cohort.id in written:
            item = _item(cohort, written[cohort.id], content, state["channel"])
        else:
            item = None if cohort.id in anew else before.get(cohort.id)
        if item is not None and item["texts"]:
            found.append(item)
    listed = {each["id"] for each in found} | anew
    touched = set(state["todo"].languages)
    return [*found, *(each for each in before.values() if each["id"] not in listed and each["language"] not in touched)]


def _item(cohort: Cohort, words: CohortCopy, content: Mapping[str, Any], channel: str) -> dict[str, Any] | None:
    spoken = content["languages"].get(cohort.language, {}).get(channel)
    if spoken is None:
        return None
    texts = {}
    for name, field in replaceable(spoken, channel).items():
        said = _said(words, name, channel)
        if said and channel != "email":
            texts[field] = _spliced(spoken[field], said)
        elif said:
            texts[field] = said
    claims = [claim.model_dump() for claim in words.claims]
    return {**cohort.as_json(), "texts": texts, "claims": claims}


def _said(words: CohortCopy, name: str, channel: str) -> str:
    if channel == "sms":
        return words.sms_line.strip()
    return str({"opener": words.opener, "benefit": words.benefit, "cta": words.cta}[name]).strip()


def replaceable(variant: Mapping[str, Any], channel: str) -> dict[str, str]:
    """Return what cohorts may say in words of their own: opener, benefit and cta, by the field where it stands.

    A place that names an offer or rests on a source stays: everybody must get that.
    """
    if channel != "email":
        text = str(variant.get("text", ""))
        found = _FIRST.match(text)
        return {"opener": "text"} if found and _free(found["first"], variant) else {}
    blocks = variant["blocks"]
    spoken = [n for n, each in enumerate(blocks) if each["type"] == "paragraph" and each["text"] != "{greeting}"]
    fields: dict[str, str] = {}
    if spoken and _free(blocks[spoken[0]]["text"], variant):
        fields["opener"] = f"blocks.{spoken[0]}.text"
        benefit = next((n for n in spoken[1:] if _free(blocks[n]["text"], variant)), None)
        if benefit is not None:
            fields["benefit"] = f"blocks.{benefit}.text"
    button = next((n for n, each in enumerate(blocks) if each["type"] == "button"), None)
    if fields and button is not None:
        fields["cta"] = f"blocks.{button}.label"
    return fields


def _free(text: str, variant: Mapping[str, Any]) -> bool:
    used = slots.names(slots.parse(text))
    if any(name.startswith("offer") or name == "cta_url" for name in used):
        return False
    return not any(claim.get("source_ids") and claim["sentence"] in text for claim in variant.get("claims") or ())


def shown(variant: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    """Return what the places say in the base copy."""
    texts = dict(_flat(variant))
    return {name: texts.get(field, "") for name, field in fields.items()}


def _flat(variant: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "blocks" not in variant:
        found = _FIRST.match(str(variant.get("text", "")))
        return [("text", found["first"] if found else "")]
    return [
        (f"blocks.{n}.{key}", str(each[key]))
        for n, each in enumerate(variant["blocks"])
        for key in ("text", "label")
        if key in each
    ]


def _spliced(text: str, words: str) -> str:
    """Return a text whose first sentence is another one."""
    return _FIRST.sub(lambda match: match["before"] + words, text, count=1)


def variant(reply: Copy, channel: str, *, has_offer: bool, target: str | None, other: bool = False) -> dict[str, Any]:
    """Return the variant of a copy, or its alternative (`other`), in the shape of its channel."""
    if isinstance(reply, CampaignBase):
        words = (reply.alternative if other else None) or reply.email
        return email_blocks(reply, words, has_offer=has_offer, target=target)
    return message(reply, channel, has_target=bool(target), words=reply.alternative if other else None)


def message(reply: TextBase, channel: str, *, has_target: bool, words: TextCopy | None = None) -> dict[str, Any]:
    """Return the variant of a text: sender and greeting before the words, one link behind them."""
    said = words or reply
    if channel == "sms":
        text = f"{{studio}}: {{greeting}} {said.text}" + (" {cta_url}" if has_target else "")
    else:
        link = f"\n\n{said.cta_label}: {{cta_url}}" if has_target else ""
        text = f"{{greeting}}\n\n{said.text}{link}\n\n{{sender_name}}"
    return {"text": text, "claims": [claim.model_dump() for claim in reply.claims]}


def email_blocks(reply: CampaignBase, words: EmailCopy, *, has_offer: bool, target: str | None) -> dict[str, Any]:
    """Return an e-mail: greeting, text, offer, one button, sign-off."""
    blocks: list[dict[str, Any]] = [{"type": "paragraph", "text": "{greeting}"}]
    blocks += [{"type": "paragraph", "text": text} for text in words.paragraphs]
    if words.bullets:
        blocks.append({"type": "bullets", "items": words.bullets})
    if has_offer:
        blocks.append({"type": "offer_card", "offer": 1})
    if target:
        blocks.append({"type": "button", "label": words.cta_label, "url": "cta_url"})
    blocks.append({"type": "signature", "text": words.sign_off})
    return {
        "subject": words.subject,
        "preheader": words.preheader,
        "blocks": blocks,
        "claims": [claim.model_dump() for claim in reply.claims],
    }


def claims_of(state: State, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every claim of the content with its language, and its cohort where only that one makes it."""
    written = set(state["parts"]) if state.get("parts") else set()
    found = [
        claim for claim in state["previous_claims"] if claim.get("language") not in written and not claim.get("cohort")
    ]
    for language, reply in state.get("parts", {}).items():
        found += [{"language": language, **claim.model_dump()} for claim in reply.claims]
    for each in (content.get(cohorts.KEY) or {}).get("items", ()):
        made = {"language": each["language"], "cohort": each["id"]}
        found += [{**made, **claim} for claim in each.get("claims", ())]
    return [*found, *(claim for claim in state["edit_claims"] if "cohort" not in claim)]
