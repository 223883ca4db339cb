"""What travels through the follow-up graph: one turn, and what each node found out about it."""

from typing import Any, TypedDict

from agents.follow_up.deciding import Decided
from agents.follow_up.reading import Reading, Signs
from domain.follow_ups.turns import Turn


class State(TypedDict, total=False):
    turn: Turn
    language: str
    signs: Signs
    reading: Reading
    time: Any  # a Resolution, an Abstention, or None
    decided: Decided
    outcome: str
