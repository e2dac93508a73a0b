"""Many streams through one segmenter: frames a second in all and latency, served in turn and in batches.

Each stream hands in its next frame when it has the labels of the last. In turn and in batches take turns, too.

    python tools/stream_rates.py --model cffm-b0-freedoom --streams 1 2 4 8 --json streams.json
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import torch

import vidseg
from vidseg.bench.machine import environment


def main(words: Sequence[str] | None = None) -> int:
    """Runs, writes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cffm-b0-freedoom")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runtime", default="torch", help="one that takes batches (default: torch)")
    parser.add_argument("--size", type=int, help="short side of the network's input")
    parser.add_argument("--frame", default="360x640", metavar="HxW", help="of the video (default: 360x640)")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--frames", type=int, default=24, help="of each stream and round (default: 24)")
    parser.add_argument("--rounds", type=int, default=3, help="of each way, in turns (default: 3)")
    parser.add_argument("--json", metavar="F", help="write every round")
    args = parser.parse_args(words)
    model = vidseg.load(args.model)
    rows: list[dict[str, Any]] = []
    for streams in args.streams:
        ways = {
            name: vidseg.Segmenter(model, args.device, args.runtime, size=args.size, max_batch=max_batch)
            for name, max_batch in {"in turn": 1, "batched": streams}.items()
        }
        for number in range(args.rounds + 1):
            for name, segmenter in ways.items():
                row = {"streams": streams, "way": name} | measured(segmenter, streams, args.frames, args.frame)
                if number:  # the first warms up
                    rows.append(row)
                    print(json.dumps(row), file=sys.stderr, flush=True)
    if args.json:
        facts = {"environment": environment(None), "gpu": gpu(args.device)}
        Path(args.json).write_text(json.dumps(facts | {"settings": vars(args), "rounds": rows}, indent=1))
    print(table(rows))
    return 0


def measured(segmenter: vidseg.Segmenter, streams: int, frames: int, size: str) -> dict[str, Any]:
    """One round: frames a second of all streams, and the 95th percentile of their frames' seconds."""
    height, width = map(int, size.split("x"))
    images = np.random.default_rng(0).integers(0, 256, (4, height, width, 3), np.uint8)
    with vidseg.StreamPool(segmenter, limit=streams) as pool, ThreadPoolExecutor(streams) as users:

        def use(number: int) -> list[float]:
            seconds = []
            with pool.open() as stream:
                for t in range(frames):
                    began = time.perf_counter()
                    stream.step(images[(number + t) % len(images)])
                    seconds.append(time.perf_counter() - began)
            return seconds

        began = time.perf_counter()
        seconds = [second for user in users.map(use, range(streams)) for second in user]
        elapsed = time.perf_counter() - began
    p95 = quantiles(seconds, n=20)[-1]
    return {"frames_per_second": round(len(seconds) / elapsed, 2), "p95_seconds": round(p95, 4)}


def gpu(device: str) -> str | None:
    """The one that computes; None for a CPU."""
    return torch.cuda.get_device_name() if device != "cpu" and torch.cuda.is_available() else None


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a number of streams, medians over the rounds."""
    lines = [
        "| streams | frames/s, in turn | frames/s, batched | ratio | p95 ms, in turn | p95 ms, batched |",
        "| ---: " * 6 + "|",
    ]
    for streams in dict.fromkeys(row["streams"] for row in rows):
        rate, late = (
            [median(row[key] for row in rows if (row["streams"], row["way"]) == (streams, way)) for way in WAYS]
            for key in ("frames_per_second", "p95_seconds")
        )
        lines.append(
            f"| {streams} | {rate[0]:.1f} | {rate[1]:.1f} | {rate[1] / rate[0]:.2f} | "
            f"{1000 * late[0]:.0f} | {1000 * late[1]:.0f} |"
        )
    return "\n".join(lines)


WAYS = ("in turn", "batched")

if __name__ == "__main__":
    sys.exit(main())
