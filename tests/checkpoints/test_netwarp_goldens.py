"""NetWarp by the names of VSPW's weights, through `convert`, `load` and the public call."""

from pathlib import Path

import numpy as np
import pytest

from video_goldens import (
    TARGET_LOSS,
    VSPW_LOSS,
    clip_labels,
    converted,
    gradient_norm,
    inputs,
    pair_flow,
    swap_auxiliary,
)
from vidseg.models import NetWarp
from vidseg.train.losses import clip_loss

# Of ours; the paper's 89.4 million of NetWarp-PSP hold a convolution that nothing uses.
PARAMETERS = {"netwarp_psp": 70_563_800, "netwarp_ocr": 58_108_632}


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMETERS)
def test_logits_loss_and_gradient(name: str, goldens: Path, tmp_path: Path) -> None:
    model = converted(name, goldens, tmp_path)
    assert isinstance(model, NetWarp)
    assert model.config.compat
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name]
    # Auxiliary logits, which are made in training, while norms and dropout stay as in evaluation.
    model.training = True
    for height, width, seed in ((64, 96, 31), (65, 99, 32)):
        expected = np.load(goldens / "systems" / f"{name}_{height}x{width}_seed{seed}.npz")
        logits = model(inputs(model, 2, height, width, seed), flow=pair_flow(height, width, seed))
        np.testing.assert_allclose(logits.final[0].detach(), expected["logits"], rtol=0, atol=1e-4)
    logits, config = (swap_auxiliary(logits), VSPW_LOSS) if name == "netwarp_ocr" else (logits, TARGET_LOSS)
    loss = clip_loss(logits, clip_labels(2, height, width, seed), config, ignore=255)
    assert float(loss.detach()) == pytest.approx(float(expected["loss"]), rel=1e-5)
    assert gradient_norm(model, loss) == pytest.approx(float(expected["grad_norm_total"]), rel=1e-3)
