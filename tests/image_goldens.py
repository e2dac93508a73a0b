"""Image models against others' code, by the path a user goes: convert a ``.pth``, load the directory, run the model."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from official_weights import Shapes, make_weights
from vidseg.checkpoints import SourceKind, convert, load
from vidseg.models import PerFrame

# Of the goldens' READMEs.
TOLERANCE = 1e-4


def converted(shapes: Shapes, kind: SourceKind, folder: Path) -> PerFrame:
    torch.save({"state_dict": make_weights(shapes), "meta": {}}, folder / "F.pth")
    convert(folder / "F.pth", folder / "DIR", kind)
    (folder / "F.pth").unlink()
    model = load(folder / "DIR")
    assert isinstance(model, PerFrame)
    return model


@torch.inference_mode()
def logits_of(model: PerFrame, height: int, width: int, seed: int) -> torch.Tensor:
    images = np.random.default_rng(seed).standard_normal((1, 1, 3, height, width), dtype=np.float32)
    # The goldens' images are normalised already; the model does that itself.
    clip = torch.from_numpy(images) * model.normalization.std + model.normalization.mean
    return model(clip).final[0]


def check(model: PerFrame, golden: Path) -> None:
    found = re.fullmatch(r".*_(\d+)x(\d+)_seed(\d+)", golden.stem)
    assert found is not None
    height, width, seed = (int(number) for number in found.groups())
    expected: Mapping[str, np.ndarray] = np.load(golden)
    np.testing.assert_allclose(
        logits_of(model, height, width, seed), expected["logits"].squeeze(), rtol=0, atol=TOLERANCE
    )
