"""The paper's ablations on VSPW (Sun et al., CVPR 2022, §4.3): number of layers, reference frames, mining.

All run as ``torchrun --nproc-per-node 4 -m vidseg train --recipe NAME`` on 4 GPUs. Scores: mIoU / mVC8 / mVC16.
The remaining cells of the paper's tables are `cffm_b0_vspw` (1 layer) and `cffm_b1_vspw` (2 layers; 9, 6, 3).
"""

from dataclasses import replace
from typing import cast

from vidseg.models import CFFMConfig
from vidseg.models.cffm import PAPER_REFERENCES, ReferenceConfig
from vidseg.recipes.building import views
from vidseg.recipes.vspw import cffm_b0_vspw, cffm_b1_vspw
from vidseg.train import TrainConfig


def cffm_b0_vspw_depth2() -> TrainConfig:
    """CFFM-B0 with 2 layers. Published: 35.7 / 87.7 / 83.0."""
    return _depth(cffm_b0_vspw(), 2)


def cffm_b1_vspw_depth1() -> TrainConfig:
    """CFFM-B1 with 1 layer. Published: 37.8 / 88.3 / 83.6."""
    return _depth(cffm_b1_vspw(), 1)


def cffm_b1_vspw_depth3() -> TrainConfig:
    """CFFM-B1 with 3 layers. Published: 38.7 / 88.6 / 84.1."""
    return _depth(cffm_b1_vspw(), 3)


def cffm_b1_vspw_depth4() -> TrainConfig:
    """CFFM-B1 with 4 layers. Published: 38.8 / 88.5 / 83.9."""
    return _depth(cffm_b1_vspw(), 4)


def cffm_b1_vspw_references3() -> TrainConfig:
    """CFFM-B1 with the reference 3 frames back only. Published: 37.4 / 87.4 / 82.4."""
    return _references("references3", PAPER_REFERENCES[2:])


def cffm_b1_vspw_references6() -> TrainConfig:
    """CFFM-B1 with the reference 6 frames back only. Published: 37.7 / 88.0 / 83.3."""
    return _references("references6", PAPER_REFERENCES[1:2])


def cffm_b1_vspw_references9() -> TrainConfig:
    """CFFM-B1 with the reference 9 frames back only. Published: 37.9 / 88.4 / 83.9."""
    return _references("references9", PAPER_REFERENCES[:1])


def cffm_b1_vspw_references321() -> TrainConfig:
    """CFFM-B1 with the three frames before. Published: 37.7 / 88.3 / 83.6."""
    return _references("references321", views((3, 2, 1)))


def cffm_b1_vspw_assembling() -> TrainConfig:
    """CFFM-B1 with feature assembling alone: context through an MLP, merged. Published: 37.6 mIoU."""
    return _changed(cffm_b1_vspw(), "assembling", replace(_model(cffm_b1_vspw()), mining="mlp"))


def _depth(config: TrainConfig, depth: int) -> TrainConfig:
    return _changed(config, f"depth{depth}", replace(_model(config), depth=depth))


def _references(name: str, references: tuple[ReferenceConfig, ...]) -> TrainConfig:
    config = cffm_b1_vspw()
    return _changed(config, name, replace(_model(config), references=references))


def _changed(config: TrainConfig, name: str, model: CFFMConfig) -> TrainConfig:
    clips = replace(config.data.clips, reference_offsets=tuple(reference.offset for reference in model.references))
    return replace(
        config,
        model=model,
        data=replace(config.data, clips=clips),
        output=replace(config.output, folder=f"{config.output.folder}_{name}"),
    )


def _model(config: TrainConfig) -> CFFMConfig:
    return cast(CFFMConfig, config.model)
