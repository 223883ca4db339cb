"""What the nodes of one turn hand on; plain values, gone with the turn."""

from typing import Any, TypedDict


class State(TypedDict, total=False):
    """`intent` is what is asked, `arguments` the typed input, `by` who chose: rules, model or code.

    `asked` is the task of this conversation that waits for yes or no, `review` the one whose draft is up for review.
    `outcome` is what the working node found, `reply` what goes out.
    """

    text: str
    language: str
    zone: str
    suspicious: bool
    asked: str | None
    review: str | None
    latest: str | None
    intent: str
    arguments: dict[str, Any]
    by: str
    outcome: dict[str, Any]
    reply: dict[str, Any]
