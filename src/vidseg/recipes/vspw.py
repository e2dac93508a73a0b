"""Training on VSPW as published (Sun et al., CVPR 2022, §4.1): 160k iterations, 2 clips on each of 4 GPUs.

The encoder starts from ImageNet weights: ``vidseg convert mit_b0.pth weights/mit-b0 --from mit``.
Scores are the paper's on the validation split, single scale: mIoU / mVC8 / mVC16.
"""

from vidseg.recipes.building import PER_FRAME_LOSS, BackboneSize, cffm, segformer, single_frames
from vidseg.train import DataConfig, OutputConfig, TrainConfig

NUM_CLASSES = 124


def segformer_b0_vspw() -> TrainConfig:
    """SegFormer-B0 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe segformer_b0_vspw.

    Published: 32.9 / 82.7 / 77.3.
    """
    return _segformer("b0")


def segformer_b1_vspw() -> TrainConfig:
    """SegFormer-B1 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe segformer_b1_vspw.

    Published: 36.5 / 84.7 / 79.9.
    """
    return _segformer("b1")


def segformer_b2_vspw() -> TrainConfig:
    """SegFormer-B2 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe segformer_b2_vspw.

    Published: 43.9 / 86.0 / 81.2.
    """
    return _segformer("b2")


def segformer_b5_vspw() -> TrainConfig:
    """SegFormer-B5 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe segformer_b5_vspw.

    Published: 48.2 / 87.8 / 83.7.
    """
    return _segformer("b5")


def cffm_b0_vspw() -> TrainConfig:
    """CFFM-B0 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe cffm_b0_vspw.

    Published: 35.4 / 87.7 / 82.9.
    """
    return _cffm("b0")


def cffm_b1_vspw() -> TrainConfig:
    """CFFM-B1 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe cffm_b1_vspw.

    Published: 38.5 / 88.6 / 84.1.
    """
    return _cffm("b1")


def cffm_b2_vspw() -> TrainConfig:
    """CFFM-B2 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe cffm_b2_vspw.

    Published: 44.9 / 89.8 / 85.8.
    """
    return _cffm("b2")


def cffm_b5_vspw() -> TrainConfig:
    """CFFM-B5 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe cffm_b5_vspw.

    Published: 49.3 / 90.8 / 87.1. Where memory is short: --runtime.activation_checkpointing true.
    """
    return _cffm("b5")


def _segformer(size: BackboneSize) -> TrainConfig:
    return TrainConfig(
        model=segformer(size, NUM_CLASSES),
        data=DataConfig(root="data/VSPW_480p", layout="vspw", clips=single_frames()),
        loss=PER_FRAME_LOSS,
        output=OutputConfig(folder=f"runs/segformer_{size}_vspw"),
        initial_weights=f"weights/mit-{size}",
    )


def _cffm(size: BackboneSize) -> TrainConfig:
    return TrainConfig(
        model=cffm(size, NUM_CLASSES),
        data=DataConfig(root="data/VSPW_480p", layout="vspw"),
        output=OutputConfig(folder=f"runs/cffm_{size}_vspw"),
        initial_weights=f"weights/mit-{size}",
    )
