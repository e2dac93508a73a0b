"""The three TCBs by the names of VSPW's weights, through `convert`, `load` and the public call."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from official_weights import make_weights
from vidseg.checkpoints import convert, load
from vidseg.models import VideoModel
from vidseg.train.losses import LossConfig, clip_loss

VSPW_LOSS = LossConfig(frame_weight=0.0, auxiliary_weight=0.4, log_softmax_first=True, average="labelled")


def converted(name: str, goldens: Path, folder: Path) -> VideoModel:
    keys = json.loads((goldens / "systems" / f"{name}_official_keys.json").read_text())
    shapes = {key: tuple(entry["shape"]) for key, entry in keys.items()}
    torch.save({"state_dict": make_weights(shapes)}, folder / "weights.pth")
    # Keys tell the first two; the third has the weights of the second.
    convert(folder / "weights.pth", folder / "model", "vspw", system=name if name == "tcb_ocr_mem" else None)
    return load(folder / "model")


def inputs(model: VideoModel, frames: int, height: int, width: int, seed: int) -> torch.Tensor:
    noise = np.random.default_rng(seed).standard_normal((1, frames, 3, height, width), dtype=np.float32)
    return torch.from_numpy(noise) * model.normalization.std + model.normalization.mean


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("name", ["tcb_ppm", "tcb_ocr"])
def test_logits_loss_and_gradient(name: str, goldens: Path, tmp_path: Path) -> None:
    model = converted(name, goldens, tmp_path)
    height, width, seed = 65, 99, 32
    expected = np.load(goldens / "systems" / f"{name}_{height}x{width}_seed{seed}.npz")
    logits = model(inputs(model, 4, height, width, seed))
    np.testing.assert_allclose(logits.final[0].detach(), expected["logits"].reshape(logits.final[0].shape), atol=1e-4)
    labels = torch.from_numpy(np.random.default_rng(seed + 1000).integers(0, 124, (1, 4, 1, height, width)))[:, :, 0]
    labels[..., :5, :7] = 255
    loss = clip_loss(logits, labels, VSPW_LOSS, ignore=255)
    assert float(loss.detach()) == pytest.approx(float(expected["loss"]), rel=1e-5)
    loss.backward()
    norm = sum(float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None) ** 0.5
    assert norm == pytest.approx(float(expected["grad_norm_total"]), rel=1e-3)


@pytest.mark.golden
@pytest.mark.slow
@torch.inference_mode()
def test_the_released_memory(goldens: Path, tmp_path: Path) -> None:
    model = converted("tcb_ocr_mem", goldens, tmp_path)
    expected = np.load(goldens / "systems" / "tcb_ocr_mem_64x96_seed31.npz")["logits"]
    frames = model(inputs(model, 13, 64, 96, 31)).frames
    np.testing.assert_allclose(frames[0, 9:], expected.reshape(frames[0, 9:].shape), rtol=0, atol=1e-4)
