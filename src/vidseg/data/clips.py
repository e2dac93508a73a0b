"""Clip arithmetic: which frames make a training clip, from numbers alone; no files, no pixels.

A clip is its target frame and, before it, the reference frames: those that lie the configured offsets
earlier, or later in a video that is played backwards. Positions count a video's frames from 0 in the order
of the list.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from vidseg.errors import DataError, InputError

OffsetUnit = Literal["list", "frame", "seconds"]


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """Which clips a data set is cut into; the defaults are the paper's for VSPW (cffm.md §6).

    Attributes:
        reference_offsets: how far before the target each reference lies, farthest first; () for no references.
        unit: of the offsets: places in the list of frames, frame numbers (of the file names), or seconds; None
            for the one that the data set's layout names.
        per: an epoch has one clip a video with a target drawn anew, or one for every frame that can be a target.
        reverse_probability: of playing a video backwards, so that its references come from later frames.
        frames: what of a clip becomes a sample: the whole clip (T frames); its target alone (T = 1), for a
            per-frame model on the very same targets; or each of its frames as a sample of its own (T = 1).
        seed: of every draw, with the epoch and the sample's index.
    """

    reference_offsets: tuple[float, ...] = (9, 6, 3)
    unit: OffsetUnit | None = None
    per: Literal["video", "frame"] = "video"
    reverse_probability: float = 0.5
    frames: Literal["clip", "target", "each"] = "clip"
    seed: int = 0

    def __post_init__(self) -> None:
        offsets = self.reference_offsets
        if any(offset <= 0 for offset in offsets) or list(offsets) != sorted(set(offsets), reverse=True):
            raise InputError(
                f"got reference_offsets={offsets}; expected positive offsets, the farthest first, e.g. (9, 6, 3)"
            )
        if self.unit not in ("list", "frame", "seconds", None):
            raise InputError(f"got unit={self.unit!r}; expected 'list', 'frame' or 'seconds'")
        if self.unit != "seconds" and any(offset != int(offset) for offset in offsets):
            raise InputError(f"got reference_offsets={offsets} with unit={self.unit!r}; expected whole numbers")
        if self.per not in ("video", "frame"):
            raise InputError(f"got per={self.per!r}; expected 'video' or 'frame'")
        if not 0 <= self.reverse_probability <= 1:
            raise InputError(f"got reverse_probability={self.reverse_probability}; expected 0 to 1")
        if self.frames not in ("clip", "target", "each"):
            raise InputError(f"got frames={self.frames!r}; expected 'clip', 'target' or 'each'")
        if self.seed < 0:
            raise InputError(f"got seed={self.seed}; expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What clip arithmetic needs to know of a video.

    Attributes:
        numbers: the frames' numbers, ascending.
        labelled: which frames have a label.
        rate: frame numbers a second; None where it is not known.
    """

    numbers: tuple[int, ...]
    labelled: tuple[bool, ...]
    rate: float | None = None

    def __post_init__(self) -> None:
        assert len(self.numbers) == len(self.labelled)

    def __len__(self) -> int:
        return len(self.numbers)


def reference_positions(
    timeline: Timeline, target: int, offsets: tuple[float, ...], unit: OffsetUnit, *, reverse: bool = False
) -> tuple[int | None, ...]:
    """The positions of a target's references, one an offset; None for a frame that the video does not have.

    Seconds are matched to the nearest frame on the reference's side of the target; a reference more than
    half a frame beyond the video's end does not exist.

    Raises:
        DataError: if the unit is seconds and the timeline has no rate.
    """
    if unit == "seconds" and timeline.rate is None:
        raise DataError(
            "got reference offsets in seconds for a data set without frame rate; "
            "expected its frame numbers per second: add \"fps\" to classes.json or use unit 'list' or 'frame'"
        )
    direction = 1 if reverse else -1
    return tuple(_FINDERS[unit](timeline, target, direction * offset) for offset in offsets)


def _place_in_list(timeline: Timeline, target: int, shift: float) -> int | None:
    position = target + int(shift)
    return position if 0 <= position < len(timeline) else None


def _place_of_number(timeline: Timeline, target: int, shift: float) -> int | None:
    number = timeline.numbers[target] + int(shift)
    position = bisect_left(timeline.numbers, number)
    return position if position < len(timeline) and timeline.numbers[position] == number else None


def _place_in_time(timeline: Timeline, target: int, shift: float) -> int | None:
    assert timeline.rate is not None
    numbers = timeline.numbers
    wanted = numbers[target] + shift * timeline.rate
    candidates = range(target) if shift < 0 else range(target + 1, len(numbers))
    if not candidates:
        return None
    # Half the usual distance of two frames: what rounding a time to the nearest frame may cost.
    slack = (numbers[-1] - numbers[0]) / (len(numbers) - 1) / 2
    if not numbers[0] - slack <= wanted <= numbers[-1] + slack:
        return None
    return min(candidates, key=lambda position: abs(numbers[position] - wanted))


_FINDERS: dict[OffsetUnit, Callable[[Timeline, int, float], int | None]] = {
    "list": _place_in_list,
    "frame": _place_of_number,
    "seconds": _place_in_time,
}


def possible_targets(
    timeline: Timeline, offsets: tuple[float, ...], unit: OffsetUnit, *, reverse: bool = False
) -> tuple[int, ...]:
    """The positions of all labelled frames whose references exist, in one direction of play."""
    return tuple(
        target
        for target in range(len(timeline))
        if timeline.labelled[target]
        and None not in reference_positions(timeline, target, offsets, unit, reverse=reverse)
    )


def sample_generator(*key: int) -> torch.Generator:
    """The generator of one sample, by whole numbers such as (seed, epoch, index).

    It is unlike that of any other key, zeros at the end apart.
    """
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def draw_direction(config: ClipConfig, generator: torch.Generator) -> bool:
    """Draws whether a video is played backwards."""
    return float(torch.rand((), generator=generator)) < config.reverse_probability


def draw_target(targets: tuple[int, ...], generator: torch.Generator) -> int:
    """Draws one of the targets, all alike."""
    return targets[int(torch.randint(len(targets), (), generator=generator))]
