"""Which samples make the batch of an iteration, by arithmetic alone: nothing to save, nothing to restore.

Samples are counted along one endless line: epoch after epoch, each in an order of its own. An iteration takes the
next `world_size · accumulation · batch_size` of them, so two processes with batches of 2 see what one process with a
batch of 4 sees.
"""

import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from vidseg.data.clip_dataset import ClipDataset, ClipSample
from vidseg.errors import DataError, InputError

Key = tuple[int, int]

# multiprocessing adds /pymp-xxxxxxxx/listener-xxxxxxxx, and the path of a socket has 103 bytes on every system.
_LONGEST_FOLDER = 103 - 32


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How samples are dealt out.

    Attributes:
        num_samples: of an epoch.
        batch_size: clips of one forward pass of one process.
        accumulation: forward passes of an iteration.
        world_size: number of processes.
        rank: this process, from 0.
        seed: of the epochs' orders.
    """

    num_samples: int
    batch_size: int
    accumulation: int = 1
    world_size: int = 1
    rank: int = 0
    seed: int = 0

    @property
    def samples_per_iteration(self) -> int:
        """Of all processes together."""
        return self.batch_size * self.accumulation * self.world_size

    def batches(self, iteration: int) -> list[list[Key]]:
        """The (epoch, index) keys of this process's forward passes at an iteration, counted from 0."""
        first = iteration * self.samples_per_iteration
        per_pass = self.batch_size * self.world_size
        starts = [first + turn * per_pass + self.rank * self.batch_size for turn in range(self.accumulation)]
        return [[self._key(position) for position in range(start, start + self.batch_size)] for start in starts]

    def _key(self, position: int) -> Key:
        epoch, place = divmod(position, self.num_samples)
        return epoch, int(_epoch_order(self.seed, epoch, self.num_samples)[place])


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, num_samples: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(num_samples)


class _PlannedBatches(Sampler[list[Key]]):
    """The plan's batches from one iteration to another."""

    def __init__(self, plan: Plan, start: int, stop: int) -> None:
        self.plan, self.start, self.stop = plan, start, stop

    def __iter__(self) -> Iterator[list[Key]]:
        for iteration in range(self.start, self.stop):
            yield from self.plan.batches(iteration)

    def __len__(self) -> int:
        return (self.stop - self.start) * self.plan.accumulation


@dataclass(frozen=True)
class _Broken:
    """What a worker sends in place of a sample that cannot be read."""

    message: str


class _Guarded(Dataset[ClipSample | _Broken]):
    """Carries data errors through the loader as values: raised in a worker, they would lose their one line."""

    def __init__(self, dataset: ClipDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, key: Key) -> ClipSample | _Broken:
        try:
            return self.dataset[key]
        except DataError as error:
            return _Broken(str(error))


def _collate(samples: list[ClipSample | _Broken]) -> ClipSample | _Broken:
    return next((sample for sample in samples if isinstance(sample, _Broken)), None) or default_collate(samples)


def _outlive_signals(_worker: int) -> None:
    # A signal to the whole process group is the main process's to answer; it ends its workers when it is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _require_sockets() -> None:
    """Workers hand tensors over through a socket in the folder for temporary files, and its path is short.

    With a longer one a worker's every batch is lost with a stack trace, and who waits for it waits forever.
    """
    folder = tempfile.gettempdir()
    if os.name == "posix" and len(os.fsencode(folder)) > _LONGEST_FOLDER:
        raise InputError(
            f"got the folder {folder} for temporary files, of {len(os.fsencode(folder))} characters; expected at most "
            f"{_LONGEST_FOLDER}, for sockets of loader workers; do: set TMPDIR to a shorter one, or --runtime.workers 0"
        )


def load_batches(
    dataset: ClipDataset, plan: Plan, *, start: int, stop: int, workers: int, pin_memory: bool
) -> Iterator[ClipSample]:
    """Reads the plan's batches ahead, in order.

    Args:
        dataset: answers to (epoch, index).
        plan: what this process takes.
        start: first iteration.
        stop: the iteration after the last.
        workers: reading processes; 0 reads in this one.
        pin_memory: for the copy to a GPU.

    Yields:
        Batches of B samples: clip [B,T,3,H,W], labels [B,T,H,W], B names of videos and of frames;
        `plan.accumulation` times an iteration.

    Raises:
        DataError: if a sample cannot be read.
        InputError: if workers could not hand over what they read.
    """
    if workers:
        _require_sockets()
    loader = DataLoader(
        _Guarded(dataset),
        batch_sampler=_PlannedBatches(plan, start, stop),
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_outlive_signals,
        pin_memory=pin_memory,
        # The loader draws a seed for its workers; nobody uses it, and it must not touch the global state.
        generator=torch.Generator(),
    )
    for batch in loader:
        if isinstance(batch, _Broken):
            raise DataError(batch.message)
        yield batch
