"""Checkpoints saved and loaded: a model with all that its use needs, or a frame encoder to start training from."""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vidseg.checkpoints.fields import read_dataclass
from vidseg.checkpoints.folder import CONFIG, StorageType, read_fields, read_weights, require_room, write_folder
from vidseg.errors import CheckpointError, InputError
from vidseg.models import (
    ARCHITECTURES,
    MiTConfig,
    MixTransformer,
    ModelConfig,
    VideoModel,
    architecture_of,
    build_model,
)
from vidseg.types import ClassMap, Preprocessing

ENCODER_ARCHITECTURE = "mit"


@dataclass(frozen=True, kw_only=True)
class Record:
    """All of a model checkpoint but its weights.

    Attributes:
        config: size of the model, LayerNorm eps included.
        class_map: what the class ids mean.
        preprocessing: how frames are brought to the network's size.
        training: how the weights came to be, as plain values; "fps" is the frame rate that the reference offsets
            count in.
        metrics: what was measured with them, as plain values.
        license: of the weights.
        source_sha256: of the file that they were converted from.
    """

    config: ModelConfig
    class_map: ClassMap
    preprocessing: Preprocessing
    training: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None
    license: str | None = None
    source_sha256: str | None = None

    def __post_init__(self) -> None:
        if self.class_map.num_classes != self.config.num_classes:
            raise CheckpointError(
                f"got names for {self.class_map.num_classes} classes; "
                f"expected {self.config.num_classes}, as many as the model has"
            )
        fps = (self.training or {}).get("fps")
        if fps is not None and not (type(fps) in (int, float) and 0 < fps < math.inf):
            raise CheckpointError(f"got fps {fps!r} in 'training'; expected frames a second, more than 0, or null")


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A model as it was saved: in eval mode, float32, on the CPU, carrying `class_map`, `preprocessing` and so on."""

    model: VideoModel
    record: Record

    @property
    def class_map(self) -> ClassMap:
        """What the class ids mean."""
        return self.record.class_map

    @property
    def preprocessing(self) -> Preprocessing:
        """How frames are brought to the network's size."""
        return self.record.preprocessing


@dataclass(frozen=True, kw_only=True, eq=False)
class EncoderCheckpoint:
    """A frame encoder by itself: initial weights for training."""

    encoder: MixTransformer
    config: MiTConfig
    license: str | None = None
    source_sha256: str | None = None


def save_checkpoint(
    directory: str | os.PathLike[str],
    model: VideoModel,
    *,
    class_map: ClassMap,
    preprocessing: Preprocessing,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    license: str | None = None,  # noqa: A002  # the field's name in model cards
    source_sha256: str | None = None,
    dtype: StorageType = "float32",
) -> None:
    """Writes a model to a directory, as a whole or not at all. An older checkpoint there is replaced.

    Args:
        directory: new, empty, or an older checkpoint.
        model: in any mode, on any device.
        class_map: see `Record`, as for the ones that follow.
        preprocessing: see `Record`.
        training: JSON-able.
        metrics: JSON-able.
        license: see `Record`.
        source_sha256: see `Record`.
        dtype: of the stored floats; float16 halves the size.

    Raises:
        CheckpointError: if the directory holds anything else, the class map is not the model's, a weight is not
            finite, or a record is no JSON.
    """
    record = Record(
        config=model.config,
        class_map=class_map,
        preprocessing=preprocessing,
        training=training,
        metrics=metrics,
        license=license,
        source_sha256=source_sha256,
    )
    write_checkpoint(directory, model, record, dtype)


def write_checkpoint(
    directory: str | os.PathLike[str], model: VideoModel, record: Record, dtype: StorageType = "float32"
) -> None:
    """`save_checkpoint` with all but the weights in one value."""
    fields = {
        "architecture": architecture_of(record.config),
        "model": asdict(record.config),
        **record.class_map.to_dict(),
        "preprocessing": record.preprocessing.to_dict(),
        "training": None if record.training is None else dict(record.training),
        "metrics": None if record.metrics is None else dict(record.metrics),
        "license": record.license,
        "source_sha256": record.source_sha256,
    }
    write_folder(Path(directory), fields, model, dtype)


def load_checkpoint(directory: str | os.PathLike[str]) -> Checkpoint:
    """Reads what `save_checkpoint` wrote.

    Raises:
        CheckpointError: if anything is missing, damaged or inconsistent, naming the file and the key.
    """
    directory = Path(directory)
    fields = read_fields(directory)
    record = _record(directory, fields)
    require_room(directory, partial(build_model, record.config))
    model = new_model(record)
    read_weights(directory, fields, model)
    return Checkpoint(model=model, record=record)


def read_record(directory: str | os.PathLike[str]) -> Record:
    """All of a model checkpoint but its weights, which are not opened.

    Raises:
        CheckpointError: if the configuration is missing, damaged or inconsistent.
    """
    directory = Path(directory)
    return _record(directory, read_fields(directory))


def new_model(record: Record) -> VideoModel:
    """A model for a record, in eval mode, that still wants its weights."""
    # Weights drawn only to be overwritten must not move the user's random stream.
    with torch.random.fork_rng(devices=[]):
        model = build_model(record.config)
    model.class_map = record.class_map
    model.preprocessing = record.preprocessing
    model.training_record = record.training
    return model.eval()


def save_encoder(
    directory: str | os.PathLike[str],
    encoder: MixTransformer,
    config: MiTConfig,
    *,
    license: str | None = None,  # noqa: A002  # the field's name in model cards
    source_sha256: str | None = None,
    dtype: StorageType = "float32",
) -> None:
    """Writes a frame encoder to a directory, as `save_checkpoint` does a model.

    Raises:
        CheckpointError: if the directory holds anything else, or a weight is not finite.
    """
    fields = {
        "architecture": ENCODER_ARCHITECTURE,
        "model": asdict(config),
        "license": license,
        "source_sha256": source_sha256,
    }
    write_folder(Path(directory), fields, encoder, dtype)


def load_encoder(directory: str | os.PathLike[str]) -> EncoderCheckpoint:
    """Reads what `save_encoder` wrote.

    Raises:
        CheckpointError: if anything is missing, damaged or inconsistent, naming the file and the key.
    """
    directory = Path(directory)
    fields = read_fields(directory)
    path = directory / CONFIG
    if fields.get("architecture") != ENCODER_ARCHITECTURE:
        raise CheckpointError(f"got architecture {fields.get('architecture')!r} in {path}; expected an encoder, 'mit'")
    config = read_dataclass(MiTConfig, fields.get("model"), f"'model' in {path}")
    require_room(directory, partial(MixTransformer, config))
    encoder = new_encoder(config)
    read_weights(directory, fields, encoder)
    return EncoderCheckpoint(
        encoder=encoder,
        config=config,
        license=fields.get("license"),
        source_sha256=fields.get("source_sha256"),
    )


def new_encoder(config: MiTConfig) -> MixTransformer:
    """An encoder in eval mode that still wants its weights."""
    with torch.random.fork_rng(devices=[]):
        return MixTransformer(config).eval()


def is_encoder(directory: Path) -> bool:
    """Whether a checkpoint of ours holds an encoder only."""
    return read_fields(directory).get("architecture") == ENCODER_ARCHITECTURE


def encoder_only(directory: Path) -> CheckpointError:
    """The error for an encoder where a whole model is wanted."""
    return CheckpointError(
        f"got an encoder without a segmentation head: {directory}; expected a whole model; "
        "use it as initial weights for training"
    )


def _record(directory: Path, fields: Mapping[str, Any]) -> Record:
    path = directory / CONFIG
    architecture = fields.get("architecture")
    if architecture == ENCODER_ARCHITECTURE:
        raise encoder_only(directory)
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"got architecture {architecture!r} in {path}; expected one of {', '.join(ARCHITECTURES)}"
        )
    config = read_dataclass(ARCHITECTURES[architecture].config, fields.get("model"), f"'model' in {path}")
    preprocessing = read_dataclass(Preprocessing, fields.get("preprocessing"), f"'preprocessing' in {path}")
    plain = {key: _optional(fields, key, dict, path) for key in ("training", "metrics")}
    texts = {key: _optional(fields, key, str, path) for key in ("license", "source_sha256")}
    try:
        class_map = ClassMap.from_dict(dict(fields))
        return Record(config=config, class_map=class_map, preprocessing=preprocessing, **plain, **texts)
    except InputError as error:
        raise CheckpointError(f"{error}; in {path}") from error


def _optional(fields: Mapping[str, Any], key: str, kind: type, path: Path) -> Any:
    value = fields.get(key)
    if value is not None and not isinstance(value, kind):
        raise CheckpointError(f"got {value!r} as '{key}' in {path}; expected a {kind.__name__} or null")
    return value
