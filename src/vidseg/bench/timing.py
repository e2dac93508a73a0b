"""Times of several contenders, taken in turn so that they share whatever else the machine does."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from vidseg.bench.contenders import Contender, Labelling
from vidseg.types import RGB


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds a frame.

    Attributes:
        runs: each measured time, in order.
    """

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of the runs took longer."""
        return median(self.runs)

    @property
    def p95(self) -> float:
        """One run in twenty took longer; of a single run, that one."""
        return quantiles(self.runs, n=20, method="inclusive")[-1] if len(self.runs) > 1 else self.runs[0]

    def to_dict(self) -> dict[str, Any]:
        """Median and 95th percentile in seconds, and how many runs they are of."""
        return {"median": self.median, "p95": self.p95, "runs": len(self.runs)}


# Told of each round: the labels of every contender that makes some, by name.
Witness = Callable[[dict[str, Labelling]], None]


def take_turns(
    contenders: Sequence[Contender],
    frames: Iterator[RGB],
    *,
    until: float,
    most: int = 60,
    witness: Witness = lambda labels: None,
    progress: Callable[[int], None] = lambda rounds: None,
) -> dict[str, Timing]:
    """Measures until the time is up: in each round every contender labels the same new frame.

    Args:
        contenders: warmed up already.
        frames: the video; at least as many frames as are asked for.
        until: when to stop, on the clock of `time.perf_counter`; there is at least one round.
        most: rounds that are enough.
        witness: told of the labels of each round.
        progress: told of the number of rounds done.
    """
    runs: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for done in range(1, most + 1):
        image = next(frames)
        labels = {}
        for contender in contenders:
            began = time.perf_counter()
            labels[contender.name] = contender.run(image)
            runs[contender.name].append(time.perf_counter() - began)
        witness(labels)
        progress(done)
        round_length = sum(times[-1] for times in runs.values())
        if time.perf_counter() + round_length > until:
            break
    return {name: Timing(runs=tuple(times)) for name, times in runs.items()}


def warm_up(contenders: Sequence[Contender], frames: Iterator[RGB]) -> None:
    """Shows every contender the same frames, as many as the neediest needs, and runs each at least once."""
    needed = max((contender.needs for contender in contenders), default=0)
    for index in range(needed):
        image = next(frames)
        for contender in contenders:
            if contender.watch is not None:
                contender.watch(image)
            elif index >= needed - contender.needs:
                contender.run(image)
