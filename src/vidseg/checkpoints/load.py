"""A model by name: one that comes with the package, a directory, or a repository of the Hugging Face hub."""

import os
from importlib import resources
from pathlib import Path

from vidseg.checkpoints.folder import CONFIG
from vidseg.checkpoints.hub import HUB_PREFIX, fetch
from vidseg.checkpoints.huggingface import is_huggingface, read_huggingface
from vidseg.checkpoints.store import Record, load_checkpoint, new_model, read_record
from vidseg.errors import CheckpointError
from vidseg.models import VideoModel


def load(name_or_path: str | os.PathLike[str]) -> VideoModel:
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
    directory = find_checkpoint(name_or_path)
    if not is_huggingface(directory):
        return load_checkpoint(directory).model
    source = read_huggingface(directory)
    model = new_model(source.record())
    source.weights.fill(model)
    return model


def describe(name_or_path: str | os.PathLike[str]) -> Record:
    """All that a checkpoint says of itself, without reading its weights where that can be.

    Raises:
        CheckpointError: as `load`.
    """
    directory = find_checkpoint(name_or_path)
    return read_huggingface(directory).record() if is_huggingface(directory) else read_record(directory)


def bundled_models() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    folder = _bundle()
    return tuple(sorted(config.parent.name for config in folder.glob(f"[!.]*/{CONFIG}")))


def find_checkpoint(name_or_path: str | os.PathLike[str]) -> Path:
    """The local directory that a name, path or address means; what is on the hub is downloaded.

    Raises:
        CheckpointError: if there is none.
    """
    text = os.fspath(name_or_path)
    if text.startswith(HUB_PREFIX):
        return fetch(text)
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
