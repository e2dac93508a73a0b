"""A model by name: one that comes with the package, a directory, or a repository of the Hugging Face hub."""

import os
from importlib import resources
from pathlib import Path

from vidseg.checkpoints.folder import CONFIG
from vidseg.checkpoints.foreign import load_foreign, read_foreign
from vidseg.checkpoints.hub import HUB_PREFIX, fetch
from vidseg.checkpoints.huggingface import model_type_of, read_huggingface
from vidseg.checkpoints.processors import PreprocessingChoice
from vidseg.checkpoints.store import Record, load_checkpoint, new_model, read_record
from vidseg.errors import CheckpointError, InputError
from vidseg.models import VideoModel


def load(name_or_path: str | os.PathLike[str], *, preprocessing: PreprocessingChoice | None = None) -> VideoModel:
    """Loads a model that is ready to segment.

    Args:
        name_or_path: a name of `bundled_models`, a checkpoint directory of vidseg's, a directory of a network of
            Hugging Face ``transformers`` for semantic or universal segmentation and its processor, or
            ``hf://owner/name[@revision]`` of a repository with either. A SegFormer is ours; others need the extra "hf".
        preprocessing: "processor" takes sizes, crops and borders of a processor of ``transformers`` as they are,
            squeezing included, and brings scores to the frame as it does. None keeps the frame's ratio where the
            weights were trained and tested so; see `VideoModel.preprocessing`.

    Returns:
        An ``nn.Module`` in eval mode, float32, on the CPU, that carries `class_map`, `preprocessing` and
        `training_record`.

    Raises:
        CheckpointError: if it is not found, damaged, or an encoder only.
        MissingExtraError: if a network of ``transformers`` needs a package that is not installed.
    """
    directory = find_checkpoint(name_or_path)
    match _kind(directory, preprocessing):
        case None:
            return load_checkpoint(directory).model
        case "segformer":
            source = read_huggingface(directory, preprocessing)
            model = new_model(source.record())
            source.weights.fill(model)
            return model
    return load_foreign(directory, preprocessing)


def describe(name_or_path: str | os.PathLike[str], *, preprocessing: PreprocessingChoice | None = None) -> Record:
    """All that a checkpoint says of itself, without reading its weights where that can be.

    Raises:
        CheckpointError: as `load`.
    """
    directory = find_checkpoint(name_or_path)
    match _kind(directory, preprocessing):
        case None:
            return read_record(directory)
        case "segformer":
            return read_huggingface(directory, preprocessing).record()
    return read_foreign(directory, preprocessing)


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


def _kind(directory: Path, preprocessing: str | None) -> str | None:
    """The ``model_type`` of a directory of ``transformers``; None for one of ours."""
    if preprocessing not in (None, "processor"):
        raise InputError(f"got preprocessing {preprocessing!r}; expected 'processor' or None for the usual one")
    model_type = model_type_of(directory)
    if model_type is None and preprocessing is not None:
        raise InputError(
            f"got preprocessing {preprocessing!r} for a checkpoint without a processor: {directory}; expected None: "
            "its preprocessing is stored with it"
        )
    return model_type


def _bundle() -> Path:
    return Path(str(resources.files("vidseg"))) / "assets" / "models"
