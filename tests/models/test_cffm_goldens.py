"""CFFM against the authors' code, by the path a user goes: convert a ``.pth``, load the directory, run the model."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from official_weights import cffm_shapes, make_weights
from vidseg.checkpoints import convert, load
from vidseg.models import CFFM, MIT_SIZES, ClipLogits
from vidseg.models.reference_model import frame_of_clip

# The tolerance of the goldens' README. A wrong LayerNorm eps costs 2e-5 to 8e-5.
TOLERANCE = 1.5e-5
MARGIN = 1e-4

MINING_DEPTHS = {"b0": 1, "b1": 2, "b2": 2, "b5": 4}


class Run(NamedTuple):
    features: dict[str, torch.Tensor]
    logits: ClipLogits


def converted(size: str, folder: Path) -> CFFM:
    encoder = MIT_SIZES[size]
    shapes = cffm_shapes(encoder.widths, encoder.depths, mining_depth=MINING_DEPTHS[size])
    torch.save({"state_dict": make_weights(shapes), "meta": {}, "optimizer": {}}, folder / "F.pth")
    convert(folder / "F.pth", folder / "DIR", "cffm")
    model = load(folder / "DIR")
    assert isinstance(model, CFFM)
    return model


@torch.inference_mode()
def run(model: CFFM, height: int, width: int, seed: int) -> Run:
    images = torch.from_numpy(np.random.default_rng(seed).standard_normal((1, 4, 3, height, width), dtype=np.float32))
    # The goldens' images are normalised already; the model does that itself.
    clip = images * model.normalization.std + model.normalization.mean
    stages = model.encoder(model.normalization(clip[0]))
    features = model.encode(clip[0])
    contexts = [model.context(frame_of_clip(features, t, 4)) for t in range(3)]
    mined = model.mine(frame_of_clip(features, 3, 4), contexts)
    named = {f"backbone_stage{index}_target": stage[3] for index, stage in enumerate(stages, start=1)}
    return Run({**named, "fused_target": features.fused[3], "mined_target": mined[0]}, model(clip))


def labels_at(logits_KHW: torch.Tensor, size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The arg max at a size, and by how much the best class leads the second."""
    resized = F.interpolate(logits_KHW[None], size=size, mode="bilinear", align_corners=False)[0]
    best = resized.topk(2, dim=0)
    return best.indices[0].numpy(), (best.values[0] - best.values[1]).numpy()


@pytest.fixture(scope="module")
def b0(tmp_path_factory: pytest.TempPathFactory) -> CFFM:
    return converted("b0", tmp_path_factory.mktemp("b0"))


@pytest.fixture(scope="module")
def b1(tmp_path_factory: pytest.TempPathFactory) -> CFFM:
    return converted("b1", tmp_path_factory.mktemp("b1"))


@pytest.mark.golden
@pytest.mark.parametrize(
    ("size", "height", "width", "seed"), [("b0", 96, 160, 1), ("b0", 100, 164, 8), ("b1", 128, 192, 2)]
)
def test_features_logits_and_labels_are_the_authors(
    size: str, height: int, width: int, seed: int, goldens: Path, request: pytest.FixtureRequest
) -> None:
    expected = np.load(goldens / f"cffm_{size}_{height}x{width}_seed{seed}.npz")
    features, logits = run(request.getfixturevalue(size), height, width, seed)
    for name, feature in features.items():
        np.testing.assert_allclose(feature, expected[name], rtol=0, atol=TOLERANCE, err_msg=name)
    np.testing.assert_allclose(logits.final[0], expected["logits_video"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(logits.frames[0, 3], expected["logits_single"], rtol=0, atol=TOLERANCE)
    labels, margins = labels_at(logits.final[0], (height, width))
    clear = margins > MARGIN
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(labels[clear], expected["labels_video"][clear])


# Eight numbers of each tensor of cffm_b0_100x164_seed8, evenly spread: exactness is guarded on any clone.
SAMPLES = {
    "backbone_stage1_target": [0.018915, -0.059325, -1.120112, 1.148724, 0.425018, 0.22826, -1.056417, -1.167815],
    "backbone_stage2_target": [0.210769, -0.322592, 0.162437, 1.135744, 0.564565, 0.805551, 0.66248, -1.983367],
    "backbone_stage3_target": [1.791213, 1.822805, -0.540783, 0.723937, -0.547028, 0.450259, -1.260438, 1.025778],
    "backbone_stage4_target": [1.383422, 1.356195, -0.419981, -0.619813, 1.804669, -1.10239, -0.013099, 0.206633],
    "fused_target": [0.073925, 0.707307, 0.0, 0.0, 0.427659, 0.0, 1.088588, 0.0],
    "mined_target": [1.410461, 0.937732, 1.597724, 0.279572, -0.102363, 0.004105, 2.256776, -0.397104],
    "logits_single": [-1.84617, 1.172214, 0.232097, 0.148036, 0.208864, -0.442097, -0.501245, -0.834751],
    "logits_video": [-2.076399, -0.324634, 0.632624, -0.782542, -0.746025, -0.626413, -0.713061, 1.061887],
}
# (row, column): label, of the most frequent labels where they lead clearly.
SAMPLED_LABELS = {(89, 37): 66, (0, 110): 89, (61, 102): 122, (30, 94): 98, (61, 117): 108, (0, 53): 101}


def sampled(tensor: torch.Tensor) -> NDArray[np.float32]:
    flat = tensor.flatten().numpy()
    return flat[:: flat.size // 8][:8]


def test_sampled_numbers_are_the_authors(b0: CFFM) -> None:
    features, logits = run(b0, 100, 164, seed=8)
    tensors = {**features, "logits_single": logits.frames[0, 3], "logits_video": logits.final[0]}
    assert tensors.keys() == SAMPLES.keys()
    for name, expected in SAMPLES.items():
        np.testing.assert_allclose(sampled(tensors[name]), expected, rtol=0, atol=TOLERANCE, err_msg=name)
    labels, _ = labels_at(logits.final[0], (100, 164))
    assert {position: labels[position] for position in SAMPLED_LABELS} == SAMPLED_LABELS
