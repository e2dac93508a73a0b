"""Packs a data set: writes what `vidseg.data.packing.plan` planned, shard by shard, and at last the index."""

import hashlib
import io
import json
import os
import posixpath
import tarfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidseg.data.class_files import CLASS_PLACES
from vidseg.data.layouts import find_layout, read_split
from vidseg.data.packing.members import whole_blocks
from vidseg.data.packing.plan import PlannedShard, plan_shards
from vidseg.data.trees import Tree, open_tree
from vidseg.data.trees.index import INDEX_FILE, Location, Shard, ShardIndex
from vidseg.errors import DataError, InputError
from vidseg.files import parse_json
from vidseg.places import Place, place_of
from vidseg.video.redact import redacted

# What is finished, while the index is not: the plan's digest and the shards.
_BEGUN_FILE = "shards.begun.json"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class PackReport:
    """What was packed.

    Attributes:
        out: where to.
        videos: of every split.
        frames: of every split.
        files: in the shards.
        shards: the tar files, in order.
        kept: how many of them an interrupted packing had finished.
    """

    out: str
    videos: dict[str, int]
    frames: dict[str, int]
    files: int
    shards: tuple[Shard, ...]
    kept: int

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able copy."""
        return asdict(self)


def pack(
    root: str | os.PathLike[str],
    layout: str,
    out: str | os.PathLike[str],
    *,
    splits: Sequence[str] = (),
    shard_size: int = 10**9,
    progress: Progress | None = None,
) -> PackReport:
    """Packs the images, masks, lists and class list of a data set; what listing it leaves out as damaged is left out.

    Equal data make equal bytes. Shards appear whole or not at all, the index last. When it is interrupted, the same
    call goes on after the last finished shard.

    Args:
        root: of the data set, see `vidseg.data.open_dataset`.
        layout: a name in `vidseg.data.LAYOUTS`.
        out: a new or empty folder, here or in a store that fsspec knows.
        splits: which splits; by default all that the root has.
        shard_size: the most bytes that a shard may have.
        progress: called with (files done, files in all).

    Raises:
        InputError: if `out` holds something else, or a shard cannot hold one frame.
        DataError: if the data set cannot be read, or changes meanwhile.
        MissingExtraError: for a store whose package is not installed.
        OSError: if something cannot be written.
    """
    reader = find_layout(layout)
    tree, place = open_tree(root), place_of(out)
    names = tuple(splits) or reader.splits(tree)
    if not names:
        raise DataError(f"got {tree.root}, which holds no split of a {layout} data set; expected its root")
    datasets = [read_split(tree, layout, name) for name in names]
    planned, texts = plan_shards(datasets, shard_size), _texts(tree, names)
    digest = _digest(planned, tree)
    begun = _begun(place, digest, redacted(os.fspath(out)))
    total, done = sum(len(shard.members) for shard in planned), 0
    shards: list[Shard] = []
    kept = 0
    for number, shard in enumerate(planned):
        if number < len(begun) and _is_there(place, begun[number]):
            shards.append(begun[number])
            kept += 1
        else:
            shards.append(_write_shard(tree, shard, place))
            _write_json(place.child(_BEGUN_FILE), {"plan": digest, "shards": [asdict(one) for one in shards]})
        done += len(shard.members)
        if progress is not None:
            progress(done, total)
    index = ShardIndex(name=tree.name, texts=texts, shards=tuple(shards), folders=_folders(tree, planned))
    place.child(INDEX_FILE).write(index.to_json())
    place.child(_BEGUN_FILE).remove_file()
    return PackReport(
        out=redacted(os.fspath(out)),
        videos={dataset.split: len(dataset.videos) for dataset in datasets},
        frames={dataset.split: sum(len(video.frames) for video in dataset.videos) for dataset in datasets},
        files=total,
        shards=tuple(shards),
        kept=kept,
    )


def _digest(planned: Sequence[PlannedShard], tree: Tree) -> str:
    """Of what an interrupted packing must have had in common to be gone on with."""
    plan = [
        (shard.name, [(one.name, one.address, one.size, tree.version(one.address)) for one in shard.members])
        for shard in planned
    ]
    return hashlib.sha256(json.dumps(plan).encode()).hexdigest()


def _begun(place: Place, digest: str, out: str) -> list[Shard]:
    """The shards that the same packing finished before it was interrupted.

    Raises:
        InputError: if something else is there.
    """
    if place.exists() and not place.is_folder():
        raise InputError(f"got {out}, which is a file; expected a new or empty folder; do: name another")
    found = place.files()
    if INDEX_FILE in found:
        raise InputError(f"got {out}, which holds shards already; expected a new folder; do: name another")
    if _BEGUN_FILE in found:
        try:
            record = parse_json(place.child(_BEGUN_FILE).read().decode())
            plan, shards = record["plan"], [Shard(**shard) for shard in record["shards"]]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"got {out}, whose {_BEGUN_FILE} is damaged ({error}); expected what an interrupted packing left; do: "
                "remove the folder or name another"
            ) from error
        if plan != digest:
            raise InputError(
                f"got {out}, where a packing of other files or options was begun; expected the same, or a new "
                "folder; do: remove it or name another"
            )
        return shards
    # Of a first shard that was interrupted nothing is left but, after `kill -9`, a hidden file.
    if others := [name for name in found if not name.startswith(".")]:
        raise InputError(f"got {out}, which holds {others[0]}; expected a new or empty folder; do: name another")
    return []


def _is_there(place: Place, shard: Shard) -> bool:
    try:
        return place.child(shard.name).size() == shard.bytes
    except FileNotFoundError:
        return False


def _write_shard(tree: Tree, planned: PlannedShard, place: Place) -> Shard:
    with place.child(planned.name).written() as path:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for member in planned.members:
                content = tree.read(member.address)
                if len(content) != member.size:
                    raise DataError(
                        f"got {len(content)} bytes from {member.address}; expected the {member.size} that it had; "
                        "do: pack when nobody writes to the data set"
                    )
                tar.addfile(member.header, io.BytesIO(content))
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Shard(name=planned.name, bytes=path.stat().st_size, sha256=sha256)


def _folders(tree: Tree, planned: Sequence[PlannedShard]) -> dict[str, dict[str, Location]]:
    """Where every file lies, by its folder and name in the data set."""
    folders: dict[str, dict[str, Location]] = defaultdict(dict)
    for number, shard in enumerate(planned):
        end = 0
        for member in shard.members:
            end += member.tar_bytes
            folder, name = posixpath.split(tree.path(member.address))
            folders[folder][name] = number, end - whole_blocks(member.size), member.size
    return dict(sorted(folders.items()))


def _texts(tree: Tree, splits: Sequence[str]) -> dict[str, str]:
    """The lists of the splits, and the class lists."""
    places = [f"{split}.txt" for split in splits] + list(CLASS_PLACES)
    texts = {}
    for address in (tree.address(place) for place in places if tree.has_file(place)):
        try:
            texts[tree.path(address)] = tree.read(address).decode()
        except UnicodeDecodeError as error:
            raise DataError(f"got {address}, which is no text in UTF-8 ({error}); do: save it as such") from error
    return texts


def _write_json(place: Place, value: Any) -> None:
    place.write(json.dumps(value, indent=1).encode())
