"""Memory of a stream: what it carries, and what it takes, in a process of its own, where nothing else counts."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vidseg.bench.frames import open_footage
from vidseg.bench.sizes import Size
from vidseg.bench.subject import subject
from vidseg.checkpoints import load
from vidseg.errors import InputError, VidsegError
from vidseg.models import VideoModel
from vidseg.stream import Segmenter
from vidseg.stream.policy import default_policy

# Fewer do not tell a start from a steady state.
LEAST_FRAMES = 20
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, kw_only=True)
class MemoryReport:
    """Bytes that a process holds in main memory while it streams a video.

    Attributes:
        runtime: what computed the network.
        frames: how many frames were segmented.
        loaded: with all packages, the model and the video, before the first frame.
        settled: the most after any of the last frames of the first tenth; what is held after a single one goes up and
            down with the allocator.
        end: the most after any of as many frames at the end.
        settled_peak: the most until a tenth of the frames was done.
        peak: the most of all.
        state: of the stream's memory.
    """

    runtime: str
    frames: int
    loaded: int
    settled: int
    end: int
    settled_peak: int
    peak: int
    state: int

    @property
    def growth(self) -> int:
        """What the last nine tenths of the frames added, to what is held or to the peak, whichever is more."""
        return max(self.end - self.settled, self.peak - self.settled_peak)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description, all in bytes."""
        return asdict(self) | {"growth": self.growth}


@dataclass(frozen=True, kw_only=True)
class Soak:
    """What is streamed; arguments as in `benchmark`.

    Attributes:
        model: name or path.
        size: (height, width) of the frames.
        num_classes: None for the model's own.
        video: None for the default.
        runtime: of the segmenter.
        threads: None for the runtime's own choice.
        frames: how many, at least `LEAST_FRAMES`.
    """

    model: str
    size: Size
    num_classes: int | None
    video: str | None
    runtime: str
    threads: int | None
    frames: int

    def __post_init__(self) -> None:
        if self.frames < LEAST_FRAMES:
            raise InputError(f"got {self.frames} frames to watch memory over; expected {LEAST_FRAMES} or more")

    def run(self) -> MemoryReport:
        """Streams in a new process.

        The caller's program must be startable by `multiprocessing`'s spawn.

        Raises:
            InputError: on a system that does not tell a process's memory (only Linux does, in /proc).
            VidsegError: if the process died, most likely for lack of memory.
        """
        if not _STATUS.exists():
            raise InputError(f"got a system without {_STATUS}; memory is measured on Linux only")
        with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
            try:
                return pool.submit(_stream, self).result()
            except BrokenProcessPool as error:
                raise VidsegError(
                    f"got no answer from the process that streamed {self.frames} frames of {self.size[0]}x"
                    f"{self.size[1]}; it was killed, most likely for lack of memory; try a smaller size"
                ) from error


def state_bytes(model: VideoModel, network_size: Size) -> int:
    """What a stream carries: the contexts of as many frames as its policy remembers, and its state.

    Args:
        model: with the policy that it was trained for.
        network_size: (height, width) of the network's input.
    """
    context = model.blank_context(1, network_size)
    state = model.blank_state(1, network_size).values()
    capacity = default_policy(model.reference_offsets).capacity
    return sum(part.nbytes for part in context) * capacity + sum(tensor.nbytes for tensor in state)


def _stream(soak: Soak) -> MemoryReport:
    model = subject(load(soak.model), soak.size, soak.num_classes)
    footage = open_footage(soak.video, soak.size)
    segmenter = Segmenter(model, "cpu", soak.runtime, threads=soak.threads)
    state = segmenter.start()
    loaded = _held("VmRSS")
    # Not before the references are all there.
    first_tenth = max(soak.frames // 10, segmenter.policy.capacity + 2)
    window = first_tenth // 2
    held: list[int] = []
    settled_peak = 0
    for image in islice(footage, soak.frames):
        state, _ = segmenter.step(state, image)
        held.append(_held("VmRSS"))
        if len(held) == first_tenth:
            settled_peak = _held("VmHWM")
    return MemoryReport(
        runtime=soak.runtime,
        frames=soak.frames,
        loaded=loaded,
        settled=max(held[first_tenth - window : first_tenth]),
        end=max(held[-window:]),
        settled_peak=settled_peak,
        peak=_held("VmHWM"),
        state=state.nbytes,
    )


def _held(field: str) -> int:
    """Bytes of this process: VmRSS held now, VmHWM at most so far."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise VidsegError(f"got no {field} in {_STATUS}; expected it on Linux")
