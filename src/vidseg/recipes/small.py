"""Recipes that one CPU finishes: CamVid, DAVIS and video of your own, from scratch.

Without ImageNet weights the encoder has as much to learn as the head, so both share one rate, and on so short a run
nothing is dropped. Each CFFM starts from the SegFormer trained before it. On CPUs with bf16 matrix units (AMX)
``--runtime.precision bf16`` halves the time; figures below are for two cores.
"""

from dataclasses import replace

from vidseg.data import ClipConfig
from vidseg.models import ModelConfig
from vidseg.recipes.building import PER_FRAME_LOSS, cffm, segformer, single_frames, views
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


def segformer_b0_camvid() -> TrainConfig:
    """SegFormer-B0 on CamVid (11 classes, 367 frames): vidseg train --recipe segformer_b0_camvid --data.root DIR."""
    return _camvid(_per_frame("segformer_b0_camvid", num_classes=11))


def cffm_b0_camvid() -> TrainConfig:
    """CFFM-B0 on CamVid, after segformer_b0_camvid: vidseg train --recipe cffm_b0_camvid --data.root DIR.

    CamVid has one labelled frame a second, so the references are the three frames before.
    """
    config = _camvid(_on_clips("cffm_b0_camvid", num_classes=11))
    return replace(
        config,
        model=replace(cffm("b0", 11, regularised=False), references=views((3, 2, 1))),
        data=replace(config.data, clips=ClipConfig(reference_offsets=(3, 2, 1), per="frame")),
    )


def segformer_b0_davis() -> TrainConfig:
    """SegFormer-B0 on DAVIS-2016 by category (8 classes): vidseg train --recipe segformer_b0_davis --data.root DIR."""
    return _davis(_per_frame("segformer_b0_davis", num_classes=8))


def cffm_b0_davis() -> TrainConfig:
    """CFFM-B0 on DAVIS, after segformer_b0_davis: vidseg train --recipe cffm_b0_davis --data.root DIR."""
    return _davis(_on_clips("cffm_b0_davis", num_classes=8))


def segformer_b0_small() -> TrainConfig:
    """SegFormer-B0 on your own video: vidseg train --recipe segformer_b0_small --data.root DIR --model.num_classes K.

    See docs/your-own-data.md.
    """
    return _own(_per_frame("segformer_b0_small", num_classes=2))


def cffm_b0_small() -> TrainConfig:
    """CFFM-B0 on your own video: vidseg train --recipe cffm_b0_small --data.root DIR --model.num_classes K.

    After segformer_b0_small; see docs/your-own-data.md.
    """
    return _own(_on_clips("cffm_b0_small", num_classes=2))


def _per_frame(name: str, *, num_classes: int) -> TrainConfig:
    return _scratch(
        name, segformer("b0", num_classes, regularised=False), single_frames(per="frame"), PER_FRAME_LOSS, 1e-3, 8
    )


def _on_clips(name: str, *, num_classes: int) -> TrainConfig:
    model = cffm("b0", num_classes, regularised=False)
    config = _scratch(name, model, ClipConfig(per="frame"), LossConfig(), 4e-4, 2)
    return replace(config, initial_weights=f"runs/{name.replace('cffm', 'segformer')}/last")


def _scratch(
    name: str, model: ModelConfig, clips: ClipConfig, loss: LossConfig, learning_rate: float, batch_size: int
) -> TrainConfig:
    return TrainConfig(
        model=model,
        data=DataConfig(root=f"data/{name.rpartition('_')[2]}", layout="camvid", clips=clips),
        loss=loss,
        optimizer=OptimizerConfig(learning_rate=learning_rate, head_factor=1.0),
        schedule=ScheduleConfig(iterations=3000, warmup=100),
        runtime=RuntimeConfig(batch_size=batch_size, workers=1),
        output=OutputConfig(folder=f"runs/{name}", log_every=20, save_every=250, validate_every=500),
    )


def _own(config: TrainConfig) -> TrainConfig:
    return replace(
        config,
        data=replace(config.data, layout="folder"),
        augmentation=AugmentationConfig(crop_size=(224, 224), base_size=(320, 240), scale_range=(0.75, 1.5)),
        preprocessing=Preprocessing(short=240, long=427),
    )


def _camvid(config: TrainConfig) -> TrainConfig:
    return replace(
        config,
        augmentation=AugmentationConfig(crop_size=(224, 224), base_size=(480, 360), scale_range=(0.5, 1.0)),
        preprocessing=Preprocessing(short=240, long=320),
    )


def _davis(config: TrainConfig) -> TrainConfig:
    return replace(
        config,
        augmentation=AugmentationConfig(crop_size=(224, 224), base_size=(427, 240), scale_range=(0.75, 1.5)),
        preprocessing=Preprocessing(short=240, long=427),
    )
