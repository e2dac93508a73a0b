"""Classes that never occur where much is ignored: the sign of masks whose values are not the class ids.

The usual case are masks of 0 and 255 in place of 0 and 1: 255 is the ignore value, so the class is never seen, and a
model that is trained on them learns one class without a word. Rare classes, on the other hand, may well be absent from
a small split. So it counts as wrong when

- fewer than two classes occur, and some pixels are ignored or it is a split to learn from;
- a class of the user's own list never occurs while `ABOUNDING` of all pixels are ignored. (The published lists of VSPW,
  Cityscapes and KITTI-STEP are longer than what a part of the data shows, and their masks have much void.)

Shape letter: K classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidseg.data.mask_advice import conversion_command
from vidseg.data.reading import read_labels
from vidseg.data.records import VideoDataset
from vidseg.errors import DataError

# Of all pixels of the masks. CamVid, whose every class occurs, ignores 4 to 7 percent; a class that hides behind the
# ignore value mostly covers more, and where it is the only second class no share is too small.
ABOUNDING = 0.1

# Masks read before a training, evenly spread over the split.
SAMPLE = 256


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What is wrong with the classes that masks show.

    Attributes:
        what: in words.
        remedy: what to do about it.
        hopeless: fewer than two classes occur, so nothing can be learned.
    """

    what: str
    remedy: str
    hopeless: bool


def judge(
    dataset: VideoDataset, pixels_K: NDArray[np.int64], ignored: int, *, learned: bool, sample: str = ""
) -> Unseen | None:
    """What is wrong with the classes that the masks of a split show; None where nothing is.

    Args:
        dataset: the split.
        pixels_K: labelled pixels of each class.
        ignored: pixels that hold the ignore value, or another that counts as such.
        learned: whether the split is there to be learned from.
        sample: which part of the masks was counted, in words; "" for all.
    """
    classes, total = dataset.class_map, int(pixels_K.sum()) + ignored
    shown = int((pixels_K > 0).sum())
    missing = [name for name, pixels in zip(classes.names, pixels_K, strict=True) if pixels == 0]
    if not missing or not total:
        return None
    hopeless = shown < min(2, classes.num_classes)
    wrong = hopeless and (learned or (ignored > 0 and shown > 0))
    if not wrong and not (dataset.spec.own_classes and ignored >= ABOUNDING * total):
        return None
    names = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
    subject = f"class {names} never occurs" if len(missing) == 1 else f"classes {names} never occur"
    share = f" while the ignore value {classes.ignore} covers {100 * ignored / total:.3g} % of all pixels"
    return Unseen(
        what=f"{subject}{sample}{share if ignored else ''}",
        remedy=_remedy(dataset, missing, hidden=ignored > 0),
        hopeless=hopeless,
    )


def judge_sample(dataset: VideoDataset) -> Unseen | None:
    """The same of a split to learn from, of a sample of its masks.

    Reads until every class was seen, at most `SAMPLE` masks; further ones only while fewer than two classes were seen,
    so that what is called hopeless is. Masks that cannot be read are left to the training, unless all are.

    Raises:
        DataError: if no mask can be read.
    """
    labels = [frame.label for _, frame in dataset.labelled_frames() if frame.label is not None]
    pixels_K = np.zeros(dataset.class_map.num_classes, dtype=np.int64)
    ignored = done = 0
    failure: DataError | None = None
    for path in _spread(labels, SAMPLE):
        if (pixels_K > 0).all() or (done >= SAMPLE and (pixels_K > 0).sum() > 1):
            break
        try:
            labels_HW = read_labels(dataset.tree, path, dataset.spec)
        except DataError as error:
            failure = failure or error
            continue
        done += 1
        known = labels_HW[labels_HW != dataset.class_map.ignore]
        ignored += labels_HW.size - known.size
        pixels_K += np.bincount(known, minlength=len(pixels_K))
    if failure is not None and not done:
        raise failure
    sample = "" if done == len(labels) else f" in {done} of {len(labels)} masks, read as a sample,"
    return judge(dataset, pixels_K, ignored, learned=True, sample=sample)


def _spread(paths: list[str], first: int) -> list[str]:
    """All paths, the first so many of them evenly spread."""
    step = max(1, -(-len(paths) // first))
    return [path for start in range(step) for path in paths[start::step]]


def _remedy(dataset: VideoDataset, missing: list[str], *, hidden: bool) -> str:
    label = next((frame.label for _, frame in dataset.labelled_frames() if frame.label is not None), None)
    otherwise = "label it, or take it from the class list" if len(missing) == 1 else "label them, or shorten the list"
    if not hidden or label is None:
        return otherwise
    classes = dataset.class_map
    two = classes.num_classes == 2 and missing == [classes.names[1]]
    option = "--binary" if two else "--table TABLE"
    command = conversion_command(dataset.tree, label, option)
    values = "" if two else f' (TABLE: a JSON {{"class": value, …}} in which {missing[0]} has {classes.ignore})'
    return f"if {classes.ignore} was meant as {missing[0]}: {command}{values}; if not, {otherwise}"
