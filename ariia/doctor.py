"""What is missing here, and how to get it."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from agents.llm import registry
from agents.llm.errors import CallStopped
from ariia.embedded import identity
from channels.base import SendFailed
from channels.email import settings as relays
from channels.email import smtp
from kernel import names
from kernel.db import driver_url
from kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line: `good` is None for a part that is optional and absent."""

    part: str
    good: bool | None
    text: str


def examine(settings: Settings) -> Iterator[Verdict]:
    """Yield a verdict per part, quickly and without changing anything."""
    yield _python()
    yield _checked("import names", _names)
    yield _database(settings)
    yield _mail(settings)
    yield _redis(settings)
    yield _model(settings)
    yield _vectors(settings)
    yield _assets()


def _python() -> Verdict:
    version = ".".join(map(str, sys.version_info[:3]))
    return Verdict("Python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")


def _checked(part: str, check: Callable[[], str]) -> Verdict:
    try:
        return Verdict(part, good=True, text=check())
    except Exception as error:  # noqa: BLE001 - the verdict says what is wrong
        return Verdict(part, good=False, text=str(error) or type(error).__name__)


def _names() -> str:
    names.check()
    return "our folders are found"


def _database(settings: Settings) -> Verdict:
    if settings.database_url is None:

        def embedded() -> str:
            with tempfile.TemporaryDirectory() as scratch:
                found = identity.choose(Path(scratch))
            return f"embedded PostgreSQL, started as: {found.method}"

        return _checked("database", embedded)

    def external() -> str:
        url = driver_url(settings.database_url or "").replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version // 10_000
        if version < 15:  # noqa: PLR2004
            raise RuntimeError(f"PostgreSQL {version} is too old: 15 or newer is needed")
        return f"PostgreSQL {version} answers"

    return _checked("database", external)


def _mail(settings: Settings) -> Verdict:
    if settings.smtp_url is None:
        return Verdict("mail", None, "built-in mailbox: nothing leaves this machine. Set ARIIA_SMTP_URL to send.")

    def relay() -> str:
        import asyncio  # noqa: PLC0415 - only this check talks to a server

        target = relays.parse(settings.smtp_url or "")
        try:
            asyncio.run(smtp.check(target))
        except SendFailed as failed:
            raise RuntimeError(f"{target.host}: {failed.phase} failed, {failed.code} {failed.text}") from None
        return f"{target.host} takes mail"

    return _checked("mail", relay)


def _redis(settings: Settings) -> Verdict:
    if settings.redis_url is None:
        return Verdict("doorbell", None, "worker and beat run in the web process. Set ARIIA_REDIS_URL for a cluster.")

    def ping() -> str:
        import redis  # noqa: PLC0415 - optional

        redis.Redis.from_url(settings.redis_url or "", socket_timeout=3).ping()
        return "Redis answers"

    return _checked("doorbell", ping)


def _model(settings: Settings) -> Verdict:
    if settings.llm_base_url is None:
        return Verdict(
            "model", None, "built-in writer (templates). Set ARIIA_LLM_BASE_URL and ARIIA_LLM_MODEL for a model."
        )

    def probe() -> str:
        found = registry.probe()
        if found is None:
            raise RuntimeError("no model is configured")
        if not found.ok:
            raise RuntimeError(f"{found.model} does not answer: {found.code}. Check ARIIA_LLM_BASE_URL, key and model.")
        return f"{found.model} answers in {found.ms} ms, JSON by {found.schema_mode}{_beside(settings)}"

    return _checked("model", probe)


def _beside(settings: Settings) -> str:
    return f", then {settings.llm_fallback_model}" if settings.llm_fallback_model else ""


def _vectors(settings: Settings) -> Verdict:
    if not settings.llm_base_url or not settings.llm_embedding_model:
        return Verdict("search", None, "lexical only. Set ARIIA_LLM_EMBEDDING_MODEL for search by meaning, too.")

    def probe() -> str:
        try:
            count, model = registry.probe_vectors(settings)
        except CallStopped as stop:
            text = f"{settings.llm_embedding_model} gives no vectors: {stop.code}. Search is lexical until it does. "
            raise RuntimeError(text + "Check ARIIA_LLM_EMBEDDING_MODEL, ARIIA_LLM_EMBEDDING_DIMENSIONS.") from None
        return f"by words and by meaning: {model} gives vectors of {count} numbers"

    return _checked("search", probe)


def _assets() -> Verdict:
    manifest = Path(__file__).resolve().parent.parent / "console" / "assets" / "dist" / "manifest.json"
    if manifest.exists():
        return Verdict("styles", good=True, text="built")
    node = "Node is here" if shutil.which("node") else "Node is not here; it comes with the command"
    return Verdict("styles", None, f"not built: run `./dev assets` ({node}). Pages work without.")
