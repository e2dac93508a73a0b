"""ETC by the names of VSPW's weights: a per-frame model, and the loss that it was trained with."""

from dataclasses import replace
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
from vidseg.models import PerFrame
from vidseg.train import TemporalConfig
from vidseg.train.losses import clip_loss
from vidseg.train.temporal_loss import Motion


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("name", ["etc_psp", "etc_ocr"])
def test_logits_loss_and_gradient(name: str, goldens: Path, tmp_path: Path) -> None:
    model = converted(name, goldens, tmp_path)
    assert isinstance(model, PerFrame)
    for height, width, seed in ((64, 96, 31), (65, 99, 32)):
        expected = np.load(goldens / "systems" / f"{name}_{height}x{width}_seed{seed}.npz")
        clip = inputs(model, 2, height, width, seed)
        logits = model(clip)
        np.testing.assert_allclose(logits.final[0].detach(), expected["logits"], rtol=0, atol=1e-4)
    logits, config = (swap_auxiliary(logits), VSPW_LOSS) if name == "etc_ocr" else (logits, TARGET_LOSS)
    config = replace(config, temporal=TemporalConfig(compat=True))
    motion = Motion(clip, pair_flow(height, width, seed))
    loss = clip_loss(logits, clip_labels(2, height, width, seed), config, ignore=255, motion=motion)
    assert float(loss.detach()) == pytest.approx(float(expected["loss"]), rel=1e-5)
    assert gradient_norm(model, loss) == pytest.approx(float(expected["grad_norm_total"]), rel=1e-3)
