"""Scoring one video: what a model, or someone's mask files, say of it, against its ground truth.

A scorer gives a tally for each video and needs nothing of other videos, so processes can share them in any way.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
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
from vidseg.flow import FlowEstimator, flow_estimator
from vidseg.metrics import TemporalConsistency, VideoTally
from vidseg.models import VideoModel
from vidseg.stream import prefetch
from vidseg.types import RGB, Frame, Labels
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

    Frames without ground truth are segmented too, because later ones look back at them, and count for TC; those after
    the last frame with ground truth are not.

    Args:
        model: in eval mode with class map and preprocessing, or what `vidseg.load` finds.
        config: how it is run.
        spec: of the data set.
        windows: the values of n of VC_n.
        flow: the name of what estimates the motion for TC; None leaves TC out.

    Raises:
        InputError: if the model's classes are not the data set's, or for an unknown flow.
        MissingExtraError: if a package that the flow needs is not installed.
    """

    def __init__(
        self,
        model: VideoModel | str | os.PathLike[str],
        config: EngineConfig,
        spec: DatasetSpec,
        windows: Sequence[int],
        flow: str | None = None,
    ) -> None:
        self.model = load(model, preprocessing=config.preprocessing) if isinstance(model, str | os.PathLike) else model
        self.engines = Engines(self.model, config)
        self._spec = spec
        self._windows = tuple(windows)
        self._flow = None if flow is None else flow_estimator(flow)
        if self.model.class_map is not None:  # else the segmenter says what is missing
            require_same_classes(self.model.class_map, spec.class_map)

    def score(self, video: VideoRecord, advance: Advance) -> VideoTally:
        """See `Scorer.score`.

        Raises:
            DataError: if a file is missing or damaged, or frames of the video differ in size.
        """
        engine = self.engines.engine(video)
        tally = VideoTally(video.name, self._spec.class_map.num_classes, self._windows)
        temporal = _temporal(self._flow, self._spec)
        targets: deque[Labels | None] = deque()

        def frames() -> Iterator[Frame]:
            for frame, target_HW in islice(frames_with_labels(video, self._spec), self.num_frames(video)):
                targets.append(target_HW)
                yield frame

        with closing(prefetch(frames())) as ahead:
            try:
                for segmentation in engine.segment(ahead, prior=self.engines.prior(video)):
                    target_HW = targets.popleft()
                    if target_HW is None:
                        tally.skip()
                    else:
                        tally.update(segmentation.labels, target_HW)
                    if temporal is not None:
                        temporal.update(segmentation.frame.image, segmentation.labels)
                    advance(1)
            except StateError as error:
                raise DataError(f"{error}; in video {video.name}") from error
        return _completed(tally, temporal, video)

    def num_frames(self, video: VideoRecord) -> int:
        """All up to the last one with ground truth."""
        return _labelled_length(video)


class PredictionScorer:
    """Reads mask files of class ids, ``<video>/<frame>.png``, wherever there is ground truth.

    TC looks at the frames as well, and takes the files of frames without ground truth before the last one with it, if
    they are there: so it is that of the model that wrote them.

    Args:
        directory: of the files.
        spec: of the data set.
        windows: the values of n of VC_n.
        flow: the name of what estimates the motion for TC; None leaves TC out.

    Raises:
        InputError: for an unknown flow.
        MissingExtraError: if a package that the flow needs is not installed.
    """

    def __init__(self, directory: Path, spec: DatasetSpec, windows: Sequence[int], flow: str | None = None) -> None:
        self._directory = directory
        self._spec = spec
        self._windows = tuple(windows)
        self._flow = None if flow is None else flow_estimator(flow)

    def score(self, video: VideoRecord, advance: Advance) -> VideoTally:
        """See `Scorer.score`.

        Raises:
            DataError: if a file is missing or damaged, of another size than the ground truth, or holds something
                else than class ids.
        """
        tally = VideoTally(video.name, self._spec.class_map.num_classes, self._windows)
        temporal = _temporal(self._flow, self._spec)
        with closing(self._frames(video)) as frames:
            for record, (image_HW3, target_HW) in zip(video.frames[: _labelled_length(video)], frames, strict=False):
                path = prediction_path(self._directory, video, record)
                try:
                    self._count(tally, temporal, path, image_HW3, target_HW)
                except MediaError as error:
                    raise DataError(f"{error}; segment the video anew") from error
                except InputError as error:
                    raise DataError(f"{error}; in the prediction {path}") from error
                if target_HW is not None:
                    advance(1)
        return _completed(tally, temporal, video)

    def num_frames(self, video: VideoRecord) -> int:
        """Those with ground truth."""
        return sum(frame.label is not None for frame in video.frames)

    def _frames(self, video: VideoRecord) -> Generator[tuple[RGB | None, Labels | None]]:
        """Of every frame its image, if TC needs it, and its ground truth, if there is any."""
        if self._flow is None:
            for record in video.frames:
                yield None, None if record.label is None else read_labels(video.tree, record.label, self._spec)
            return
        with closing(prefetch(frames_with_labels(video, self._spec))) as ahead:
            for frame, target_HW in ahead:
                yield frame.image, target_HW

    @staticmethod
    def _count(
        tally: VideoTally,
        temporal: TemporalConsistency | None,
        path: Path,
        image_HW3: RGB | None,
        target_HW: Labels | None,
    ) -> None:
        is_there = target_HW is not None or (temporal is not None and path.exists())
        prediction_HW = read_mask(path) if is_there else None
        if prediction_HW is None or target_HW is None:
            tally.skip()
        else:
            tally.update(prediction_HW, target_HW)
        if temporal is None:
            return
        if prediction_HW is None or image_HW3 is None:
            temporal.skip()
        else:
            temporal.update(image_HW3, prediction_HW)


def prediction_path(directory: Path, video: VideoRecord, frame: FrameRecord) -> Path:
    """Where the prediction of a frame is expected."""
    return directory / video.name / f"{frame.name}.png"


def _labelled_length(video: VideoRecord) -> int:
    """How many frames there are up to the last one with ground truth."""
    return 1 + max(index for index, frame in enumerate(video.frames) if frame.label is not None)


def _temporal(flow: FlowEstimator | None, spec: DatasetSpec) -> TemporalConsistency | None:
    return None if flow is None else TemporalConsistency(spec.class_map.num_classes, flow)


def _completed(tally: VideoTally, temporal: TemporalConsistency | None, video: VideoRecord) -> VideoTally:
    for _ in range(len(video.frames) - tally.frames):
        tally.skip()
        if temporal is not None:
            temporal.skip()
    tally.temporal = None if temporal is None else temporal.tally
    return tally
