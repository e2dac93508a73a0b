"""A step's JSON: there from its start, and whole after every addition, so that whoever stops it has what it had."""

import json
from pathlib import Path
from typing import Any

from vidseg.files import atomic_file


class Record:
    """One step's figures, written to OUT/STEP.json at every change.

    Args:
        folder: OUT.
        step: its name.
    """

    def __init__(self, folder: Path, step: str) -> None:
        self.path = path_of(folder, step)
        self.values: dict[str, Any] = {"step": step}
        self._write()

    def set(self, **values: Any) -> None:
        """Puts values at the record's top."""
        self.values |= values
        self._write()

    def add(self, name: str, row: dict[str, Any]) -> None:
        """Appends a row to a list of the record."""
        self.values.setdefault(name, []).append(row)
        self._write()

    def _write(self) -> None:
        write(self.path, self.values)


def path_of(folder: Path, step: str) -> Path:
    """Where a step's record is."""
    return folder / f"{step}.json"


def read(folder: Path, step: str) -> dict[str, Any]:
    """What a step wrote; empty if it wrote nothing."""
    path = path_of(folder, step)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, value: dict[str, Any]) -> None:
    """Writes a JSON file, or leaves what was there."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def one_line(error: BaseException) -> str:
    """An exception's kind and words."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
