"""Loss, speed and waiting of a run, between two reports."""

import time
from collections.abc import Iterator
from typing import TypeVar

from vidseg.train.events import Progress

T = TypeVar("T")


class Meter:
    """Counts up to a report, then starts anew.

    Args:
        iterations: of the whole run.
        samples_per_iteration: of all processes together.
    """

    def __init__(self, iterations: int, samples_per_iteration: int) -> None:
        self._iterations = iterations
        self._samples = samples_per_iteration
        self._reset()

    def timed(self, batches: Iterator[T]) -> Iterator[T]:
        """The same batches; the time until each of them comes counts as waiting."""
        while True:
            start = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._waited += time.perf_counter() - start
            yield batch

    def add(self, loss: float) -> None:
        """Counts an iteration."""
        self._losses.append(loss)

    def report(self, iteration: int, learning_rate: float) -> Progress:
        """The figures since the last report.

        Args:
            iteration: how many are done.
            learning_rate: of the last one.
        """
        seconds = time.perf_counter() - self._start
        count = len(self._losses)
        progress = Progress(
            iteration=iteration,
            iterations=self._iterations,
            loss=sum(self._losses) / count,
            learning_rate=learning_rate,
            clips_per_second=count * self._samples / seconds,
            data_wait=self._waited / seconds,
            seconds_left=seconds / count * (self._iterations - iteration),
        )
        self._reset()
        return progress

    def _reset(self) -> None:
        self._start = time.perf_counter()
        self._waited = 0.0
        self._losses: list[float] = []
