"""The two writers behind one protocol."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agents import guards, prompts
from agents.call import Caller, Question
from agents.campaign.feedback import Style
from agents.campaign.replies import BriefPlan, CampaignBase, Copy, TextBase
from agents.campaign.state import Source
from agents.llm.builtin import writer as builtin
from agents.prompts import Section
from domain.content import slots

Reply = TypeVar("Reply", BriefPlan, CampaignBase, TextBase)
PROMPTS = Path(__file__).parent / "prompts"
_OUTPUT_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class BuiltinWriter:
    """Our own phrases; no key, no network."""

    name: str = builtin.NAME

    def plan(self, goal: str, sources: list[Source], style: Style, feedback: list[str]) -> BriefPlan:
        del feedback  # read by rule in the scope node already
        return builtin.plan(goal, sources, style)

    def base(
        self, plan: BriefPlan, language: str, sources: list[Source], style: Style, feedback: list[str]
    ) -> CampaignBase:
        del feedback
        return builtin.base(plan, language, sources, style)

    def text(
        self,
        plan: BriefPlan,
        language: str,
        sources: list[Source],
        style: Style,
        feedback: list[str],
        *,
        channel: str,
    ) -> TextBase:
        del sources, feedback
        return builtin.text(plan, language, style, channel)


@dataclass(frozen=True, slots=True)
class ModelWriter:
    """A model behind the ledger. Sources are data between marks; prices and dates are slots, never digits."""

    caller: Caller
    mark: str
    name: str = field(default="model")

    def plan(self, goal: str, sources: list[Source], style: Style, feedback: list[str]) -> BriefPlan:
        known = {source.id for source in sources}

        def unknown_ids(reply: BriefPlan) -> list[str]:
            ids = [*reply.offer_ids, *reply.proof_chunk_ids]
            return [f"'{used}' is no id of a listed source" for used in ids if used not in known]

        return self._ask("brief", BriefPlan, unknown_ids, style, self._stable(goal, sources, style), feedback)

    def base(
        self, plan: BriefPlan, language: str, sources: list[Source], style: Style, feedback: list[str]
    ) -> CampaignBase:
        known = {source.id for source in sources}

        def wrong(reply: CampaignBase) -> list[str]:
            return _wrong(reply, language, known)

        stable = [*self._stable(plan.objective, sources, style), Section("Plan", plan.model_dump_json())]
        return self._ask("base", CampaignBase, wrong, style, stable, [f"Language: {language}", *feedback])

    def text(
        self,
        plan: BriefPlan,
        language: str,
        sources: list[Source],
        style: Style,
        feedback: list[str],
        *,
        channel: str,
    ) -> TextBase:
        known = {source.id for source in sources}

        def wrong(reply: TextBase) -> list[str]:
            return _wrong(reply, language, known)

        stable = [*self._stable(plan.objective, sources, style), Section("Plan", plan.model_dump_json())]
        now = [f"Channel: {channel}", f"Language: {language}", *feedback]
        return self._ask("text", TextBase, wrong, style, stable, now)

    def _ask(
        self,
        prompt_id: str,
        form: type[Reply],
        check: Callable[[Reply], list[str]],
        style: Style,
        stable: list[Section],
        volatile: list[str],
    ) -> Reply:
        prompt = prompts.load(PROMPTS, prompt_id)
        batch = [Section("Now", guards.datamark("\n".join(volatile), self.mark))] if volatile else []
        rules = prompt.fill() + "\n" + guards.announcement(self.mark)
        question = Question(
            purpose=f"campaign.{prompt_id}",
            prompt_id=prompt.id,
            prompt_version=prompt.version,
            messages=prompts.frame(rules, stable=stable, volatile=batch),
            form=form,
            max_output_tokens=_OUTPUT_TOKENS,
            variation=style.variation,
            check=check,
        )
        return self.caller.ask(question).value

    def _stable(self, goal: str, sources: list[Source], style: Style) -> list[Section]:
        catalogue = "\n".join(
            f"{{{slot.name}}}: {slot.label_en}, such as {slot.example}" for slot in slots.REGISTRY.values()
        )
        listed = "\n".join(
            f"[{source.id}] {source.kind}: {guards.datamark(_shown(source), self.mark)}" for source in sources
        )
        return [
            Section(
                "Brand", json.dumps({"address": style.form, "tone": style.tone, "short": style.short}, sort_keys=True)
            ),
            Section("Slots", catalogue),
            Section("Sources", listed),
            Section("Goal", guards.datamark(goal, self.mark)),
        ]


def _shown(source: Source) -> str:
    """Return what a writer may read of a source: an offer's title only, since its numbers come from slots."""
    return source.title if source.kind == "offer" else source.text


def _texts(reply: Copy) -> list[str]:
    if isinstance(reply, TextBase):
        return [reply.text, reply.cta_label]
    words = reply.email
    return [words.subject, words.preheader, *words.paragraphs, *words.bullets, words.cta_label, words.sign_off]


def _wrong(reply: Copy, language: str, known: set[str]) -> list[str]:
    """Return what is wrong with a copy that has the right shape."""
    found = [] if reply.lang == language else [f"lang must be {language}"]
    for claim in reply.claims:
        found += [f"'{used}' is no id of a listed source" for used in claim.source_ids if used not in known]
    placed = {"cta_url", "greeting"} if isinstance(reply, TextBase) else set()
    for text in _texts(reply):
        try:
            used = slots.names(slots.parse(text))
            found += [f"leave {{{name}}} out, it is placed for you" for name in sorted(used & placed)]
        except slots.BadSlot as error:
            found.append(str(error))
    return found
