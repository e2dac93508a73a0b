"""State dicts: read from files without running code, and put into a module with every key and shape checked."""

import codecs
import hashlib
import lzma
import pickle
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vidseg.errors import CheckpointError

Tensors = dict[str, Tensor]

_REBUILD: tuple[Any, ...] = (np.empty(0).__reduce__()[0], np.float64(0).__reduce__()[0])

# Training frameworks leave numpy scalars and arrays (palettes, losses) beside the weights. These names rebuild
# arrays and nothing else; `weights_only` refuses all but its own list and these.
_NUMPY_NAMES: list[Any] = [
    *((rebuild, f"numpy.{core}.multiarray.{rebuild.__name__}") for core in ("core", "_core") for rebuild in _REBUILD),
    (codecs.encode, "_codecs.encode"),
    np.ndarray,
    np.dtype,
    *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"},
]

# By how many values a model may exceed its weights and still be built, to say which are missing.
_SLACK = 10_000_000

# Times its own size: an archive beyond that was made to fill the memory of whoever reads it.
_MOST_UNPACKED = 20

# How torch says that it will not run something; its other complaints are about damage.
_CODE_REFUSED = ("unsupported global", "can only create new object", "can only build", "call reduce")


def read_torch_file(path: Path) -> dict[str, Any]:
    """The dict in a ``.pth`` or ``.bin`` file, on the CPU.

    Raises:
        CheckpointError: if the file is missing or damaged, needs code to be run, or holds something else.
    """
    _require_file(path)
    _check_archive(path)
    try:
        with torch.serialization.safe_globals(_NUMPY_NAMES), warnings.catch_warnings():
            # Torch notes that a pickle is of another protocol than its own; what counts is whether it reads it.
            warnings.simplefilter("ignore")
            value = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if any(sign in str(error).lower() for sign in _CODE_REFUSED):
            raise CheckpointError(
                f"got a file that needs code to be run when read: {path}; expected tensors and plain values only; "
                "save its state_dict alone"
            ) from error
        raise _damaged(path, error) from error
    except MemoryError:
        raise
    except Exception as error:
        # A damaged pickle calls the few permitted functions with anything, and they fail in any way there is.
        raise _damaged(path, error) from error
    if not isinstance(value, dict):
        raise CheckpointError(f"got a {type(value).__name__} in {path}; expected a state dict")
    return value


def read_safetensors(path: Path) -> Tensors:
    """The tensors of a ``.safetensors`` file, on the CPU.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    _require_file(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fill(module: nn.Module, tensors: Mapping[str, Tensor], name: str, origins: Mapping[str, str] | None = None) -> None:
    """Copies a complete state dict into a module; half precision becomes the module's own.

    Args:
        module: what to fill; unchanged if anything is wrong.
        tensors: by the module's own keys.
        name: what the source is called in errors, usually the file.
        origins: for errors, what each key is called in the source where that is something else.

    Raises:
        CheckpointError: naming the first key that is missing, too many, of another shape or kind, or not finite.
    """
    origins = origins or {}
    expected = module.state_dict()
    for key, own in expected.items():
        shown = origins.get(key, key)
        if key not in tensors:
            raise CheckpointError(f"got no key '{shown}' in {name}; expected {_shape(own)} there; get the file anew")
        given = tensors[key]
        if given.shape != own.shape:
            raise CheckpointError(
                f"got {_shape(given)} for key '{shown}' in {name}; expected {_shape(own)}; "
                "weights and configuration must be of one model"
            )
        if given.is_floating_point() != own.is_floating_point():
            raise CheckpointError(f"got {given.dtype} for key '{shown}' in {name}; expected {own.dtype}")
        # As the module will hold it: a large double is infinite there.
        if given.is_floating_point() and not given.to(own.dtype).isfinite().all():
            raise CheckpointError(
                f"got NaN or infinite values for key '{shown}' in {name}; expected finite ones; get the file anew"
            )
    for key in tensors:
        if key not in expected:
            raise CheckpointError(
                f"got unknown key '{origins.get(key, key)}' in {name}; expected none beyond the model's own"
            )
    module.load_state_dict(dict(tensors))


def require_enough(build: Callable[[], nn.Module], stored: int, name: str) -> None:
    """Refuses a configuration whose model is far larger than its weights, before any memory is taken for it.

    What is missing or too much in detail, `fill` says better.

    Args:
        build: makes the configured module.
        stored: how many values there are at most.
        name: what the source is called in errors.

    Raises:
        CheckpointError: if it is.
    """
    try:
        with torch.device("meta"):
            wanted = sum(tensor.numel() for tensor in build().state_dict().values())
        reason = f"{wanted:,}"
    except (RuntimeError, OverflowError, TypeError):
        wanted, reason = sys.maxsize, "more than can be counted"  # what torch says of sizes beyond 64 bits
    if wanted > 2 * stored + _SLACK:
        raise CheckpointError(
            f"got about {stored:,} values in {name}; expected {reason}, as the configured model has; weights and "
            "configuration must be of one model"
        )


def _shape(tensor: Tensor) -> str:
    return f"shape {list(tensor.shape)}"


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(f"got no file {path}; expected a checkpoint there; check the path")


def _check_archive(path: Path) -> None:
    """Torch reads past flipped bytes; the checksums of the zip archive (torch 1.6 and later) tell."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked, packed = sum(info.file_size for info in archive.infolist()), path.stat().st_size
            if unpacked > _MOST_UNPACKED * packed:
                raise CheckpointError(
                    f"got an archive {path} of {packed:,} bytes that unpacks to {unpacked:,}; expected one that torch "
                    "wrote, which does not compress; get it anew"
                )
            damaged = archive.testzip()
    except CheckpointError:
        raise
    # Flipped bits may also claim that a stored file is compressed (zlib, lzma) or encrypted (RuntimeError).
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError) as error:
        raise _damaged(path, error) from error
    if damaged is not None:
        raise CheckpointError(f"got a wrong checksum of '{damaged}' in {path}; expected an undamaged file; get it anew")


def _damaged(path: Path, error: Exception) -> CheckpointError:
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return CheckpointError(f"got a damaged or truncated file {path} ({reason}); expected a whole one; get it anew")
