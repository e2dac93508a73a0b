"""Compiled graphs on disk: tracing and translating a model takes seconds, reading the result back half of one.

A graph's file is named by a hash of all that it was made from: weights, structure, shapes, the versions of the packages
and this package's own code. So nothing has to be thrown away when something changes; what was not used for longest goes
when there is too much. Processes may share the folder: files come into their place whole and are checked when read.
"""

import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

from torch import Tensor

from vidseg.errors import VidsegWarning, extra
from vidseg.files import atomic_file
from vidseg.runtime.graph import StepGraph

VARIABLE = "VIDSEG_CACHE"
"""The environment variable that names another folder, or is "off"."""

MOST_BYTES = 2 * 2**30
# Whose modules compute the same for as long as their version is the same; of other code that is not known.
_PACKAGES = ("torch", "torchvision", "timm", "transformers")
_DIGEST_BYTES = 32
_PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class GraphCache:
    """A folder of compiled graphs.

    Attributes:
        folder: is made when something is stored.
        most_bytes: how much is kept, about.
    """

    folder: Path
    most_bytes: int = MOST_BYTES

    def get(self, key: str) -> bytes | None:
        """What was stored under a key; None if nothing was, or if it is damaged."""
        path = self._path(key)
        try:
            digest, blob = (content := path.read_bytes())[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        except OSError:
            return None
        if digest != hashlib.sha256(blob).digest():
            return None
        with suppress(OSError):  # in a folder that may only be read
            os.utime(path)  # was used now
        return blob

    def put(self, key: str, blob: bytes) -> None:
        """Stores a graph in place of what was there, and lets others go where there is too much.

        A folder that cannot be written costs a warning.
        """
        try:
            with atomic_file(self._path(key)) as temporary:
                temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
            self._prune()
        except OSError as error:
            warnings.warn(
                f"got no compiled graph into {self.folder} ({error}), so the next start takes as long; expected a "
                f"folder to write to; name one, or say off: {VARIABLE}=...",
                VidsegWarning,
                stacklevel=2,
            )

    def is_writable(self) -> bool:
        """Whether the folder takes a file; it is made."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self.folder):
                return True
        except OSError:
            return False

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.graph"

    def _prune(self) -> None:
        entries = []
        for path in self.folder.glob("*.graph"):
            with suppress(FileNotFoundError):  # another process was faster
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
        kept = 0
        for _, size, path in sorted(entries, reverse=True):
            kept += size
            if kept > self.most_bytes:
                path.unlink(missing_ok=True)


def user_cache() -> GraphCache | None:
    """The cache of this user, or that of the environment variable `VARIABLE`; None where it says "off"."""
    named = os.environ.get(VARIABLE, "")
    if named.lower() == "off":
        return None
    if named:
        return GraphCache(Path(named))
    with extra("openvino"):
        from platformdirs import user_cache_path
    return GraphCache(user_cache_path("vidseg", appauthor=False) / "graphs")


def fingerprint(graph: StepGraph, example: Sequence[Tensor], facts: Iterable[object]) -> str | None:
    """A name for what a graph compiles to.

    Args:
        graph: of an accelerated model.
        example: its arguments, of the shapes that it is compiled for.
        facts: what else the result depends on, each with a telling ``repr``.

    Returns:
        A hash; None for a model with modules of other packages, which may change while their weights stay.
    """
    roots = {type(module).__module__.partition(".")[0] for module in graph.model.modules()}
    if not roots <= {"vidseg", *_PACKAGES}:
        return None
    digest = hashlib.sha256(_own_code().encode())
    shapes = [(tuple(value.shape), str(value.dtype)) for value in example]
    versions = [(root, version(root)) for root in sorted(roots & {*_PACKAGES} | {"torch"})]
    about = (graph.name, graph.channels_last, shapes, versions, repr(getattr(graph.model, "config", None)), *facts)
    digest.update(repr(about).encode())
    for name, module in graph.model.named_modules():
        plain = sorted((key, value) for key, value in vars(module).items() if _is_plain(value))
        digest.update(repr((name, type(module).__qualname__, plain)).encode())
    for name, tensor in chain(graph.model.named_parameters(), graph.model.named_buffers()):
        digest.update(repr((name, tuple(tensor.shape), str(tensor.dtype))).encode())
        digest.update(tensor.detach().contiguous().numpy().data)
    return digest.hexdigest()


def _is_plain(value: object) -> bool:
    """Whether its ``repr`` tells all of it."""
    return isinstance(value, _PLAIN) or (isinstance(value, tuple | list) and all(map(_is_plain, value)))


@cache
def _own_code() -> str:
    """A hash of this package's source."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
