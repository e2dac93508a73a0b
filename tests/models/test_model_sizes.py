"""Names, shapes, numbers of parameters and every norm's eps, without computing anything: models on the meta device."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from official_weights import cffm_shapes, make_weights, mit_shapes, segformer_shapes
from vidseg.checkpoints.mit import convert_mit
from vidseg.checkpoints.official import convert_cffm, convert_segformer
from vidseg.models import (
    CFFM,
    MIT_SIZES,
    CFFMConfig,
    MiTConfig,
    MixTransformer,
    SegFormer,
    SegFormerConfig,
    architecture_of,
    build_model,
    encoder_config,
)

MINING_DEPTHS = {"b0": 1, "b1": 2, "b2": 2, "b5": 4}
# An official state dict has a classifier that is never used, 128 -> 124.
CONV_SEG = 128 * 124 + 124


def on_meta(config: CFFMConfig | SegFormerConfig | MiTConfig) -> nn.Module:
    with torch.device("meta"):
        return MixTransformer(config) if isinstance(config, MiTConfig) else build_model(config)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def shapes_of(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {key: tensor.shape for key, tensor in tensors.items()}


def empty(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {key: torch.empty(shape) for key, shape in shapes.items()}


@pytest.mark.parametrize(
    ("size", "parameters"),
    [
        ("b0", 3_319_392),
        ("b1", 13_151_424),
        ("b2", 24_196_288),
        ("b3", 44_072_128),
        ("b4", 60_842_688),
        ("b5", 81_443_008),
    ],
)
def test_mit_parameters(size: str, parameters: int) -> None:
    assert count(on_meta(MIT_SIZES[size])) == parameters


@pytest.mark.parametrize(
    ("size", "parameters"), [("b0", 4_672_527), ("b1", 15_482_538), ("b2", 26_527_402), ("b5", 85_467_936)]
)
def test_cffm_parameters(size: str, parameters: int) -> None:
    config = CFFMConfig(encoder=MIT_SIZES[size], num_classes=124, depth=MINING_DEPTHS[size])
    assert count(on_meta(config)) + CONV_SEG == parameters


@pytest.mark.golden
@pytest.mark.parametrize("size", MINING_DEPTHS)
def test_the_authors_key_lists_are_consumed(size: str, goldens: Path) -> None:
    listing = json.loads((goldens / f"cffm_{size}_official_keys.json").read_text())
    shapes = {key: tuple(entry["shape"]) for key, entry in listing.items()}
    weights = convert_cffm(empty(shapes), "listing")
    assert weights.config == CFFMConfig(encoder=MIT_SIZES[size], num_classes=124, depth=MINING_DEPTHS[size])
    assert shapes_of(weights.tensors) == shapes_of(on_meta(weights.config).state_dict())
    # The listing by which clones without goldens make weights is the authors', too.
    encoder = MIT_SIZES[size]
    assert cffm_shapes(encoder.widths, encoder.depths, mining_depth=MINING_DEPTHS[size]) == shapes


@pytest.mark.parametrize("size", MIT_SIZES)
def test_every_size_is_told_by_keys_and_shapes(size: str) -> None:
    encoder = MIT_SIZES[size]
    mit = convert_mit(empty(mit_shapes(encoder.widths, encoder.depths) | {"head.weight": (1000, 256)}), "mit")
    assert mit.config == encoder
    assert shapes_of(mit.tensors) == shapes_of(on_meta(encoder).state_dict())
    shapes = segformer_shapes(encoder.widths, encoder.depths, num_classes=19, channels=768)
    segformer = convert_segformer(empty(shapes), "segformer")
    assert segformer.config == SegFormerConfig(encoder=encoder, num_classes=19, head_channels=768)
    assert shapes_of(segformer.tensors) == shapes_of(on_meta(segformer.config).state_dict())
    shapes = cffm_shapes(encoder.widths, encoder.depths, mining_depth=3, num_classes=19)
    cffm = convert_cffm(empty(shapes), "cffm")
    assert cffm.config == CFFMConfig(encoder=encoder, num_classes=19, depth=3)
    assert shapes_of(cffm.tensors) == shapes_of(on_meta(cffm.config).state_dict())


def test_every_norms_eps() -> None:
    model = on_meta(CFFMConfig(encoder=MIT_SIZES["b2"], num_classes=124, depth=2))
    assert isinstance(model, CFFM)
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm | nn.BatchNorm2d):
            fine = name.startswith("encoder") and not name.endswith(("embedding.norm", "reduction_norm"))
            assert module.eps == (1e-6 if fine else 1e-5), name


def test_eps_follow_the_configuration() -> None:
    encoder = MiTConfig(widths=(8, 8, 10, 16), depths=(1, 1, 1, 1), block_norm_eps=1e-3, embedding_norm_eps=1e-2)
    model = on_meta(SegFormerConfig(encoder=encoder, num_classes=2))
    assert isinstance(model, SegFormer)
    for name, module in model.encoder.named_modules():
        if isinstance(module, nn.LayerNorm):
            assert module.eps == (1e-2 if name.endswith(("embedding.norm", "reduction_norm")) else 1e-3), name


def test_integer_buffers_of_made_weights_say_nothing() -> None:
    weights = make_weights({"a.relative_position_index": (2, 2), "bn.num_batches_tracked": ()})
    assert not any(tensor.any() for tensor in weights.values())


def test_architecture_names() -> None:
    assert architecture_of(CFFMConfig(encoder=MIT_SIZES["b0"], num_classes=2, depth=1)) == "cffm"
    assert architecture_of(SegFormerConfig(encoder=MIT_SIZES["b0"], num_classes=2)) == "segformer"
    with pytest.raises(ValueError, match=r"'b9'; expected one of mit_b0, mit_b1"):
        encoder_config("b9")
