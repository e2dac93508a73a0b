"""SegFormer directories of Hugging Face ``transformers``, whole models and encoders by themselves."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidseg.checkpoints.classes import names_of_ids
from vidseg.checkpoints.fields import read_dataclass
from vidseg.checkpoints.folder import CONFIG, KNOWN_KINDS, WEIGHTS, read_json
from vidseg.checkpoints.processors import INTERPOLATIONS, PREPROCESSOR, PreprocessingChoice, read_processor
from vidseg.checkpoints.renaming import Converted, Renaming
from vidseg.checkpoints.store import Record, encoder_only
from vidseg.checkpoints.tensors import read_safetensors, read_torch_file, sha256_of
from vidseg.errors import CheckpointError
from vidseg.models import MiTConfig, SegFormerConfig
from vidseg.models.foreign.config import KINDS
from vidseg.models.layers import IMAGENET_MEAN, IMAGENET_STD
from vidseg.types import ClassMap, Preprocessing

OLD_WEIGHTS = "pytorch_model.bin"
SEGFORMER = "segformer"

# transformers builds every LayerNorm with torch's default and ignores the "layer_norm_eps" of its configuration.
_LAYER_NORM_EPS = 1e-5

# What our implementation takes for granted, under their names.
_FIXED: dict[str, Any] = {
    "num_channels": 3,
    "num_encoder_blocks": 4,
    "patch_sizes": [7, 3, 3, 3],
    "strides": [4, 2, 2, 2],
    "hidden_act": "gelu",
}

# Theirs -> ours, in every block.
_BLOCK = {
    "layer_norm_1": "norm1",
    "attention.self.query": "attention.query",
    "attention.output.dense": "attention.output",
    "layer_norm_2": "norm2",
    "mlp.dense1": "mix_ffn.expand",
    "mlp.dwconv.dwconv": "mix_ffn.depthwise",
    "mlp.dense2": "mix_ffn.contract",
}
# Only in blocks that reduce the map.
_REDUCTION = {"attention.self.sr": "attention.reduction", "attention.self.layer_norm": "attention.reduction_norm"}


@dataclass(frozen=True, kw_only=True)
class HuggingFaceModel:
    """A directory read.

    Attributes:
        weights: for a SegFormer, or for a Mix Transformer where the directory holds no segmentation head.
        weights_path: the file that they come from.
        class_map: of the names in ``id2label``, with generated colours; None for an encoder.
        preprocessing: of ``preprocessor_config.json``, or ours where there is none.
    """

    weights: Converted
    weights_path: Path
    class_map: ClassMap | None
    preprocessing: Preprocessing

    def record(self) -> Record:
        """All but the weights.

        Raises:
            CheckpointError: if this is an encoder only.
        """
        if isinstance(self.weights.config, MiTConfig) or self.class_map is None:
            raise encoder_only(self.weights_path.parent)
        return Record(
            config=self.weights.config,
            class_map=self.class_map,
            preprocessing=self.preprocessing,
            source_sha256=sha256_of(self.weights_path),
        )


def model_type_of(directory: Path) -> str | None:
    """What a directory of ``transformers`` holds, by their name; None for another directory."""
    if not (directory / CONFIG).is_file():
        return None
    config = read_json(directory / CONFIG)
    return str(config["model_type"]) if "model_type" in config else None


def read_huggingface(directory: Path, choice: PreprocessingChoice | None = None) -> HuggingFaceModel:
    """Reads ``SegformerForSemanticSegmentation``, ``SegformerModel`` or ``SegformerForImageClassification``.

    The ImageNet classifier of the last is dropped.

    Args:
        directory: that of the model.
        choice: "processor" for the geometry of the processor beside it, None for the ratio kept.

    Raises:
        CheckpointError: if a file is missing or damaged, a key is missing or unknown, or the model is another one.
    """
    path = directory / CONFIG
    config = read_json(path)
    if config.get("model_type") != SEGFORMER:
        if config.get("model_type") in KINDS:
            raise CheckpointError(
                f"got a {config['model_type']} in {path}, which is used as it is and not converted; expected a "
                f"SegFormer; do: give {directory} itself to --model"
            )
        raise CheckpointError(
            f"got model_type {config.get('model_type')!r} in {path}, which vidseg has no network for; {KNOWN_KINDS}"
        )
    for key, expected in _FIXED.items():
        if config.get(key, expected) != expected:
            raise CheckpointError(f"got {key} {config[key]!r} in {path}; expected {expected!r}, as in every SegFormer")
    weights_path = directory / WEIGHTS
    if not weights_path.is_file() and (directory / OLD_WEIGHTS).is_file():
        weights_path = directory / OLD_WEIGHTS
    tensors = read_torch_file(weights_path) if weights_path.name == OLD_WEIGHTS else read_safetensors(weights_path)
    source = Renaming(tensors, str(weights_path))
    class_map = None
    encoder = _encoder_config(config, path)
    if any(key.startswith("decode_head.") for key in tensors):
        class_map = names_of_ids(config.get("id2label"), path)
        weights = _convert_model(source, _model_config(config, encoder, class_map, path), encoder)
    else:
        weights = _convert_encoder(source, encoder)
    return HuggingFaceModel(
        weights=weights,
        weights_path=weights_path,
        class_map=class_map,
        preprocessing=_preprocessing(directory / PREPROCESSOR, choice),
    )


def _convert_model(source: Renaming, config: SegFormerConfig, encoder: MiTConfig) -> Converted:
    _move_encoder(source, encoder, theirs="segformer.encoder.", ours="encoder.")
    for stage in range(4):
        source.move_layer(f"decode_head.linear_c.{stage}.proj", f"head.projections.{stage}")
    source.move_layer("decode_head.linear_fuse", "head.fusion", bias=False)
    source.move_batch_norm("decode_head.batch_norm", "head.norm")
    source.move_layer("decode_head.classifier", "classifier")
    return source.finish(config)


def _convert_encoder(source: Renaming, config: MiTConfig) -> Converted:
    theirs = "segformer.encoder." if "segformer.encoder.layer_norm.0.weight" in source else "encoder."
    _move_encoder(source, config, theirs=theirs, ours="")
    source.drop("classifier.weight", "classifier.bias")
    return source.finish(config)


def _move_encoder(source: Renaming, config: MiTConfig, *, theirs: str, ours: str) -> None:
    for stage, (depth, reduction) in enumerate(zip(config.depths, config.reductions, strict=True)):
        source.move_layer(f"{theirs}patch_embeddings.{stage}.proj", f"{ours}stages.{stage}.embedding.projection")
        source.move_layer(f"{theirs}patch_embeddings.{stage}.layer_norm", f"{ours}stages.{stage}.embedding.norm")
        source.move_layer(f"{theirs}layer_norm.{stage}", f"{ours}stages.{stage}.norm")
        layers = _BLOCK | _REDUCTION if reduction > 1 else _BLOCK
        for index in range(depth):
            their_block, our_block = f"{theirs}block.{stage}.{index}", f"{ours}stages.{stage}.blocks.{index}"
            for their_layer, our_layer in layers.items():
                source.move_layer(f"{their_block}.{their_layer}", f"{our_block}.{our_layer}")
            key_and_value = (f"{their_block}.attention.self.key", f"{their_block}.attention.self.value")
            source.join_layers(key_and_value, f"{our_block}.attention.key_value")


def _model_config(config: Mapping[str, Any], encoder: MiTConfig, class_map: ClassMap, path: Path) -> SegFormerConfig:
    sizes = {
        "encoder": asdict(encoder),
        "num_classes": class_map.num_classes,
        "head_channels": config.get("decoder_hidden_size", 256),
        "dropout": config.get("classifier_dropout_prob", 0.1),
    }
    return read_dataclass(SegFormerConfig, sizes, f"the model of {path}")


def _encoder_config(config: Mapping[str, Any], path: Path) -> MiTConfig:
    # transformers leaves out what has its default value, which is that of B0.
    ratios = config.get("mlp_ratios", [4, 4, 4, 4])
    if not isinstance(ratios, list) or not ratios or ratios != ratios[:1] * 4:
        raise CheckpointError(f"got mlp_ratios {ratios} in {path}; expected four equal ones")
    sizes = {
        "widths": config.get("hidden_sizes", [32, 64, 160, 256]),
        "depths": config.get("depths", [2, 2, 2, 2]),
        "heads": config.get("num_attention_heads", [1, 2, 5, 8]),
        "reductions": config.get("sr_ratios", [8, 4, 2, 1]),
        "mlp_ratio": ratios[0],
        "drop_path_rate": config.get("drop_path_rate", 0.1),
        "block_norm_eps": _LAYER_NORM_EPS,
        "embedding_norm_eps": _LAYER_NORM_EPS,
    }
    return read_dataclass(MiTConfig, sizes, f"the encoder of {path}")


def _preprocessing(path: Path, choice: PreprocessingChoice | None) -> Preprocessing:
    """Their processor as ours.

    Theirs squeezes every image to one size. The released models were trained and tested with the ratio kept, so here
    the smaller side of that size becomes the short side, and the long one may be up to four times that, as in the
    paper's protocol for ADE20K (2048 x 512).
    """
    if choice is None and not path.is_file():
        return Preprocessing()
    value = read_json(path)
    _require_imagenet_statistics(value, path)
    if choice is not None:
        return read_processor(path.parent).exact()
    if not value.get("do_resize", True):
        return Preprocessing()
    size = value.get("size", 512)
    sides = list(size.values()) if isinstance(size, dict) else [size]
    if not sides or not all(type(side) is int and side > 0 for side in sides):
        raise CheckpointError(f"got size {size!r} in {path}; expected positive whole numbers")
    resample = value.get("resample", 2)
    if type(resample) is not int or resample not in INTERPOLATIONS:
        raise CheckpointError(f"got resample {resample!r} in {path}; expected 0 (nearest), 2 (bilinear) or 3 (bicubic)")
    fields = {
        "short": min(sides),
        "long": 4 * min(sides),
        "interpolation": INTERPOLATIONS[resample],
        "antialias": resample != 0,
    }
    return read_dataclass(Preprocessing, fields, str(path))


def _require_imagenet_statistics(value: Mapping[str, Any], path: Path) -> None:
    """Our models normalise by constants of their own."""
    scale = value.get("rescale_factor", 1 / 255)
    for key, ours in (("image_mean", IMAGENET_MEAN), ("image_std", IMAGENET_STD)):
        expected = [part / 255 for part in ours]
        theirs = value.get(key) or expected
        if not value.get("do_normalize", True) or not _are_close(theirs, scale, expected):
            raise CheckpointError(
                f"got another normalisation in {path} ({key} {theirs}); expected ImageNet's "
                f"{[round(part, 4) for part in expected]}, the only one supported"
            )


def _are_close(theirs: Any, scale: Any, expected: list[float]) -> bool:
    """Whether a mean or deviation for values that were multiplied by `scale` is the expected one for values up to 1."""
    if not isinstance(theirs, list) or not all(isinstance(part, int | float) for part in [*theirs, scale]):
        return False
    return (
        len(theirs) == len(expected) and scale > 0 and np.allclose(np.array(theirs) / scale / 255, expected, atol=1e-3)
    )
