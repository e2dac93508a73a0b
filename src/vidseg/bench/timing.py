"""Times of several contenders, taken in turn so that they share whatever else the machine does."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles
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

    @property
    def mean(self) -> float:
        """Of all runs."""
        return fmean(self.runs)

    @property
    def worst(self) -> float:
        """The longest run."""
        return max(self.runs)

    def typical(self, cycle: int) -> float:
        """What a frame takes in the long run: the median over all stretches of so many runs of a stretch's mean.

        A median of single runs would tell of the cheap frames of a key-frame model only, and a mean of all of whatever
        else the machine did meanwhile.

        Args:
            cycle: after how many frames the work is the same again; 1 where every frame takes as much.
        """
        length = min(cycle, len(self.runs))
        stretches = range(len(self.runs) - length + 1)
        return median(fmean(self.runs[start : start + length]) for start in stretches)

    def to_dict(self) -> dict[str, Any]:
        """Median, mean, 95th percentile and worst in seconds, and how many runs they are of."""
        return {
            "median": self.median,
            "mean": self.mean,
            "p95": self.p95,
            "worst": self.worst,
            "runs": len(self.runs),
        }


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
