"""Training states on disk: numbered files, each complete or absent, the newest few kept.

A state is a dictionary of tensors, numbers and strings, read back without unpickling code. Order of samples and
randomness need no place in it: they follow from seed and iteration. Beside ``00001000.pt`` lies ``00001000.sha256``
(``sha256sum --check`` reads it), by which a state that the disk has damaged is told from a whole one.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vidseg.checkpoints.tensors import sha256_of
from vidseg.errors import CheckpointError
from vidseg.files import atomic_file

_NAME = re.compile(r"(\d{8})\.pt")


@dataclass(frozen=True, kw_only=True)
class FoundState:
    """A state that was read.

    Attributes:
        path: its file.
        state: what was saved.
        damaged: later states, which could not be read, the latest first.
    """

    path: Path
    state: dict[str, Any]
    damaged: tuple[Path, ...]


def save_state(folder: str | os.PathLike[str], iteration: int, state: dict[str, Any], *, keep: int) -> Path:
    """Writes the state after `iteration` iterations and removes all but the newest `keep`.

    States of later iterations go, too: they were damaged, or the run would have gone on from them.

    Raises:
        CheckpointError: if it cannot be written; earlier states stay as they are.
    """
    path = Path(folder) / f"{iteration:08d}.pt"
    try:
        with atomic_file(path) as temporary:
            torch.save(state, temporary)
            # Before the state is in its place: one without a digest passes for one of an older version.
            _write_digest(path, sha256_of(temporary))
    except (OSError, RuntimeError) as error:
        # torch's own writer reports a full disk as a RuntimeError.
        raise CheckpointError(
            f"got an error writing {path} ({error}); earlier states are untouched; "
            "free some space and go on with --resume"
        ) from error
    kept = [other for other in _states(path.parent) if other <= path][-keep:]
    for other in _states(path.parent):
        if other not in kept:
            other.unlink()
    for digest in path.parent.glob("*.sha256"):
        if digest.with_suffix(".pt") not in kept:
            digest.unlink()
    return path


def newest_state(folder: str | os.PathLike[str]) -> Path | None:
    """The file of the latest iteration, if there is any."""
    states = _states(Path(folder))
    return states[-1] if states else None


def newest_whole_state(folder: str | os.PathLike[str]) -> FoundState | None:
    """Reads the state of the latest iteration that is not damaged; None where there is no state at all.

    Raises:
        CheckpointError: if all are damaged.
    """
    damaged: list[Path] = []
    failure: CheckpointError | None = None
    for path in reversed(_states(Path(folder))):
        try:
            return FoundState(path=path, state=load_state(path), damaged=tuple(damaged))
        except CheckpointError as error:
            damaged.append(path)
            failure = failure or error
    if failure is not None:
        raise failure
    return None


def load_state(path: Path) -> dict[str, Any]:
    """Reads a state into CPU memory.

    Raises:
        CheckpointError: if the file is damaged.
    """
    try:
        _require_digest(path)
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever zip and pickle readers do
        raise CheckpointError(
            f"got a training state that cannot be read: {path} ({error}); expected a whole one; get it from a copy, or "
            "start anew in another --output.folder"
        ) from error
    return state


def _write_digest(path: Path, digest: str) -> None:
    with atomic_file(path.with_suffix(".sha256")) as temporary:
        temporary.write_text(f"{digest}  {path.name}\n", encoding="utf-8")


def _require_digest(path: Path) -> None:
    digest = path.with_suffix(".sha256")
    if digest.exists() and digest.read_text(encoding="utf-8").split()[:1] != [sha256_of(path)]:
        raise ValueError("its contents are not those of its .sha256")


def _states(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
