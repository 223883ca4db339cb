"""What the demo says while it works: numbered steps with their seconds, and bars for what takes time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@dataclass(slots=True)
class Bar:
    """A bar on the screen; `to` moves it."""

    progress: Progress
    task: int

    def to(self, done: float, *, total: float | None = None, says: str | None = None) -> None:
        self.progress.update(self.task, completed=done, total=total)  # type: ignore[arg-type] # rich wants its own int
        if says is not None:
            self.progress.update(self.task, description=says)  # type: ignore[arg-type]


@dataclass(slots=True)
class Screen:
    """The demo's output. On a pipe bars are left out and the lines stay."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Say what is done now, and afterwards how long it took."""
        began = time.monotonic()
        self.console.print(f"[bold]{len(self.seconds) + 1:>2}[/bold]  {title}")
        yield
        self.seconds[title] = time.monotonic() - began
        self.say(f"[dim]{self.seconds[title]:.1f} s[/dim]")

    def say(self, text: str) -> None:
        """Print one line under the present step."""
        self.console.print(f"    {text}")

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Show a bar until the block ends."""
        columns = (
            TextColumn("    {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=not self.console.is_terminal) as progress:
            yield Bar(progress, progress.add_task(title, total=total))
