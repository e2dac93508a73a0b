"""Which kind of tree an address names."""

import os
from pathlib import Path

from vidseg.data.trees.contract import Tree
from vidseg.data.trees.index import INDEX_FILE
from vidseg.data.trees.local import LocalTree
from vidseg.errors import DataError
from vidseg.video.redact import redacted


def open_tree(root: str | os.PathLike[str]) -> Tree:
    """The files of a data set.

    Args:
        root: a folder of this machine, or an address of fsspec (``s3://bucket/set``, ``memory://set``, …); in either,
            the data set's files as its layout has them, or shards and their index.

    Raises:
        InputError: for an unknown store.
        MissingExtraError: for a store whose package is not installed.
        DataError: if a store cannot be read, or the index of shards is damaged.
    """
    text = os.fspath(root)
    if "://" in text or "::" in text:
        return _in_store(text)
    folder = str(Path(text))
    if not os.path.isfile(os.path.join(folder, INDEX_FILE)):
        return LocalTree(folder)
    from vidseg.data.trees.shards import ShardTree
    from vidseg.places import place_of

    return ShardTree(place_of(os.path.abspath(folder)), folder)


def _in_store(address: str) -> Tree:
    # Late, with fsspec, which a folder of this machine does not need.
    from vidseg.data.trees.shards import ShardTree
    from vidseg.data.trees.store import StoreTree
    from vidseg.places import place_of

    place = place_of(address)
    if place.local is not None:
        return open_tree(place.local)
    root = redacted(address).rstrip("/")
    try:
        if place.child(INDEX_FILE).exists():
            return ShardTree(place, root)
        return StoreTree(place, root)
    except OSError as error:
        raise DataError(
            f"got {root}, which cannot be read ({error or type(error).__name__}); expected a data set "
            "there, and credentials in the environment or the store's own files; do: list it with the store's tool"
        ) from error
