"""A checkpoint on disk: a directory of ``model.safetensors`` (the weights) and ``config.json`` (all else).

Nothing here knows what the fields of the configuration mean, but for these three: ``schema_version``,
``architecture``, and ``weights_sha256``, by which damaged weights are told from good ones.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import nn

from vidseg import files
from vidseg.checkpoints.tensors import fill, read_safetensors, require_enough, sha256_of
from vidseg.errors import CheckpointError
from vidseg.files import atomic_file, atomic_folder, write_json
from vidseg.models.foreign.config import KINDS

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
SCHEMA_VERSION = 1

# What a foreign directory's owner wants to hear.
KNOWN_KINDS = (
    "expected a checkpoint that vidseg saved, a Hugging Face SegFormer (model_type 'segformer'), or one of "
    f"{', '.join(KINDS)} beside its processor; the authors' .pth files of CFFM, SegFormer and MiT become one by: "
    "vidseg convert FILE OUT_DIR --from cffm|segformer|mit"
)

StorageType = Literal["float32", "float16"]


def write_folder(directory: Path, fields: Mapping[str, Any], module: nn.Module, dtype: StorageType) -> None:
    """Writes a checkpoint as a whole or not at all; replaces an older one.

    Args:
        directory: new, empty, or a checkpoint of ours.
        fields: of the configuration; JSON-able.
        module: whose state dict is stored.
        dtype: of the stored floats.

    Raises:
        CheckpointError: if the directory holds anything else, a weight is not finite in `dtype`, or a field is no JSON.
    """
    _require_replaceable(directory)
    storage = {"float32": torch.float32, "float16": torch.float16}[dtype]
    tensors = {}
    for key, tensor in module.state_dict().items():
        stored = tensor.detach().to("cpu", storage if tensor.is_floating_point() else None)
        if stored.is_floating_point() and not stored.isfinite().all():
            raise CheckpointError(f"got values of '{key}' that are not finite in {dtype}; expected finite weights")
        # A tensor of its own memory: safetensors stores neither views nor shared ones.
        tensors[key] = stored.contiguous().clone()
    with atomic_folder(directory) as temporary:
        # Through `atomic_file` for its mode: safetensors lets nobody but the owner read what it writes.
        with atomic_file(temporary / WEIGHTS) as weights:
            save_file(tensors, weights, metadata={"format": "pt"})
        header = {"schema_version": SCHEMA_VERSION, **fields, "weights_sha256": sha256_of(temporary / WEIGHTS)}
        try:
            write_json(temporary / CONFIG, header)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"got a record that is no JSON ({error}); expected plain values") from error


def read_fields(directory: Path) -> dict[str, Any]:
    """The configuration of a checkpoint of ours, its version checked.

    Raises:
        CheckpointError: if there is none, or it is of another kind or version.
    """
    path = directory / CONFIG
    fields = read_json(path)
    if "schema_version" not in fields:
        raise CheckpointError(f"got no 'schema_version' in {path}, so vidseg did not save it; {KNOWN_KINDS}")
    if fields["schema_version"] != SCHEMA_VERSION:
        raise CheckpointError(
            f"got schema_version {fields['schema_version']!r} in {path}; expected {SCHEMA_VERSION}; "
            "use the version of vidseg that saved it, or a newer one"
        )
    return fields


def read_weights(directory: Path, fields: Mapping[str, Any], module: nn.Module) -> None:
    """Fills a module with the weights of a checkpoint.

    Raises:
        CheckpointError: if the file is missing, damaged, or not of this module.
    """
    path = directory / WEIGHTS
    fill(module, read_safetensors(path), str(path))
    # After the keys, whose errors say more. Flipped bits leave every key and shape as it was.
    require_intact(directory, fields)


def require_intact(directory: Path, fields: Mapping[str, Any]) -> None:
    """Checks that the weights are those that were saved with the configuration.

    Raises:
        CheckpointError: if the file is missing or another.
    """
    path = directory / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"got no file {path}; expected it there; check the path")
    if sha256_of(path) != fields.get("weights_sha256"):
        raise CheckpointError(
            f"got weights {path} whose sha256 is not the 'weights_sha256' of {directory / CONFIG}; "
            "expected them as they were saved; get the checkpoint anew"
        )


def require_room(directory: Path, build: Callable[[], nn.Module]) -> None:
    """Checks that the weights of a checkpoint can be those of the configured module before that is built.

    Raises:
        CheckpointError: if the file is missing or far too small.
    """
    path = directory / WEIGHTS
    if path.is_file():  # else reading says what is missing
        require_enough(build, path.stat().st_size // 2, str(path))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        CheckpointError: if the file is missing or holds something else.
    """
    value = parse_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"got a {type(value).__name__} in {path}; expected a JSON object")
    return value


def parse_json(path: Path) -> Any:
    """Any JSON value.

    Raises:
        CheckpointError: if the file is missing or is no JSON.
    """
    try:
        return files.read_json(path)
    except FileNotFoundError:
        raise CheckpointError(f"got no file {path}; expected it there; check the path") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"got an unreadable file {path} ({error}); expected JSON; get it anew") from error


def _require_replaceable(directory: Path) -> None:
    """The whole directory is swapped, so it may hold nothing of the user's."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise CheckpointError(f"got a file {directory}; expected a directory to write a checkpoint to; name another")
    names = {entry.name for entry in directory.iterdir()}
    foreign = sorted(names - {CONFIG, WEIGHTS})
    if not foreign and CONFIG in names and "schema_version" not in read_json(directory / CONFIG):
        foreign = [CONFIG]
    if foreign:
        raise CheckpointError(
            f"got directory {directory} with files that vidseg did not save, first '{foreign[0]}'; "
            "expected a new or empty directory, or a checkpoint of vidseg; name another"
        )
