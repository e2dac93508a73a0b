"""MRCFA by the names of the authors' weights, through `convert`, `load` and the public call."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import official_weights as official
from vidseg.checkpoints import convert, load
from vidseg.models import MIT_SIZES, MRCFA, ClipLogits
from vidseg.models.mrcfa.model import Affinity
from vidseg.models.reference_model import frame_of_clip

# Of the goldens' README.
TOLERANCE = 2e-4

# As counted with the authors' framework, whose head has a classifier that is never used.
PARAMETERS = {"b0": 5_297_988, "b1": 16_337_655, "b2": 27_382_340, "b5": 84_629_060}
UNUSED = 124 * 128 + 124


def converted(shapes: official.Shapes, folder: Path) -> MRCFA:
    torch.save({"state_dict": official.make_weights(shapes), "meta": {}}, folder / "F.pth")
    convert(folder / "F.pth", folder / "DIR", "mrcfa")
    model = load(folder / "DIR")
    assert isinstance(model, MRCFA)
    return model


@torch.inference_mode()
def run(model: MRCFA, height: int, width: int, seed: int) -> tuple[ClipLogits, list[Affinity]]:
    images = np.random.default_rng(seed).standard_normal((1, 4, 3, height, width), dtype=np.float32)
    # The goldens' images are normalised already; the model does that itself.
    clip = torch.from_numpy(images) * model.normalization.std + model.normalization.mean
    features = model.encode(clip[0])
    contexts = [model.context(frame_of_clip(features, t, 4)) for t in range(3)]
    return model(clip), model.affinities(frame_of_clip(features, 3, 4), contexts)


@pytest.mark.golden
@pytest.mark.parametrize("name", ["b0", "b1"])
def test_logits_affinities_and_selected_tokens_are_the_authors(name: str, goldens: Path, tmp_path: Path) -> None:
    model = converted(official.read_shapes(goldens / "systems" / f"mrcfa_{name}_official_keys.json"), tmp_path)
    (golden,) = (goldens / "systems").glob(f"mrcfa_{name}_*_seed*.npz")
    found = re.fullmatch(r".*_(\d+)x(\d+)_seed(\d+)", golden.stem)
    assert found is not None
    expected = np.load(golden)
    logits, affinities = run(model, *(int(number) for number in found.groups()))
    np.testing.assert_allclose(logits.final[0], expected["logits_video"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(logits.frames[0, 3], expected["logits_single"], rtol=0, atol=TOLERANCE)
    for affinity, scores, selected in zip(affinities, expected["affinity"], expected["selected"], strict=True):
        np.testing.assert_allclose(affinity.scores[0].flatten(1).T, scores, rtol=0, atol=TOLERANCE)
        np.testing.assert_array_equal(affinity.selected[0], selected.nonzero()[0])


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_size_has_the_authors_parameters(name: str, goldens: Path, tmp_path: Path) -> None:
    model = converted(official.read_shapes(goldens / "systems" / f"mrcfa_{name}_official_keys.json"), tmp_path)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name] - UNUSED
    assert (model.config.share, model.config.refining_convs) == (0.8 if name == "b0" else 0.5, 1 + (name == "b1"))
    assert model.config.encoder.depths == MIT_SIZES[name].depths
    assert model.class_map is not None
    assert model.class_map.names[:2] == ("wall", "ceiling")


# Eight numbers of mrcfa_b1_128x96_seed42, evenly spread: exactness is guarded on any clone.
SAMPLED = [0.04952, 0.30834, -1.03201, -2.06063, 0.6825, 1.08268, 0.39955, -0.03927]


def test_sampled_numbers_are_the_authors(tmp_path: Path) -> None:
    shapes = official.mrcfa_shapes(MIT_SIZES["b1"].widths, MIT_SIZES["b1"].depths, convs=2)
    logits, _ = run(converted(shapes, tmp_path), 128, 96, seed=42)
    flat = logits.final[0].flatten()
    np.testing.assert_allclose(flat[:: len(flat) // 8][:8], SAMPLED, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("convs", [1, 2])
def test_sizes_of_no_published_model_are_told_from_the_weights(convs: int, tmp_path: Path) -> None:
    shapes = official.mrcfa_shapes((8, 16, 20, 32), (1, 2, 1, 1), convs=convs, num_classes=4, channels=16)
    model = converted(shapes, tmp_path)
    assert (model.config.refining_convs, model.config.head_channels, model.config.share) == (convs, 16, 0.5)
    assert model(torch.zeros(1, 4, 3, 64, 96)).final.shape == (1, 4, 16, 24)
