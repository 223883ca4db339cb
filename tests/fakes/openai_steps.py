"""Scripted steps: what a model server can do instead of answering well, one function per fault."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One reply. `content` rewrites the text, `completion` the whole body, `raw` replaces it."""

    name: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content: Callable[[str], str | None] | None = None
    completion: Callable[[Json], Json] | None = None
    delay: float = 0.0
    drip: float = 0.0  # seconds between single bytes
    cut: float = 1.0  # part of the body that is sent before the connection is dropped


def faithful() -> Step:
    return Step("faithful")


def reply(value: Any) -> Step:
    """Answer with this value as JSON, or with this text as it is."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Step("reply", content=lambda _: text)


def error(status: int, message: str = "no", *, kind: str = "api_error", **details: Any) -> Step:
    body = {"error": {"message": message, "type": kind, "param": None, "code": None, **details}}
    return Step(f"http_{status}", status=status, raw=json.dumps(body).encode())


def rate_limited(retry_after: float | str | None = None) -> Step:
    made = error(429, "Rate limit reached", kind="requests", code="rate_limit_exceeded")
    headers = {"retry-after": str(retry_after)} if retry_after is not None else {}
    return Step("rate_limited", 429, headers, made.raw)


def insufficient_quota() -> Step:
    return error(429, "You exceeded your current quota", kind="insufficient_quota", code="insufficient_quota")


def unauthorized() -> Step:
    return error(401, "Incorrect API key provided", kind="invalid_request_error", code="invalid_api_key")


def server_error() -> Step:
    return error(500, "The server had an error", kind="server_error")


def bad_gateway() -> Step:
    page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    return Step("bad_gateway", 502, {"content-type": "text/html"}, page)


def unavailable() -> Step:
    return error(503, "The engine is currently overloaded", kind="server_error")


def html_page() -> Step:
    """A captive portal: HTML with status 200."""
    return Step("html_page", 200, {"content-type": "text/html"}, b"<html><body>Sign in</body></html>")


def too_long() -> Step:
    message = "This model's maximum context length is 8192 tokens"
    return error(400, message, kind="invalid_request_error", code="context_length_exceeded")


def filtered_prompt() -> Step:
    return error(400, "The prompt was filtered", kind="invalid_request_error", code="content_filter")


def delay(seconds: float) -> Step:
    return Step("delay", delay=seconds)


def drip(seconds_per_byte: float) -> Step:
    return Step("drip", drip=seconds_per_byte)


def drop_before_reply() -> Step:
    return Step("drop_before_reply", cut=0.0)


def drop_mid_body() -> Step:
    return Step("drop_mid_body", cut=0.5)


def truncated_json() -> Step:
    return Step("truncated_json", content=lambda text: text[: len(text) // 2])


def malformed_json() -> Step:
    return Step("malformed_json", content=lambda text: "Sure! Here it is: " + text.replace('"', "'"))


def fenced() -> Step:
    return Step("fenced", content=lambda text: f"```json\n{text}\n```")


def empty() -> Step:
    return Step("empty", content=lambda _: "")


def null_content() -> Step:
    return Step("null_content", content=lambda _: None)


def wrong_shape() -> Step:
    return Step("wrong_shape", content=lambda _: '{"unexpected": true}')


def duplicate_keys() -> Step:
    def doubled(text: str) -> str:
        first = next(iter(json.loads(text)), "a")
        return text.replace("{", '{"' + first + '": null, ', 1)

    return Step("duplicate_keys", content=doubled)


def nested_bomb() -> Step:
    return Step("nested_bomb", content=lambda _: "[" * 100_000)


def null_character() -> Step:
    return Step("null_character", content=lambda text: text.replace('": "', '": "\\u0000', 1))


def _choice(**changes: Any) -> Callable[[Json], Json]:
    def change(body: Json) -> Json:
        first = body["choices"][0]
        message = first["message"] | changes.get("message", {})
        finish = changes.get("finish_reason", first["finish_reason"])
        return body | {"choices": [first | {"message": message, "finish_reason": finish}]}

    return change


def refusal() -> Step:
    said = {"message": {"content": None, "refusal": "I can't help with that."}}
    return Step("refusal", completion=_choice(**said))


def content_filter() -> Step:
    return Step("content_filter", completion=_choice(message={"content": ""}, finish_reason="content_filter"))


def length() -> Step:
    """The reply was cut at the output cap."""
    return Step("length", content=lambda text: text[: len(text) // 2], completion=_choice(finish_reason="length"))


def no_choices() -> Step:
    return Step("no_choices", completion=lambda body: body | {"choices": []})


def no_usage() -> Step:
    return Step("no_usage", completion=lambda body: {k: v for k, v in body.items() if k != "usage"})


def strange_usage() -> Step:
    usage = {"prompt_tokens": "many", "completion_tokens": -1}
    return Step("strange_usage", completion=lambda body: body | {"usage": usage})


def other_model(name: str) -> Step:
    return Step("other_model", completion=lambda body: body | {"model": name})


def huge(megabytes: int = 8) -> Step:
    return Step("huge", content=lambda _: "x" * (megabytes * 1024 * 1024))


def invalid_utf8() -> Step:
    return Step("invalid_utf8", raw=b'{"choices": [{"message": {"content": "\xff\xfe"}}]}')


def not_an_object() -> Step:
    return Step("not_an_object", raw=b'["choices"]')


def redirect() -> Step:
    return Step("redirect", 307, {"location": "http://127.0.0.1:9/v1/chat/completions"}, b"")


def _rows(change: Callable[[list[Json]], list[Json]]) -> Callable[[Json], Json]:
    return lambda body: body | {"data": change(body["data"])}


def too_few_vectors() -> Step:
    return Step("too_few_vectors", completion=_rows(lambda rows: rows[1:]))


def same_index() -> Step:
    return Step("same_index", completion=_rows(lambda rows: [row | {"index": 0} for row in rows]))


def vector_of(value: Any) -> Step:
    """Answer with this instead of every vector."""
    return Step("vector_of", completion=_rows(lambda rows: [row | {"embedding": value} for row in rows]))
