"""A data set of squares that move over a background, and models small enough to learn it in seconds."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from vidseg.data import ClipConfig
from vidseg.models import CFFMConfig, MiTConfig, SegFormerConfig
from vidseg.train import (
    DataConfig,
    LossConfig,
    OptimizerConfig,
    OutputConfig,
    RuntimeConfig,
    ScheduleConfig,
    TrainConfig,
)
from vidseg.transforms import AugmentationConfig
from vidseg.types import Preprocessing

SIZE = 32
CLASSES = ("background", "red", "green")


def write_videos(root: Path, *, videos: int = 3, frames: int = 12) -> None:
    rng = np.random.default_rng(0)
    names = [f"video{number}" for number in range(videos)]
    for name in names:
        for kind in ("origin", "mask"):
            (root / "data" / name / kind).mkdir(parents=True)
        top = 8 * rng.integers(0, 2)
        for frame in range(frames):
            image = rng.integers(90, 120, (SIZE, SIZE, 3)).astype(np.uint8)
            mask = np.zeros((SIZE, SIZE), np.uint8)
            # Borders on multiples of 8, where logits at stride 8 can draw them.
            column = 8 * (frame // 6)
            for label, row in ((1, top), (2, top + 16)):
                area = (slice(row, row + 8), slice(column, column + 16))
                image[area] = (200, 40, 40) if label == 1 else (40, 200, 40)
                mask[area] = label
            mask[:2] = 255
            Image.fromarray(image).save(root / "data" / name / "origin" / f"{frame:08d}.png")
            Image.fromarray(mask).save(root / "data" / name / "mask" / f"{frame:08d}.png")
    (root / "train.txt").write_text("\n".join(names))
    (root / "val.txt").write_text(names[0])
    (root / "classes.json").write_text(json.dumps({"classes": CLASSES}))


def tiny_encoder(drop: float = 0.0) -> MiTConfig:
    return MiTConfig(
        widths=(8, 8, 16, 16), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), reductions=(4, 2, 1, 1), drop_path_rate=drop
    )


def tiny_config(root: Path, folder: Path, *, kind: str = "cffm", drop: float = 0.0, **runtime) -> TrainConfig:
    encoder = tiny_encoder(drop)
    if kind == "cffm":
        model = CFFMConfig(encoder=encoder, num_classes=3, depth=1, head_channels=32, heads=2, dropout=drop)
        clips, loss = ClipConfig(), LossConfig()
    else:
        model = SegFormerConfig(encoder=encoder, num_classes=3, head_channels=32, dropout=drop)
        clips, loss = ClipConfig(frames="target"), LossConfig(frame_weight=0)
    return TrainConfig(
        model=model,
        data=DataConfig(root=str(root), layout="camvid", clips=clips, val_split=None),
        augmentation=AugmentationConfig(
            crop_size=(SIZE, SIZE), base_size=(SIZE, SIZE), scale_range=(1.0, 1.5), photometric="clip"
        ),
        preprocessing=Preprocessing(short=SIZE, long=SIZE),
        loss=loss,
        optimizer=OptimizerConfig(learning_rate=3e-3, head_factor=1.0),
        schedule=ScheduleConfig(iterations=6, warmup=2),
        runtime=RuntimeConfig(**{"device": "cpu", "workers": 0, **runtime}),
        output=OutputConfig(folder=str(folder), log_every=1, save_every=100, tensorboard=False),
    )
