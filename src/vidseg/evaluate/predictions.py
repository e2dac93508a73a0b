"""Evaluating mask files that anything may have made: ``DIR/<video>/<frame>.png``, class ids."""

import os
from collections.abc import Sequence
from functools import partial
from glob import iglob
from pathlib import Path

from vidseg.data import VideoDataset
from vidseg.errors import DataError
from vidseg.evaluate.model import WINDOWS
from vidseg.evaluate.result import Evaluation
from vidseg.evaluate.running import Progress, evaluate_with, limited_processes
from vidseg.evaluate.scoring import PredictionScorer, prediction_path
from vidseg.evaluate.videos import labelled_videos, select_videos


def evaluate_predictions(
    directory: str | os.PathLike[str],
    dataset: VideoDataset,
    *,
    videos: Sequence[str] | None = None,
    windows: Sequence[int] = WINDOWS,
    flow: str | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Scores mask files on a data set's split, without any model.

    Args:
        directory: holds ``<video>/<frame>.png`` (palette or grey, the ground truth's size, values = class ids) for
            every frame with ground truth. Files of frames without are allowed, and looked at for TC only.
        dataset: from `vidseg.data.open_dataset`, the whole split: files that belong to none of its frames are errors.
        videos: names of those to be scored; None for all.
        windows: the values of n of VC_n.
        flow: the name of what estimates the motion for TC, temporal consistency (`vidseg.flow.ESTIMATORS`); None leaves
            TC out, which is not free (see `vidseg.metrics.TemporalConsistency`).
        processes: how many share the videos.
        progress: called with (frames done, frames in all).

    Raises:
        DataError: if a prediction is missing, damaged, of another size or no class ids, or belongs to no frame.
        InputError: for an unknown video or an option that cannot be used.
        MissingExtraError: if a package that the flow needs is not installed.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise DataError(f"got no folder {directory}; expected one with <video>/<frame>.png in it")
    chosen = labelled_videos(dataset if videos is None else select_videos(dataset, videos))
    _check_inventory(directory, dataset, chosen)
    make_scorer = partial(PredictionScorer, directory, chosen.spec, tuple(windows), flow)
    make_scorers = [make_scorer] * limited_processes(processes, chosen)
    source = {"predictions": directory.resolve().name}
    return evaluate_with(
        make_scorer(), make_scorers, chosen, windows=windows, flow=flow, source=source, progress=progress
    )


def _check_inventory(directory: Path, dataset: VideoDataset, chosen: VideoDataset) -> None:
    """Compares all names before anything is read: a long run should not end at its last video."""
    known = {prediction_path(directory, video, frame) for video in dataset.videos for frame in video.frames}
    # Unlike Path.rglob, it goes through links to folders.
    found = {directory / name for name in iglob("**/*.png", root_dir=directory, recursive=True)}
    needed = {prediction_path(directory, video, frame) for video, frame in chosen.labelled_frames()}
    if missing := sorted(needed - found):
        raise DataError(
            f"got no prediction {missing[0]} ({len(missing)} of {len(needed)} are missing); expected "
            "<video>/<frame>.png for every frame with ground truth; write them, or choose --videos"
        )
    if surplus := sorted(found - known):
        raise DataError(
            f"got prediction {surplus[0]}, which belongs to no frame of split {dataset.split} ({len(surplus)} such "
            "files); expected <video>/<frame>.png by the names of the data set; rename or remove it"
        )
