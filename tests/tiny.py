"""Miniature models and videos that tests of many rooms share."""

import numpy as np
import torch

from vidseg.models import CFFM, CFFMConfig, MiTConfig, SegFormer, SegFormerConfig, VideoModel
from vidseg.models.cffm import PAPER_REFERENCES, ReferenceConfig
from vidseg.types import ClassMap, Frame, Preprocessing

ENCODER = MiTConfig(widths=(8, 16, 24, 32), depths=(1, 1, 1, 1), heads=(1, 2, 3, 4))


def class_map(num_classes: int = 5) -> ClassMap:
    return ClassMap(
        names=tuple(f"class {index}" for index in range(num_classes)),
        palette=tuple((index * 40 % 256, index * 90 % 256, index * 7 % 256) for index in range(num_classes)),
        ignore=255 if num_classes <= 255 else 65535,
    )


def cffm(
    num_classes: int = 5,
    *,
    depth: int = 1,
    references: tuple[ReferenceConfig, ...] = PAPER_REFERENCES,
    seed: int = 0,
) -> CFFM:
    """An untrained CFFM whose logits nevertheless depend on everything it is given."""
    config = CFFMConfig(
        encoder=ENCODER, num_classes=num_classes, depth=depth, head_channels=16, heads=2, references=references
    )
    return _finished(CFFM(config), seed)


def segformer(num_classes: int = 5, *, seed: int = 0) -> SegFormer:
    return _finished(SegFormer(SegFormerConfig(encoder=ENCODER, num_classes=num_classes, head_channels=16)), seed)


def _finished(model: VideoModel, seed: int) -> VideoModel:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = parameter.shape[1:].numel() ** -0.5 if parameter.ndim > 1 else 0.2
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
            if "norm" in name and name.endswith("weight"):
                parameter += 1
        model.head.norm.running_mean.normal_(generator=generator)
    model.class_map = class_map(model.num_classes)
    model.preprocessing = Preprocessing(short=48, long=96, multiple=32)
    return model.eval()


def video(frames: int, height: int = 40, width: int = 56, seed: int = 0) -> list[Frame]:
    """Coloured blocks that drift over noise, 15 frames a second."""
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3)), np.ones((8, 8, 1)))
    images = []
    for t in range(frames):
        view = np.roll(scene, (t, 2 * t), axis=(0, 1))[:height, :width]
        images.append(np.clip(view + rng.normal(0, 8, view.shape), 0, 255).astype(np.uint8))
    return [Frame(image=image, index=t, time=t / 15) for t, image in enumerate(images)]
