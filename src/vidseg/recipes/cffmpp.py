"""CFFM++ on VSPW as published: a prior on top of a trained CFFM, all else frozen; 40k iterations.

Start from ``runs/cffm_b0_vspw/last``, or from the authors' weights: ``vidseg convert``, then ``--initial_weights DIR``.
Encoder and head are frozen, so a clip's prototypes are those of its whole video, made once. Where they learn, too
(``--frozen`` without them), the prototypes are the centres of the clip's own frames, as in the causal form.
"""

from dataclasses import replace
from typing import cast

from vidseg.models import CFFMConfig, PriorConfig
from vidseg.recipes.vspw import cffm_b0_vspw, cffm_b1_vspw
from vidseg.train import LossConfig, TrainConfig


def cffmpp_b0_vspw() -> TrainConfig:
    """CFFM++-B0 on VSPW, after cffm_b0_vspw: torchrun --nproc-per-node 4 -m vidseg train --recipe cffmpp_b0_vspw."""
    return _with_prior(cffm_b0_vspw())


def cffmpp_b1_vspw() -> TrainConfig:
    """CFFM++-B1 on VSPW, after cffm_b1_vspw: torchrun --nproc-per-node 4 -m vidseg train --recipe cffmpp_b1_vspw."""
    return _with_prior(cffm_b1_vspw())


def _with_prior(config: TrainConfig) -> TrainConfig:
    """The recipe of a CFFM, turned to the prior alone."""
    return replace(
        config,
        model=replace(cast(CFFMConfig, config.model), prior=PriorConfig()),
        loss=LossConfig(final_weight=0.0, frame_weight=0.0, auxiliary_weight=1.0),
        optimizer=replace(config.optimizer, learning_rate=2e-4, head_factor=1.0),
        schedule=replace(config.schedule, iterations=40_000),
        output=replace(config.output, folder=config.output.folder.replace("cffm", "cffmpp")),
        initial_weights=f"{config.output.folder}/last",
        frozen=("encoder", "head", "blocks", "classifier", "context_classifier"),
    )
