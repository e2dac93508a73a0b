"""Where the boxes of a container are: mp4 and mov, RIFF (avi, webp), Matroska and WebM, PNG."""

from collections.abc import Iterator

Parts = list[slice]

_PNG = b"\x89PNG\r\n\x1a\n"
_EBML = b"\x1a\x45\xdf\xa3"
_ISO_PARENTS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"edts", b"udta"))
_RIFF_PARENTS = frozenset((b"RIFF", b"LIST"))
# Segment, Cluster, Tracks, TrackEntry, Tags, Cues: all that hold more than one thing of a kind.
_EBML_PARENTS = frozenset((0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0x1254C367, 0x1C53BB6B))


def parts_of(data: bytes) -> list[Parts]:
    """The boxes of every level of a container, level by level; none of anything else."""
    if data.startswith(_PNG):
        return [list(_png(data))]
    if data.startswith(b"RIFF"):
        return _levels(data, slice(0, len(data)), _riff)
    if data.startswith(_EBML):
        return _levels(data, slice(0, len(data)), _ebml)
    if data[4:8] == b"ftyp":
        return _levels(data, slice(0, len(data)), _iso)
    return []


def _levels(data: bytes, inside: slice, boxes) -> list[Parts]:  # type: ignore[no-untyped-def]
    level: Parts = []
    below: list[Parts] = []
    for box, content in boxes(data, inside):
        level.append(box)
        if content is not None:
            below += _levels(data, content, boxes)
    return [level, *below]


def _iso(data: bytes, inside: slice) -> Iterator[tuple[slice, slice | None]]:
    at = inside.start
    while at + 8 <= inside.stop:
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size < 8 or at + size > inside.stop:
            return
        yield slice(at, at + size), slice(at + 8, at + size) if kind in _ISO_PARENTS else None
        at += size


def _riff(data: bytes, inside: slice) -> Iterator[tuple[slice, slice | None]]:
    at = inside.start
    while at + 8 <= inside.stop:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if end > inside.stop:
            return
        yield slice(at, end), slice(at + 12, end) if kind in _RIFF_PARENTS else None
        at = end


def _ebml(data: bytes, inside: slice) -> Iterator[tuple[slice, slice | None]]:
    at = inside.start
    while at < inside.stop and data[at]:
        id_length = 9 - data[at].bit_length()
        name, size_at = int.from_bytes(data[at : at + id_length]), at + id_length
        if size_at >= inside.stop or not data[size_at]:
            return
        size_length = 9 - data[size_at].bit_length()
        value = int.from_bytes(data[size_at : size_at + size_length]) & ((1 << 7 * size_length) - 1)
        begin = size_at + size_length
        # All ones: of unknown size, to the end.
        end = inside.stop if value == (1 << 7 * size_length) - 1 else begin + value
        if end > inside.stop:
            return
        yield slice(at, end), slice(begin, end) if name in _EBML_PARENTS else None
        at = end


def _png(data: bytes) -> Iterator[slice]:
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            return
        yield slice(at, end)
        at = end
