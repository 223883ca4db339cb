"""Inputs of a run, pinned on its first try: a second one sees the same, and so finds its calls in the ledger."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from models import AgentRun


def pinned(session: Session, run: AgentRun, name: str, read: Callable[[], Any]) -> Any:
    """Return an input as it was first read, or read and pin it now."""
    known = run.inputs_json or {}
    if name not in known:
        run.inputs_json = known = {**known, name: read()}
        session.flush()
    return known[name]
