"""Measures what the cache of decoded frames (``--data.cache``) is worth on this machine.

    python tools/cache_gain.py --json gain.json

Clips of a data set of images (JPEG) and of one of video files (H.264), both of the same frames of 240 lines with masks,
are read without a cache, with an empty one and with a full one, in turns; once as they are, and once augmented as for
training. All in one process with one thread, from a disk whose files are in memory already: what a slow disk or a
network costs on top is not in it.
"""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from vidseg.bench.frames import drifting
from vidseg.data import ClipConfig, ClipDataset, FrameCache, VideoDataset, open_dataset
from vidseg.transforms import AugmentationConfig
from vidseg.transforms.pipeline import ClipAugmentation
from vidseg.types import RGB, Frame
from vidseg.video import OverlayWriter, VideoInfo

SIZE = (240, 426)  # even, for H.264
LIMIT = 10**10
CLIPS = ClipConfig(per="frame")  # of four frames


def main() -> None:
    """Reads the command line, measures, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=2, help="(default: 2)")
    parser.add_argument("--frames", type=int, default=30, help="of each (default: 30)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds, of which the median counts (default: 3)")
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, object] = {"lines": SIZE[0], "videos": args.videos, "frames": args.frames}
    with TemporaryDirectory(prefix="cache-gain-") as temporary:
        for kind in ("jpeg", "mp4"):
            root = Path(temporary) / kind
            write(root, kind, args.videos, args.frames)
            figures[kind] = measured(open_dataset(root, "folder", "train"), Path(temporary) / "cache", args.repeats)
            print(kind, json.dumps(figures[kind]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


def measured(dataset: VideoDataset, folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Clips a second, and how many times as fast as without a cache."""
    augmentation = ClipAugmentation(
        AugmentationConfig(crop_size=(240, 240), base_size=SIZE[::-1], photometric="clip"), ignore=255
    )
    figures = {}
    for name, transform in (("read", None), ("augmented", augmentation)):
        seconds: dict[str, list[float]] = {"none": [], "cold": [], "warm": []}
        for _ in range(repeats):
            shutil.rmtree(folder, ignore_errors=True)
            for state, spent in seconds.items():
                cache = None if state == "none" else FrameCache(folder, LIMIT)
                clips = ClipDataset(dataset, CLIPS, transform, cache=cache)
                began = time.perf_counter()
                for number in range(len(clips)):
                    clips[0, number]
                spent.append((time.perf_counter() - began) / len(clips))
        rates = {f"{state}_clips_per_second": round(1 / median(spent), 2) for state, spent in seconds.items()}
        # Each round's own: what else the machine does changes between rounds more than within one.
        rounds = list(zip(*seconds.values(), strict=True))
        ratios = {
            "cold_ratio": round(median(none / cold for none, cold, _ in rounds), 2),
            "warm_ratio": round(median(none / warm for none, _, warm in rounds), 2),
        }
        figures[name] = rates | ratios
    return figures


def write(root: Path, kind: str, videos: int, frames: int) -> None:
    """A data set, layout "folder"."""
    (root / "images").mkdir(parents=True)
    names = [f"video{number}" for number in range(videos)]
    for seed, name in enumerate(names):
        shown = [image for image, _ in zip(drifting(SIZE, seed=seed), range(frames), strict=False)]
        if kind == "mp4":
            write_film(root / "images" / f"{name}.mp4", shown)
        else:
            (root / "images" / name).mkdir()
        (root / "masks" / name).mkdir(parents=True)
        for index, image in enumerate(shown):
            if kind == "jpeg":
                Image.fromarray(image).save(root / "images" / name / f"{index:08d}.jpg", quality=90)
            Image.fromarray(regions(image)).save(root / "masks" / name / f"{index:08d}.png")
    (root / "train.txt").write_text("\n".join(names))
    (root / "classes.json").write_text(json.dumps({"classes": ["dark", "middle", "bright", "brightest"], "fps": 15}))


def write_film(path: Path, images: Sequence[RGB]) -> None:
    """At 15 frames a second."""
    height, width = SIZE
    info = VideoInfo(name=path.name, width=width, height=height, fps=Fraction(15), time_base=Fraction(1, 15))
    with OverlayWriter(path, info) as writer:
        for index, image in enumerate(images):
            writer.write(image, Frame(image=image, index=index, time=index / 15, duration=1 / 15))


def regions(image: RGB) -> np.ndarray:
    """Four classes by the brightness of blocks of eight pixels: regions, rather than noise."""
    small = Image.fromarray(image).convert("L").reduce(8)
    bright = np.asarray(small.resize(image.shape[1::-1], Image.Resampling.NEAREST))
    return (bright // 64).astype(np.uint8)


if __name__ == "__main__":
    main()
