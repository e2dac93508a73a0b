"""The video that is timed: a real one where there is one, brought to the size asked for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from vidseg.bench.sizes import Size
from vidseg.data import VideoDataset, frames_with_labels, open_dataset
from vidseg.types import RGB
from vidseg.video import read_video

# Decoded frames are kept in memory, about 1.2 MB each at 480p.
KEPT = 48


@dataclass(frozen=True, kw_only=True, eq=False)
class Footage:
    """Frames that are shown forwards, backwards, forwards and so on: without end and without a cut.

    Attributes:
        images: one or more, all of one size.
        source: where they come from, for the report.
    """

    images: tuple[RGB, ...]
    source: str

    def __iter__(self) -> Iterator[RGB]:
        while True:
            yield from self.images
            yield from self.images[-2:0:-1]


def open_footage(video: str | os.PathLike[str] | None, size: Size) -> Footage:
    """The first frames of a video, resized to `size`.

    Args:
        video: what `read_video` reads; None for the bundled sample or, where a package lacks it, a made video.
        size: (height, width).

    Raises:
        MediaError: if it cannot be read.
    """
    sample = Path(str(resources.files("vidseg"))) / "assets" / "sample"
    if video is not None:
        with read_video(video) as reader:
            images = _resized((frame.image for frame in reader), size)
            # Where it lies on this machine is nobody's business.
            return Footage(images=images, source=Path(reader.info.name).name)
    if sample.is_dir():
        return replace(footage_of(open_dataset(sample, "folder", "all"), size), source="the bundled sample")
    return drifting(size)


def footage_of(dataset: VideoDataset, size: Size | None) -> Footage:
    """The first frames of a data set's first video.

    Args:
        dataset: of one or more videos.
        size: (height, width) that they are resized to; None for their own.

    Raises:
        DataError: if a file is missing or damaged.
    """
    video = dataset.videos[0]
    images = (frame.image for frame, _ in frames_with_labels(video, dataset.spec))
    first = next(images)
    shown = size or (first.shape[0], first.shape[1])
    return Footage(images=_resized(chain((first,), images), shown), source=f"{dataset.tree.name}, video {video.name}")


def drifting(size: Size, seed: int = 0) -> Footage:
    """A made scene of coloured blocks at several scales that drifts past, with noise of its own in every frame."""
    rng = np.random.default_rng(seed)
    height, width = size[0] + KEPT, size[1] + 2 * KEPT
    scene = np.zeros((height, width, 3))
    for side in (128, 32, 8):
        blocks = rng.uniform(-70, 70, (height // side + 1, width // side + 1, 3))
        scene += blocks.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
    images = []
    for t in range(KEPT):
        view = scene[t : t + size[0], 2 * t : 2 * t + size[1]] + rng.normal(128, 5, (*size, 3))
        images.append(view.clip(0, 255).astype(np.uint8))
    return Footage(images=tuple(images), source="a made video of drifting blocks")


def _resized(images: Iterator[RGB], size: Size) -> tuple[RGB, ...]:
    return tuple(_resize(image, size) for image in islice(images, KEPT))


def _resize(image_HW3: RGB, size: Size) -> RGB:
    if image_HW3.shape[:2] == size:
        return image_HW3
    image_13HW = torch.from_numpy(image_HW3.copy()).permute(2, 0, 1)[None]
    resized = F.interpolate(image_13HW, size=size, mode="bilinear", align_corners=False, antialias=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())
