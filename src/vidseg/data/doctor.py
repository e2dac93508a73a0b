"""The doctor: reads every file of a data set and says what is wrong and what to do about it."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import chain, combinations, groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidseg.data.checkup import Checkup, check, portions
from vidseg.data.clips import ClipConfig, possible_targets
from vidseg.data.findings import Finding, Report, SplitSummary
from vidseg.data.layouts import find_layout
from vidseg.data.mask_advice import conversion_command, conversion_option, foreign_kind
from vidseg.data.records import VideoDataset, absent_reference
from vidseg.data.trees import Tree, open_tree
from vidseg.data.unseen_classes import judge
from vidseg.errors import DataError
from vidseg.video.redact import redacted

Progress = Callable[[int, int], None]

# Splits that are there to be learned from, by their customary names.
_LEARNED = ("train", "all")


def examine(
    root: str | os.PathLike[str],
    layout: str,
    splits: Sequence[str] = (),
    *,
    clips: ClipConfig | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Reads a data set in full.

    Args:
        root: its folder, or address of a store; see `vidseg.data.trees.open_tree`.
        layout: a name in `vidseg.data.LAYOUTS`.
        splits: which splits; by default all that the root has.
        clips: what training will cut, to find absent references and videos that are too short; by default
            the paper's clips.
        workers: portions read at a time; by default one a processor.
        progress: called with (frames done, frames in all) now and then.

    Raises:
        InputError: if there is no such layout or store.
        MissingExtraError: for a store whose package is not installed.
    """
    reader = find_layout(layout)
    try:
        tree = open_tree(root)
    except DataError as error:
        unreadable = _unreadable(redacted(os.fspath(root)), "", f"cannot be read: {error}")
        return Report(root=unreadable.path, layout=layout, splits=(), findings=(unreadable,))
    if damaged := tuple(_of_tree(tree)):
        return Report(root=tree.root, layout=layout, splits=(), findings=damaged)
    names = tuple(splits) or (reader.splits(tree) if tree.has_folder("") else ())
    findings = [] if names else [_unreadable(tree.root, "", f"holds no split of a {layout} data set")]
    datasets: list[VideoDataset] = []
    for name in names:
        try:
            datasets.append(reader.open_split(tree, name))
        except DataError as error:
            findings.append(_unreadable(tree.root, name, f"cannot be read as {layout}: {error}"))
    summaries = []
    for dataset, checkups in zip(datasets, _check_all(datasets, workers, progress), strict=True):
        pixels_K = _class_pixels(dataset, checkups)
        summaries.append(_summary(dataset, pixels_K))
        findings += _of_listing(dataset)
        findings += (finding for checkup in checkups for finding in checkup.findings)
        findings += _of_sizes(dataset, checkups)
        findings += _of_clips(dataset, clips or ClipConfig())
        findings += _of_foreign_masks(dataset, checkups)
        findings += _of_labels(dataset, pixels_K, sum(checkup.ignored for checkup in checkups))
    findings += _of_overlaps(datasets)
    return Report(root=tree.root, layout=layout, splits=tuple(summaries), findings=tuple(findings))


def _of_tree(tree: Tree) -> Iterator[Finding]:
    """Damage of shards, which would show once more in each of their files; so nothing else is looked at."""
    wrong = [
        Finding(severity="finding", split="", path=path, what=what, remedy=remedy)
        for path, what, remedy in tree.problems()
    ]
    yield from wrong
    if wrong:
        what, remedy = "was not examined further because of this", "run this again when it is put right"
        yield Finding(severity="remark", split="", path=tree.root, what=what, remedy=remedy)


def _check_all(datasets: list[VideoDataset], workers: int | None, progress: Progress | None) -> list[list[Checkup]]:
    """The check-ups of every split, in order."""
    total = sum(len(video.frames) for dataset in datasets for video in dataset.videos)
    done = 0
    # Threads, because decoding and NumPy leave the interpreter free.
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        splits = [[pool.submit(check, portion) for portion in portions(dataset)] for dataset in datasets]
        for future in as_completed(chain.from_iterable(splits)):
            done += len(future.result().portion.frames)
            if progress is not None:
                progress(done, total)
        return [[future.result() for future in split] for split in splits]
    finally:
        pool.shutdown(cancel_futures=True)


def _class_pixels(dataset: VideoDataset, checkups: list[Checkup]) -> NDArray[np.int64]:
    zero = np.zeros(dataset.class_map.num_classes, dtype=np.int64)
    return sum((checkup.pixels_K for checkup in checkups), start=zero)


def _summary(dataset: VideoDataset, pixels_K: NDArray[np.int64]) -> SplitSummary:
    return SplitSummary(
        name=dataset.split,
        videos=len(dataset.videos),
        frames=sum(len(video.frames) for video in dataset.videos),
        labelled_frames=sum(1 for _ in dataset.labelled_frames()),
        class_pixels=dict(zip(dataset.class_map.names, pixels_K.tolist(), strict=True)),
    )


def _of_listing(dataset: VideoDataset) -> Iterator[Finding]:
    for damage in dataset.damage:
        yield Finding(
            severity="remark" if damage.harmless else "finding",
            split=dataset.split,
            path=damage.path,
            what=damage.what,
            remedy=damage.remedy,
        )
    if not dataset.videos:
        yield _about(dataset, "finding", "has no video in it", "fill the split or don't use it")


def _of_sizes(dataset: VideoDataset, checkups: list[Checkup]) -> Iterator[Finding]:
    for name, group in groupby(checkups, key=lambda checkup: checkup.portion.video.name):
        sizes = {size: path for checkup in group for size, path in checkup.sizes.items()}
        if len(sizes) > 1:
            found = ", ".join(f"{height}x{width}" for height, width in sorted(sizes))
            yield Finding(
                severity="finding",
                split=dataset.split,
                path=list(sizes.values())[-1],
                what=f"is of another size than other frames of video {name} ({found})",
                remedy="resize the frames or split the video",
            )


def _of_clips(dataset: VideoDataset, clips: ClipConfig) -> Iterator[Finding]:
    offsets, unit = clips.reference_offsets, clips.unit or dataset.spec.reference_unit
    if unit == "seconds" and any(video.rate is None for video in dataset.videos):
        yield _about(
            dataset, "finding", "has no frame rate for offsets in seconds", 'add "fps" to classes.json or use frames'
        )
        return
    for video in dataset.videos:
        if missing := absent_reference(video, offsets, unit):
            yield Finding(
                severity="finding",
                split=dataset.split,
                path=missing,
                what=f"is absent, but a reference of the labelled frame of {video.name}",
                remedy="get the complete sequences, or train without references",
            )
        elif any(video.timeline.labelled) and not possible_targets(video.timeline, offsets, unit):
            yield Finding(
                severity="remark",
                split=dataset.split,
                path=video.frames[0].image,
                what=f"and the other frames of {video.name} give no clip: no labelled one has references {offsets}",
                remedy="nothing, or use smaller reference offsets",
            )


def _of_foreign_masks(dataset: VideoDataset, checkups: list[Checkup]) -> Iterator[Finding]:
    paths = [path for checkup in checkups for path in checkup.foreign]
    if paths:
        first = dataset.tree.source(paths[0])
        labelled = sum(1 for _ in dataset.labelled_frames())
        what = f"and {len(paths) - 1} more of {labelled} masks are" if len(paths) > 1 else "is"
        yield Finding(
            severity="finding",
            split=dataset.split,
            path=paths[0],
            what=f"{what} of type {foreign_kind(first)}; expected a PNG of class ids, with a palette or grey",
            remedy=conversion_command(dataset.tree, paths[0], conversion_option(first)),
        )


def _of_labels(dataset: VideoDataset, pixels_K: NDArray[np.int64], ignored: int) -> Iterator[Finding]:
    frames = sum(len(video.frames) for video in dataset.videos)
    labelled = sum(1 for _ in dataset.labelled_frames())
    if frames and not labelled:
        yield _about(dataset, "remark", "has no masks", "nothing for a test split; it can be neither learnt nor scored")
    elif labelled < frames:
        yield _about(dataset, "remark", f"has masks for {labelled} of {frames} frames", "nothing if this is meant")
    missing = [name for name, pixels in zip(dataset.class_map.names, pixels_K, strict=True) if pixels == 0]
    if unseen := judge(dataset, pixels_K, ignored, learned=dataset.split in _LEARNED):
        yield _about(dataset, "finding", unseen.what, unseen.remedy)
    elif labelled and missing:
        shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        yield _about(
            dataset, "remark", f"never shows {len(missing)} of the classes ({shown})", "nothing if this is meant"
        )


def _of_overlaps(datasets: list[VideoDataset]) -> Iterator[Finding]:
    for one, other in combinations(datasets, 2):
        for name in sorted({video.name for video in one.videos} & {video.name for video in other.videos}):
            yield _about(
                other,
                "finding",
                f"shares video {name} with split {one.split}",
                "keep it in one of them, or scores are too high",
            )


def _about(dataset: VideoDataset, severity: Literal["remark", "finding"], what: str, remedy: str) -> Finding:
    return Finding(
        severity=severity,
        split=dataset.split,
        path=dataset.root,
        what=f"(split {dataset.split}) {what}",
        remedy=remedy,
    )


def _unreadable(root: str, split: str, what: str) -> Finding:
    return Finding(
        severity="unreadable", split=split, path=root, what=what, remedy="give the data set's root and its layout"
    )
