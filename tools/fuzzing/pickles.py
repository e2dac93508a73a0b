"""Damaged and hostile ``.pth`` files, given to ``vidseg convert``.

A hostile pickle would leave a file behind if its code ran: `EXECUTED`, in the case's folder.
"""

import builtins
import io
import json
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from fuzzing.case import DONE, Answer, Case, command
from fuzzing.mutations import mutate

EXECUTED = Path("executed")
_KINDS = ("mit", "segformer", "cffm")


def convert_case(rng: Random, material: Path, folder: Path) -> Case:
    """``vidseg convert`` of a ``.pth`` that is damaged, hostile, or not what it seems."""
    kind = rng.choice(_KINDS)
    path, outputs = folder / "input.pth", Path("outputs")
    valid = (material / "pth" / f"{kind}.pth").read_bytes()
    make = rng.choice(_MAKERS)
    if make is _raw:
        data, what = mutate(rng, valid)
    else:
        data, what = make(rng, valid, material), make.__name__.strip("_")
    path.write_bytes(data)

    def lie(answer: Answer) -> str | None:
        if answer.code != DONE:
            return None
        if make in _NEVER:
            return "it is hostile"
        tensors = load_file(outputs / "model" / "model.safetensors")
        for key, values in tensors.items():
            if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
                return f"{key} is not finite"
        return "its weights are not those before the damage" if make is _raw and _differs(path, valid) else None

    words = ["convert", path, outputs / "model", "--from", kind]
    return Case(what=f"{what} of {kind}", call=lambda: command(words, outputs), lie=lie, outputs=outputs)


def _differs(path: Path, valid: bytes) -> bool:
    """Whether torch reads other weights of a damaged file than of the valid one."""
    damaged, whole = (torch.load(source, weights_only=True) for source in (path, io.BytesIO(valid)))
    return not all(torch.equal(whole["state_dict"][key], value) for key, value in damaged["state_dict"].items())


class _Calls:
    """Pickled as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def _hostile(rng: Random) -> Any:
    name = str(EXECUTED)
    return rng.choice(
        (
            _Calls(os.system, f"touch {name}"),
            _Calls(builtins.exec, f"open({name!r}, 'w').close()"),
            _Calls(builtins.eval, f"open({name!r}, 'w')"),
            _Calls(builtins.open, name, "w"),
            _Calls(subprocess.Popen, ["touch", name]),
            _Calls(Path.touch, Path(name)),
            _Calls(np.save, name, 0),
        )
    )


def _raw(rng: Random, valid: bytes, material: Path) -> bytes:
    raise AssertionError("done by `mutate`")


def _code(rng: Random, valid: bytes, material: Path) -> bytes:
    """Code among the weights, as torch writes them today or did before 1.6."""
    content = torch.load(io.BytesIO(valid), weights_only=True)
    place = rng.choice(("top", "state_dict", "value", "key"))
    if place == "top":
        content = _hostile(rng)
    elif place == "state_dict":
        content["state_dict"] = _hostile(rng)
    elif place == "value":
        content["state_dict"][rng.choice(list(content["state_dict"]))] = _hostile(rng)
    else:
        content["meta"] = _hostile(rng)
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=rng.random() < 0.5)
    return buffer.getvalue()


def _bare_code(rng: Random, valid: bytes, material: Path) -> bytes:
    """A pickle without torch's frame, of any protocol; also one written by hand."""
    by_hand = f"cposix\nsystem\n(S'touch {EXECUTED}'\ntR.".encode()
    return rng.choice((by_hand, *(pickle.dumps(_hostile(rng), protocol=protocol) for protocol in range(6))))


def _code_in_archive(rng: Random, valid: bytes, material: Path) -> bytes:
    """The pickle inside a torch archive exchanged, with checksums that are right."""
    return _rewritten(valid, "data.pkl", lambda _: _bare_code(rng, valid, material))


def _pickle_damaged(rng: Random, valid: bytes, material: Path) -> bytes:
    """The pickle inside a torch archive damaged, with checksums that are right."""
    return _rewritten(valid, "data.pkl", lambda data: mutate(rng, data)[0])


def _storage_missing(rng: Random, valid: bytes, material: Path) -> bytes:
    """A storage of the archive is too short, or empty."""
    return _rewritten(valid, rng.choice(("data/0", "data/3")), lambda data: data[: rng.choice((0, len(data) // 2))])


def _compressed(rng: Random, valid: bytes, material: Path) -> bytes:
    """The archive is compressed, which torch never does."""
    return _rewritten(valid, "", lambda data: data, zipfile.ZIP_DEFLATED)


def _bomb(rng: Random, valid: bytes, material: Path) -> bytes:
    return (material / "bomb.zip").read_bytes()


def _expanded(rng: Random, valid: bytes, material: Path) -> bytes:
    """Vectors that repeat one number on disk without end: they tell the model's size."""
    count = rng.choice((10**5, 10**9, 10**12))
    return _changed(rng, valid, lambda tensor: torch.zeros(1).expand(count if tensor.ndim == 1 else (count, 2)))


def _wide(rng: Random, valid: bytes, material: Path) -> bytes:
    """Every vector claims to be very long."""
    content = torch.load(io.BytesIO(valid), weights_only=True)
    count = rng.choice((4096, 10**5, 10**8))
    for key, tensor in content["state_dict"].items():
        if tensor.ndim == 1:
            content["state_dict"][key] = torch.zeros(1).expand(count)
    return _saved(content)


def _other_kind(rng: Random, valid: bytes, material: Path) -> bytes:
    """A tensor of another dtype or kind, or none at all."""
    changes: tuple[Callable[[torch.Tensor], Any], ...] = (
        lambda tensor: tensor.to(torch.float64),
        lambda tensor: tensor.to(torch.bfloat16),
        lambda tensor: tensor.to(torch.int64),
        lambda tensor: tensor > 0,
        lambda tensor: tensor.to(torch.complex64),
        lambda tensor: tensor.to(torch.float8_e4m3fn),
        lambda tensor: tensor.reshape(-1),
        lambda tensor: tensor[None],
        lambda tensor: tensor[:0],
        lambda tensor: tensor.to_sparse(),
        lambda tensor: tensor.to("meta"),
        lambda tensor: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.quint8),
        lambda tensor: torch.nn.Parameter(tensor.float()),
        lambda tensor: tensor.tolist(),
        lambda tensor: tensor.numpy(),
        lambda tensor: None,
        lambda tensor: 7,
        lambda tensor: {"weight": tensor},
        lambda tensor: torch.full_like(tensor.float(), float("nan")),
        lambda tensor: torch.full_like(tensor.double(), 1e300),
    )
    return _changed(rng, valid, rng.choice(changes))


def _other_content(rng: Random, valid: bytes, material: Path) -> bytes:
    """A file of torch's with something else in it."""
    tensors = torch.load(io.BytesIO(valid), weights_only=True)["state_dict"]
    contents: tuple[Any, ...] = (
        None,
        3,
        [1, 2],
        "state_dict",
        tensors["nothing"] if "nothing" in tensors else torch.zeros(3),
        {},
        {"state_dict": {}},
        {"state_dict": list(tensors.items())},
        {"state_dict": dict(enumerate(tensors.values()))},
        {"state_dict": {(key,): value for key, value in tensors.items()}},
        {"state_dict": {**tensors, "more.weight": torch.zeros(2)}},
        {"state_dict": tensors, "meta": {"CLASSES": ["\ud800", "", "x" * 5000]}},
        {"state_dict": tensors, "meta": {"CLASSES": 5}},
        {"model": tensors},
        OrderedDict((f"module.{key}", value) for key, value in tensors.items()),
    )
    return _saved(rng.choice(contents))


def _other_format(rng: Random, valid: bytes, material: Path) -> bytes:
    """A file of something else under this name."""
    others = sorted(path for path in material.rglob("*") if path.is_file() and path.stat().st_size < 10**6)
    return rng.choice(others).read_bytes() if rng.random() < 0.8 else json.dumps({"state_dict": {}}).encode()


_MAKERS = (
    _raw,
    _raw,
    _code,
    _bare_code,
    _code_in_archive,
    _pickle_damaged,
    _storage_missing,
    _compressed,
    _bomb,
    _expanded,
    _wide,
    _other_kind,
    _other_content,
    _other_format,
)
# What no right reading of the file makes weights of.
_NEVER = (_code, _bare_code, _code_in_archive, _storage_missing, _bomb, _expanded)


def _changed(rng: Random, valid: bytes, change: Callable[[torch.Tensor], Any]) -> bytes:
    content = torch.load(io.BytesIO(valid), weights_only=True)
    # Of those that a conversion reads; it drops the index buffers and the classifier of an earlier training.
    keys = [key for key in content["state_dict"] if key.endswith(".weight") and "conv_seg" not in key]
    key = rng.choice(keys)
    content["state_dict"][key] = change(content["state_dict"][key])
    return _saved(content)


def _saved(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _rewritten(archive: bytes, name: str, change: Callable[[bytes], bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """The archive with the files changed whose names end so."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w", method) as target:
        for info in source.infolist():
            data = source.read(info)
            target.writestr(info.filename, change(data) if info.filename.endswith(f"/{name}") or not name else data)
    return buffer.getvalue()
