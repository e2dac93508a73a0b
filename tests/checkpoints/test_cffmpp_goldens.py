"""CFFM++ against the authors' code, by the path a user goes: convert a ``.pth``, load the directory, run the model."""

from pathlib import Path

import numpy as np
import pytest
import torch

import official_weights as official
from vidseg.checkpoints import convert, load
from vidseg.models import CFFM, MIT_SIZES

TOLERANCE = 1.5e-5


def converted(shapes: official.Shapes, folder: Path) -> CFFM:
    torch.save({"state_dict": official.make_weights(shapes), "meta": {}}, folder / "F.pth")
    convert(folder / "F.pth", folder / "DIR", "cffm")
    model = load(folder / "DIR")
    assert isinstance(model, CFFM)
    assert model.prior_names == ("prototypes",)
    return model


@torch.inference_mode()
def logits_of(model: CFFM, height: int, width: int, seed: int) -> torch.Tensor:
    images = np.random.default_rng(seed).standard_normal((1, 4, 3, height, width), dtype=np.float32)
    # The goldens' images are normalised already; the model does that itself.
    clip = torch.from_numpy(images) * model.normalization.std + model.normalization.mean
    prototypes = np.random.default_rng(seed + 500).standard_normal((1, 100, 256), dtype=np.float32)
    return model(clip, prior=torch.from_numpy(prototypes)).final[0]


@pytest.mark.golden
def test_logits_are_the_authors(goldens: Path, tmp_path: Path) -> None:
    model = converted(official.read_shapes(goldens / "cffmpp_b0_official_keys.json"), tmp_path)
    expected = np.load(goldens / "cffmpp_b0_96x160_seed21_k100.npz")["logits_video"]
    np.testing.assert_allclose(logits_of(model, 96, 160, seed=21), expected, rtol=0, atol=TOLERANCE)


# Eight numbers of that golden, evenly spread: exactness is guarded on any clone.
SAMPLED = [-1.257335, -0.952329, -1.250281, 0.678468, -0.414536, -0.012671, -2.592069, -0.562457]


def test_sampled_numbers_are_the_authors(tmp_path: Path) -> None:
    widths, depths = MIT_SIZES["b0"].widths, MIT_SIZES["b0"].depths
    model = converted(official.cffm_shapes(widths, depths, mining_depth=1) | official.prior_shapes(), tmp_path)
    flat = logits_of(model, 96, 160, seed=21).flatten()
    np.testing.assert_allclose(flat[:: len(flat) // 8][:8], SAMPLED, rtol=0, atol=TOLERANCE)
