"""The three TCBs by the names of VSPW's weights, through `convert`, `load` and the public call."""

from pathlib import Path

import numpy as np
import pytest
import torch

from video_goldens import VSPW_LOSS, clip_labels, converted, gradient_norm, inputs
from vidseg.train.losses import clip_loss


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("name", ["tcb_ppm", "tcb_ocr"])
def test_logits_loss_and_gradient(name: str, goldens: Path, tmp_path: Path) -> None:
    model = converted(name, goldens, tmp_path)
    height, width, seed = 65, 99, 32
    expected = np.load(goldens / "systems" / f"{name}_{height}x{width}_seed{seed}.npz")
    logits = model(inputs(model, 4, height, width, seed))
    np.testing.assert_allclose(logits.final[0].detach(), expected["logits"].reshape(logits.final[0].shape), atol=1e-4)
    loss = clip_loss(logits, clip_labels(4, height, width, seed), VSPW_LOSS, ignore=255)
    assert float(loss.detach()) == pytest.approx(float(expected["loss"]), rel=1e-5)
    assert gradient_norm(model, loss) == pytest.approx(float(expected["grad_norm_total"]), rel=1e-3)


@pytest.mark.golden
@pytest.mark.slow
@torch.inference_mode()
def test_the_released_memory(goldens: Path, tmp_path: Path) -> None:
    model = converted("tcb_ocr_mem", goldens, tmp_path, system="tcb_ocr_mem")
    expected = np.load(goldens / "systems" / "tcb_ocr_mem_64x96_seed31.npz")["logits"]
    frames = model(inputs(model, 13, 64, 96, 31)).frames
    np.testing.assert_allclose(frames[0, 9:], expected.reshape(frames[0, 9:].shape), rtol=0, atol=1e-4)
