"""Progress on stderr with rate and time left; quiet where stderr is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(self, completed: float, total: float | None = None) -> None:
        """Sets how much is done and, if given, of how much."""


class _RateColumn(ProgressColumn):
    """Units a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} {self._unit}/s" if task.speed else "")


@contextmanager
def progress_bar(label: str, total: float | None, unit: str = "frames") -> Iterator[Advance]:
    """Shows a bar while the block runs.

    Args:
        label: what is being done.
        total: how many units there are; None where unknown.
        unit: what is counted.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=total)

        def advance(completed: float, total: float | None = None) -> None:
            progress.update(task, completed=completed, total=total)

        yield advance
