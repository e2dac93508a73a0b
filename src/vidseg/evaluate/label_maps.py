"""The label maps that were scored, once more, for those who want to see them: from mask files or from the model."""

import os
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Protocol

from vidseg.checkpoints import load
from vidseg.data import frames_with_labels
from vidseg.data.records import DatasetSpec, VideoRecord
from vidseg.errors import DataError, StateError
from vidseg.evaluate.classes import require_same_classes
from vidseg.evaluate.engines import EngineConfig, Engines
from vidseg.evaluate.scoring import prediction_path
from vidseg.models import VideoModel
from vidseg.stream import prefetch
from vidseg.types import Labels
from vidseg.video import read_labels


class LabelMaps(Protocol):
    """Gives the label maps of any video of a data set."""

    def labels(self, video: VideoRecord, stop: int) -> Generator[Labels | None]:
        """HxW class ids of a video's first frames; None for a frame that has no prediction.

        Args:
            video: any of the data set.
            stop: how many frames.
        """


class ModelLabels:
    """What a model gives, streamed as `evaluate_model` does it.

    Args:
        model: in eval mode with class map and preprocessing, or what `vidseg.load` finds.
        config: how it is run.
        spec: of the data set.

    Raises:
        InputError: if the model's classes are not the data set's.
    """

    def __init__(self, model: VideoModel | str | os.PathLike[str], config: EngineConfig, spec: DatasetSpec) -> None:
        loaded = load(model, preprocessing=config.preprocessing) if isinstance(model, str | os.PathLike) else model
        if loaded.class_map is not None:  # else the segmenter says what is missing
            require_same_classes(loaded.class_map, spec.class_map)
        self._engines = Engines(loaded, config)
        self._spec = spec

    def labels(self, video: VideoRecord, stop: int) -> Generator[Labels | None]:
        """See `LabelMaps.labels`.

        Raises:
            DataError: if a file is missing or damaged, or frames of the video differ in size.
        """
        frames = (frame for frame, _ in islice(frames_with_labels(video, self._spec), stop))
        with closing(prefetch(frames)) as ahead:
            try:
                for segmentation in self._engines.engine(video).segment(ahead, prior=self._engines.prior(video)):
                    yield segmentation.labels
            except StateError as error:
                raise DataError(f"{error}; in video {video.name}") from error


class PredictedLabels:
    """What stands in mask files, ``<video>/<frame>.png``.

    Args:
        directory: of the files.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    def labels(self, video: VideoRecord, stop: int) -> Generator[Labels | None]:
        """See `LabelMaps.labels`.

        Raises:
            MediaError: if a file is damaged.
        """
        for frame in video.frames[:stop]:
            path = prediction_path(self._directory, video, frame)
            yield read_labels(path) if path.exists() else None
