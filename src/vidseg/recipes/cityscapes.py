"""Training on Cityscapes as published (Sun et al., CVPR 2022, §4.1): the labelled 20th frames and those 9, 6, 3 before.

The encoder starts from ImageNet weights: ``vidseg convert mit_b0.pth weights/mit-b0 --from mit``.
Scores are the paper's mIoU on the validation split at 512x1024.
"""

from dataclasses import replace

from vidseg.data import ClipConfig
from vidseg.models import ModelConfig
from vidseg.recipes.building import PER_FRAME_LOSS, BackboneSize, cffm, segformer, single_frames
from vidseg.train import DataConfig, LossConfig, OptimizerConfig, OutputConfig, ScheduleConfig, TrainConfig
from vidseg.transforms import AugmentationConfig
from vidseg.types import Preprocessing

NUM_CLASSES = 19


def segformer_b0_cityscapes() -> TrainConfig:
    """SegFormer-B0 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe segformer_b0_cityscapes.

    Published: 71.9.
    """
    return _segformer("b0")


def segformer_b1_cityscapes() -> TrainConfig:
    """SegFormer-B1 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe segformer_b1_cityscapes.

    Published: 74.1.
    """
    return _segformer("b1")


def cffm_b0_cityscapes() -> TrainConfig:
    """CFFM-B0 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe cffm_b0_cityscapes.

    Published: 74.0.
    """
    return _cffm("b0")


def cffm_b1_cityscapes() -> TrainConfig:
    """CFFM-B1 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe cffm_b1_cityscapes.

    Published: 75.1.
    """
    return _cffm("b1")


def per_frame_cityscapes(model: ModelConfig, name: str) -> TrainConfig:
    """An image model over a convolutional encoder, trained as mmsegmentation does: SGD, from timm's weights."""
    return replace(
        _config(name, model, single_frames(), PER_FRAME_LOSS),
        optimizer=OptimizerConfig(kind="sgd", learning_rate=1e-3, head_factor=10.0, weight_decay=5e-4),
        schedule=ScheduleConfig(iterations=80_000, warmup=0, power=0.9),
        initial_weights="timm",
    )


def _segformer(size: BackboneSize) -> TrainConfig:
    config = _config(f"segformer_{size}_cityscapes", segformer(size, NUM_CLASSES), single_frames(), PER_FRAME_LOSS)
    return replace(config, initial_weights=f"weights/mit-{size}")


def _cffm(size: BackboneSize) -> TrainConfig:
    # One frame in four has a label: four times the weight keeps that frame's share in the mean over all.
    config = _config(
        f"cffm_{size}_cityscapes",
        cffm(size, NUM_CLASSES),
        ClipConfig(reverse_probability=0.0),
        LossConfig(frame_weight=2.0),
    )
    return replace(config, initial_weights=f"weights/mit-{size}")


def _config(name: str, model: ModelConfig, clips: ClipConfig, loss: LossConfig) -> TrainConfig:
    return TrainConfig(
        model=model,
        data=DataConfig(root="data/cityscapes", layout="cityscapes", clips=clips),
        augmentation=AugmentationConfig(crop_size=(512, 1024), base_size=(1024, 512)),
        preprocessing=Preprocessing(short=512, long=1024),
        loss=loss,
        output=OutputConfig(folder=f"runs/{name}"),
    )
