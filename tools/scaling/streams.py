"""How many live streams a machine bears: frames that come when they come, cores that are shared, late frames dropped.

A stream's frames are worked on one after the other, because each leaves the next its context. A frame that comes while
the one before is still worked on waits; a second one takes the place of the one that waits, as with ``--on-lag drop``.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

_SLACK = 0.7  # of the time between two frames that the work on one may take, if it has its cores at once


@dataclass(frozen=True, kw_only=True)
class StreamOutcome:
    """What a simulation of some streams on one machine showed.

    Attributes:
        frames: that came.
        dropped: the share of them that was never worked on, 0–1.
        busy: the share of the cores' time, 0–1.
        delay: seconds from a frame's coming until its labels are there, of 95 percent of the frames.
    """

    frames: int
    dropped: float
    busy: float
    delay: float


def threads_needed(core_seconds: float, rate: float) -> int:
    """Cores that a frame must have at once, lest the next one comes first; as if work were divided without loss."""
    return max(1, math.ceil(core_seconds * rate / _SLACK))


def simulate_streams(
    streams: int, cores: int, rate: float, core_seconds: float, *, seconds: float = 60.0, seed: int = 0
) -> StreamOutcome:
    """Lets streams begin at random moments and come with jitter.

    Args:
        streams: how many.
        cores: of the machine.
        rate: frames a second of each.
        core_seconds: of one frame, decoding and writing included.
        seconds: that are simulated.
        seed: of phases and jitter.
    """
    threads = threads_needed(core_seconds, rate)
    environment = simpy.Environment()
    free = simpy.Container(environment, capacity=cores, init=cores)
    random = np.random.default_rng(seed)
    came = dropped = 0
    used, delays = 0.0, list[float]()

    def stream(phase: float, jitter: np.random.Generator) -> Generator[Any, Any, None]:
        nonlocal came, dropped
        waiting: list[float] = []
        news = [environment.event()]
        environment.process(worker(waiting, news))
        yield environment.timeout(phase)
        while environment.now < seconds:
            came += 1
            dropped += len(waiting)
            waiting[:] = [environment.now]
            if not news[0].triggered:
                news[0].succeed()
            yield environment.timeout(jitter.uniform(0.8, 1.2) / rate)

    def worker(waiting: list[float], news: list[simpy.Event]) -> Generator[Any, Any, None]:
        nonlocal used
        while True:
            if not waiting:
                news[0] = environment.event()
                yield news[0]
            yield free.get(threads)
            arrival = waiting.pop()
            yield environment.timeout(core_seconds / threads)
            used += core_seconds
            delays.append(environment.now - arrival)
            yield free.put(threads)

    if threads <= cores:
        for phase in random.uniform(0, 1 / rate, streams):
            environment.process(stream(float(phase), np.random.default_rng(random.integers(2**63))))
        environment.run(until=seconds)
    return StreamOutcome(
        frames=came,
        dropped=dropped / came if came else 1.0,
        busy=used / (cores * seconds),
        delay=float(np.quantile(delays, 0.95)) if delays else math.inf,
    )


def most_streams(
    cores: int, rate: float, core_seconds: float, *, tolerated: float = 0.01, seconds: float = 60.0
) -> int:
    """The most streams of which no more than so many frames are dropped; 0 if the machine cannot bear one."""
    low, high = 0, int(cores / (core_seconds * rate)) + 1
    while low < high:
        middle = (low + high + 1) // 2
        outcome = simulate_streams(middle, cores, rate, core_seconds, seconds=seconds)
        low, high = (middle, high) if outcome.dropped <= tolerated else (low, middle - 1)
    return low
