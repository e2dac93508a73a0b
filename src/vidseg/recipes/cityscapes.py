"""Training on Cityscapes as published (Sun et al., CVPR 2022, §4.1): the labelled 20th frames and those 9, 6, 3 before.

The encoder starts from ImageNet weights: ``vidseg convert mit_b0.pth weights/mit-b0 --from mit``.
Scores are the paper's mIoU on the validation split at 512x1024.
"""

from vidseg.data import ClipConfig
from vidseg.models import ModelConfig
from vidseg.recipes.building import PER_FRAME_LOSS, BackboneSize, cffm, segformer, single_frames
from vidseg.train import DataConfig, LossConfig, OutputConfig, TrainConfig
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


def _segformer(size: BackboneSize) -> TrainConfig:
    return _config("segformer", size, segformer(size, NUM_CLASSES), single_frames(), PER_FRAME_LOSS)


def _cffm(size: BackboneSize) -> TrainConfig:
    # One frame in four has a label: four times the weight keeps that frame's share in the mean over all.
    return _config(
        "cffm", size, cffm(size, NUM_CLASSES), ClipConfig(reverse_probability=0.0), LossConfig(frame_weight=2.0)
    )


def _config(kind: str, size: BackboneSize, model: ModelConfig, clips: ClipConfig, loss: LossConfig) -> TrainConfig:
    return TrainConfig(
        model=model,
        data=DataConfig(root="data/cityscapes", layout="cityscapes", clips=clips),
        augmentation=AugmentationConfig(crop_size=(512, 1024), base_size=(1024, 512)),
        preprocessing=Preprocessing(short=512, long=1024),
        loss=loss,
        output=OutputConfig(folder=f"runs/{kind}_{size}_cityscapes"),
        initial_weights=f"weights/mit-{size}",
    )
