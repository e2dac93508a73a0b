"""Video models against others' code, by the path a user goes: convert a ``.pth``, load the directory, run the model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from official_weights import make_weights, read_shapes
from vidseg.checkpoints import convert, load
from vidseg.models import ClipLogits, VideoModel
from vidseg.train.losses import LossConfig

VSPW_LOSS = LossConfig(frame_weight=0.0, auxiliary_weight=0.4, log_softmax_first=True, average="labelled")
TARGET_LOSS = replace(VSPW_LOSS, auxiliary_frames="target")


def converted(name: str, goldens: Path, folder: Path, system: str | None = None) -> VideoModel:
    shapes = read_shapes(goldens / "systems" / f"{name}_official_keys.json")
    torch.save({"state_dict": make_weights(shapes)}, folder / "weights.pth")
    convert(folder / "weights.pth", folder / "model", "vspw", system=system)
    (folder / "weights.pth").unlink()
    return load(folder / "model")


def inputs(model: VideoModel, frames: int, height: int, width: int, seed: int) -> Tensor:
    """The goldens' images are normalised already; the model does that itself."""
    noise = np.random.default_rng(seed).standard_normal((1, frames, 3, height, width), dtype=np.float32)
    return torch.from_numpy(noise) * model.normalization.std + model.normalization.mean


def clip_labels(frames: int, height: int, width: int, seed: int) -> Tensor:
    """[1,T,H,W], 255 in a corner."""
    labels = torch.from_numpy(np.random.default_rng(seed + 1000).integers(0, 124, (1, frames, 1, height, width)))
    labels[..., :5, :7] = 255
    return labels[:, :, 0]


def pair_flow(height: int, width: int, seed: int) -> Tensor:
    """[1,2,2,H,W], of the second frame to the first."""
    flow = np.zeros((1, 2, 2, height, width), np.float32)
    flow[:, 1] = 4 * np.random.default_rng(seed + 77).standard_normal((1, 2, height, width), dtype=np.float32)
    return torch.from_numpy(flow)


def gradient_norm(model: VideoModel, loss: Tensor) -> float:
    """Of all parameters together."""
    loss.backward()
    return sum(float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None) ** 0.5


def swap_auxiliary(logits: ClipLogits) -> ClipLogits:
    """With OCR, the authors' NetWarp and ETC hold each frame's auxiliary logits against the other frame's labels."""
    return logits._replace(auxiliary=tuple(part.flip(1) for part in logits.auxiliary))
