"""Which videos a corpus has: what is found in folders, by patterns, and in lists of addresses, in any store.

A video is a file, or a folder that has images directly in it. Each has a name of its own, by which its outputs are
found: its path below what it was found by.
"""

import hashlib
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from vidseg.errors import InputError, extra
from vidseg.places import Place, place_of
from vidseg.stream.ledger import Identity, source_identity
from vidseg.video.redact import redacted
from vidseg.video.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES

_LISTS = (".txt", ".list")
_TABLE = ".parquet"
_COLUMN = "uri"
# What a video is called whose address has no name.
_NAMELESS = "video"


@dataclass(frozen=True, kw_only=True, eq=False)
class Video:
    """One video of a corpus.

    Attributes:
        place: where it lies.
        name: by which its outputs are found; may have slashes.
        size: bytes; 0 where unknown.
        images: of a folder of images, the names of the images; None for a file.
    """

    place: Place
    name: str
    size: int
    images: tuple[str, ...] | None = None

    @property
    def uri(self) -> str:
        """What it is called in messages, tables and manifests; without secrets."""
        return self.place.uri

    def identity(self) -> Identity | None:
        """By what it is recognised as the same, unchanged video.

        Raises:
            OSError: if it is gone.
        """
        if self.place.local is not None:
            return source_identity(str(self.place.local))
        places = [self.place] if self.images is None else [self.place.child(name) for name in self.images]
        keys = [place.version() for place in places]
        return {"files": len(keys), "keys": hashlib.sha256("\n".join(keys).encode()).hexdigest()}


def find_videos(
    inputs: Sequence[str],
    *,
    column: str | None = None,
    names: Mapping[str, str] | None = None,
    out: Place | None = None,
) -> list[Video]:
    """The videos of a corpus, each once, in the order of the inputs and in each by name.

    Args:
        inputs: video files, folders that are searched to any depth, quoted patterns (``**`` for any depth), text files
            of one address a line (``.txt``, ``.list``; ``#`` begins a comment), Parquet files with a column of them.
        column: of Parquet files; None for "uri", or the only column of texts.
        names: that videos have already, by `Video.uri`; the others get none of these.
        out: where outputs go, which are no inputs even where they lie below one.

    Raises:
        InputError: for an input that does not exist or holds no video, addresses that differ in secrets alone, or a
            store that does not answer.
        MissingExtraError: for a Parquet file without pyarrow.
    """
    found: dict[str, Video] = {}
    for text in inputs:
        videos = [video for video in _found_by(text, column) if out is None or not out.holds(video.place)]
        if not videos:
            raise InputError(f"got {redacted(text)}, which holds no video; expected video files or folders of images")
        for video in videos:
            if found.setdefault(video.uri, video).place.path != video.place.path:
                raise InputError(
                    f"got {video.uri} twice, with another user, password or query; expected addresses that differ "
                    "elsewhere, because these are kept secret"
                )
    return _with_names_of_their_own(list(found.values()), names or {})


def _found_by(text: str, column: str | None) -> list[Video]:
    place = place_of(text)
    if any(character in place.path for character in "*?[") and not place.exists():
        matches = place.matches()
        files = [match for match in matches if match.suffix not in IMAGE_SUFFIXES]
        root = _fixed_part(place.path)
        return [video for match in files for video in _below(match, root)]
    if not place.exists():
        raise InputError(f"got input {redacted(text)}, which does not exist; expected a video, folder, pattern or list")
    if not place.is_folder() and place.suffix in (*_LISTS, _TABLE):
        addresses = _column_of(place, column) if place.suffix == _TABLE else _lines_of(place)
        return _listed(addresses)
    return _below(place, place.path if place.is_folder() else posixpath.dirname(place.path))


def _below(place: Place, root: str) -> list[Video]:
    """The videos at and below a place, named by their paths below `root`."""
    if not place.is_folder():
        return [_video(place, root, _size(place))]
    files = {name: size for name, size in place.files().items() if not _is_hidden(name)}
    videos = [_video(place.child(name), root, size) for name, size in files.items() if _suffix(name) in VIDEO_SUFFIXES]
    folders: dict[str, dict[str, int]] = {}
    for name, size in files.items():
        if _suffix(name) in IMAGE_SUFFIXES:
            folder, _, image = name.rpartition("/")
            folders.setdefault(folder, {})[image] = size
    for folder, images in folders.items():
        where = place.child(folder) if folder else place
        videos.append(replace(_video(where, root, sum(images.values())), images=tuple(images)))
    return sorted(videos, key=lambda video: video.name)


def _size(place: Place) -> int:
    try:
        return place.size()
    except OSError:  # gone, or unreadable: its turn will tell
        return 0


def _video(place: Place, root: str, size: int) -> Video:
    above, parts = _parts(root), _parts(place.bare_path)
    if parts[: len(above)] == above:
        parts = parts[len(above) :]
    # No part may lead out of the folder of outputs.
    below = PurePosixPath(*[part for part in parts or [place.name] if part not in ("", "..")] or [_NAMELESS])
    stem = below.with_suffix("") if below.suffix.lower() in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES) else below
    return Video(place=place, name=stem.as_posix(), size=size)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _listed(addresses: Sequence[str]) -> list[Video]:
    """Of a long list nothing is asked that a name tells: what does not exist shows when it is its turn."""
    places = [place_of(address) for address in addresses]
    folders: dict[int, list[str]] = {}  # by store; fsspec has one object for one store
    for place in places:
        folders.setdefault(id(place.fs), []).append(posixpath.dirname(place.bare_path))
    roots = {store: posixpath.commonpath(paths) for store, paths in folders.items()}
    videos = []
    for place in places:
        root = roots[id(place.fs)]
        if place.is_web or place.suffix in VIDEO_SUFFIXES:
            videos.append(_video(place, root, 0 if place.local is None else _size(place)))
        else:
            videos.extend(_below(place, root))
    return videos


def _lines_of(place: Place) -> list[str]:
    try:
        lines = place.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"got list {place.uri}, which is no text ({error}); expected one address a line") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _column_of(place: Place, column: str | None) -> list[str]:
    with extra("corpus"):
        import pyarrow as pa
        from pyarrow import parquet
    with place.fetched() as path:
        try:
            schema = parquet.read_schema(path)
            texts = [
                field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
            ]
            wanted = column or (_COLUMN if _COLUMN in texts or len(texts) != 1 else texts[0])
            if wanted not in texts:
                raise InputError(
                    f"got {place.uri} without a column {wanted!r} of texts; expected one of "
                    f"{', '.join(texts) or 'some'}; do: name it with --column"
                )
            values = parquet.read_table(path, columns=[wanted])[wanted].to_pylist()
        except pa.ArrowInvalid as error:
            raise InputError(f"got {place.uri}, which is no Parquet file ({error}); expected one") from error
    return [value for value in values if value]


def _with_names_of_their_own(videos: Sequence[Video], known: Mapping[str, str]) -> list[Video]:
    """The videos, those without a known name renamed where two would share one, or one lie in another's folder."""
    taken = set(known.values())
    counts = Counter(known.get(video.uri, video.name) for video in videos)
    counts.update(name for uri, name in known.items() if uri not in {video.uri for video in videos})
    folders = {parent.as_posix() for name in counts for parent in PurePosixPath(name).parents}
    named = []
    for video in videos:
        name = known.get(video.uri, video.name)
        if video.uri not in known:
            mark = hashlib.sha256(video.uri.encode()).hexdigest()[:8]
            if counts[name] > 1 or name in folders:
                name = f"{name}-{mark}"
            for parent in map(PurePosixPath.as_posix, PurePosixPath(name).parents):
                if parent in taken:
                    name = f"{parent}-{mark}{name.removeprefix(parent)}"
        named.append(replace(video, name=name))
    return named


def _fixed_part(pattern: str) -> str:
    folder = posixpath.dirname(pattern)
    while any(character in folder for character in "*?["):
        folder = posixpath.dirname(folder)
    return folder


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))
