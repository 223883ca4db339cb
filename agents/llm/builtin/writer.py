"""The built-in writer: fills the same forms as a model, from our own phrases and the tenant's own sources.

It never repeats the tenant's instruction, types no number, and cites what it quotes. It is honest about itself:
drafts of it are labelled as made from templates.
"""

import re
from dataclasses import replace
from typing import Any

from agents.campaign.feedback import Style
from agents.campaign.replies import BriefPlan, CampaignBase, Claim, EmailCopy, TextBase, TextCopy
from agents.campaign.state import Source
from agents.llm.builtin import goals, phrases, phrases_text
from agents.llm.builtin.phrases import Phrases
from agents.llm.builtin.phrases_de import DU, SIE
from agents.llm.builtin.phrases_en import EN
from domain.brand.service import UNSAVED, Brand

NAME = "builtin"
_ANGLES: dict[str, Any] = {
    "reactivation": "winback", "offer": "benefit", "event": "invitation", "newsletter": "news", "welcome": "invitation",
    "birthday": "thanks", "reminder": "reminder", "feedback": "thanks", "information": "news",
}  # fmt: skip
_SENTENCE = re.compile(r"(?<=[.!])\s+")
_LONGEST_QUOTE, _SHORTEST_QUOTE = 170, 40
_MARKUP = re.compile(r"[|*_#`<>\[\]{}•€$£]|\bEUR\b|^\s*[-\d]|:\s*$|https?:|@")
_FORMAL = re.compile(r"\b(?:Sie|Ihnen|Ihre?[mnrs]?)\b")
_FAMILIAR = re.compile(r"\b(?:du|dich|dir|dein\w*)\b", re.IGNORECASE)


def phrases_for(goal: str, language: str, form: str) -> Phrases:
    """Return the phrases of a goal."""
    if language == "de":
        return (SIE if form == "sie" else DU)[goal]
    return EN[goal]


def plan(goal_text: str, sources: list[Source], style: Style) -> BriefPlan:
    """Return the brief: goal, offer and proof. Without the offer that the goal asks for it has a question."""
    goal = goals.classify(goal_text)
    offers = ranked_offers(goal_text, sources)
    wanted = goals.wants_offer(goal_text) or goal == "offer"
    chosen = [offers[style.offer % len(offers)]] if offers and wanted else []
    questions = ["offer_missing"] if wanted and not offers else []
    return BriefPlan(
        objective=goal,
        key_message=goal,
        angle=_ANGLES[goal],
        offer_ids=[offer.id for offer in chosen],
        proof_chunk_ids=[source.id for source in sources if source.kind == "chunk"][:8],
        address=style.form,
        must_say=[],
        open_questions=questions,
    )


def ranked_offers(goal_text: str, sources: list[Source]) -> list[Source]:
    """Return the offers, those first whose title the goal names."""
    words = _stems(goal_text)
    offers = [source for source in sources if source.kind == "offer"]

    def shared(offer: Source) -> tuple[float, int]:
        title, all_words = _stems(offer.title), _stems(f"{offer.title} {offer.text}")
        return (len(words & title) / max(1, len(title)), len(words & all_words))

    return sorted(offers, key=shared, reverse=True)


def _stems(text: str) -> set[str]:
    return {word[:6] for word in re.findall(r"[^\W\d_]{4,}", text.casefold())}


def subjects_for(plan_: BriefPlan, language: str, form: str) -> list[str]:
    """Return the subjects that fit a plan."""
    said = phrases_for(plan_.objective, language, form).subjects
    return [text for text in said if plan_.offer_ids or "offer1" not in text]


def base(
    plan_: BriefPlan,
    language: str,
    sources: list[Source],
    style: Style,
    *,
    brand: Brand = UNSAVED,
    alternative: bool = False,
) -> CampaignBase:
    """Return the copy of one language, and a second one with another subject and opening where it is asked for."""
    made = _copy(plan_, language, sources, style, brand)
    if not alternative:
        return made
    other = replace(style, subject=style.subject + 1, short=not style.short)
    return made.model_copy(update={"alternative": _copy(plan_, language, sources, other, brand).email})


def _copy(plan_: BriefPlan, language: str, sources: list[Source], style: Style, brand: Brand) -> CampaignBase:
    said = phrases_for(plan_.objective, language, style.form)
    key = (language, style.form)
    has_offer = bool(plan_.offer_ids)
    paragraphs = [_lively(said, style)]
    claims: list[Claim] = []
    if not style.short:
        paragraphs.append(said.body)
    if has_offer:
        paragraphs.append(phrases.OFFER[key])
        claims.append(_offer_claim(plan_.offer_ids[0], phrases.OFFER[key]))
    quote = None if style.short else proof(plan_, language, sources, style.form)
    if quote is not None:
        paragraphs.append(quote.sentence)
        claims.append(quote)
    if style.tone == "personal":
        paragraphs.append(phrases.PERSONAL[key])
    elif not style.short and not has_offer:
        paragraphs.append(said.extra)
    subjects = subjects_for(plan_, language, style.form)
    signed = f"{brand.sign_off}\n{{sender_name}}" if brand.sign_off else phrases.SIGN_OFF[key]
    copy = EmailCopy(
        subject=subjects[(style.subject + style.variation) % len(subjects)],
        preheader=phrases.OFFER_PREHEADER[language] if has_offer else said.preheader,
        paragraphs=[_calm(text) if not style.exclamation else text for text in paragraphs],
        bullets=[],
        cta_label=said.cta,
        sign_off=signed,
    )
    return CampaignBase(lang="de" if language == "de" else "en", email=copy, alternative=None, claims=claims)


def text(plan_: BriefPlan, language: str, style: Style, channel: str, *, alternative: bool = False) -> TextBase:
    """Return the words of an SMS, WhatsApp or Telegram message, and a second way to say it where it is asked for."""
    made = _text(plan_, language, style, channel)
    if not alternative:
        return made
    other = _text(plan_, language, replace(style, variation=style.variation + 1), channel)
    return made.model_copy(update={"alternative": TextCopy(text=other.text, cta_label=other.cta_label)})


def _text(plan_: BriefPlan, language: str, style: Style, channel: str) -> TextBase:
    said = phrases_for(plan_.objective, language, style.form)
    parts = [_opening(plan_, language, style, channel)]
    claims: list[Claim] = []
    if plan_.offer_ids:
        parts.append(phrases_text.OFFER[language])
        claims.append(_offer_claim(plan_.offer_ids[0], phrases_text.OFFER[language]))
    words = (" " if channel == "sms" else "\n\n").join(parts)
    return TextBase(
        lang="de" if language == "de" else "en",
        text=words if style.exclamation else _calm(words),
        cta_label=said.cta,
        alternative=None,
        claims=claims,
    )


def _opening(plan_: BriefPlan, language: str, style: Style, channel: str) -> str:
    """Return the first words of a text; every second variation says them in another way."""
    another = bool(style.variation % 2)
    if not (another or channel == "sms" or style.short):
        return _lively(phrases_for(plan_.objective, language, style.form), style)
    kind = phrases_text.OTHER if another else phrases_text.SHORT
    opening = kind[language, style.form][plan_.objective]
    return opening[0].upper() + opening[1:] if channel != "sms" and language == "en" else opening


def _lively(said: Phrases, style: Style) -> str:
    lively = said.lively and style.exclamation and style.tone != "formal"
    return (said.lively if lively else said.opening).strip()


def _calm(text: str) -> str:
    return re.sub(r"!+", ".", text)


def _offer_claim(offer_id: str, sentence: str) -> Claim:
    return Claim(sentence=sentence, kind="price", source_ids=[offer_id])


def proof(plan_: BriefPlan, language: str, sources: list[Source], form: str) -> Claim | None:
    """Return one sentence of the knowledge base, word for word, that reads well in a mail; None where none does."""
    by_id = {source.id: source for source in sources if source.kind == "chunk" and source.language == language}
    for chunk_id in plan_.proof_chunk_ids:
        source = by_id.get(chunk_id)
        for sentence in _SENTENCE.split(source.text) if source else []:
            words = " ".join(sentence.split())
            if _quotable(words, language, form):
                return Claim(sentence=words, kind="feature", source_ids=[chunk_id])
    return None


def _quotable(words: str, language: str, form: str) -> bool:
    if not _SHORTEST_QUOTE <= len(words) <= _LONGEST_QUOTE or not words[0].isupper() or not words.endswith("."):
        return False
    if _MARKUP.search(words) or "?" in words or "!" in words:
        return False
    if language != "de":
        return True
    return not (_FORMAL.search(words[1:]) if form == "du" else _FAMILIAR.search(words))
