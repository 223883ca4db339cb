"""Answer from the knowledge base in its own words, with the source; or say that it does not know."""

import re
import unicodedata
from typing import Any

from langgraph.runtime import Runtime

from agents import embedding
from agents.lead.context import Context
from agents.lead.state import State
from domain.agent_tasks.service import TaskService
from kernel.errors import AriiaError

_LONGEST = 400
_SHORTEST_WORD = 4
_SHARE = 0.4
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w+")
_EMPTY = frozenset({
    "eine", "einen", "einem", "einer", "eines", "euch", "euer", "gibt", "haben", "habt", "hier", "ihre", "ihren",
    "kann", "koennen", "lange", "mein", "meine", "noch", "oder", "sich", "sind", "viel", "viele", "wann", "warum",
    "welche", "welcher", "welches", "wenn", "werden", "wird", "about", "does", "from", "have", "many", "much", "that",
    "there", "they", "this", "what", "when", "where", "which", "with", "your", "will", "would", "could", "long",
})  # fmt: skip


def knowledge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    wish = {**state["arguments"], "limit": 4}
    member = context.requester.member_id is not None
    try:
        understood = embedding.understand(wish["query"], context.open_session, of_member=member)
        with context.open_session() as session:
            service = TaskService(session, understood)
            task_id = service.submit(
                "search_knowledge", wish, context.requester, context.key, context_id=context.conversation
            )
            passages = service.get(task_id, context.requester).result["passages"]
    except AriiaError as error:
        return {"outcome": {"kind": "refused", "code": error.code, "text": error.detail}}
    return {"outcome": {"kind": "answer", "task_id": str(task_id), **extract(wish["query"], passages)}}


def extract(question: str, passages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sentences that answer, verbatim, with their passage as source; nothing where none fits."""
    stems = {_stem(word) for word in _words(question)}
    best: tuple[float, str, dict[str, Any]] | None = None
    for passage in passages:
        for n, sentence in enumerate(sentences := _sentences(passage["text"])):
            share = _share(stems, f"{passage['title']} {sentence}") + _share(stems, sentence)
            if best is None or share > best[0]:
                rest = sentences[n + 1] if n + 1 < len(sentences) and _is_heading(sentence) else ""
                best = (share, f"{sentence} {rest}".strip(), passage)
    if best is None or not stems or best[0] < _SHARE:
        return {"found": False}
    return {"found": True, "quote": best[1][:_LONGEST], "source": best[2]["title"], "source_id": best[2]["source_id"]}


def _sentences(text: str) -> list[str]:
    return [part.strip(" #*-\t") for part in _SENTENCE.split(text) if part.strip(" #*-\t")]


def _is_heading(sentence: str) -> bool:
    return sentence.endswith("?") or sentence[-1].isalnum()


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    for umlaut, pair in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        plain = plain.replace(umlaut, pair)
    return plain


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(_folded(text)) if len(word) >= _SHORTEST_WORD and word not in _EMPTY]


def _stem(word: str) -> str:
    return word[: max(_SHORTEST_WORD, len(word) - 3)]


def _share(stems: set[str], text: str) -> float:
    folded = _folded(text)
    return sum(stem in folded for stem in stems) / len(stems) if stems else 0.0
