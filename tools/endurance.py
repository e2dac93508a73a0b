"""Whether long work leaves anything behind: memory, file descriptors, threads.

    python tools/endurance.py --json endurance.json

One process segments many frames in one stream, opens and closes many streams, and opens and closes many videos (read
whole, in part, and in a process of their own). Each part first does a twentieth of its work, so that caches and
allocators have what they keep, and is measured from there to its end. Linux only: /proc tells. Exit code 1 if memory
grew by more than --allowed-mb in any part, or if descriptors, threads or processes are left.
"""

import argparse
import ctypes
import gc
import itertools
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from importlib import resources
from pathlib import Path

import torch

from vidseg.bench.frames import open_footage
from vidseg.checkpoints import load
from vidseg.steady import Steady
from vidseg.stream import Segmenter
from vidseg.stream.pipeline import prefetch
from vidseg.types import Frame
from vidseg.video import read_isolated, read_video

SAMPLES = Path(str(resources.files("vidseg"))) / "assets" / "sample" / "images"
MARKS = 20  # how often memory is looked at on the way


def main() -> int:
    """Reads the command line, works, and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=50_000, help="through one stream (default: 50000)")
    parser.add_argument("--streams", type=int, default=300, help="opened and closed (default: 300)")
    parser.add_argument("--videos", type=int, default=500, help="opened and closed (default: 500)")
    parser.add_argument("--model", default="segformer-b0-freedoom", help="(default: segformer-b0-freedoom)")
    parser.add_argument("--runtime", default="torch", help="(default: torch)")
    parser.add_argument("--size", type=int, default=96, help="lines of the network's input (default: 96)")
    parser.add_argument("--threads", type=int, default=1, help="of the network (default: 1)")
    parser.add_argument("--steady", action="store_true", help="steady the class scores (default: not)")
    parser.add_argument("--allowed-mb", type=float, default=5, help="growth of a part (default: 5)")
    parser.add_argument("--json", type=Path, metavar="F", help="write what was measured")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    steady = Steady() if args.steady else None
    segmenter = Segmenter(load(args.model), "cpu", args.runtime, size=args.size, threads=args.threads, steady=steady)
    videos = sorted(SAMPLES.glob("*.mp4"))
    parts = {
        "one stream": (args.frames, one_stream(segmenter, args.size)),
        "streams": (args.streams, many_streams(segmenter, args.size)),
        "videos": (args.videos, many_videos(videos)),
    }
    results = {name: measured(name, count, work) for name, (count, work) in parts.items() if count}
    summary = {
        "model": args.model,
        "runtime": segmenter.runtime_name,
        "size": args.size,
        "threads": args.threads,
        "steady": args.steady,
        "parts": results,
        "passed": all(passed(part, args.allowed_mb) for part in results.values()),
    }
    if args.json:
        args.json.write_text(json.dumps(summary, indent=2) + "\n")
    print("passed" if summary["passed"] else "FAILED", flush=True)
    return 0 if summary["passed"] else 1


def one_stream(segmenter: Segmenter, size: int) -> Iterator[None]:
    """One frame after the other, without end, in one stream."""
    images = open_footage(None, (size, size * 16 // 9))
    frames = (Frame(image=image, index=index, time=index / 15) for index, image in enumerate(images))
    for _ in segmenter.segment(frames, fps=Fraction(15)):
        yield


def many_streams(segmenter: Segmenter, size: int) -> Iterator[None]:
    """Streams of two sizes, read ahead as jobs read, and left after some frames, in mid-air."""
    sizes = [(size, size * 16 // 9), (size, size * 4 // 3)]
    images = [tuple(itertools.islice(open_footage(None, wanted), 16)) for wanted in sizes]
    for number in itertools.count():
        with closing(prefetch(images[number % 2])) as ahead:
            for _ in itertools.islice(segmenter.segment(ahead), 1 + number % 12):
                pass
        yield


def many_videos(paths: list[Path]) -> Iterator[None]:
    """Videos read whole, in part from the middle, left after a frame, and read in a process of their own."""
    ways: list[Callable[[Path], None]] = [read_whole, read_part, read_one_frame, read_apart]
    for number in itertools.count():
        ways[number % len(ways)](paths[number // len(ways) % len(paths)])
        yield


def read_whole(path: Path) -> None:
    """To the end."""
    with read_video(path) as reader:
        for _ in reader:
            pass


def read_part(path: Path) -> None:
    """Enters at a key frame."""
    with read_video(path, start=0.5, end=1.0, every=2) as reader:
        for _ in reader:
            pass


def read_one_frame(path: Path) -> None:
    """And leaves."""
    with read_video(path) as reader:
        next(iter(reader))


def read_apart(path: Path) -> None:
    """In a process of its own, left in mid-air."""
    with read_isolated(path) as reader:
        for _ in itertools.islice(reader, 5):
            pass


def measured(name: str, count: int, work: Iterator[None]) -> dict[str, object]:
    """Does `count` steps of `work`; what the process held after the first twentieth, on the way, and at the end."""
    began = time.perf_counter()
    marks = {count // 20 + (count - count // 20) * mark // MARKS for mark in range(1, MARKS)}
    for _ in range(count // 20):
        next(work)
    before, on_the_way = held(), []
    for done in range(count // 20 + 1, count + 1):
        next(work)
        if done in marks:
            on_the_way.append(round(held()["memory_mb"], 2))
    work.close()  # type: ignore[attr-defined]  # they are generators
    after = held()
    growth = after["memory_mb"] - before["memory_mb"]
    print(f"{name}: {count} in {time.perf_counter() - began:.0f} s, {growth:+.2f} MB, {before} -> {after}", flush=True)
    return {
        "count": count,
        "seconds": time.perf_counter() - began,
        "before": before,
        "after": after,
        "growth_mb": growth,
        "memory_mb_on_the_way": on_the_way,
    }


def held() -> dict[str, float]:
    """What the process has, once what nobody refers to is gone; memory in MB of 2^20 bytes."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's: what is free but kept does not count
    if trim is not None:
        trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory_mb": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "python_threads": threading.active_count(),
        "processes": len(multiprocessing.active_children()) + len(child_processes()),
    }


def child_processes() -> list[str]:
    """Of this process, by all of its threads."""
    return [child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()]


def passed(part: dict[str, object], allowed_mb: float) -> bool:
    """Whether a part left nothing behind."""
    before, after, growth = part["before"], part["after"], part["growth_mb"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert isinstance(growth, float)
    more = any(after[what] > before[what] for what in ("descriptors", "threads", "python_threads", "processes"))
    return growth <= allowed_mb and not more


if __name__ == "__main__":
    sys.exit(main())
