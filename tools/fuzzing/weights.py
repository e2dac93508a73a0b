"""Damaged checkpoints of vidseg's own and of Hugging Face's: ``config.json`` and safetensors."""

import hashlib
import json
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Any

import numpy as np

import vidseg
from fuzzing.case import DONE, Answer, Case, command, python_call
from fuzzing.mutations import mutate
from fuzzing.texts import mutate_json

_FRAME = vidseg.Frame(image=np.zeros((48, 64, 3), np.uint8), index=0, time=0.0)
Header = dict[str, Any]


def config_case(rng: Random, material: Path, folder: Path) -> Case:
    """`vidseg.load` and a first frame, or ``vidseg info``, of a checkpoint with a damaged ``config.json``."""
    path = _copied(rng, material, folder) / "config.json"
    before = json.loads(path.read_text())
    if rng.random() < 0.8:
        data, what = mutate_json(rng, before)
    else:
        data, what = mutate(rng, path.read_bytes())
    path.write_bytes(data)

    def lie(answer: Answer) -> str | None:
        if answer.code != DONE:
            return None
        value = strict_json(data)
        if not isinstance(value, dict):
            return "its config.json is no JSON object"
        # `vidseg info` does not open the weights.
        if loads and value.get("weights_sha256") != before["weights_sha256"]:
            return "its config.json has another weights_sha256"
        return None

    loads = rng.random() < 0.7
    call = (lambda: load_and_segment(path.parent)) if loads else (lambda: command(["info", path.parent]))
    return Case(what=f"{what} of config.json", call=call, lie=lie, hungry=_asks_for_much(strict_json(data)))


def weights_case(rng: Random, material: Path, folder: Path) -> Case:
    """`vidseg.load` and a first frame of damaged weights, half of the time with the checksum to match."""
    path = _copied(rng, material, folder) / "model.safetensors"
    before = path.read_bytes()
    data, what = _damaged_safetensors(rng, before)
    path.write_bytes(data)
    config = path.with_name("config.json")
    stamped = rng.random() < 0.5
    if stamped:
        fields = json.loads(config.read_text())
        config.write_text(json.dumps({**fields, "weights_sha256": hashlib.sha256(data).hexdigest()}))

    def lie(answer: Answer) -> str | None:
        if answer.code != DONE or data == before:
            return None
        return weights_damage(data) if stamped else "its weights are not those of weights_sha256"

    return Case(what=what + stamped * ", stamped", call=lambda: load_and_segment(path.parent), lie=lie)


def huggingface_case(rng: Random, material: Path, folder: Path) -> Case:
    """`vidseg.load`, or ``vidseg convert``, of a damaged directory of Hugging Face's."""
    source = folder / "huggingface"
    copytree(material / "huggingface", source)
    path = rng.choice(sorted(source.iterdir()))
    before = path.read_bytes()
    if path.suffix == ".json":
        data, what = mutate_json(rng, json.loads(before)) if rng.random() < 0.8 else mutate(rng, before)
    else:
        data, what = _damaged_safetensors(rng, before)
    path.write_bytes(data)

    def lie(answer: Answer) -> str | None:
        if answer.code != DONE:
            return None
        if path.suffix == ".json":
            return None if isinstance(strict_json(data), dict) else f"its {path.name} is no JSON object"
        return weights_damage(data)

    outputs = Path("outputs")
    if rng.random() < 0.5:
        return Case(what=f"{what} of {path.name}", call=lambda: load_and_segment(source), lie=lie)
    words = ["convert", source, outputs / "model", "--from", "hf"]
    return Case(
        what=f"{what} of {path.name}, converted", call=lambda: command(words, outputs), lie=lie, outputs=outputs
    )


def _asks_for_much(config: Any) -> bool:
    """Whether the frame is to be enlarged: a wish, no fault."""
    sizes = config.get("preprocessing") if isinstance(config, dict) else None
    return isinstance(sizes, dict) and any(isinstance(side, int) and side > 500 for side in sizes.values())


def load_and_segment(folder: Path) -> Answer:
    """Loads a model and segments a frame: what loads must run."""

    def run() -> tuple[int, Sequence[str]]:
        segmenter = vidseg.Segmenter(vidseg.load(folder), device="cpu", runtime="torch")
        _, segmentation = segmenter.step(segmenter.start(), _FRAME)
        assert segmentation.labels.shape == _FRAME.size
        return 1, ()

    return python_call(run)


def strict_json(data: bytes) -> Any:
    """The value of JSON as its standard has it, without NaN; None of anything else."""

    def refuse(name: str) -> float:
        raise ValueError(name)

    try:
        return json.loads(data.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def weights_damage(data: bytes) -> str | None:
    """What is wrong with safetensors by their format's definition, read by hand; None if nothing is."""
    length = int.from_bytes(data[:8], "little")
    header = strict_json(data[8 : 8 + length])
    if not isinstance(header, dict):
        return "its header is no JSON object"
    body = data[8 + length :]
    spans = []
    for key, entry in header.items():
        if key == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        spans.append((begin, end))
        kind = _FLOATS.get(entry["dtype"])
        if kind and not np.isfinite(np.frombuffer(body[begin:end], kind)).all():
            return f"{key} is not finite"
    spans.sort()
    if spans and ([begin for begin, _ in spans] != [0, *(end for _, end in spans[:-1])] or spans[-1][1] != len(body)):
        return "its tensors do not fill the file one after the other"
    return None


_FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


def _copied(rng: Random, material: Path, folder: Path) -> Path:
    name = rng.choice(("segformer", "cffm"))
    copytree(material / "checkpoints" / name, folder / name)
    return folder / name


def _damaged_safetensors(rng: Random, data: bytes) -> tuple[bytes, str]:
    if rng.random() < 0.4:
        return mutate(rng, data)
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), bytearray(data[8 + length :])
    change = rng.choice(_CHANGES)
    key = rng.choice([key for key in header if key != "__metadata__"])
    change(rng, header, key, body)
    text = json.dumps(header).encode()
    if change is _wrong_length:
        wrong = rng.choice((0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1))
        return wrong.to_bytes(8, "little") + text + bytes(body), "wrong length"
    return len(text).to_bytes(8, "little") + text + bytes(body), change.__name__.strip("_")


def _wrong_length(rng: Random, header: Header, key: str, body: bytearray) -> None:
    """Done where the header is written."""


def _huge_shape(rng: Random, header: Header, key: str, body: bytearray) -> None:
    header[key]["shape"] = rng.choice(([2**40], [2**32, 2**32], [2**63], [10**30], [0, 2**62], [-1]))


def _other_shape(rng: Random, header: Header, key: str, body: bytearray) -> None:
    header[key]["shape"] = rng.choice((header[key]["shape"][::-1], [1, *header[key]["shape"]], [], ["2"], None))


def _overlapping_offsets(rng: Random, header: Header, key: str, body: bytearray) -> None:
    other = rng.choice([name for name in header if name != "__metadata__"])
    header[key]["data_offsets"] = header[other]["data_offsets"]


def _far_offsets(rng: Random, header: Header, key: str, body: bytearray) -> None:
    begin, end = header[key]["data_offsets"]
    far = rng.choice((1, 4, len(body), 2**40, 2**63 - end, -end))
    header[key]["data_offsets"] = rng.choice(([begin + far, end + far], [begin, end + far], [end, begin], [begin]))


def _other_dtype(rng: Random, header: Header, key: str, body: bytearray) -> None:
    header[key]["dtype"] = rng.choice(("F16", "BF16", "I32", "U8", "BOOL", "F64", "F8_E4M3", "C64", "float", None, 7))


def _not_finite(rng: Random, header: Header, key: str, body: bytearray) -> None:
    begin, end = header[key]["data_offsets"]
    at = begin + 4 * rng.randrange(max(1, (end - begin) // 4))
    value = rng.choice((float("nan"), float("inf"), float("-inf")))
    assert not isfinite(value)
    body[at : at + 4] = np.float32(value).tobytes()


def _odd_names(rng: Random, header: Header, key: str, body: bytearray) -> None:
    header[rng.choice(("", "x" * 10_000, "\x00", "__metadata__", "é", key + "."))] = header.pop(key)


def _more_or_less(rng: Random, header: Header, key: str, body: bytearray) -> None:
    if rng.random() < 0.5:
        del header[key]
    else:
        header["more"] = {"dtype": "F32", "shape": [2], "data_offsets": [len(body), len(body) + 8]}
        body += bytes(8)


_CHANGES: tuple[Callable[[Random, Header, str, bytearray], None], ...] = (
    _wrong_length,
    _huge_shape,
    _other_shape,
    _overlapping_offsets,
    _far_offsets,
    _other_dtype,
    _not_finite,
    _odd_names,
    _more_or_less,
)
