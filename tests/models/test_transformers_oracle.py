"""MiT and SegFormer against `transformers`, through a directory that it saved."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vidseg.checkpoints import convert, load, load_encoder
from vidseg.models import SegFormer
from vidseg.models.layers import IMAGENET_MEAN, IMAGENET_STD, Normalization

transformers = pytest.importorskip("transformers", reason="transformers, the independent oracle, is not installed")

SIZES = {
    "b0": {},
    "b1": {"hidden_sizes": [64, 128, 320, 512], "decoder_hidden_size": 96, "classifier_dropout_prob": 0.2},
    "small": {"hidden_sizes": [16, 32, 40, 64], "depths": [1, 3, 1, 2], "mlp_ratios": [2, 2, 2, 2]},
}


def randomise(model: nn.Module) -> None:
    """Every tensor away from its initial value: norms from 1 and 0, statistics from 0 and 1."""
    generator = torch.Generator().manual_seed(7)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(1 + 0.2 * noise.abs())
            else:
                tensor.add_((0.2 if tensor.ndim == 1 else 0.05) * noise)


def oracle(cls: str, **sizes: Any) -> nn.Module:
    model = getattr(transformers, cls)(transformers.SegformerConfig(**sizes)).eval()
    randomise(model)
    return model


@pytest.mark.parametrize("size", SIZES)
@torch.inference_mode()
def test_segformer_logits(size: str, tmp_path: Path) -> None:
    names = ["wall", "floor", "sky", "tree", "a person"]
    theirs = oracle("SegformerForSemanticSegmentation", id2label=dict(enumerate(names)), **SIZES[size])
    theirs.save_pretrained(tmp_path)
    ours = load(tmp_path)
    assert isinstance(ours, SegFormer)
    assert not ours.training
    assert ours.class_map is not None
    assert ours.class_map.names == tuple(names)
    # Odd sizes, and one whose stages are odd as well.
    for height, width in [(64, 96), (75, 101), (33, 130)]:
        image = torch.rand(2, 3, height, width) * 255
        expected = theirs(Normalization()(image)).logits
        torch.testing.assert_close(ours(image[:, None]).final, expected, rtol=0, atol=2e-5)


@torch.inference_mode()
def test_mit_features_through_a_bare_model(tmp_path: Path) -> None:
    theirs = oracle("SegformerModel", **SIZES["small"])
    theirs.save_pretrained(tmp_path / "bare")
    convert(tmp_path / "bare", tmp_path / "mit", "hf")
    ours = load_encoder(tmp_path / "mit").encoder
    for height, width in [(64, 96), (75, 101)]:
        image = torch.randn(1, 3, height, width)
        expected = theirs(image, output_hidden_states=True).hidden_states
        for feature, stage in zip(ours(image), expected, strict=True):
            torch.testing.assert_close(feature, stage, rtol=0, atol=2e-5)


def test_every_eps_is_what_transformers_runs(tmp_path: Path) -> None:
    theirs = oracle("SegformerForSemanticSegmentation", layer_norm_eps=1e-6, **SIZES["small"])
    assert {module.eps for module in theirs.modules() if isinstance(module, nn.LayerNorm)} == {1e-5}
    theirs.save_pretrained(tmp_path)
    norms = [module for module in load(tmp_path).modules() if isinstance(module, nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-5}


def test_the_normalisation_is_that_of_its_processor() -> None:
    processor = transformers.SegformerImageProcessor()
    assert [255 * part for part in processor.image_mean] == pytest.approx(IMAGENET_MEAN)
    assert [255 * part for part in processor.image_std] == pytest.approx(IMAGENET_STD)
