"""Reading a server's vectors: as numbers or packed (base64 of little-endian float32), each at its own index.

Source: the API reference of OpenAI, "Create embeddings"; compatible servers send numbers even where packed ones were
asked for.
"""

import base64
import binascii
import json
import math
import sys
from array import array
from typing import Any

from agents.llm.errors import Delivery, Fault, ModelError
from agents.llm.fields import count, label
from agents.llm.port import Embedded, Usage

MOST_DIMENSIONS = 4_096


def read(body: bytes, wanted: int, request_id: str | None, status: int) -> Embedded:
    """Return the `wanted` vectors of a reply; raises ModelError (protocol) for anything that is not exactly these."""
    try:
        data = json.loads(body)
        rows = sorted(((row["index"], row["embedding"]) for row in data["data"]), key=lambda each: int(each[0]))
        vectors = [_vector(value) for _, value in rows]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise _refused(request_id, status) from None
    lengths = {len(vector) for vector in vectors}
    if [index for index, _ in rows] != list(range(wanted)) or len(lengths) != 1:
        raise _refused(request_id, status)
    if not 0 < lengths.pop() <= MOST_DIMENSIONS or not all(_has_direction(vector) for vector in vectors):
        raise _refused(request_id, status)
    return Embedded(vectors, _usage(data.get("usage")), label(data.get("model")) or "", request_id, status)


def pack(vector: "array[float]") -> str:
    """Return a vector as the ledger keeps it."""
    return base64.b64encode(_little(vector).tobytes()).decode()


def unpack(text: str) -> "array[float]":
    """Return a vector that the ledger or a server packed. Raises ValueError for anything else."""
    vector = array("f")
    try:
        vector.frombytes(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise ValueError("is no packed vector") from None
    return _little(vector)


def _little(vector: "array[float]") -> "array[float]":
    if sys.byteorder == "little":
        return vector
    turned = array("f", vector)
    turned.byteswap()
    return turned


def _vector(value: Any) -> "array[float]":
    return unpack(value) if isinstance(value, str) else array("f", value)


def _has_direction(vector: "array[float]") -> bool:
    length = math.hypot(*vector)
    return 0 < length < math.inf  # false for a NaN, too


def _refused(request_id: str | None, status: int) -> ModelError:
    return ModelError(Fault.PROTOCOL, http_status=status, request_id=request_id, delivery=Delivery.UNKNOWN)


def _usage(raw: Any) -> Usage | None:
    read_ = count(raw.get("prompt_tokens")) if isinstance(raw, dict) else None
    return None if read_ is None else Usage(input=read_)
