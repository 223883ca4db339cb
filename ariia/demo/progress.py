"""What the demo says while it works: numbered steps with their seconds, and bars for what takes time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text


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
    """The demo's output. Without a terminal the bars are left out and the lines stay."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Say what is done now, and afterwards how long it took."""
        began = time.monotonic()
        self.console.print(f"[bold]{len(self.seconds) + 1:>2}  {escape(title)}[/bold]")
        yield
        self.seconds[title] = time.monotonic() - began
        self.say(f"[dim]{self.seconds[title]:.1f} s[/dim]")

    def say(self, text: str | Text) -> None:
        """Print one line under the present step; a string may hold markup."""
        self.console.print(Padding(text, (0, 0, 0, 4), expand=False))

    def quote(self, text: str) -> None:
        """Print what people or the product wrote, as it is."""
        self.say(Text(text))

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Show a bar until the block ends."""
        columns = (
            TextColumn("    {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            yield Bar(progress, progress.add_task(title, total=total))
