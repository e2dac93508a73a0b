"""A corpus in this process: one worker, one unit at a time."""

from collections.abc import Callable, Sequence

from vidseg.corpus.dispatch import Returned
from vidseg.corpus.units import Unit
from vidseg.corpus.worker import Worker


class OneProcess:
    """The worker here, as `vidseg.corpus.dispatch.Workers`.

    Args:
        worker: who works.
        progress: told of the number of frames done of each unit.
    """

    def __init__(self, worker: Worker, progress: Callable[[int], None] = lambda frames: None) -> None:
        self._worker, self._progress = worker, progress
        self._unit: Unit | None = None

    @property
    def room(self) -> int:
        """1 before it has a unit."""
        return 1 - self.busy

    @property
    def busy(self) -> int:
        """1 while it has a unit."""
        return int(self._unit is not None)

    def give(self, unit: Unit) -> None:
        """Takes a unit."""
        self._unit = unit

    def wait(self) -> Sequence[Returned]:
        """Works on the unit."""
        assert self._unit is not None
        unit, self._unit = self._unit, None
        return [Returned(unit=unit, worker="here", outcome=self._worker.work(unit, self._progress))]

    def close(self) -> None:
        """Nothing is held."""
