"""How much faster a corpus is with more workers of one core each, on a Ray cluster of this machine.

    python tools/corpus_throughput.py --json throughput.json

Each run works off the same videos into a folder of its own. Its workers have one thread for the network; each holds the
model and has worked off a video before the clock starts, which stops when the last video is in the manifest. Starting
workers, which takes the same few seconds however large the corpus, is told by itself. The runs take turns, and the
median of each kind counts. The machine should have nothing else to do: the load before is noted.
"""

import argparse
import os
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import ray

import vidseg
from vidseg.corpus import Assignment, Corpus, Manifest, RayWorkers, Unit, find_videos
from vidseg.corpus.dispatch import work_off
from vidseg.files import write_json
from vidseg.models import VideoModel
from vidseg.places import place_of
from vidseg.stream.ledger import Conditions
from vidseg.types import Frame
from vidseg.video import OverlayWriter, VideoInfo


def write_video(path: Path, frames: int, size: tuple[int, int], seed: int) -> None:
    """Coloured blocks that drift, 15 frames a second."""
    height, width = size
    blocks = np.random.default_rng(seed).integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
    scene = np.kron(blocks, np.ones((16, 16, 1), np.uint8))
    info = VideoInfo(name=path.name, width=width, height=height, fps=Fraction(15), time_base=Fraction(1, 15360))
    with OverlayWriter(path, info) as writer:
        for t in range(frames):
            image = np.ascontiguousarray(np.roll(scene, (t, 2 * t), axis=(0, 1))[:height, :width])
            writer.write(image, Frame(image=image, index=t, time=t / 15))


def measure(model: VideoModel, folder: Path, out: Path, workers: int, size: int | None) -> dict[str, Any]:
    """Works off all of ``folder/videos`` with so many workers of one core each, after those of ``folder/warmup``."""
    place = place_of(out)
    segmenter = {"runtime": "torch", "size": size}
    assignment = Assignment(out=place, model_name="throughput", segmenter=segmenter)
    warmup, videos = (find_videos([str(folder / name)]) for name in ("warmup", "videos"))
    corpus = Corpus(videos, assignment, Conditions(model, {}), Manifest(place))
    load = os.getloadavg()[0]
    began = time.perf_counter()
    crew = RayWorkers(model, assignment, "local", workers=workers, cores=1, gpu=False)
    try:
        while crew.room < workers:
            crew.wait()
        start = time.perf_counter() - began
        for done in work_off([Unit(video=video) for video in warmup[:workers]], crew, retries=0):
            assert done is None or done.outcome.status == "done", done
        began = time.perf_counter()
        for record in corpus.work(crew):
            assert record is None or record["status"] == "done", record
        seconds = time.perf_counter() - began
    finally:
        crew.close()
    frames = corpus.tally.frames
    return {
        "workers": workers,
        "start_seconds": start,
        "seconds": seconds,
        "frames_per_second": frames / seconds,
        "load_before": load,
    }


def main() -> None:
    """Measures and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="segformer-b0-freedoom")
    parser.add_argument("--size", type=int, help="short side of the network's input in pixels")
    parser.add_argument("--videos", type=int, default=12)
    parser.add_argument("--frames", type=int, default=16, help="of each video")
    parser.add_argument("--frame-size", type=int, nargs=2, default=(240, 320), metavar=("H", "W"))
    parser.add_argument("--workers", type=int, default=2, help="how many are compared with one")
    parser.add_argument("--turns", type=int, default=3, help="runs of each")
    parser.add_argument("--json", required=True)
    args = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    model = vidseg.load(args.model)
    runs = []
    ray.init(address="local", include_dashboard=False, log_to_driver=False, object_store_memory=256 << 20)
    with tempfile.TemporaryDirectory() as folder:
        for name, videos, frames in (("videos", args.videos, args.frames), ("warmup", args.workers, 4)):
            for n in range(videos):
                write_video(Path(folder) / name / f"{name}{n:03d}.mp4", frames, tuple(args.frame_size), seed=n)
        for turn in range(args.turns):
            for workers in (1, args.workers):
                runs.append(measure(model, Path(folder), Path(folder) / f"out{turn}-{workers}", workers, args.size))
                print(runs[-1], flush=True)
    ray.shutdown()
    rates = {
        workers: median(run["frames_per_second"] for run in runs if run["workers"] == workers)
        for workers in (1, args.workers)
    }
    ratio = rates[args.workers] / rates[1]
    settings = {key: value for key, value in vars(args).items() if key != "json"}
    write_json(args.json, {"settings": settings, "cores": os.cpu_count(), "runs": runs, "ratio": ratio})
    print(f"{args.workers} workers are {ratio:.2f} times as fast as one")


if __name__ == "__main__":
    main()
