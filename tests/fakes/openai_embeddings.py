"""The embeddings side of the fake: what the real API refuses, and vectors in which like texts lie near each other.

A text is the sum of its words, a word the sum of its letter triples, each with a direction of its own drawn from its
hash. `meanings` says which words a model would know to mean the same: they get one direction.
"""

import base64
import hashlib
import math
import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tests.fakes.openai_rules import Refusal

Json = dict[str, Any]
NATIVE = 256
MOST_INPUTS = 2_048
MOST_TOKENS = 8_192  # of one input
MOST_TOKENS_TOGETHER = 300_000
_PARAMETERS = {"input", "model", "encoding_format", "dimensions", "user"}
_WORD = re.compile(r"\w+")


def refusal_of(body: Any, refuses: frozenset[str] = frozenset()) -> Refusal | None:
    """Return why the API would answer 400, or None; `refuses` may name base64 and dimensions."""
    if not isinstance(body, dict):
        return Refusal("We could not parse the JSON body of your request.")
    unknown = sorted(set(body) - _PARAMETERS) + sorted(refuses & set(body))
    if unknown:
        return Refusal(f"Unrecognized request argument supplied: {unknown[0]}", unknown[0])
    if not isinstance(body.get("model"), str) or not body["model"]:
        return Refusal("you must provide a model parameter", "model")
    if body.get("encoding_format", "float") not in {"float", "base64"} - refuses:
        return Refusal("'encoding_format' must be float or base64", "encoding_format")
    wanted = body.get("dimensions", NATIVE)
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= NATIVE:
        return Refusal(f"'dimensions' must be between 1 and {NATIVE}", "dimensions")
    return _refused_input(body.get("input"))


def _refused_input(given: Any) -> Refusal | None:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        return Refusal("'$.input' is invalid: strings that are not empty", "input")
    if len(texts) > MOST_INPUTS:
        return Refusal(f"'input' has more than {MOST_INPUTS} items", "input")
    sizes = [tokens(text) for text in texts]
    if max(sizes) > MOST_TOKENS:
        return Refusal(f"This model's maximum context length is {MOST_TOKENS} tokens", "input")
    if sum(sizes) > MOST_TOKENS_TOGETHER:
        return Refusal(f"Requested {sum(sizes)} tokens, max {MOST_TOKENS_TOGETHER} tokens per request", "input")
    return None


def answer(body: Json, meanings: Mapping[str, str]) -> tuple[Json, int]:
    """Return the reply and the tokens it cost; the last row comes first, for the index tells the order."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    packed = body.get("encoding_format") == "base64"
    rows = [
        {"object": "embedding", "index": n, "embedding": _sent(vector_of(text, body, meanings), packed=packed)}
        for n, text in enumerate(texts)
    ]
    read = sum(map(tokens, texts))
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": rows[::-1], "model": body["model"], "usage": usage}, read


def tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)


def vector_of(text: str, body: Json, meanings: Mapping[str, str]) -> list[float]:
    """Return the vector of a text, of length one; another model has other directions."""
    total = [0.0] * NATIVE
    for word in _WORD.findall(text.lower()) or [text]:
        for n, number in enumerate(_word(meanings.get(word, word), body["model"])):
            total[n] += number
    short = total[: body.get("dimensions", NATIVE)]
    length = math.hypot(*short) or 1.0
    return [number / length for number in short]


@lru_cache(maxsize=20_000)
def _word(word: str, model: str) -> Sequence[float]:
    padded = f" {word} "
    parts = {padded[n : n + 3] for n in range(len(padded) - 2)} | {padded}
    total = [0.0] * NATIVE
    for part in sorted(parts):
        weight = 2.0 if part == padded else 1.0 / len(parts)
        bits = int.from_bytes(hashlib.shake_256(f"{model}/{part}".encode()).digest(NATIVE // 8), "big")
        for n in range(NATIVE):
            total[n] += weight if bits >> n & 1 else -weight
    return total


def _sent(vector: Sequence[float], *, packed: bool) -> list[float] | str:
    if not packed:
        return list(vector)
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
