"""`freedoom-video`: a labelled video data set, rendered from a game engine and free maps.

    train.txt, val.txt     names of the videos, one a line; no map is in both
    classes.json           {classes, palette, ignore, fps}
    manifest.json          settings, versions, and of each video seed and sha256 over its decoded arrays
    NOTICE, README.md      Freedoom's licence; what the classes mean and where labels are doubtful
    data/<video>/...       see `clip_files`

Rendering is deterministic: the same settings give the same manifest, whatever the number of processes.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from vidseg.errors import DataError, InputError
from vidseg.files import atomic_file, write_json
from vidseg.render.classes import CLASS_MAP
from vidseg.render.clip_files import decoded_hashes, read_record
from vidseg.render.director import Shot
from vidseg.render.launch import check_resolution
from vidseg.render.maps import MAPS, ClipPlan, Split, plan
from vidseg.render.workers import render_clips

TICS_PER_SECOND = 35
_FORMAT = 1
"""Raised whenever a change of this room changes the rendered content, so that renderings never mix."""

Progress = Callable[[int, int, str], None]
"""Called with (videos finished, videos in all, name of the latest) whenever a video is finished."""


@dataclass(frozen=True, kw_only=True)
class RenderConfig:
    """What to render. The defaults are the benchmark `freedoom-video`.

    Attributes:
        seed: of everything.
        train_clips: videos for training, dealt out to 55 maps.
        val_clips: videos for validation, on 8 other maps.
        frames: per video.
        tics: of the engine's clock (35 a second) between two frames: 3 gives 11.7 frames a second.
        resolution: "WIDTHxHEIGHT", one of the engine's.
        degraded: also write the damaged frames.
        workers: processes; does not change the result.
    """

    seed: int = 0
    train_clips: int = 80
    val_clips: int = 24
    frames: int = 60
    tics: int = 3
    resolution: str = "320x240"
    degraded: bool = True
    workers: int = 1

    def __post_init__(self) -> None:
        for name, least in (("train_clips", 0), ("val_clips", 0), ("frames", 1), ("tics", 1), ("workers", 1)):
            if getattr(self, name) < least:
                raise InputError(f"got {name}={getattr(self, name)}; expected {least} or more")
        if self.seed < 0:
            raise InputError(f"got seed={self.seed}; expected 0 or more")
        if not self.train_clips + self.val_clips:
            raise InputError("got 0 clips in all; expected train_clips or val_clips of 1 or more")

    @property
    def fps(self) -> float:
        """Frames a second."""
        return TICS_PER_SECOND / self.tics

    @property
    def shot(self) -> Shot:
        """How each clip is filmed."""
        return Shot(frames=self.frames, tics=self.tics, resolution=self.resolution)

    def plans(self) -> list[ClipPlan]:
        """All clips, training first."""
        clips: dict[Split, int] = {"train": self.train_clips, "val": self.val_clips}
        return [clip for split in MAPS for clip in plan(split=split, clips=clips[split], seed=self.seed)]


def render(
    out: str | os.PathLike[str], *, config: RenderConfig | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Renders a data set, or what is missing of it.

    Finished videos are kept; an interrupted call leaves only finished ones, and the next goes on from there.
    More clips can be added to a folder later; any other setting must stay.

    Args:
        out: the data set's folder.
        config: what to render.
        progress: told of every finished video.

    Returns:
        The manifest, as written to manifest.json.

    Raises:
        InputError: if `out` holds videos of other settings, or a setting is unknown to the engine.
        MissingExtraError: without vizdoom.
        DataError: if a clip cannot be rendered.
    """
    config = config or RenderConfig()
    out = Path(out)
    check_resolution(config.resolution)
    plans, settings = config.plans(), _settings(config)
    missing = [clip for clip in plans if not _is_finished(out / "data" / clip.name, settings)]
    done = len(plans) - len(missing)
    for name in render_clips(missing, out / "data", config.shot, config.degraded, settings, config.workers):
        done += 1
        if progress:
            progress(done, len(plans), name)
    return _write_index(out, config, plans)


def verify(out: str | os.PathLike[str]) -> list[str]:
    """Names of the videos whose decoded arrays differ from the manifest, damaged or incomplete ones included.

    Raises:
        DataError: if there is no manifest.
    """
    out = Path(out)
    try:
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"got no manifest.json in {out}; expected a rendered data set; render it first") from error
    return [
        name for name, record in manifest["videos"].items() if _hashes_or_none(out / "data" / name) != record["sha256"]
    ]


def _hashes_or_none(folder: Path) -> dict[str, str] | None:
    try:
        return decoded_hashes(folder)
    except OSError:
        return None


def _settings(config: RenderConfig) -> str:
    """Fingerprint of all that changes a video's content, apart from its plan."""
    parts = {
        "format": _FORMAT,
        "seed": config.seed,
        "shot": asdict(config.shot),
        "degraded": config.degraded,
        "vizdoom": version("vizdoom"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _is_finished(folder: Path, settings: str) -> bool:
    record = read_record(folder)
    if record is not None and record["settings"] != settings:
        raise InputError(
            f"got the video {folder}, rendered with other settings or another vizdoom; expected an empty folder "
            "or one of the same settings; choose another output folder or remove this one"
        )
    return record is not None


def _write_index(out: Path, config: RenderConfig, plans: list[ClipPlan]) -> dict[str, Any]:
    records = {}
    for clip in plans:
        record = read_record(out / "data" / clip.name)
        assert record is not None, "render_clips returned before all clips were written"
        records[clip.name] = {key: value for key, value in record.items() if key not in ("name", "settings")}
    settings = asdict(config)
    del settings["workers"]
    manifest = {
        "format": _FORMAT,
        "name": "freedoom-video",
        "config": settings,
        "versions": {name: version(name) for name in ("vizdoom", "numpy", "pillow")},
        "videos": records,
    }
    for split in get_args(Split):
        with atomic_file(out / f"{split}.txt") as temporary:
            names = [clip.name for clip in plans if clip.split == split]
            temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    for name, source in (("NOTICE", "freedoom_notice.txt"), ("README.md", "card.md")):
        with atomic_file(out / name) as temporary:
            temporary.write_bytes((resources.files("vidseg.render") / source).read_bytes())
    write_json(out / "classes.json", {**CLASS_MAP.to_dict(), "fps": config.fps})
    write_json(out / "manifest.json", manifest)
    return manifest
