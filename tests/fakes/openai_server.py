"""A model server for tests and demonstrations: real HTTP on loopback, strict like the real API, scripted.

    with FakeModelServer() as server:
        server.script("BriefPlan", steps.rate_limited(retry_after=1), steps.server_error())
        server.register("BriefPlan", lambda ask: {...})
        OpenAICompatible(base_url=server.base_url, api_key="none", model="any")

`python tests/fakes/openai_server.py --port 8001 --persona faithful` serves until it is stopped.
"""

import argparse
import importlib
import importlib.util
import json
import re
import sys
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes import openai_embeddings
from tests.fakes import openai_steps as steps
from tests.fakes.openai_personas import HANDLERS, Ask, Handler, Persona, answer
from tests.fakes.openai_rules import Refusal, refusal_of
from tests.fakes.openai_steps import Step

Json = dict[str, Any]
ANY = "*"
CAMPAIGN_HANDLERS = "tests.fakes.openai_campaign"
_SCHEMA_IN_TEXT = re.compile(r"JSON schema of (\w+):\n(\{.*\})\s*$", re.DOTALL)
_FLAKY_FAULTS = (steps.server_error, steps.rate_limited, steps.drop_mid_body, steps.truncated_json)


@dataclass(frozen=True)
class Recorded:
    """A request as it came in; `step` names what was played, `refused` why it was answered 400."""

    path: str
    headers: dict[str, str]
    body: Any
    schema: str
    step: str
    refused: str | None = None

    @property
    def mode(self) -> str:
        wanted = self.body.get("response_format") or {}
        strict = wanted.get("json_schema", {}).get("strict")
        return "strict" if strict else wanted.get("type", "plain")


@dataclass
class FakeModelServer:
    """Threaded server on a free loopback port; use it as a context manager.

    `refuses` are features the server answers 400 to (see `openai_rules.refusal_of`), `ignores_schema` lets
    it answer any form with prose unless the schema stands in the text. `billed` is the fake's own count of
    tokens, of every completion it worked on. `meanings` are words that its vectors take for another.
    """

    persona: Persona = Persona.FAITHFUL
    port: int = 0
    api_key: str | None = None
    refuses: frozenset[str] = frozenset()
    ignores_schema: bool = False
    cached_tokens: int = 0
    meanings: dict[str, str] = field(default_factory=dict)
    requests: list[Recorded] = field(default_factory=list)
    billed: int = 0

    def __post_init__(self) -> None:
        self.handlers: dict[str, Handler] = dict(HANDLERS)
        self.stopping = Event()
        self._scripts: dict[str, deque[Step]] = defaultdict(deque)
        self._lock = Lock()
        self._http = _Server(("127.0.0.1", self.port), self)
        self._thread = Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def script(self, schema: str, *played: Step) -> None:
        """Play these steps for the next requests with this schema name (`ANY` for all)."""
        self._scripts[schema].extend(played)

    def clear(self) -> None:
        """Forget the steps that were not played."""
        self._scripts.clear()

    def register(self, schema: str, handler: Handler) -> None:
        self.handlers[schema] = handler

    def asked(self, schema: str | None = None) -> list[Recorded]:
        return [each for each in self.requests if schema in {None, each.schema}]

    def next_step(self, schema: str) -> Step:
        with self._lock:
            for name in (schema, ANY):
                if self._scripts[name]:
                    return self._scripts[name].popleft()
            if self.persona is Persona.FLAKY and len(self.requests) % 10 == 9:
                return _FLAKY_FAULTS[len(self.requests) // 10 % len(_FLAKY_FAULTS)]()
        return steps.faithful()

    def record(self, request: Recorded, tokens: int) -> None:
        with self._lock:
            self.requests.append(request)
            self.billed += tokens


def complete(server: FakeModelServer, ask: Ask, body: Json, step: Step) -> tuple[Json, int]:
    """Return the completion and the tokens it cost."""
    text: str | None = _prose(server, ask, body) or _answer_text(server, ask)
    if step.content is not None:
        text = step.content(text or "")
    cap = body.get("max_completion_tokens") or body.get("max_tokens") or 1_000_000
    written, finish = _tokens(text or ""), "stop"
    if step.name == "huge":
        written = cap
    elif written > cap:
        text, written, finish = (text or "").encode()[: cap * 4].decode(errors="ignore"), cap, "length"
    read = sum(_tokens(message["content"]) + 4 for message in body["messages"])
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": min(server.cached_tokens, read)},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    message = {"role": "assistant", "content": text, "refusal": None}
    made: Json = {
        "id": f"chatcmpl-{len(server.requests)}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": usage,
    }
    return (step.completion(made) if step.completion else made), read + written


def _answer_text(server: FakeModelServer, ask: Ask) -> str:
    if not ask.schema:
        return "Hallo! Womit kann ich helfen?"
    return json.dumps(answer(ask, server.persona, server.handlers), ensure_ascii=False)


def _prose(server: FakeModelServer, ask: Ask, body: Json) -> str | None:
    shown = _SCHEMA_IN_TEXT.search(ask.messages[-1]["content"]) or len(body["messages"]) > 2
    return "Gern, hier ist ein Vorschlag." if server.ignores_schema and not shown else None


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)


def ask_of(body: Json) -> Ask:
    """Return the form that is asked for, from `response_format` or from the schema in the last message."""
    spec = (body.get("response_format") or {}).get("json_schema")
    if spec:
        return Ask(spec["name"], spec.get("schema", {}), body["messages"])
    for message in body["messages"]:
        found = _SCHEMA_IN_TEXT.search(message["content"])
        if found:
            return Ask(found[1], json.loads(found[2]), body["messages"])
    return Ask("", {}, body["messages"])


_AZURE = re.compile(r"/openai/deployments/(?P<deployment>[^/]+)/(chat/completions|embeddings)")


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], fake: FakeModelServer) -> None:
        super().__init__(address, _Handler)
        self.fake = fake

    def handle_error(self, *_: object) -> None:
        """A client that went away is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silence: requests are recorded, not printed."""

    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": "fake-model", "object": "model", "owned_by": "tests"}]}
        known = self.path.partition("?")[0].rstrip("/") == "/v1/models"
        self._send_json(200 if known else 404, models if known else Refusal("Not found").body())

    def do_POST(self) -> None:
        fake = self.server.fake
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.partition("?")[0].endswith("/embeddings"):
            self._embed(raw)
            return
        refusal, body = self._refusal(raw, "chat/completions", refusal_of)
        if refusal is not None:
            self._record(body, getattr(ask_of(body), "name", "") if _has_messages(body) else "", "", 0, refusal)
            self._send_json(refusal.status, refusal.body())
            return
        ask = ask_of(body)
        step = fake.next_step(ask.name)
        if step.raw is not None:
            self._record(body, ask.name, step.name, 0)
            self._play(step, step.raw)
            return
        completion, tokens = complete(fake, ask, body, step)
        self._record(body, ask.name, step.name, tokens)
        self._play(step, json.dumps(completion, ensure_ascii=False).encode())

    def _embed(self, raw: bytes) -> None:
        fake = self.server.fake
        refusal, body = self._refusal(raw, "embeddings", openai_embeddings.refusal_of)
        if refusal is not None:
            self._record(body, "Embedding", "", 0, refusal)
            self._send_json(refusal.status, refusal.body())
            return
        step = fake.next_step("Embedding")
        if step.raw is not None:
            self._record(body, "Embedding", step.name, 0)
            self._play(step, step.raw)
            return
        made, tokens = openai_embeddings.answer(body, fake.meanings)
        self._record(body, "Embedding", step.name, tokens)
        self._play(step, json.dumps(step.completion(made) if step.completion else made).encode())

    def _refusal(self, raw: bytes, verb: str, judge: Callable[..., Refusal | None]) -> tuple[Refusal | None, Any]:
        fake = self.server.fake
        try:
            body = json.loads(raw)
        except ValueError:
            return Refusal("We could not parse the JSON body of your request."), None
        scheme, _, key = (self.headers.get("authorization") or "").partition(" ")
        path, _, query = self.path.partition("?")
        azure = _AZURE.fullmatch(path)
        if azure is not None:
            scheme, key = "Bearer", self.headers.get("api-key") or ""
            if "api-version=" not in query:
                return Refusal("Resource not found", status=404), body
        if scheme != "Bearer" or not key or (fake.api_key and key != fake.api_key):
            return Refusal("Incorrect API key provided", None, "invalid_api_key", 401), body
        if path != f"/v1/{verb}" and (azure is None or azure["deployment"] != body.get("model", azure["deployment"])):
            return Refusal(f"Invalid URL (POST {self.path})", status=404), body
        return judge(body, fake.refuses), body

    def _record(self, body: Any, schema: str, step: str, tokens: int, refusal: Refusal | None = None) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        why = refusal.message if refusal else None
        self.server.fake.record(Recorded(self.path, headers, body, schema, step, why), tokens)

    def _play(self, step: Step, body: bytes) -> None:
        stopping = self.server.fake.stopping
        if step.delay:
            stopping.wait(step.delay)
        self.close_connection = True
        if step.cut <= 0:
            return
        self._head(step.status, len(body), {"content-type": "application/json"} | step.headers)
        sent = body[: int(len(body) * step.cut)]
        if not step.drip:
            self.wfile.write(sent)
            return
        for n in range(len(sent)):
            self.wfile.write(sent[n : n + 1])
            if stopping.wait(step.drip):
                return

    def _send_json(self, status: int, value: Json) -> None:
        self.close_connection = True
        body = json.dumps(value).encode()
        self._head(status, len(body), {"content-type": "application/json"})
        self.wfile.write(body)

    def _head(self, status: int, size: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(size))
        self.send_header("connection", "close")
        self.send_header("x-request-id", f"req_{len(self.server.fake.requests)}")
        self.end_headers()


def _has_messages(body: Any) -> bool:
    messages = body.get("messages") if isinstance(body, dict) else None
    return isinstance(messages, list) and all(
        isinstance(each, dict) and isinstance(each.get("content"), str) for each in messages
    )


def load_campaign_handlers() -> None:
    """Register the faithful answers of the campaign's forms, where they are written."""
    if importlib.util.find_spec(CAMPAIGN_HANDLERS):
        importlib.import_module(CAMPAIGN_HANDLERS)


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible model server on loopback.")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--persona", choices=list(Persona), default=Persona.FAITHFUL)
    chosen = parser.parse_args()
    load_campaign_handlers()
    with FakeModelServer(persona=Persona(chosen.persona), port=chosen.port) as server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        try:
            server.stopping.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
