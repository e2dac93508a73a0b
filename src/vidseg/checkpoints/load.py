"""A model by name: one that comes with the package, a directory, or a repository of the Hugging Face hub."""

import os
from importlib import resources
from pathlib import Path

from vidseg.checkpoints.store import Record, load_checkpoint, read_record
from vidseg.errors import CheckpointError
from vidseg.models import Model

HUB_PREFIX = "hf://"


def load(name_or_path: str | os.PathLike[str]) -> Model:
    """Loads a model that is ready to segment.

    Args:
        name_or_path: a name of `bundled_models`, a checkpoint directory of vidseg's, a directory of a Hugging Face
            ``SegformerForSemanticSegmentation``, or ``hf://owner/name[@revision]`` of a repository with either.

    Returns:
        An ``nn.Module`` in eval mode, float32, on the CPU, that carries `class_map`, `preprocessing` and
        `training_record`.

    Raises:
        CheckpointError: if it is not found, damaged, or an encoder only.
    """
    return load_checkpoint(find_checkpoint(name_or_path)).model


def describe(name_or_path: str | os.PathLike[str]) -> Record:
    """All that a checkpoint says of itself, without reading its weights where that can be.

    Raises:
        CheckpointError: as `load`.
    """
    return read_record(find_checkpoint(name_or_path))


def bundled_models() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    folder = _bundle()
    return tuple(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else ()


def find_checkpoint(name_or_path: str | os.PathLike[str]) -> Path:
    """The local directory that a name or path means.

    Raises:
        CheckpointError: if there is none.
    """
    text = os.fspath(name_or_path)
    if text in bundled_models():
        return _bundle() / text
    path = Path(text)
    if path.is_dir():
        return path
    if path.is_file():
        raise CheckpointError(
            f"got the file {path}; expected a checkpoint directory; do: vidseg convert {path} OUT_DIR --from KIND"
        )
    names = ", ".join(bundled_models()) or "none in this installation"
    raise CheckpointError(
        f"got {text!r}, which is no bundled model ({names}) and no directory; expected one of these, or hf://owner/name"
    )


def _bundle() -> Path:
    return Path(str(resources.files("vidseg"))) / "assets" / "models"
