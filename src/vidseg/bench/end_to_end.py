"""Whole runs of `vidseg segment` by the wall clock, beside which the network's own rate can be seen."""

import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from vidseg.bench.frames import Footage
from vidseg.checkpoints import save_checkpoint
from vidseg.errors import VidsegError
from vidseg.models import VideoModel
from vidseg.runtime.graph_cache import VARIABLE
from vidseg.types import Frame
from vidseg.video import OverlayWriter, VideoInfo

FRAMES = 96
# Of the file that is made; no figure depends on it.
_FRAMES_PER_SECOND = 15


def segment_rates(
    model: VideoModel, footage: Footage, *, threads: int | None = None, frames: int = FRAMES
) -> dict[str, dict[str, float]]:
    """A file to an overlay, in a process of its own: the first time, and again when what was compiled is kept.

    Args:
        model: the subject, with class map and preprocessing.
        footage: what is segmented; it is written to a file of H.264 first.
        threads: of the network; None for the runtime's own choice.
        frames: how many.

    Returns:
        For "first" and "again": "seconds" from the start of the program to the finished file, "frames" over them
        ("frames_per_second"), what compiling took ("compile_seconds"), and frames a second from the first labels to the
        last ("sustained_frames_per_second").

    Raises:
        VidsegError: if the program fails.
    """
    assert model.class_map is not None
    assert model.preprocessing is not None
    with tempfile.TemporaryDirectory(prefix="vidseg-bench-") as name:
        folder = Path(name)
        save_checkpoint(folder / "model", model, class_map=model.class_map, preprocessing=model.preprocessing)
        _write(footage, folder / "in.mp4", frames)
        return {turn: _run(folder, threads, frames) for turn in ("first", "again")}


def _run(folder: Path, threads: int | None, frames: int) -> dict[str, float]:
    report = folder / "report.json"
    words = ["segment", "in.mp4", "-o", "out.mp4", "--model", "model", "--tc", "none", "--json", str(report)]
    if threads is not None:
        words += ["--threads", str(threads)]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "vidseg", *words],
        cwd=folder,
        env=os.environ | {VARIABLE: str(folder / "cache")},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise VidsegError(f"got exit code {done.returncode} from vidseg segment: {done.stderr.strip()[-300:]}")
    row: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["videos"][0]
    return {
        "seconds": seconds,
        "frames_per_second": frames / seconds,
        "compile_seconds": row["compile_seconds"],
        "sustained_frames_per_second": row["frames_per_second"],
    }


def _write(footage: Footage, path: Path, frames: int) -> None:
    """The footage as a video file."""
    images = list(islice(footage, frames))
    height, width = images[0].shape[:2]
    tick = Fraction(1, _FRAMES_PER_SECOND)
    info = VideoInfo(name=path.name, width=width, height=height, fps=1 / tick, time_base=tick)
    with OverlayWriter(path, info) as writer:
        for index, image in enumerate(images):
            writer.write(image, Frame(image=image, index=index, time=float(index * tick), duration=float(tick)))
