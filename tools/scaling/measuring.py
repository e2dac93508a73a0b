"""Measures what comes with every video and every frame besides the network, in seconds of CPU time and in bytes.

CPU time, because that is what a core-hour buys, and because it hardly depends on what else the machine does.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from vidseg import Segmenter, load
from vidseg.bench.machine import environment
from vidseg.types import RGB, Frame
from vidseg.video import MaskFolderWriter, OverlayWriter, VideoInfo, read_video

SIZE = (480, 853)
_RATE = Fraction(25)
_LABELLED = 8  # frames that are segmented; their label maps are written again and again


@dataclass(frozen=True)
class Spent:
    """What something took: seconds of CPU in this process and its children, and seconds that passed."""

    cpu: float
    wall: float


def spent(work: Callable[[], object]) -> Spent:
    """Runs it, and waits for the children that it started."""
    before, start = _cpu(), time.perf_counter()
    work()
    return Spent(cpu=_cpu() - before, wall=time.perf_counter() - start)


def measure(model: str, video: str, *, frames: int = 100, rounds: int = 3) -> dict[str, Any]:
    """All constants, as JSON-able values.

    Args:
        model: what `vidseg.load` finds; its labels are what is written.
        video: what `vidseg.read_video` reads, as it comes; its frames are brought to `SIZE`.
        frames: how many are used.
        rounds: of each measurement; the median counts.
    """
    with read_video(video, fps=None if Path(video).is_file() else float(_RATE)) as reader:
        images = [_resized(frame.image) for frame in islice(reader, frames)]
    clock = VideoInfo(name="measured", width=SIZE[1], height=SIZE[0], fps=_RATE, time_base=1 / _RATE)
    pictures = [
        Frame(image=image, index=index, time=float(index / _RATE), name=f"{index:08d}")
        for index, image in enumerate(images)
    ]
    loaded: list[Segmenter] = []
    worker = spent(lambda: loaded.append(Segmenter(load(model), device="cpu")))
    found = list(loaded[0].segment(iter(pictures[:_LABELLED])))
    class_map = found[0].class_map
    with tempfile.TemporaryDirectory(prefix="vidseg-scale-") as folder:
        film, masks = Path(folder) / "film.mp4", Path(folder) / "masks"

        def write_film() -> None:
            with OverlayWriter(film, clock) as writer:
                for frame in pictures:
                    writer.write(frame.image, frame)

        def write_masks() -> None:
            with MaskFolderWriter(masks, class_map) as writer:
                for frame in pictures:
                    writer.write(replace(found[frame.index % len(found)], frame=frame))

        def start() -> None:
            with read_video(str(film)) as reader:
                next(iter(reader))

        def decode() -> None:
            with read_video(str(film)) as reader:
                assert sum(1 for _ in reader) == len(pictures)

        films = [spent(write_film) for _ in range(rounds)]
        folders = [spent(write_masks) for _ in range(rounds)]
        starts = [spent(start) for _ in range(rounds)]
        decodes = [spent(decode) for _ in range(rounds)]
        film_bytes = film.stat().st_size
        mask_bytes = sum(path.stat().st_size for path in masks.iterdir())
    count = len(pictures)
    begin = median(one.cpu for one in starts)
    return {
        "schema": 1,
        "size": list(SIZE),
        "frames": count,
        "rounds": rounds,
        "video_start_cpu_seconds": begin,
        "video_start_wall_seconds": median(one.wall for one in starts),
        "worker_start_cpu_seconds": worker.cpu,
        "decode_cpu_seconds_per_frame": (median(one.cpu for one in decodes) - begin) / count,
        "mp4_cpu_seconds_per_frame": median(one.cpu for one in films) / count,
        "masks_cpu_seconds_per_frame": median(one.cpu for one in folders) / count,
        "mp4_bytes_per_frame": film_bytes / count,
        "masks_bytes_per_frame": mask_bytes / count,
        "load_average": os.getloadavg()[0],
        "environment": environment(None),
    }


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _resized(image: RGB) -> RGB:
    return np.asarray(Image.fromarray(image).resize((SIZE[1], SIZE[0]), Image.Resampling.LANCZOS))
