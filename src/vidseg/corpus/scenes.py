"""Where a long video may be cut without changing what a stream that forgets at scene cuts would see."""

from collections.abc import Iterable

from vidseg.corpus.units import Part
from vidseg.stream import CutDetector
from vidseg.types import Frame


def parts_at_cuts(frames: Iterable[Frame], shortest: float, detector: CutDetector) -> tuple[Part, ...]:
    """The parts of a video between scene cuts, as short as is allowed.

    Args:
        frames: of the video, all that are wanted of it, with times.
        shortest: seconds that a part lasts at least, but for the last.
        detector: sees the cuts.

    Returns:
        At least one. Borders lie between two frames, so that rounding moves no frame over one.
    """
    borders: list[float] = []
    before: Frame | None = None
    seen = None
    for frame in frames:
        thumbnail = detector.thumbnail(frame.image)
        if before is not None and before.time is not None and frame.time is not None and seen is not None:
            lasted = frame.time - (borders[-1] if borders else 0.0)
            if lasted >= shortest and (before.size != frame.size or detector.is_cut(seen, thumbnail)):
                borders.append((before.time + frame.time) / 2)
        before, seen = frame, thumbnail
    ends = [None, *borders, None]
    return tuple(Part(index=index, start=ends[index], end=ends[index + 1]) for index in range(len(borders) + 1))
