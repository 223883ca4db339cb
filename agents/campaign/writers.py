"""The two writers behind one protocol."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from agents import guards, prompts
from agents import judge as judging
from agents.call import Caller, Chain, Question
from agents.campaign.replies import (
    BriefPlan,
    CampaignBase,
    Claim,
    CohortBatch,
    CohortCopy,
    Copy,
    Edits,
    EmailCopy,
    PersonalBatch,
    PersonalLine,
    Scope,
    TextBase,
    TextCopy,
)
from agents.campaign.state import Desk, Source, Spot
from agents.judge import Verdict
from agents.llm.builtin import writer as builtin
from agents.llm.builtin.cohorts import copy_for
from agents.llm.builtin.edits import edited
from agents.llm.builtin.lines import line_for
from agents.prompts import Section
from domain.content import lines, places, slots
from domain.content.cohorts import Cohort
from domain.content.lines import Target

Reply = TypeVar("Reply", BriefPlan, CampaignBase, TextBase, CohortBatch, PersonalBatch, Edits, Scope, Verdict)
Base = TypeVar("Base", CampaignBase, TextBase)
PROMPTS = Path(__file__).parent / "prompts"
_OUTPUT_TOKENS = 2_000
_BATCH_TOKENS = 4_000
_MOST_SPOTS = 60
_STAGES = {
    "new": "joined within the last weeks",
    "active": "came within the last two weeks",
    "quiet": "last came some weeks ago",
    "away": "has not come for about two months or longer",
}


@dataclass(frozen=True, slots=True)
class BuiltinWriter:
    """Our own phrases; no key, no network."""

    name: str = builtin.NAME

    def provenance(self) -> dict[str, Any]:
        return {"writer": self.name}

    def scope(self, feedback: Sequence[str]) -> Scope | None:
        del feedback  # what the rules of the scope node do not understand, no template can do
        return None

    def plan(self, desk: Desk) -> BriefPlan:
        return builtin.plan(desk.goal, desk.sources, desk.style)

    def base(self, plan: BriefPlan, language: str, desk: Desk, *, alternative: bool) -> CampaignBase:
        return builtin.base(plan, language, desk.sources, desk.style, brand=desk.brand, alternative=alternative)

    def text(self, plan: BriefPlan, language: str, desk: Desk, *, channel: str, alternative: bool) -> TextBase:
        return builtin.text(plan, language, desk.style, channel, alternative=alternative)

    def cohorts(
        self, plan: BriefPlan, cohorts: Sequence[Cohort], desk: Desk, *, channel: str, base: dict[str, dict[str, str]]
    ) -> list[CohortCopy]:
        found = (copy_for(plan.objective, cohort, desk.style, base[cohort.language], channel) for cohort in cohorts)
        return [each for each in found if each is not None]

    def lines(
        self, plan: BriefPlan, targets: Sequence[Target], desk: Desk, *, base: dict[str, dict[str, str]]
    ) -> dict[str, PersonalLine]:
        del plan, base
        return {target.id: line_for(target, desk.style) for target in targets}

    def edit(self, plan: BriefPlan, spots: Sequence[Spot], desk: Desk) -> tuple[dict[str, str], list[Claim]]:
        return edited(plan, spots, desk), []

    def shorten(self, plan: BriefPlan, spots: Sequence[Spot], desk: Desk) -> tuple[dict[str, str], list[Claim]]:
        del plan, spots, desk  # templates are as short as they can be
        return {}, []

    def judge(self, plan: BriefPlan, language: str, texts: Mapping[str, str], desk: Desk) -> Verdict:
        del plan, language, texts, desk  # templates have no opinion
        return Verdict(notes=[])


@dataclass(frozen=True, slots=True)
class ModelWriter:
    """A model behind the ledger. Sources are data between marks; prices and dates are slots, never digits.

    All writing calls of a run begin with the same words (rules, brand, slots, sources, goal, plan), so that servers can
    cache them; what a call is about comes last.
    """

    caller: Caller | Chain
    mark: str
    name: str = field(default="model")
    asked: dict[str, Any] = field(default_factory=dict)

    def provenance(self) -> dict[str, Any]:
        return {"writer": self.name, **self.asked}

    def scope(self, feedback: Sequence[str]) -> Scope | None:
        return self._ask("scope", Scope, None, [], list(feedback), variation=0)

    def plan(self, desk: Desk) -> BriefPlan:
        known = {source.id for source in desk.sources}

        def unknown_ids(reply: BriefPlan) -> list[str]:
            ids = [*reply.offer_ids, *reply.proof_chunk_ids]
            return [f"'{used}' is no id of a listed source" for used in ids if used not in known]

        reply = self._ask(
            "brief", BriefPlan, unknown_ids, self._stable(desk), list(desk.feedback), variation=desk.style.variation
        )
        return reply.model_copy(update={"address": desk.style.form})

    def base(self, plan: BriefPlan, language: str, desk: Desk, *, alternative: bool) -> CampaignBase:
        return self._copy("base", CampaignBase, plan, language, desk, [], alternative=alternative)

    def text(self, plan: BriefPlan, language: str, desk: Desk, *, channel: str, alternative: bool) -> TextBase:
        now = [f"Channel: {channel}"]
        return self._copy("text", TextBase, plan, language, desk, now, alternative=alternative)

    def _copy(
        self,
        prompt_id: str,
        form: type[Base],
        plan: BriefPlan,
        language: str,
        desk: Desk,
        now: list[str],
        *,
        alternative: bool,
    ) -> Base:
        """Ask for one language; the second way to say it comes in the same reply."""

        def wrong(reply: Base) -> list[str]:
            found = _wrong(reply, language, desk)
            if alternative and reply.alternative is None:
                found.append("alternative is asked for: write it")
            return found

        now = [*now, f"Language: {language}", f"Alternative: {'yes' if alternative else 'no, null'}", *desk.feedback]
        reply = self._write(prompt_id, form, wrong, plan, desk, now)
        return reply if alternative else reply.model_copy(update={"alternative": None})

    def cohorts(
        self, plan: BriefPlan, cohorts: Sequence[Cohort], desk: Desk, *, channel: str, base: dict[str, dict[str, str]]
    ) -> list[CohortCopy]:
        ids = [cohort.id for cohort in cohorts]

        def wrong(reply: CohortBatch) -> list[str]:
            found = _exactly(ids, [each.cohort_id for each in reply.items])
            for each in reply.items:
                found += _slot_problems([each.opener, each.benefit, each.cta, each.sms_line], _PLACED)
                found += _unknown_sources(each.claims, desk)
            return found

        now = [f"Channel: {channel}", *_openings(base, {cohort.language for cohort in cohorts})]
        now += [_described(cohort) for cohort in cohorts]
        reply = self._write("cohorts", CohortBatch, wrong, plan, desk, now, most=_BATCH_TOKENS)
        return reply.items

    def lines(
        self, plan: BriefPlan, targets: Sequence[Target], desk: Desk, *, base: dict[str, dict[str, str]]
    ) -> dict[str, PersonalLine]:
        chosen = {f"r{n}": target for n, target in enumerate(targets, start=1)}

        def wrong(reply: PersonalBatch) -> list[str]:
            found = _exactly(list(chosen), [each.ref for each in reply.items])
            for each in reply.items:
                known = chosen[each.ref].insights if each.ref in chosen else ()
                found += [f"'{word}' is not known of {each.ref}" for word in each.used if word not in known]
                if each.line and not each.used:
                    found.append(f"{each.ref} rests on nothing: name what it uses, or give null")
                found += _line_problems(each.ref, each.line or "")
            return found

        now = _openings(base, {target.language for target in targets})
        now += [f"{ref}: language {target.language}; {', '.join(target.insights)}" for ref, target in chosen.items()]
        reply = self._write("lines", PersonalBatch, wrong, plan, desk, now, most=_BATCH_TOKENS)
        return {chosen[each.ref].id: each for each in reply.items}

    def edit(self, plan: BriefPlan, spots: Sequence[Spot], desk: Desk) -> tuple[dict[str, str], list[Claim]]:
        return self._anew("edit", plan, spots, desk, wishes=desk.feedback)

    def shorten(self, plan: BriefPlan, spots: Sequence[Spot], desk: Desk) -> tuple[dict[str, str], list[Claim]]:
        return self._anew("shorten", plan, spots, desk, wishes=())

    def judge(self, plan: BriefPlan, language: str, texts: Mapping[str, str], desk: Desk) -> Verdict:
        refs = list(judging.listed(texts))

        def wrong(reply: Verdict) -> list[str]:
            return judging.wrong(reply, refs)

        now = [f"Language: {language}", *judging.shown(texts)]
        return self._write("judge", Verdict, wrong, plan, desk, now)

    def _anew(
        self, prompt_id: str, plan: BriefPlan, spots: Sequence[Spot], desk: Desk, *, wishes: Sequence[str]
    ) -> tuple[dict[str, str], list[Claim]]:
        chosen = {f"f{n}": spot for n, spot in enumerate(spots[:_MOST_SPOTS], start=1)}

        def wrong(reply: Edits) -> list[str]:
            found = _exactly(list(chosen), [each.ref for each in reply.items])
            found += _slot_problems([each.text for each in reply.items], set())
            for each in reply.items:
                if each.ref in chosen and places.is_line(chosen[each.ref].path):
                    found += _line_problems(each.ref, each.text)
            return [*found, *_unknown_sources(reply.claims, desk)]

        now = [
            json.dumps({"ref": ref, "place": spot.path, "text": spot.text, "wrong": spot.orders}, ensure_ascii=False)
            for ref, spot in chosen.items()
        ]
        reply = self._write(prompt_id, Edits, wrong, plan, desk, [*now, *wishes], most=_BATCH_TOKENS)
        return {chosen[each.ref].path: each.text.strip() for each in reply.items}, reply.claims

    def _write(
        self,
        prompt_id: str,
        form: type[Reply],
        check: Callable[[Reply], list[str]],
        plan: BriefPlan,
        desk: Desk,
        now: list[str],
        *,
        most: int = _OUTPUT_TOKENS,
    ) -> Reply:
        stable = [*self._stable(desk), Section("Plan", plan.model_dump_json())]
        return self._ask(prompt_id, form, check, stable, now, variation=desk.style.variation, most=most)

    def _ask(
        self,
        prompt_id: str,
        form: type[Reply],
        check: Callable[[Reply], list[str]] | None,
        stable: list[Section],
        volatile: list[str],
        *,
        variation: int,
        most: int = _OUTPUT_TOKENS,
    ) -> Reply:
        rules, task = prompts.load(PROMPTS, "rules"), prompts.load(PROMPTS, prompt_id)
        batch = [Section("Task", task.fill())]
        if volatile:
            batch.append(Section("Now", guards.datamark("\n".join(volatile), self.mark, limit=_NOW_BYTES)))
        question = Question(
            purpose=f"campaign.{prompt_id}",
            prompt_id=task.id,
            prompt_version=task.version,
            messages=prompts.frame(rules.fill() + "\n" + guards.announcement(self.mark), stable=stable, volatile=batch),
            form=form,
            max_output_tokens=most,
            variation=variation,
            check=check,
        )
        answer = self.caller.ask(question)
        self.asked[task.id] = task.version
        self.asked["rules"] = rules.version
        self.asked["model"] = answer.model
        return answer.value

    def _stable(self, desk: Desk) -> list[Section]:
        catalogue = "\n".join(
            f"{{{slot.name}}}: {slot.label_en}, such as {slot.example}"
            for slot in slots.REGISTRY.values()
            if slot.name != lines.SLOT
        )
        listed = "\n".join(
            f"[{source.id}] {source.kind}: {guards.datamark(_shown(source), self.mark)}" for source in desk.sources
        )
        return [
            Section("Brand", _brand(desk, self.mark)),
            Section("Slots", catalogue),
            Section("Sources", listed),
            Section("Goal", guards.datamark(desk.goal, self.mark)),
        ]


_NOW_BYTES = 32 * 1024
_PLACED = {"cta_url", "greeting", lines.SLOT}


def _brand(desk: Desk, mark: str) -> str:
    style, brand = desk.style, desk.brand
    fixed = {
        "address": style.form, "tone": style.tone, "short": style.short, "exclamation_marks": brand.most_exclamations
        if style.exclamation else 0, "emoji": brand.emoji,
    }  # fmt: skip
    lines = [json.dumps(fixed, sort_keys=True)]
    given = {"never say": brand.forbidden, "always say": brand.required, "sign-off": [brand.sign_off or ""]}
    words = [f"{name}: {'; '.join(phrases)}" for name, phrases in given.items() if any(phrases)]
    words += [f"sounds like this: {sample}" for sample in brand.samples]
    return "\n".join([*lines, guards.datamark("\n".join(words), mark)] if words else lines)


def _openings(base: dict[str, dict[str, str]], languages: set[str]) -> list[str]:
    return [
        f"Base copy {language}: {json.dumps(words, ensure_ascii=False, sort_keys=True)}"
        for language, words in sorted(base.items())
        if language in languages
    ]


def _described(cohort: Cohort) -> str:
    if cohort.insight:
        return f"Group {cohort.id}: language {cohort.language}; {_STAGES[cohort.stage]}; in chats: {cohort.insight}"
    interest = f"; their main interest is {cohort.interest} ({{favourite_course}})" if cohort.interest else ""
    return f"Group {cohort.id}: language {cohort.language}; {_STAGES[cohort.stage]}{interest}"


def _shown(source: Source) -> str:
    """Return what a writer may read of a source: an offer's title only, since its numbers come from slots."""
    return source.title if source.kind == "offer" else source.text


def _texts(reply: Copy) -> list[str]:
    if isinstance(reply, TextBase):
        return [text for words in (reply, reply.alternative) if words is not None for text in _short(words)]
    return [text for words in (reply.email, reply.alternative) if words is not None for text in _words(words)]


def _short(words: TextCopy) -> list[str]:
    return [words.text, words.cta_label]


def _words(words: EmailCopy) -> list[str]:
    return [words.subject, words.preheader, *words.paragraphs, *words.bullets, words.cta_label, words.sign_off]


def _wrong(reply: Copy, language: str, desk: Desk) -> list[str]:
    """Return what is wrong with a copy that has the right shape."""
    found = [] if reply.lang == language else [f"lang must be {language}"]
    found += _unknown_sources(reply.claims, desk)
    return [*found, *_slot_problems(_texts(reply), _PLACED if isinstance(reply, TextBase) else {lines.SLOT})]


def _unknown_sources(claims: Sequence[Claim], desk: Desk) -> list[str]:
    known = {source.id for source in desk.sources}
    return [
        f"'{used}' is no id of a listed source" for claim in claims for used in claim.source_ids if used not in known
    ]


def _slot_problems(texts: Sequence[str], placed: set[str]) -> list[str]:
    found = []
    for text in texts:
        try:
            used = slots.names(slots.parse(text))
            found += [f"leave {{{name}}} out, it is placed for you" for name in sorted(used & placed)]
        except slots.BadSlot as error:
            found.append(str(error))
    return found


def _line_problems(ref: str, text: str) -> list[str]:
    found = [f"{ref}: no slots and no digits in a line"] if re.search(r"[{}\d]", text) else []
    return [*found, f"{ref}: at most {lines.LONGEST} characters"] if len(text.strip()) > lines.LONGEST else found


def _exactly(wanted: Sequence[str], given: Sequence[str]) -> list[str]:
    found = [f"'{each}' was not asked for" for each in given if each not in wanted]
    found += [f"'{each}' is missing" for each in wanted if each not in given]
    return [*found, *(f"'{each}' is there twice" for each in sorted({e for e in given if given.count(e) > 1}))]
