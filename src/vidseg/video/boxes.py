"""How many samples an mp4 claims, counted without FFmpeg, which makes room for all of them before it looks for one.

The boxes are those of ISO/IEC 14496-12; sizes and counts are big-endian.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

_FIRST = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"sidx"})
_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
_DEEPEST = 5  # moov, trak, mdia, minf, stbl
# Where the number of samples stands, from the beginning of the box's content on.
_COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4}
# So many are no burden, whatever the file's size. Beyond, a picture takes a byte at least; of compressed sound, which
# may be counted by the sample, there are up to six in a byte.
_HARMLESS = 1_000_000
_SAMPLES_A_BYTE = 8


def claims_too_many_samples(path: str | os.PathLike[str]) -> int | None:
    """The number of samples that an mp4 file claims, if it is more than its bytes can hold; else None."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(4)
            if file.read(4) not in _FIRST:
                return None
            claimed = sum(_samples(file, 0, end, _DEEPEST))
    except OSError:
        return None  # opening it for good says why
    return claimed if claimed > max(_HARMLESS, end * _SAMPLES_A_BYTE) else None


def _samples(file: BinaryIO, begin: int, end: int, depth: int) -> Iterator[int]:
    for kind, content, after in _boxes(file, begin, end):
        if kind in _PARENTS and depth:
            yield from _samples(file, content, after, depth - 1)
        elif kind in _COUNTS:
            file.seek(content + _COUNTS[kind])
            if len(field := file.read(4)) == 4:
                yield int.from_bytes(field, "big")


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its content begins, where it ends) of each box in a stretch of the file."""
    while begin + 8 <= end:
        file.seek(begin)
        size, kind = struct.unpack(">I4s", file.read(8))
        content = begin + 8
        if size == 1:
            size, content = int.from_bytes(file.read(8), "big"), content + 8
        after = end if size == 0 else begin + size
        if after < content:
            return
        yield kind, content, min(after, end)
        begin = after
