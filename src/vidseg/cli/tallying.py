"""How far a corpus is: a bar on a terminal, a line a minute elsewhere, a summary at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from vidseg.cli.main import report

if TYPE_CHECKING:
    from vidseg.corpus import Tally

# Told how many frames of the present video are done, where that is known.
Show = Callable[[int], None]

_EVERY = 60.0  # seconds between two lines in a log
_MOST_NAMED = 10


@contextmanager
def shown(tally: "Tally") -> Iterator[Show]:
    """Shows a tally whenever it is told to, while the block runs."""
    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    last = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=1.0)

        def show(frames: int) -> None:
            nonlocal last
            if console.is_terminal:
                progress.update(task, completed=tally.share, description=escape(_line(tally, frames)))
            elif time.monotonic() - last > _EVERY:
                last = time.monotonic()
                report(_line(tally, frames))

        yield show


def summary(tally: "Tally") -> str:
    """What became of a corpus, in a line, and then the first that failed."""
    counts = {
        "done": tally.done,
        "partly": tally.partly,
        "done before": tally.skipped,
        "failed": tally.failed,
        "not finished": tally.videos - tally.settled,
    }
    words = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    retries = f", {tally.retries} retries" if tally.retries else ""
    videos = "1 video" if tally.videos == 1 else f"{tally.videos} videos"
    text = f"{videos}: {words}; {tally.frames} frames in {tally.seconds:.1f} s{retries}"
    if tally.errors:
        more = f" and {len(tally.errors) - _MOST_NAMED} more" if len(tally.errors) > _MOST_NAMED else ""
        text += f"; failed: {', '.join(list(tally.errors)[:_MOST_NAMED])}{more}"
    return text


def to_dict(tally: "Tally") -> dict[str, Any]:
    """The summary as JSON."""
    return {
        "summary": {
            "videos": tally.videos,
            "done": tally.done,
            "partly": tally.partly,
            "skipped": tally.skipped,
            "failed": tally.failed,
            "left": tally.videos - tally.settled,
            "frames": tally.frames,
            "retries": tally.retries,
            "seconds": tally.seconds,
        },
        "errors": tally.errors,
    }


def _line(tally: "Tally", frames: int) -> str:
    frames += tally.frames
    counts = {"in work": tally.in_flight, "failed": tally.failed, "retries": tally.retries}
    words = [
        f"{tally.settled} of {tally.videos} videos",
        *(f"{count} {what}" for what, count in counts.items() if count),
    ]
    left = tally.seconds_left
    when = "" if left is None else f"; about {timedelta(seconds=round(left))} left"
    return f"{', '.join(words)}; {frames / tally.seconds:.1f} frames/s{when}"
