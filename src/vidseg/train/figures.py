"""The figures of a run as CSV files and for TensorBoard; a resumed run goes on where its state ends."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidseg.errors import extra
from vidseg.files import atomic_file
from vidseg.train.events import Progress, Validated

_PROGRESS = ("loss", "learning_rate", "clips_per_second", "data_wait")


class Figures:
    """Writes ``progress.csv``, ``validation.csv`` and, if wanted, TensorBoard's event files.

    Args:
        folder: of the run.
        iteration: rows of later iterations, of a run that was cut short, are dropped.
        tensorboard: needs the extra `train`.
    """

    def __init__(self, folder: Path, *, iteration: int, tensorboard: bool) -> None:
        self._folder = folder
        for name in ("progress.csv", "validation.csv"):
            _drop_later_rows(folder / name, iteration)
        self._board: Any = None
        if tensorboard:
            with extra("train"):
                from torch.utils.tensorboard import SummaryWriter
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=iteration + 1)

    def add(self, event: Progress | Validated) -> None:
        """Writes one row."""
        if isinstance(event, Progress):
            self._add("progress", event.iteration, {name: getattr(event, name) for name in _PROGRESS})
        else:
            self._add("validation", event.iteration, event.metrics)

    def close(self) -> None:
        """Writes what is still buffered."""
        if self._board is not None:
            self._board.close()

    def _add(self, name: str, iteration: int, values: Mapping[str, float]) -> None:
        path = self._folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["iteration", *values])
            if new:
                writer.writeheader()
            writer.writerow({"iteration": iteration, **values})
        if self._board is not None:
            for key, value in values.items():
                self._board.add_scalar(f"{name}/{key}", value, iteration)


def _drop_later_rows(path: Path, iteration: int) -> None:
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    # A killed run may leave half a line at the end.
    whole = [row for row in rows if row.endswith("\n") and int(row.partition(",")[0]) <= iteration]
    with atomic_file(path) as temporary:
        temporary.write_text("".join([header, *whole]), encoding="utf-8", newline="")
