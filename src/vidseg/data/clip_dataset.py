"""Training samples: clips of a data set, cut and augmented by (seed, epoch, index) alone.

Shape letters: T frames of a clip (the references, farthest first, then the target), H, W height and width.
"""

import warnings
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vidseg.data.clips import (
    ClipConfig,
    OffsetUnit,
    draw_direction,
    draw_target,
    possible_targets,
    reference_positions,
    sample_generator,
)
from vidseg.data.reading import read_frames, read_labels_of
from vidseg.data.records import VideoDataset, VideoRecord, absent_reference
from vidseg.errors import DataError, VidsegWarning

ClipTransform = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


class ClipSample(NamedTuple):
    """One training sample, or with a leading B axis a batch of them (torch's default collate keeps the type).

    Attributes:
        clip: T3HW float32 RGB, 0–255, the target last.
        labels: THW int64 class ids, all ignore for frames without label.
        video: the video's name.
        frame: the target frame's name.
    """

    clip: Tensor
    labels: Tensor
    video: str
    frame: str


class ClipDataset(Dataset[ClipSample]):
    """Clips of one split for training.

    A sample depends on (seed, epoch, index) and the files alone, whatever worker or process asks for it. An
    index is a number, in the epoch last given to `set_epoch`, or a pair (epoch, number): for samplers that
    run on over epochs, and for persistent workers, which don't hear of `set_epoch`.

    Args:
        dataset: where the clips come from.
        config: which clips.
        transform: from (T3HW uint8, THW integer labels, generator) to the final (clip, labels), e.g.
            `vidseg.transforms.pipeline.ClipAugmentation`; None converts the dtypes only.

    Raises:
        DataError: if no video has a target with all its references, or a reference that the layout promises
            is absent.
    """

    def __init__(self, dataset: VideoDataset, config: ClipConfig, transform: ClipTransform | None = None) -> None:
        self.dataset = dataset
        self.config = config
        self.transform = transform
        self.unit: OffsetUnit = config.unit or dataset.spec.reference_unit
        self.epoch = 0
        sources = [self._source(video) for video in dataset.videos]
        self._sources = [source for source in sources if source.forward]
        self._refuse_or_warn([source.video.name for source in sources if not source.forward])
        per_video = [len(source.forward) if config.per == "frame" else 1 for source in self._sources]
        self._clip_ends = list(accumulate(per_video))
        self._parts = len(config.reference_offsets) + 1 if config.frames == "each" else 1

    def __len__(self) -> int:
        return self._clip_ends[-1] * self._parts

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of samples that are asked for by number alone."""
        self.epoch = epoch

    def __getitem__(self, index: int | tuple[int, int]) -> ClipSample:
        """Draws, reads and augments one sample.

        Raises:
            DataError: if a file is missing, damaged, or of another size than the rest of its clip.
        """
        epoch, number = index if isinstance(index, tuple) else (self.epoch, index)
        if not 0 <= number < len(self):
            raise IndexError(f"got sample {number}; expected 0 to {len(self) - 1}")
        clip_number, part = divmod(number, self._parts)
        generator = sample_generator(self.config.seed, epoch, clip_number)
        video, positions = self._draw_clip(clip_number, generator)
        match self.config.frames:
            case "clip":
                pass
            case "target":
                positions = positions[-1:]
            case "each":
                positions = positions[part : part + 1]
                # 1 + part, because a key with a 0 at its end is the key without it.
                generator = sample_generator(self.config.seed, epoch, clip_number, 1 + part)
        clip, labels = self._read(video, positions)
        if self.transform is None:
            clip, labels = clip.float(), labels.long()
        else:
            clip, labels = self.transform(clip, labels, generator)
        return ClipSample(clip, labels, video.name, video.frames[positions[-1]].name)

    def _draw_clip(self, clip_number: int, generator: torch.Generator) -> tuple[VideoRecord, tuple[int, ...]]:
        """The video and positions of a clip, in order of play; backwards only where references exist there."""
        place = bisect_right(self._clip_ends, clip_number)
        video, forward, backward = self._sources[place]
        reverse = draw_direction(self.config, generator)
        if self.config.per == "video":
            reverse = reverse and bool(backward)
            target = draw_target(backward if reverse else forward, generator)
        else:
            target = forward[clip_number - self._clip_ends[place]]
            reverse = reverse and target in backward
        references = reference_positions(
            video.timeline, target, self.config.reference_offsets, self.unit, reverse=reverse
        )
        return video, (*(position for position in references if position is not None), target)

    def _read(self, video: VideoRecord, positions: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """T3HW uint8 images and THW labels (uint8, or int32 for more than 255 classes)."""
        images = read_frames(video, positions)
        if len({image.shape for image in images}) > 1:
            sizes = ", ".join(sorted({f"{image.shape[0]}x{image.shape[1]}" for image in images}))
            raise DataError(
                f"got frames of several sizes in video {video.name} ({sizes}); expected one size a video; "
                "resize them or split the video"
            )
        height, width = images[0].shape[:2]
        class_map = self.dataset.class_map
        # Not uint16, which few of torch's operations know.
        dtype = np.uint8 if class_map.dtype is np.uint8 else np.int32
        labels_THW = np.full((len(positions), height, width), class_map.ignore, dtype=dtype)
        for row, position in enumerate(positions):
            labels = read_labels_of(video, video.frames[position], (height, width), self.dataset.spec)
            if labels is not None:
                labels_THW[row] = labels
        clip_THW3 = torch.from_numpy(np.stack(images))
        return clip_THW3.permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels_THW)

    def _source(self, video: VideoRecord) -> "_Source":
        offsets, unit = self.config.reference_offsets, self.unit
        if missing := absent_reference(video, offsets, unit):
            raise DataError(
                f"got no reference frame {missing}; expected the frames {offsets} before every labelled one; "
                "get the complete sequences, or train without references"
            )
        backward = self.config.reverse_probability > 0
        return _Source(
            video=video,
            forward=possible_targets(video.timeline, offsets, unit),
            backward=possible_targets(video.timeline, offsets, unit, reverse=True) if backward else (),
        )

    def _refuse_or_warn(self, unused: list[str]) -> None:
        if not unused:
            return
        needed = f"a labelled frame with references {self.config.reference_offsets} (unit {self.unit!r}) before it"
        if not self._sources:
            raise DataError(
                f"got no clip from {len(unused)} video(s) of {self.dataset.root}, e.g. {unused[0]}; expected "
                f"{needed}; use smaller reference_offsets"
            )
        warnings.warn(
            f"{len(unused)} video(s) give no clip, e.g. {unused[0]}: they lack {needed}",
            VidsegWarning,
            stacklevel=3,
        )


class _Source(NamedTuple):
    """A video and its possible targets in both directions of play."""

    video: VideoRecord
    forward: tuple[int, ...]
    backward: tuple[int, ...]
