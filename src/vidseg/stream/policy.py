"""Which past frames serve as references of a frame: pure functions of the frame's number.

A policy is a small value. `references(t)` names the frames, counted from the start of the stream, that frame t is
decoded with, oldest first; none means that it is decoded by itself.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from vidseg.errors import InputError

VSPW_OFFSETS = (9, 6, 3)
# The released evaluation's references of the first frames that have any (cffm.md §5).
_VSPW_START = {3: (0, 1, 2), 4: (0, 2, 3), 5: (0, 2, 4), 6: (0, 2, 4), 7: (0, 3, 5), 8: (0, 3, 6)}


Start = Literal["per_frame", "replicate"]


class Policy(Protocol):
    """Chooses references."""

    @property
    def num_references(self) -> int:
        """How many references a frame has when it has any."""

    @property
    def capacity(self) -> int:
        """How many past frames must be remembered."""

    def references(self, t: int) -> tuple[int, ...]:
        """Frames that frame t looks back to, oldest first, each in [max(0, t - capacity), t - 1]; or ()."""


@dataclass(frozen=True)
class NoReferences:
    """Every frame by itself."""

    num_references = 0
    capacity = 0

    def references(self, t: int) -> tuple[int, ...]:
        """Always none."""
        return ()


@dataclass(frozen=True)
class VSPW:
    """The rule of the released evaluation: 9, 6 and 3 frames back, with a table for the first nine frames."""

    num_references = len(VSPW_OFFSETS)
    capacity = max(VSPW_OFFSETS)

    def references(self, t: int) -> tuple[int, ...]:
        """None for frames 0–2, the table for 3–8, then [t-9, t-6, t-3]."""
        if t >= self.capacity:
            return tuple(t - offset for offset in VSPW_OFFSETS)
        return _VSPW_START.get(t, ())


@dataclass(frozen=True)
class Offsets:
    """A fixed number of frames back.

    Attributes:
        offsets: how far back each reference lies, oldest (largest) first, each 1 or more.
        start: what frames do that do not have all of them yet: "per_frame" decodes them by themselves, "replicate"
            takes the first frame in place of missing ones (the very first frame is always decoded by itself).
    """

    offsets: tuple[int, ...]
    start: Start = "per_frame"

    def __post_init__(self) -> None:
        if not self.offsets or min(self.offsets) < 1 or list(self.offsets) != sorted(self.offsets, reverse=True):
            raise InputError(
                f"got reference offsets {list(self.offsets)}; expected numbers of 1 or more, oldest (largest) first"
            )
        if self.start not in ("per_frame", "replicate"):
            raise InputError(f"got start={self.start!r}; expected 'per_frame' or 'replicate'")

    @property
    def num_references(self) -> int:
        """One an offset."""
        return len(self.offsets)

    @property
    def capacity(self) -> int:
        """The largest offset."""
        return max(self.offsets)

    def references(self, t: int) -> tuple[int, ...]:
        """[t - offset, …], with `start` in force while t is smaller than the largest offset."""
        if t >= self.capacity:
            return tuple(t - offset for offset in self.offsets)
        if t == 0 or self.start == "per_frame":
            return ()
        return tuple(max(0, t - offset) for offset in self.offsets)


def vspw() -> Policy:
    """The rule by which published VSPW figures were made."""
    return VSPW()


def offsets(*frames: int, start: Start = "per_frame") -> Policy:
    """Fixed numbers of frames back, oldest first: ``offsets(9, 6, 3)``."""
    return Offsets(frames, start)


def seconds(*spans: float, fps: float | Fraction, start: Start = "per_frame") -> Policy:
    """Fixed times back, oldest first, for a video of `fps` frames a second: ``seconds(0.6, 0.4, 0.2, fps=30)``.

    Each span is rounded to whole frames, at least one.

    Raises:
        InputError: for a rate or span that is not positive.
    """
    if not fps > 0 or not spans or not all(0 < span < math.inf for span in spans):
        raise InputError(f"got spans {list(spans)} s at {fps} frames/s; expected positive numbers, oldest first")
    return Offsets(tuple(max(1, round(span * float(fps))) for span in spans), start)


def none() -> Policy:
    """Every frame by itself."""
    return NoReferences()


def default_policy(reference_offsets: tuple[int, ...]) -> Policy:
    """The policy that a model was trained for."""
    if not reference_offsets:
        return NoReferences()
    return VSPW() if reference_offsets == VSPW_OFFSETS else Offsets(reference_offsets)


def parse_policy(text: str, fps: float | Fraction | None) -> Policy | None:
    """Reads a policy from the command line.

    Args:
        text: ``auto`` (None, the model's own), ``vspw``, ``none``, ``offsets:9,6,3`` or ``seconds:0.6,0.4,0.2``; the
            latter two with ``:replicate`` at the end, if wanted.
        fps: frame rate of the video, needed for ``seconds``.

    Raises:
        InputError: for anything else.
    """
    kind, *rest = text.split(":")
    start: Start = "replicate" if rest[1:] == ["replicate"] else "per_frame"
    try:
        if not rest:
            return {"auto": None, "vspw": VSPW(), "none": NoReferences()}[kind]
        if kind == "offsets" and rest[1:] in ([], ["replicate"]):
            return offsets(*(int(number) for number in rest[0].split(",")), start=start)
        if kind == "seconds" and rest[1:] in ([], ["replicate"]):
            if fps is None:
                raise InputError(f"got policy {text!r} for a source without a frame rate; give one with --fps")
            return seconds(*(float(number) for number in rest[0].split(",")), fps=fps, start=start)
    except (KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
    raise InputError(
        f"got policy {text!r}; expected auto, vspw, none, offsets:9,6,3 or seconds:0.6,0.4,0.2 "
        "(':replicate' may follow the latter two)"
    )
