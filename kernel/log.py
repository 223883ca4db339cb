"""Structured logs: one JSON line per event, ids only, never an address, a body or a token."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_PHONE = re.compile(r"(?<![\w-])\+?\d[\d ()/-]{7,}\d(?![\w-])")
_CAPABILITY = re.compile(r"/(p|u|v|c|dl|t/o|t/c|hooks/twilio|hooks/telegram)/[^?\s\"]+")


def redact(text: str) -> str:
    """Return the text without addresses, phone numbers and capability paths."""
    text = _ADDRESS.sub("***@***", text)
    text = _CAPABILITY.sub(r"/\1/***", text)
    return _PHONE.sub("***", text)


def _redact_event(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {
        key: redact(value) if isinstance(value, str) and key not in _PLAIN else value for key, value in event.items()
    }


_PLAIN = {"timestamp", "level", "tenant_id", "campaign_id", "run_id", "task", "worker_id", "request_id", "id"}


def configure(level: str = "info", *, stream: Any = None) -> None:
    """Send our logs, and the standard library's, as redacted JSON lines to `stream` (standard error)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, _redact_event, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event, renderer],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def get(name: str | None = None) -> Any:
    """Return a logger; events are `noun.verb` with ids as keywords."""
    return structlog.get_logger(name) if name else structlog.get_logger()
