"""One module per group of metrics, each with `rows(quick)` that returns `Metric`s; a new file is found by itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One line of docs/agent-quality.md: the metric's number and name, what is aimed at, what was seen.

    `met` None: there is no target, or nothing was measured.
    """

    number: str
    name: str
    target: str
    seen: str
    met: bool | None
    how: str
