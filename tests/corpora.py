"""Corpora of tiny videos, and what a corpus's folder holds."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import tiny
from vidseg.types import Frame
from vidseg.video import OverlayWriter, VideoInfo, read_video


def write_video(path: Path, frames: Sequence[Frame]) -> Path:
    """An mp4 of 15 frames a second."""
    height, width = frames[0].size
    clock = VideoInfo(name=path.name, width=width, height=height, fps=Fraction(15), time_base=Fraction(1, 15360))
    with OverlayWriter(path, clock) as writer:
        for frame in frames:
            writer.write(frame.image, frame)
    return path


def write_videos(folder: Path, count: int, frames: int = 4) -> list[Path]:
    """Videos of 64x64, each another, half of them in a folder below."""
    return [
        write_video(folder / ("even" if n % 2 == 0 else "") / f"v{n:02d}.mp4", tiny.video(frames, 64, 64, seed=n))
        for n in range(count)
    ]


def records(out: Path) -> dict[str, dict[str, Any]]:
    """The newest record of each whole video in a manifest, by its name."""
    lines = [line for file in sorted((out / "_manifest").glob("*.jsonl")) for line in file.read_text().splitlines()]
    return {record["name"]: record for record in map(json.loads, lines) if record.get("part", 0) is None}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; there is no hidden one among them, which would be a leftover."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert not [path for path in files if path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def pictures(path: Path) -> list[bytes]:
    """The frames of a video."""
    with read_video(path) as reader:
        return [frame.image.tobytes() for frame in reader]
