"""Times and memory on a device that works while the host goes on: by its own clock, and without making it wait."""

import itertools
import time
from collections.abc import Callable

import torch

from vidseg.bench.timing import Timing

# To guess how many fit into the time that is given.
_FIRST_FRAMES = 4
_MEBIBYTE = 2**20


def time_frames(run: Callable[[], object], device: torch.device, *, warm_ups: int, seconds: float, most: int) -> Timing:
    """Seconds a frame of a function that takes one frame a call, back to back.

    On a GPU the time of a frame is that between the ends of two, read off events that lie between the launches: nothing
    is waited for until all are launched, so it is the rate that a stream has, the host's part included where that is
    the slower one.

    Args:
        run: hands the device one frame's work.
        device: that it works on.
        warm_ups: calls that are not timed; whatever is compiled or recorded is so by then.
        seconds: about how long to measure.
        most: frames that are enough.
    """
    for _ in range(warm_ups):
        run()
    first = _times(run, device, min(_FIRST_FRAMES, most))
    count = min(most, int(seconds * len(first) / max(sum(first), 1e-9)))
    return Timing(runs=_times(run, device, count) if count > len(first) else first)


def _times(run: Callable[[], object], device: torch.device, count: int) -> tuple[float, ...]:
    if device.type != "cuda":
        marks = [time.perf_counter()]
        for _ in range(count):
            run()
            marks.append(time.perf_counter())
        return tuple(after - before for before, after in itertools.pairwise(marks))
    torch.cuda.synchronize(device)
    events = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]
    stream = torch.cuda.current_stream(device)
    events[0].record(stream)
    for event in events[1:]:
        run()
        event.record(stream)
    torch.cuda.synchronize(device)
    return tuple(before.elapsed_time(after) / 1000 for before, after in itertools.pairwise(events))


class PeakMemory:
    """The most memory that torch had taken on a GPU since this was made; a CPU's is not counted."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)

    @property
    def mebibytes(self) -> float | None:
        """What was reserved: recordings keep memory that is nobody's at the moment. None on a CPU."""
        if self._device.type != "cuda":
            return None
        return torch.cuda.max_memory_reserved(self._device) / _MEBIBYTE


def synchronise(device: torch.device) -> None:
    """Waits until a device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
