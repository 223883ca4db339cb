"""Any server that speaks OpenAI's chat completions: one request per attempt, errors named, nothing retried.

The SDK's own parsing is not used: it loses the usage of replies that it cannot read. The body is read as
bytes under a size cap and a deadline, so a server that drips or floods cannot hold a worker.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agents.llm import embeddings, ladder
from agents.llm.errors import Delivery, Fault, Hint, ModelError
from agents.llm.fields import count, label
from agents.llm.port import Embedded, ModelReply, ModelRequest, Profile, Usage
from kernel import clock

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 90.0
_LARGEST_REPLY = 4 * 1024 * 1024
_LARGEST_VECTORS = 16 * 1024 * 1024
_LONGEST_PAUSE = 7 * 86_400.0
_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_FILTER_CODES = {"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"}
_BY_STATUS = {
    401: Fault.AUTH,
    402: Fault.QUOTA_EXHAUSTED,
    403: Fault.AUTH,
    408: Fault.TIMEOUT,
    409: Fault.TRANSIENT,
    425: Fault.TRANSIENT,
    429: Fault.RATE_LIMITED,
    504: Fault.TIMEOUT,
}


class OpenAICompatible:
    """A `ModelPort` over the official client; safe to share between threads.

    `api_key` may be "none" for local servers. `monotonic` is the clock of deadlines.
    """

    name = "openai_compatible"

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        profile: Profile | None = None,
        read_seconds: float = _READ_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = base_url.rstrip("/")
        self.model = model
        self.profile = profile or Profile()
        self._api_key = api_key or "none"
        self._read_seconds = read_seconds
        self._monotonic = monotonic
        self._packed = True

    def complete(self, request: ModelRequest, *, deadline: float) -> ModelReply:
        """Make one attempt that ends before `deadline`; raises ModelError and nothing else."""
        with _named_errors():
            return self._attempt(request, deadline)

    def embed(self, texts: Sequence[str], *, dimensions: int | None = None, deadline: float) -> Embedded:
        """Return one vector per text, in their order; raises ModelError and nothing else.

        Packed numbers are asked for, a third of the size, until the server says that it does not know them.
        """
        try:
            return self._embed(texts, dimensions, deadline)
        except ModelError as error:
            if error.fault is not Fault.BAD_REQUEST or error.hint.parameter != "encoding_format":
                raise
        self._packed = False
        return self._embed(texts, dimensions, deadline)

    def _embed(self, texts: Sequence[str], dimensions: int | None, deadline: float) -> Embedded:
        left = deadline - self._monotonic()
        if left <= 0:
            raise ModelError(Fault.TIMEOUT)
        wanted: dict[str, Any] = {"model": self.model, "input": list(texts)}
        wanted |= {"encoding_format": "base64" if self._packed else "float"}
        wanted |= {"dimensions": dimensions} if dimensions else {}
        with (
            _named_errors(),
            self._client.embeddings.with_streaming_response.create(**wanted, timeout=self._timeout(left)) as response,
        ):
            body = self._read(response.iter_bytes(), deadline, most=_LARGEST_VECTORS)
            request_id = label(response.headers.get("x-request-id"))
            return embeddings.read(body, len(texts), request_id, response.status_code)

    def close(self) -> None:
        """Close pooled connections; the port opens new ones when it is used again."""
        client: OpenAI | None = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    @cached_property
    def _client(self) -> "OpenAI":
        from openai import DefaultHttpx2Client, OpenAI  # noqa: PLC0415 - takes seconds, used late

        client = OpenAI(
            api_key=self._api_key,
            base_url=self.endpoint,
            max_retries=0,
            http_client=DefaultHttpx2Client(follow_redirects=False),
        )
        client.organization = client.project = None  # the SDK reads them from the environment
        return client

    def _attempt(self, request: ModelRequest, deadline: float) -> ModelReply:
        left = deadline - self._monotonic()
        if left <= 0:
            raise ModelError(Fault.TIMEOUT)
        with self._client.chat.completions.with_streaming_response.create(
            **_parameters(self.model, request), timeout=self._timeout(left)
        ) as response:
            body = self._read(response.iter_bytes(), deadline)
            request_id = label(response.headers.get("x-request-id"))
            return _reply(body, request_id, response.status_code)

    def _timeout(self, left: float) -> Any:
        import httpx2  # noqa: PLC0415 - comes with openai

        return httpx2.Timeout(min(self._read_seconds, left), connect=min(_CONNECT_SECONDS, left))

    def _read(self, chunks: Iterator[bytes], deadline: float, *, most: int = _LARGEST_REPLY) -> bytes:
        import httpx2  # noqa: PLC0415

        body = bytearray()
        try:
            for chunk in chunks:
                body += chunk
                if len(body) > most:
                    raise ModelError(Fault.PROTOCOL, http_status=200, delivery=Delivery.UNKNOWN)
                if self._monotonic() > deadline:
                    raise ModelError(Fault.TIMEOUT, http_status=200, delivery=Delivery.UNKNOWN)
        except httpx2.TimeoutException:
            raise ModelError(Fault.TIMEOUT, http_status=200, delivery=Delivery.UNKNOWN) from None
        except httpx2.DecodingError:
            raise ModelError(Fault.PROTOCOL, http_status=200, delivery=Delivery.UNKNOWN) from None
        except httpx2.RequestError:
            raise ModelError(Fault.TRANSIENT, http_status=200, delivery=Delivery.UNKNOWN) from None
        return bytes(body)


@contextlib.contextmanager
def _named_errors() -> Iterator[None]:
    """Turn every error of the SDK into a ModelError."""
    from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError  # noqa: PLC0415

    try:
        yield
    except APIStatusError as error:
        raise _from_status(error) from None
    except APITimeoutError as error:
        raise ModelError(Fault.TIMEOUT, delivery=_delivery(error)) from None
    except APIConnectionError as error:
        raise ModelError(Fault.TRANSIENT, delivery=_delivery(error)) from None
    except (OpenAIError, json.JSONDecodeError):
        raise ModelError(Fault.PROTOCOL, delivery=Delivery.UNKNOWN) from None


def _parameters(model: str, request: ModelRequest) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "model": model,
        "messages": [{"role": each.role, "content": each.content} for each in ladder.messages(request)],
        request.dialect.max_tokens_param: request.max_output_tokens,
    }
    response_format = ladder.response_format(request)
    if response_format is not None:
        parameters["response_format"] = response_format
    if request.temperature is not None and request.dialect.temperature_ok:
        parameters["temperature"] = request.temperature
    return parameters


def _delivery(error: BaseException) -> Delivery:
    """A connection that never stood carried no request; anything later may have been worked on."""
    import httpx2  # noqa: PLC0415

    never = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return Delivery.NO if isinstance(error.__cause__, never) else Delivery.UNKNOWN


def _from_status(error: "APIStatusError") -> ModelError:
    status = error.status_code
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    details: dict[str, Any] = inner if isinstance(inner, dict) else {"message": inner}
    return ModelError(
        _fault(status, details),
        retry_after=_retry_after(error.response.headers.get),
        http_status=status,
        request_id=label(error.request_id),
        hint=_hint(details),
    )


def _fault(status: int, details: dict[str, Any]) -> Fault:
    words = {str(details.get("code")), str(details.get("type"))}
    if status < 500 and words & _QUOTA_CODES:  # noqa: PLR2004
        return Fault.QUOTA_EXHAUSTED
    if status < 500 and words & _FILTER_CODES:  # noqa: PLR2004
        return Fault.CONTENT_FILTERED
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:  # noqa: PLR2004
        return Fault.TRANSIENT
    return Fault.BAD_REQUEST if status >= 400 else Fault.PROTOCOL  # noqa: PLR2004


def _hint(details: dict[str, Any]) -> Hint:
    message = str(details.get("message") or "")
    parameter = str(details.get("param") or "").partition(".")[0]
    if not parameter:
        named = ("max_tokens", "max_completion_tokens", "temperature", "response_format", "encoding_format")
        parameter = next((word for word in named if f"'{word}'" in message), "")
    lowered = message.lower()
    return Hint(
        parameter=parameter or None,
        code=label(details.get("code")),
        speaks_of_schema=parameter == "response_format" or "schema" in lowered or "response_format" in lowered,
    )


def _retry_after(header: Callable[[str], str | None]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (RFC 9110 §10.2.3: seconds or a date)."""
    milliseconds, value = header("retry-after-ms"), header("retry-after")
    with contextlib.suppress(ValueError):
        return _bounded(float(milliseconds or "") / 1000)
    with contextlib.suppress(ValueError):
        return _bounded(float(value or ""))
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        at = parsedate_to_datetime(value or "")
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return _bounded((at - clock.now()).total_seconds())
    return None


def _bounded(seconds: float) -> float:
    if math.isnan(seconds):
        raise ValueError("not a number of seconds")
    return min(max(seconds, 0.0), _LONGEST_PAUSE)


def _reply(body: bytes, request_id: str | None, status: int) -> ModelReply:
    try:
        data = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _protocol(request_id, status) from None
    if not isinstance(data, dict):
        raise _protocol(request_id, status)
    choice = _first(data.get("choices"))
    message = choice.get("message") if choice else None
    return ModelReply(
        text=_text(message, "content"),
        refusal=_text(message, "refusal"),
        usage=_usage(data.get("usage")),
        finish=label(choice.get("finish_reason")) if choice else "no_choices",
        model=label(data.get("model")) or "",
        request_id=request_id,
        http_status=status,
    )


def _protocol(request_id: str | None, status: int) -> ModelError:
    return ModelError(Fault.PROTOCOL, http_status=status, request_id=request_id, delivery=Delivery.UNKNOWN)


def _first(choices: Any) -> dict[str, Any] | None:
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None


def _text(message: Any, key: str) -> str | None:
    value = message.get(key) if isinstance(message, dict) else None
    return value if isinstance(value, str) else None


def _usage(raw: Any) -> Usage | None:
    if not isinstance(raw, dict):
        return None
    read, written = count(raw.get("prompt_tokens")), count(raw.get("completion_tokens"))
    if read is None or written is None:
        return None
    cached = count(_part(raw, "prompt_tokens_details", "cached_tokens")) or 0
    reasoning = count(_part(raw, "completion_tokens_details", "reasoning_tokens")) or 0
    return Usage(read, min(cached, read), written, min(reasoning, written))


def _part(raw: dict[str, Any], group: str, key: str) -> Any:
    inner = raw.get(group)
    return inner.get(key) if isinstance(inner, dict) else None
