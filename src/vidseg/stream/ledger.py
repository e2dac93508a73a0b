"""Which inputs were segmented completely, with this very model and these very settings, so that they can be left out.

Beside the first output of an input lies its record, written last: what the source, the model, the settings and the
outputs were. An input counts as done while all of that is as it was; a name by itself proves nothing. The record goes
before its outputs are made anew, so a run that was killed on the way leaves none.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidseg.files import recover, write_json
from vidseg.models import VideoModel
from vidseg.stream.outputs import PathLike
from vidseg.video.images import images_in, images_like
from vidseg.video.sources import source_kind

_FORMAT = 1
_END = 2**16  # bytes that are read of either end of a file

Identity = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What an earlier run made of an input.

    Attributes:
        frames: how many were segmented.
        problems: what was amiss, one line each.
    """

    frames: int
    problems: tuple[str, ...]


class Conditions:
    """What outputs depend on besides their source.

    Args:
        model: as `vidseg.load` returns it.
        settings: whatever else the outputs depend on: JSON-able values by the names that users know them by.
    """

    def __init__(self, model: VideoModel, settings: Mapping[str, Any]) -> None:
        self._model = model_digest(model)
        self._settings = json.loads(json.dumps(dict(settings)))

    def to_dict(self) -> dict[str, Any]:
        """What a record holds of them."""
        return {"model": self._model, "settings": self._settings}

    def difference(self, record: Mapping[str, Any], source: Identity | None) -> str:
        """Why outputs would be others now than when a record of them was made, in a few words; empty if not.

        Args:
            record: with ``source``, ``model`` and ``settings``.
            source: as it is now.

        Raises:
            KeyError, TypeError, AttributeError: if the record lacks something.
        """
        if record["source"] != source:
            return "the source is another or was changed"
        if record["model"] != self._model:
            return "the model is another"
        for name in sorted({*record["settings"], *self._settings}):
            before, now = record["settings"].get(name), self._settings.get(name)
            if before != now:
                return f"{name} is {_shown(now)} and was {_shown(before)}"
        return ""


class Ledger:
    """The records of one model with one choice of settings.

    Args:
        model: as `vidseg.load` returns it.
        settings: whatever else the outputs depend on: JSON-able values by the names that users know them by.
    """

    def __init__(self, model: VideoModel, settings: Mapping[str, Any]) -> None:
        self._conditions = Conditions(model, settings)

    def look_up(self, source: str, outputs: Sequence[PathLike]) -> Done | str:
        """What was made of an input if that is all there, else the reason why not in a few words.

        The reason is empty if nothing was made of it yet.

        Raises:
            InputError: if the source does not exist.
        """
        path = record_path(outputs)
        try:
            record = json.loads(path.read_bytes())
            if record["format"] != _FORMAT:
                return "its record is of another version of vidseg"
            return self._difference(record, source, outputs) or Done(
                frames=int(record["frames"]), problems=tuple(map(str, record["problems"]))
            )
        except FileNotFoundError:
            return "it has no record of being complete" if any(map(os.path.exists, outputs)) else ""
        except (ValueError, TypeError, KeyError, AttributeError):
            return f"its record {path} cannot be read"

    def begin(self, source: str, outputs: Sequence[PathLike]) -> Identity | None:
        """Notes that these outputs are about to be made: from now on they are not complete.

        Returns:
            What `complete` is to be given: the source as it is now.

        Raises:
            InputError: if the source does not exist.
        """
        path = record_path(outputs)
        for place in (path, *outputs):
            recover(place)
        path.unlink(missing_ok=True)
        return source_identity(source)

    def complete(self, identity: Identity | None, outputs: Sequence[PathLike], done: Done) -> None:
        """Notes that these outputs are complete; of a live source that means nothing, and nothing is noted."""
        if identity is None:
            return
        path = record_path(outputs)
        write_json(
            path,
            {
                "format": _FORMAT,
                "source": identity,
                **self._conditions.to_dict(),
                "outputs": {_name(output, path): output_identity(output) for output in outputs},
                "frames": done.frames,
                "problems": list(done.problems),
            },
        )

    def _difference(self, record: dict[str, Any], source: str, outputs: Sequence[PathLike]) -> str:
        if difference := self._conditions.difference(record, source_identity(source)):
            return difference
        for output in outputs:
            before = record["outputs"].get(_name(output, record_path(outputs)))
            if before is None:
                return f"{os.fspath(output)} was not among its outputs"
            if not os.path.exists(output):
                return f"{os.fspath(output)} is gone"
            if before != output_identity(output):
                return f"{os.fspath(output)} is not as it was written"
        return ""


def record_path(outputs: Sequence[PathLike]) -> Path:
    """Where the record of an input with these outputs lies."""
    first = Path(os.path.abspath(outputs[0]))
    return first.with_name(f".{first.name}.done.json")


def model_digest(model: VideoModel) -> str:
    """Tells apart models that may give different labels or colours: weights, sizes, classes, preprocessing."""
    digest = hashlib.sha256()
    assert model.class_map is not None
    assert model.preprocessing is not None
    about = [type(model).__name__, repr(model.config), model.class_map.to_dict(), model.preprocessing.to_dict()]
    digest.update(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def source_identity(source: str) -> Identity | None:
    """By what a source is recognised; None for cameras and URLs, which are never the same again."""
    match source_kind(source):
        case "camera" | "url":
            return None
        case "folder":
            return _listing([(path.name, path) for path in images_in(Path(source))], times=True)
        case "glob":
            return _listing([(path.name, path) for path in images_like(source)], times=True)
    path = Path(source)
    return {**_file(path), "modified": path.stat().st_mtime_ns}


def output_identity(output: PathLike) -> Identity:
    """By what an output is recognised as the one that was written."""
    path = Path(output)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return _listing([(file.relative_to(path).as_posix(), file) for file in files], times=False)
    return _file(path)


def _file(path: Path) -> Identity:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_END)
        file.seek(max(0, size - _END))
        return {"bytes": size, "ends": hashlib.sha256(head + file.read(_END)).hexdigest()}


def _listing(files: Sequence[tuple[str, Path]], *, times: bool) -> Identity:
    stats = [(name, path.stat()) for name, path in files]
    facts = [(name, stat.st_size, *([stat.st_mtime_ns] if times else [])) for name, stat in stats]
    return {
        "files": len(facts),
        "bytes": sum(stat.st_size for _, stat in stats),
        "listing": hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
    }


def _name(output: PathLike, record: Path) -> str:
    return Path(os.path.relpath(output, record.parent)).as_posix()


def _shown(value: object) -> str:
    return "not given" if value is None or value is False else "given" if value is True else str(value)
