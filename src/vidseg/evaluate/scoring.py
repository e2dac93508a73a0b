"""Scoring one video: what a model, or someone's mask files, say of it, against its ground truth.

A scorer gives a tally for each video and needs nothing of other videos, so processes can share them in any way.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Protocol

from vidseg.checkpoints import load
from vidseg.data.reading import frames_with_labels, read_labels
from vidseg.data.records import DatasetSpec, FrameRecord, VideoRecord
from vidseg.errors import DataError, InputError, MediaError, StateError
from vidseg.evaluate.classes import require_same_classes
from vidseg.evaluate.engines import EngineConfig, Engines
from vidseg.metrics import VideoTally
from vidseg.models import VideoModel
from vidseg.stream import prefetch
from vidseg.types import Frame, Labels
from vidseg.video import read_labels as read_mask

Advance = Callable[[int], None]


class Scorer(Protocol):
    """Scores videos one by one."""

    def score(self, video: VideoRecord, advance: Advance) -> VideoTally:
        """The tally of one video.

        Args:
            video: has at least one frame with ground truth.
            advance: told of every so many frames done.
        """

    def num_frames(self, video: VideoRecord) -> int:
        """How many frames of it are worked on."""


class ModelScorer:
    """Streams videos through a model.

    Frames without ground truth are segmented too, because later ones look back at them; those after the last frame
    with ground truth are not.

    Args:
        model: in eval mode with class map and preprocessing, or what `vidseg.load` finds.
        config: how it is run.
        spec: of the data set.
        windows: the values of n of VC_n.

    Raises:
        InputError: if the model's classes are not the data set's.
    """

    def __init__(
        self,
        model: VideoModel | str | os.PathLike[str],
        config: EngineConfig,
        spec: DatasetSpec,
        windows: Sequence[int],
    ) -> None:
        self.model = load(model, preprocessing=config.preprocessing) if isinstance(model, str | os.PathLike) else model
        self.engines = Engines(self.model, config)
        self._spec = spec
        self._windows = tuple(windows)
        if self.model.class_map is not None:  # else the segmenter says what is missing
            require_same_classes(self.model.class_map, spec.class_map)

    def score(self, video: VideoRecord, advance: Advance) -> VideoTally:
        """See `Scorer.score`.

        Raises:
            DataError: if a file is missing or damaged, or frames of the video differ in size.
        """
        engine = self.engines.engine(video)
        tally = VideoTally(video.name, self._spec.class_map.num_classes, self._windows)
        targets: deque[Labels | None] = deque()

        def frames() -> Iterator[Frame]:
            for frame, target_HW in islice(frames_with_labels(video, self._spec), self.num_frames(video)):
                targets.append(target_HW)
                yield frame

        with closing(prefetch(frames())) as ahead:
            try:
                for segmentation in engine.segment(ahead):
                    target_HW = targets.popleft()
                    if target_HW is None:
                        tally.skip()
                    else:
                        tally.update(segmentation.labels, target_HW)
                    advance(1)
            except StateError as error:
                raise DataError(f"{error}; in video {video.name}") from error
        return _completed(tally, video)

    def num_frames(self, video: VideoRecord) -> int:
        """All up to the last one with ground truth."""
        return 1 + max(index for index, frame in enumerate(video.frames) if frame.label is not None)


class PredictionScorer:
    """Reads mask files of class ids, ``<video>/<frame>.png``, wherever there is ground truth.

    Args:
        directory: of the files.
        spec: of the data set.
        windows: the values of n of VC_n.
    """

    def __init__(self, directory: Path, spec: DatasetSpec, windows: Sequence[int]) -> None:
        self._directory = directory
        self._spec = spec
        self._windows = tuple(windows)

    def score(self, video: VideoRecord, advance: Advance) -> VideoTally:
        """See `Scorer.score`.

        Raises:
            DataError: if a file is missing or damaged, of another size than the ground truth, or holds something
                else than class ids.
        """
        tally = VideoTally(video.name, self._spec.class_map.num_classes, self._windows)
        for frame in video.frames:
            if frame.label is None:
                tally.skip()
                continue
            path = prediction_path(self._directory, video, frame)
            target_HW = read_labels(frame.label, self._spec)
            try:
                tally.update(read_mask(path), target_HW)
            except MediaError as error:
                raise DataError(f"{error}; segment the video anew") from error
            except InputError as error:
                raise DataError(f"{error}; in the prediction {path}") from error
            advance(1)
        return tally

    def num_frames(self, video: VideoRecord) -> int:
        """Those with ground truth."""
        return sum(frame.label is not None for frame in video.frames)


def prediction_path(directory: Path, video: VideoRecord, frame: FrameRecord) -> Path:
    """Where the prediction of a frame is expected."""
    return directory / video.name / f"{frame.name}.png"


def _completed(tally: VideoTally, video: VideoRecord) -> VideoTally:
    for _ in range(len(video.frames) - tally.frames):
        tally.skip()
    return tally
