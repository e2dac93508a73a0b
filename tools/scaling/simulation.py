"""What breaks first: workers, a network and an object store as a discrete-event simulation.

Workers fetch a video (requests, bytes), work on it (core-seconds) and put its outputs (requests, bytes). The store's
reading requests, its writing requests and the network are servers with queues: each takes as long as its limit says.
Where workers wait is the bottleneck; the arithmetic bound (`bound`) is the slow, obvious twin.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from scaling.costs import Constants, Work

_PART = 8 * 2**20
_PARTS = ("compute", "network", "reading requests", "writing requests")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is shared by all workers.

    Attributes:
        network: bytes a second between the store and all workers.
        gets: requests a second that read.
        puts: requests a second that write.
    """

    network: float = 12.5e9  # 100 Gbit/s
    gets: float = 5500.0
    puts: float = 3500.0

    def divided(self, by: float) -> "Limits":
        """For a simulation of so many times fewer workers, in which all shares are the same."""
        return Limits(network=self.network / by, gets=self.gets / by, puts=self.puts / by)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a simulation showed.

    Attributes:
        videos: that were finished.
        seconds: that were counted.
        rate: seconds of video a second, sustained.
        busy: the share of the time that each part worked, 0–1.
        waiting: the share of the workers' time that they waited for each part, 0–1.
        first: the part that is busiest, which is the one that breaks first.
    """

    videos: int
    seconds: float
    rate: float
    busy: dict[str, float]
    waiting: dict[str, float]
    first: str


def loads(work: Work, constants: Constants, device_rate: float | None = None) -> dict[str, float]:
    """What one video asks of each part: core-seconds, bytes, requests.

    Args:
        work: gives rate, length and which frames are segmented.
        constants: what they take.
        device_rate: frames a second of an accelerator, which then is the worker, with cores enough beside it to decode
            and write; None for workers of one core.
    """
    frames = work.minutes_each * 60 * work.rate
    segmented = frames / work.every
    bytes_in, bytes_out = frames * constants.bytes_in, segmented * constants.bytes_out
    on_core = constants.video_start + frames * constants.decode + segmented * (constants.network + constants.write)
    return {
        "compute": on_core if device_rate is None else segmented / device_rate,
        "network": bytes_in + bytes_out,
        "reading requests": max(1.0, bytes_in / _PART),
        "writing requests": segmented * constants.objects_per_frame or max(1.0, bytes_out / _PART),
    }


def bound(load: dict[str, float], workers: int, limits: Limits) -> tuple[float, str]:
    """The most videos a second that any order of work could do, and the part that sets it."""
    rates = {part: capacity / load[part] for part, capacity in _capacities(workers, limits).items()}
    part = min(rates, key=lambda name: rates[name])
    return rates[part], part


def simulate(
    work: Work,
    load: dict[str, float],
    workers: int,
    limits: Limits,
    *,
    videos_each: int = 6,
    seed: int = 0,
) -> Outcome:
    """Lets workers do videos of varied lengths.

    What is counted begins when all have begun and ends when the first finds no more to do, so neither start nor end
    looks like a bottleneck.

    Args:
        work: for the length of the videos.
        load: of one mean video, see `loads`.
        workers: how many.
        limits: of what they share.
        videos_each: how many videos a worker does on the mean.
        seed: of the lengths, which are exponential, and of the moments at which workers begin.
    """
    random = np.random.default_rng(seed)
    lengths = random.exponential(1.0, workers * videos_each)
    begins = random.uniform(0, load["compute"], workers)
    environment = simpy.Environment()
    queue, drained = iter(lengths), environment.event()
    servers = {part: simpy.Resource(environment) for part in _PARTS[1:]}
    capacities = _capacities(workers, limits)
    working = {part: _Meter(environment) for part in _PARTS}
    waiting = {part: _Meter(environment) for part in _PARTS}
    finished = list[float]()

    def served(part: str, amount: float) -> Generator[Any, Any, None]:
        with servers[part].request() as turn:
            with waiting[part].counted():
                yield turn
            with working[part].counted():
                yield environment.timeout(amount / capacities[part])

    def worker(begin: float) -> Generator[Any, Any, None]:
        yield environment.timeout(begin)
        for length in queue:
            yield from served("reading requests", load["reading requests"] * length)
            yield from served("network", load["network"] * length)
            with working["compute"].counted():
                yield environment.timeout(load["compute"] * length)
            yield from served("writing requests", load["writing requests"] * length)
            finished.append(length)
        if not drained.triggered:
            drained.succeed()

    def forget_the_start() -> Generator[Any, Any, None]:
        yield environment.timeout(load["compute"])
        for meter in (*working.values(), *waiting.values()):
            meter.reset()
        finished.clear()

    for begin in begins:
        environment.process(worker(float(begin)))
    environment.process(forget_the_start())
    environment.run(until=drained)
    seconds = environment.now - load["compute"]
    speeds = {**capacities, "compute": 1.0}  # of one that is busy
    busy = {part: meter.total / seconds for part, meter in working.items()}
    shares = {part: share / (workers if part == "compute" else 1) for part, share in busy.items()}
    first = max(shares, key=lambda part: shares[part])
    return Outcome(
        videos=len(finished),
        seconds=seconds,
        # Of the part that sets it, videos under way included; what others did more piles up before it.
        rate=busy[first] * speeds[first] / load[first] * work.minutes_each * 60,
        busy=shares,
        waiting={part: meter.total / (seconds * workers) for part, meter in waiting.items()},
        first=first,
    )


class _Meter:
    """How many there are of something, times the seconds for which they are."""

    def __init__(self, environment: simpy.Environment) -> None:
        self._environment = environment
        self._level, self._since, self._total = 0, 0.0, 0.0

    @property
    def total(self) -> float:
        """Until now."""
        return self._total + self._level * (self._environment.now - self._since)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One more during the block."""
        self._change(1)
        yield
        self._change(-1)

    def reset(self) -> None:
        """Forgets what has been."""
        self._total, self._since = 0.0, self._environment.now

    def _change(self, difference: int) -> None:
        self._total, self._since = self.total, self._environment.now
        self._level += difference


def _capacities(workers: int, limits: Limits) -> dict[str, float]:
    values = (float(workers), limits.network, limits.gets, limits.puts)
    return dict(zip(_PARTS, values, strict=True))
