"""What is known of a video before its first frame is segmented, for models that use such a prior."""

from collections.abc import Iterable
from itertools import compress
from typing import TYPE_CHECKING

from vidseg.models import State
from vidseg.types import RGB, Frame

if TYPE_CHECKING:
    from vidseg.stream.segmenter import Segmenter


def video_prior(segmenter: "Segmenter", frames: Iterable[Frame | RGB], num_frames: int | None = None) -> State | None:
    """The prior of a whole video, from frames spread over it: ``segmenter.segment(frames, prior=...)``.

    Args:
        segmenter: whose model it is for.
        frames: all frames of the video, in order; a video reader, for one. What can be read but once is used up.
        num_frames: how many there are; None to count them, for which they are read once more.

    Returns:
        Tensors by name, with a batch of one; None for a model that makes no prior, or a video without frames.
    """
    count = segmenter.prior_frames
    if not count:
        return None
    total = sum(1 for _ in frames) if num_frames is None else num_frames
    wanted = set(spread(total, count))
    images = compress(frames, (index in wanted for index in range(total)))
    return segmenter.make_prior(image.image if isinstance(image, Frame) else image for image in images)


def spread(num_frames: int, count: int) -> list[int]:
    """Numbers of `count` frames spread over a video: ⌊(i + 0.5) · ⌊num_frames / count⌋⌋; all of a shorter one."""
    stride = num_frames // count
    return [int((index + 0.5) * stride) for index in range(count)] if stride else list(range(num_frames))
