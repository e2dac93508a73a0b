"""MRCFA (Sun et al., ECCV 2022): trained as CFFM is, with a loss of its own.

The loss is half the cross-entropy of all frames by themselves, and the mean of four for the target: what was mined from
each reference alone, and all together. Scores are the paper's on VSPW's validation split: mIoU / mVC8 / mVC16.
"""

from dataclasses import replace

from vidseg.recipes.building import BackboneSize, mrcfa
from vidseg.recipes.cityscapes import cffm_b0_cityscapes
from vidseg.recipes.small import cffm_b0_camvid, cffm_b0_davis
from vidseg.recipes.vspw import cffm_b0_vspw, cffm_b1_vspw, cffm_b2_vspw, cffm_b5_vspw
from vidseg.train import TrainConfig


def mrcfa_b0_vspw() -> TrainConfig:
    """MRCFA-B0 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe mrcfa_b0_vspw.

    Published: 35.2 / 88.0 / 83.2.
    """
    return _in_place_of(cffm_b0_vspw(), "b0")


def mrcfa_b1_vspw() -> TrainConfig:
    """MRCFA-B1 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe mrcfa_b1_vspw.

    Published: 38.9 / 88.8 / 84.4.
    """
    return _in_place_of(cffm_b1_vspw(), "b1")


def mrcfa_b2_vspw() -> TrainConfig:
    """MRCFA-B2 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe mrcfa_b2_vspw.

    Published: 45.3 / 90.3 / 86.2.
    """
    return _in_place_of(cffm_b2_vspw(), "b2")


def mrcfa_b5_vspw() -> TrainConfig:
    """MRCFA-B5 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe mrcfa_b5_vspw.

    Published: 49.9 / 90.9 / 87.4. Where memory is short: --runtime.activation_checkpointing true.
    """
    return _in_place_of(cffm_b5_vspw(), "b5")


def mrcfa_b0_cityscapes() -> TrainConfig:
    """MRCFA-B0 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe mrcfa_b0_cityscapes."""
    return _in_place_of(cffm_b0_cityscapes(), "b0")


def mrcfa_b0_camvid() -> TrainConfig:
    """MRCFA-B0 on CamVid, after segformer_b0_camvid: vidseg train --recipe mrcfa_b0_camvid --data.root DIR."""
    return _in_place_of(cffm_b0_camvid(), "b0", regularised=False)


def mrcfa_b0_davis() -> TrainConfig:
    """MRCFA-B0 on DAVIS, after segformer_b0_davis: vidseg train --recipe mrcfa_b0_davis --data.root DIR."""
    return _in_place_of(cffm_b0_davis(), "b0", regularised=False)


def _in_place_of(config: TrainConfig, size: BackboneSize, *, regularised: bool = True) -> TrainConfig:
    """The recipe of a CFFM with an MRCFA of the same references."""
    model = mrcfa(size, config.model.num_classes, regularised=regularised)
    model = replace(model, offsets=config.model.reference_offsets)
    share = 1 / (len(model.offsets) + 1)
    return replace(
        config,
        model=model,
        loss=replace(config.loss, final_weight=share, auxiliary_weight=share),
        output=replace(config.output, folder=config.output.folder.replace("cffm", "mrcfa")),
    )
