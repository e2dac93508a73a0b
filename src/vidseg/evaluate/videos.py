"""Which videos of a split are evaluated, and whether all that they need is there."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from vidseg.data import VideoDataset
from vidseg.data.records import absent_reference
from vidseg.errors import DataError, InputError
from vidseg.stream import Policy


def select_videos(dataset: VideoDataset, names: Sequence[str]) -> VideoDataset:
    """The data set with some of its videos only, in its own order.

    Raises:
        InputError: for a name that it does not have.
    """
    known = [video.name for video in dataset.videos]
    for name in names:
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            hint = f"did you mean '{nearest[0]}'?" if nearest else f"it has {', '.join(known[:5])}, …"
            raise InputError(f"got video '{name}'; expected one of split {dataset.split} of {dataset.root}; {hint}")
    return replace(dataset, videos=tuple(video for video in dataset.videos if video.name in set(names)))


def labelled_videos(dataset: VideoDataset) -> VideoDataset:
    """The data set without videos that have no ground truth at all.

    Raises:
        DataError: if none has any.
    """
    videos = tuple(video for video in dataset.videos if any(frame.label is not None for frame in video.frames))
    if not videos:
        raise DataError(
            f"got no mask in split {dataset.split} of {dataset.root}; expected ground truth to score against; "
            "use a split that has some"
        )
    return replace(dataset, videos=videos)


def require_references(dataset: VideoDataset, policy: Policy) -> None:
    """Checks that layouts which promise the frames around every labelled one keep their word.

    Elsewhere references are places in a video's list, and a frame that is not listed is not missed.

    Raises:
        DataError: naming a reference that is not there.
    """
    late = policy.capacity
    offsets = tuple(late - reference for reference in policy.references(late))
    for video in dataset.videos:
        if missing := absent_reference(video, offsets, dataset.spec.reference_unit):
            raise DataError(
                f"got no file {missing}, a reference of the labelled frame of {video.name}; expected all frames around "
                "labelled ones; get the sequences, or give --policy none"
            )
