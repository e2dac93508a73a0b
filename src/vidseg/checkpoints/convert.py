"""``vidseg convert``: others' checkpoints to ours."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from torch import nn

from vidseg.checkpoints.classes import generic_classes, named_classes, read_classes, vspw_classes
from vidseg.checkpoints.folder import StorageType
from vidseg.checkpoints.huggingface import read_huggingface
from vidseg.checkpoints.load import find_checkpoint
from vidseg.checkpoints.mit import convert_mit
from vidseg.checkpoints.mmseg import convert_mmseg
from vidseg.checkpoints.mrcfa import convert_mrcfa
from vidseg.checkpoints.official import convert_cffm, convert_segformer
from vidseg.checkpoints.renaming import Converted
from vidseg.checkpoints.store import (
    ENCODER_ARCHITECTURE,
    Record,
    new_encoder,
    new_model,
    save_encoder,
    write_checkpoint,
)
from vidseg.checkpoints.tensors import read_torch_file, sha256_of
from vidseg.checkpoints.vspw import convert_vspw
from vidseg.errors import CheckpointError, InputError
from vidseg.models import MiTConfig, architecture_of
from vidseg.types import ClassMap, Preprocessing, default_ignore

SourceKind = Literal["cffm", "mrcfa", "segformer", "hf", "mit", "mmseg", "vspw"]

_CONVERTERS: dict[str, Callable[[Mapping[str, Any], str], Converted]] = {
    "cffm": convert_cffm,
    "mrcfa": convert_mrcfa,
    "segformer": convert_segformer,
    "mit": convert_mit,
    "mmseg": convert_mmseg,
    "vspw": convert_vspw,
}


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion did.

    Attributes:
        directory: of the new checkpoint.
        architecture: a name in `vidseg.models.ARCHITECTURES`, or "mit" for an encoder, which is initial weights for
            training.
        num_parameters: learned numbers in it.
        num_classes: K; None for an encoder.
        class_names: where the names come from, in words; None for an encoder.
        source_sha256: of the file with the source's weights.
    """

    directory: Path
    architecture: str
    num_parameters: int
    num_classes: int | None
    class_names: str | None
    source_sha256: str


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What there is to convert, and all that is known of it."""

    weights: Converted
    path: Path
    class_map: ClassMap | None
    class_names: str
    preprocessing: Preprocessing
    training: Mapping[str, Any] | None = None


# How the authors trained and tested, by the number of classes, which gives the data set away:
# its name, its frame rate, and the preprocessing of each kind on it.
_VSPW = ("VSPW", 15.0, Preprocessing())
_PUBLISHED: dict[tuple[str, int], tuple[str, float | None, Preprocessing]] = {
    ("cffm", 124): _VSPW,
    ("mrcfa", 124): _VSPW,
    ("segformer", 124): _VSPW,
    ("vspw", 124): _VSPW,
    ("mmseg", 124): _VSPW,
    ("cffm", 19): ("Cityscapes", 17.0, Preprocessing(short=512, long=1024)),
    ("mrcfa", 19): ("Cityscapes", 17.0, Preprocessing(short=512, long=1024)),
    ("segformer", 19): ("Cityscapes", 17.0, Preprocessing(short=1024, long=2048)),
    ("segformer", 150): ("ADE20K", None, Preprocessing(short=512, long=2048)),
    ("mmseg", 19): ("Cityscapes", 17.0, Preprocessing(short=1024, long=2048, multiple=1)),
    ("mmseg", 150): ("ADE20K", None, Preprocessing(short=512, long=2048, multiple=1)),
}


def convert(
    source: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    kind: SourceKind,
    *,
    system: str | None = None,
    classes: str | os.PathLike[str] | None = None,
    preprocessing: Preprocessing | None = None,
    license: str | None = None,  # noqa: A002  # the field's name in model cards
    dtype: StorageType = "float32",
) -> Conversion:
    """Converts a checkpoint. The output is written whole or not at all.

    Args:
        source: a ``.pth`` file; for "hf" a directory or ``hf://owner/name``.
        out_dir: new, empty, or an older checkpoint of vidseg, which is replaced.
        kind: "cffm", "mrcfa" and "segformer", the authors' ``.pth``; "mit", their ImageNet encoders; "hf", a directory
            of Hugging Face ``transformers``; "mmseg", a ``.pth`` of mmsegmentation 1.x or 0.x; "vspw", one of the VSPW
            authors' systems.
        system: of "vspw", where its keys cannot tell; a name in `vidseg.checkpoints.vspw.VSPW_SYSTEMS`.
        classes: file of class names, see `read_classes`. Without it: VSPW's for 124 classes of the authors; else the
            names that the source brings; else "class 0", "class 1", …
        preprocessing: without it the source's, or that of the data set that the authors' class count tells.
        license: of the weights, to be recorded.
        dtype: of the stored floats.

    Raises:
        CheckpointError: naming file and key, if the source is not a complete checkpoint of its kind, or `out_dir`
            holds anything else.
    """
    if kind not in get_args(SourceKind):
        raise CheckpointError(f"got kind {kind!r}; expected one of {', '.join(get_args(SourceKind))}")
    out_dir = Path(out_dir)
    if system is not None and kind != "vspw":
        raise CheckpointError(f"got system {system!r} for kind {kind!r}; expected None: only 'vspw' has several")
    found = _read_huggingface(source) if kind == "hf" else _read_official(Path(source), kind, system)
    if classes is not None:
        found = replace(found, class_map=read_classes(Path(classes)), class_names=f"of {Path(classes)}", training=None)
    if preprocessing is not None:
        found = replace(found, preprocessing=preprocessing)
    config, sha256 = found.weights.config, sha256_of(found.path)
    module: nn.Module
    if isinstance(config, MiTConfig):
        module = encoder = new_encoder(config)
        found.weights.fill(encoder)
        save_encoder(out_dir, encoder, config, license=license, source_sha256=sha256, dtype=dtype)
    else:
        record = Record(
            config=config,
            class_map=found.class_map or generic_classes(config.num_classes),
            preprocessing=found.preprocessing,
            training=found.training,
            license=license,
            source_sha256=sha256,
        )
        module = model = new_model(record)
        found.weights.fill(model)
        write_checkpoint(out_dir, model, record, dtype)
    return Conversion(
        directory=out_dir,
        architecture=ENCODER_ARCHITECTURE if isinstance(config, MiTConfig) else architecture_of(config),
        num_parameters=sum(parameter.numel() for parameter in module.parameters()),
        num_classes=None if isinstance(config, MiTConfig) else config.num_classes,
        class_names=None if isinstance(config, MiTConfig) else found.class_names,
        source_sha256=sha256,
    )


def _read_huggingface(source: str | os.PathLike[str]) -> _Source:
    found = read_huggingface(find_checkpoint(source))
    return _Source(
        weights=found.weights,
        path=found.weights_path,
        class_map=found.class_map,
        class_names="of the source's id2label",
        preprocessing=found.preprocessing,
    )


def _read_official(path: Path, kind: str, system: str | None) -> _Source:
    content = read_torch_file(path)
    tensors = content.get("state_dict", content)
    if not isinstance(tensors, dict):
        raise CheckpointError(f"got a {type(tensors).__name__} as 'state_dict' in {path}; expected named tensors")
    convert_tensors = _CONVERTERS[kind] if system is None else partial(convert_vspw, system=system)
    weights = convert_tensors(tensors, str(path))
    if isinstance(weights.config, MiTConfig):
        return _Source(weights=weights, path=path, class_map=None, class_names="", preprocessing=Preprocessing())
    num_classes = weights.config.num_classes
    in_meta = _classes_in_meta(content.get("meta"))
    if num_classes == 124:
        class_map, class_names = vspw_classes(), "of VSPW, by their number"
    elif in_meta is not None and in_meta.num_classes == num_classes:
        class_map, class_names = in_meta, "of the source's meta data"
    else:
        class_map, class_names = generic_classes(num_classes), "generic: the source has none; give a file of them"
    dataset, fps, preprocessing = _PUBLISHED.get((kind, num_classes), (None, None, Preprocessing()))
    return _Source(
        weights=weights,
        path=path,
        class_map=class_map,
        class_names=class_names,
        preprocessing=preprocessing,
        training=None if dataset is None else {"dataset": dataset, "fps": fps},
    )


def _classes_in_meta(meta: Any) -> ClassMap | None:
    """Class names, and their colours, that the authors' framework leaves beside the weights, if it did."""
    if not isinstance(meta, dict):
        return None
    # mmsegmentation 1.x, then 0.x.
    found = meta.get("dataset_meta")
    names, palette = (
        (found.get("classes"), found.get("palette"))
        if isinstance(found, dict)
        else (meta.get("CLASSES"), meta.get("PALETTE"))
    )
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        return None
    try:
        colours = [(int(red), int(green), int(blue)) for red, green, blue in (() if palette is None else palette)]
        return ClassMap(names=tuple(names), palette=tuple(colours), ignore=default_ignore(len(names)))
    # No palette, or one of another form: names are what counts.
    except (TypeError, ValueError, InputError):
        return named_classes(names)
