"""Running scorers over a split, in this process or several, and merging what they give."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import distributed

from vidseg.data import VideoDataset
from vidseg.errors import InputError
from vidseg.evaluate.processes import dealt_out, score_in_processes
from vidseg.evaluate.result import Evaluation, now
from vidseg.evaluate.scoring import Scorer
from vidseg.metrics import VideoSegmentationMetrics, VideoTally

Progress = Callable[[int, int], None]


def evaluate_with(
    scorer: Scorer,
    make_scorers: Sequence[Callable[[], Scorer]],
    dataset: VideoDataset,
    *,
    windows: Sequence[int],
    flow: str | None,
    source: Mapping[str, Any],
    progress: Progress | None,
) -> Evaluation:
    """Scores every video of a data set; the result does not depend on how many processes share them.

    Args:
        scorer: what works if there is one process: this one.
        make_scorers: one a process; picklable.
        dataset: of videos that all have some ground truth.
        windows: the values of n of VC_n.
        flow: the name of the flow with which the scorers take TC; None if they do not.
        source: what is scored, see `Evaluation`.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: for no process, or values of n that are not different numbers from 1.
        VidsegError: what a scorer raises.
    """
    # This process alone holds all tallies, even where it is one of many that train.
    metrics = VideoSegmentationMetrics(dataset.class_map.num_classes, windows=windows, sync_on_compute=False)
    total = sum(scorer.num_frames(video) for video in dataset.videos)
    done = 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(done, total)

    began = time.perf_counter()
    tallies: Iterable[VideoTally]
    if len(make_scorers) > 1:
        tallies = score_in_processes(make_scorers, dataset.videos, advance)
    else:
        tallies = (scorer.score(video, advance) for video in dataset.videos)
    per_frame = {}
    for tally in tallies:
        metrics.update(tally)
        per_frame[tally.name] = {"mIoU": tally.frame_ious, "VC2": tally.frame_consistencies}
        if tally.temporal is not None:
            per_frame[tally.name]["TC"] = tally.temporal.agreements
    return Evaluation(
        scores=metrics.compute(),
        source=source,
        per_frame=per_frame,
        dataset=dataset,
        windows=tuple(windows),
        flow=flow,
        processes=len(make_scorers),
        frames=total,
        seconds=time.perf_counter() - began,
        date=now(),
    )


def score_together(
    scorer: Scorer, dataset: VideoDataset, *, windows: Sequence[int], progress: Progress | None
) -> Mapping[str, Any]:
    """Scores the videos in all processes of the default process group at once, each a share of them.

    Every process calls it, and gets what one alone would have got.

    Args:
        scorer: of this process.
        dataset: of videos that all have some ground truth; the same in every process.
        windows: the values of n of VC_n.
        progress: called with (frames done, frames in all), both of this process.

    Returns:
        What `VideoSegmentationMetrics.compute` gives.

    Raises:
        VidsegError: what the scorer raises; the other processes then wait in vain, so this one must end.
    """
    # What is gathered must lie where the group's backend reaches it.
    device = torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
    metrics = VideoSegmentationMetrics(dataset.class_map.num_classes, windows=windows).to(device)
    share = dealt_out(dataset.videos, distributed.get_world_size())[distributed.get_rank()]
    total = sum(scorer.num_frames(video) for video in share)
    done = 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(done, total)

    for video in share:
        metrics.update(scorer.score(video, advance))
    with warnings.catch_warnings():
        # A process without a video takes part as well.
        warnings.filterwarnings("ignore", message=".*was called before the ``update`` method.*")
        return metrics.compute()


def limited_processes(processes: int, dataset: VideoDataset) -> int:
    """As many processes as asked for, but no more than videos.

    Raises:
        InputError: for less than one.
    """
    if processes < 1:
        raise InputError(f"got {processes} processes; expected 1 or more")
    return min(processes, len(dataset.videos))
