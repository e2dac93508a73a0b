"""What goes wrong in the midst of training, in one line that says what to do."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import distributed

from vidseg.errors import TrainingError


@contextmanager
def memory_errors_explained(folder: Path) -> Iterator[None]:
    """Turns "out of memory", of GPU or CPU, into a `TrainingError`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(folder) from error
    except RuntimeError as error:
        # torch has no class of its own for a failed allocation on the CPU.
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise _out_of_memory(folder) from error


@contextmanager
def lost_processes_explained(folder: Path) -> Iterator[None]:
    """Turns what a process sees when another one of its training ends or hangs into a `TrainingError`."""
    try:
        yield
    except RuntimeError as error:
        # torch has no class of its own for what Gloo says.
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error).lower():
            raise
        raise TrainingError(
            f"got no answer from another process of this training ({' '.join(str(error).split())}); expected all to go "
            f"on; states in {folder / 'states'} are intact; see what the other one says; torchrun with --max-restarts "
            "starts all again, otherwise go on with --resume"
        ) from error


def require_finite(loss: float, iteration: int, folder: Path) -> None:
    """Stops before a broken gradient reaches the weights.

    Raises:
        TrainingError: if the loss is not a finite number.
    """
    if not math.isfinite(loss):
        raise TrainingError(
            f"got a loss of {loss} at iteration {iteration}; expected a finite number; states in {folder / 'states'} "
            "are intact; try a lower --optimizer.learning_rate, --runtime.clip_norm 1, or --runtime.precision fp32"
        )


def _out_of_memory(folder: Path) -> TrainingError:
    return TrainingError(
        f"got too little memory; states in {folder / 'states'} are intact; use a smaller --runtime.batch_size with "
        "more --runtime.accumulation, --runtime.activation_checkpointing true, or a smaller --augmentation.crop_size"
    )
