"""Training states on disk: numbered files, each complete or absent, the newest few kept.

A state is a dictionary of tensors, numbers and strings, read back without unpickling code. Order of samples and
randomness need no place in it: they follow from seed and iteration.
"""

import os
import re
from pathlib import Path
from typing import Any

import torch

from vidseg.errors import CheckpointError
from vidseg.files import atomic_file

_NAME = re.compile(r"(\d{8})\.pt")


def save_state(folder: str | os.PathLike[str], iteration: int, state: dict[str, Any], *, keep: int) -> Path:
    """Writes the state after `iteration` iterations and removes all but the newest `keep`.

    Raises:
        CheckpointError: if it cannot be written; earlier states stay as they are.
    """
    path = Path(folder) / f"{iteration:08d}.pt"
    try:
        with atomic_file(path) as temporary:
            torch.save(state, temporary)
    except (OSError, RuntimeError) as error:
        # torch's own writer reports a full disk as a RuntimeError.
        raise CheckpointError(
            f"got an error writing {path} ({error}); earlier states are untouched; "
            "free some space and go on with --resume"
        ) from error
    for old in _states(path.parent)[:-keep]:
        old.unlink()
    return path


def newest_state(folder: str | os.PathLike[str]) -> Path | None:
    """The file of the latest iteration, if there is any."""
    states = _states(Path(folder))
    return states[-1] if states else None


def load_state(path: Path) -> dict[str, Any]:
    """Reads a state into CPU memory.

    Raises:
        CheckpointError: if the file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever zip and pickle readers do
        raise CheckpointError(
            f"got a training state that cannot be read: {path} ({error}); delete it to go on from the one before"
        ) from error
    return state


def _states(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
