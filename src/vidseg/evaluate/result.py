"""What an evaluation hands over: the scores, and everything needed to repeat it."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from vidseg import __version__
from vidseg.data import VideoDataset
from vidseg.metrics import LONG_SIDE

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The scores of a model or of mask files on a data set.

    Attributes:
        scores: what `VideoSegmentationMetrics.compute` returns: protocols, per_class, per_video, confusion.
        source: what was scored: the model with its sha256 and how it was run, or the folder of predictions.
        per_frame: by video, what every frame scores alone: its mIoU, and VC2, its consistency with the frame before
            (see `VideoTally`), None for frames without ground truth; with a flow TC, the share of visible pixels whose
            label moved along from the frame before (see `TemporalTally`).
        dataset: what it was scored on; only videos with ground truth.
        windows: the values of n of VC_n.
        flow: the name of what estimated the motion for TC; None if TC was not taken.
        processes: how many worked at once.
        frames: how many were segmented (of predictions: read).
        seconds: wall time, with reading and scoring, without loading the model: no benchmark.
        date: when it was finished.
    """

    scores: Mapping[str, Any]
    source: Mapping[str, Any]
    per_frame: Mapping[str, Mapping[str, Sequence[float | None]]]
    dataset: VideoDataset
    windows: tuple[int, ...]
    flow: str | None
    processes: int
    frames: int
    seconds: float
    date: datetime

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it; scores are fractions, None where undefined."""
        names = self.dataset.class_map.names
        return {
            "schema_version": SCHEMA_VERSION,
            "date": self.date.isoformat(timespec="seconds"),
            "versions": versions(),
            **self.source,
            "data": self._data(),
            "windows": list(self.windows),
            "temporal_consistency": self._temporal(),
            "processes": self.processes,
            "frames": self.frames,
            "seconds": self.seconds,
            "frames_per_second": self.frames / self.seconds,
            "protocols": self.scores["protocols"],
            "per_class": [
                {"id": index, "name": name, **row}
                for index, (name, row) in enumerate(zip(names, self.scores["per_class"], strict=True))
            ],
            "per_video": self.scores["per_video"],
            "confusion": self.scores["confusion"],
            "per_frame": {row["name"]: self.per_frame[row["name"]] for row in self.scores["per_video"]},
        }

    def _temporal(self) -> dict[str, Any]:
        if self.flow is None:
            return {"absent": "not asked for"}
        return {"flow": self.flow, "long_side": LONG_SIDE}

    def _data(self) -> dict[str, Any]:
        dataset = self.dataset
        return {
            "name": dataset.tree.name,
            "layout": dataset.layout,
            "split": dataset.split,
            "classes": dataset.class_map.to_dict(),
            "videos": len(dataset.videos),
            "frames": sum(len(video.frames) for video in dataset.videos),
            "labelled_frames": sum(1 for _ in dataset.labelled_frames()),
            "left_out_as_damaged": sum(not damage.harmless for damage in dataset.damage),
        }


def versions() -> dict[str, str]:
    """Of what the numbers may depend on."""
    return {
        "vidseg": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)
