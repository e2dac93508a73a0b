"""What occurs in mask files that are to be converted: every colour or value with its pixels."""

import os
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from vidseg.data.mask_keys import Key
from vidseg.data.mask_pixels import count_codes, filling_codes
from vidseg.data.mask_sources import MaskFrame, MaskSource
from vidseg.errors import DataError, InputError

Progress = Callable[[int, int], None]

_T = TypeVar("_T")

# Of all pixels.
_RARE = 0.01

# Colours. Masks saved as JPEG have tens of thousands; photos have millions, which would not fit into memory.
_MOST = 1 << 20


@dataclass(kw_only=True)
class Occurrence:
    """One colour or value.

    Attributes:
        pixels: how many hold it.
        frames: how many masks show it.
        example: the first of these.
        fills: it fills 3x3 pixels somewhere, which the colours of anti-aliased edges do not.
    """

    pixels: int
    frames: int
    example: str
    fills: bool


@dataclass(frozen=True, kw_only=True)
class MaskSurvey:
    """What reading all masks brought.

    Attributes:
        frames: those that can be read.
        codes: what occurs in them.
        notes: see `vidseg.data.mask_sources.MaskPixels`.
        failures: (frame, reason) of those that cannot.
    """

    frames: tuple[MaskFrame, ...]
    codes: Mapping[int, Occurrence]
    notes: Counter[str]
    failures: tuple[tuple[MaskFrame, str], ...]

    @cached_property
    def pixels(self) -> int:
        """Pixels of all masks that can be read."""
        return sum(occurrence.pixels for occurrence in self.codes.values())


@dataclass(frozen=True, kw_only=True)
class _Look:
    counts: Counter[int] = field(default_factory=Counter)
    filling: frozenset[int] = frozenset()
    notes: Counter[str] = field(default_factory=Counter)
    failure: str | None = None


def survey_masks(source: MaskSource, progress: Progress | None = None) -> MaskSurvey:
    """Reads all masks; those that cannot be read are left out and named.

    Args:
        source: what to read, and how.
        progress: called with (masks done, masks in all).

    Raises:
        InputError: if there are so many colours that these are photos.
    """

    def look(frame: MaskFrame) -> _Look:
        try:
            pixels = source.read(frame)
        except DataError as error:
            return _Look(failure=str(error))
        filling = filling_codes(pixels.codes) if source.kind == "colour" else set()
        return _Look(counts=count_codes(pixels.codes), filling=frozenset(filling), notes=pixels.notes)

    codes: dict[int, Occurrence] = {}
    notes: Counter[str] = Counter()
    readable: list[MaskFrame] = []
    failures: list[tuple[MaskFrame, str]] = []
    with closing(in_threads(look, source.frames)) as looks:
        for done, (frame, one) in enumerate(zip(source.frames, looks, strict=True), 1):
            if one.failure is not None:
                failures.append((frame, one.failure))
            else:
                readable.append(frame)
                _add(codes, one, frame.files[0])
                notes += one.notes
            if len(codes) > _MOST:
                raise InputError(
                    f"got more than {_MOST:,} colours up to {frame.files[0]}; expected masks, which these are not; "
                    "give their folder, or choose files with --pattern"
                )
            if progress is not None:
                progress(done, len(source.frames))
    return MaskSurvey(frames=tuple(readable), codes=codes, notes=notes, failures=tuple(failures))


def seems_edge(survey: MaskSurvey, code: int) -> bool:
    """Whether a colour is rare and never fills an area, as those of anti-aliased edges and of JPEG are."""
    occurrence = survey.codes[code]
    return not occurrence.fills and occurrence.pixels < _RARE * survey.pixels


def colours_dict(survey: MaskSurvey) -> list[dict[str, Any]]:
    """A JSON-able list of the colours found, by falling number of pixels."""
    ordered = sorted(survey.codes.items(), key=lambda item: (-item[1].pixels, item[0]))
    return [
        {
            "colour": str(Key("colour", code)),
            "hex": f"#{code:06x}",
            "share": occurrence.pixels / survey.pixels,
            "pixels": occurrence.pixels,
            "masks": occurrence.frames,
            "edges_only": seems_edge(survey, code),
            "example": occurrence.example,
        }
        for code, occurrence in ordered
    ]


def in_threads(work: Callable[[MaskFrame], _T], frames: tuple[MaskFrame, ...]) -> Generator[_T]:
    """The results in order, a few at a time: decoding and NumPy leave the interpreter free."""
    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    try:
        todo = iter(frames)
        pending = [pool.submit(work, frame) for frame in islice(todo, 2 * workers)]
        while pending:
            yield pending.pop(0).result()
            pending += [pool.submit(work, frame) for frame in islice(todo, 1)]
    finally:
        pool.shutdown(cancel_futures=True)


def _add(codes: dict[int, Occurrence], one: _Look, example: str) -> None:
    for code, pixels in one.counts.items():
        occurrence = codes.setdefault(code, Occurrence(pixels=0, frames=0, example=example, fills=False))
        occurrence.pixels += pixels
        occurrence.frames += 1
        occurrence.fills |= code in one.filling
