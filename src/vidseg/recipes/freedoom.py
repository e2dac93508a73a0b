"""The benchmark on rendered video (`vidseg render`): CFFM against its own per-frame baseline at equal budget.

All see the damaged frames (layout "freedoom"). Nothing here has ImageNet weights, and mining blocks need thousands of
iterations, so the pair goes on from the two models that come with the package, which were trained alike, and differs in
the model alone: the very same batches of two clips, crops, rates and schedule. The baseline learns from all labels of a
clip's four frames, as CFFM does. Models of other blocks start from the same SegFormer. One recipe starts from nothing.

``python tools/reproduce.py`` runs them with three seeds and on to docs/results.md, on two CPU cores.
"""

from dataclasses import replace

from vidseg.data import ClipConfig
from vidseg.models import CFFMConfig, ModelConfig, ReferenceConfig
from vidseg.models.cffm import PAPER_REFERENCES
from vidseg.recipes.building import PER_FRAME_LOSS, cffm, segformer, single_frames, views
from vidseg.render import CLASS_MAP
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

# wall, floor, ceiling, sky, soldier, creature, corpse, health, armor, ammo, weapon, decoration, barrel, effect, hand:
# a class's share of pixels to the power of -0.3, scaled to a mean of 1 over all pixels. Small things count for more.
_CLASS_WEIGHTS = (0.69, 0.98, 1.2, 1.5, 2.2, 1.6, 2.0, 4.0, 3.0, 3.0, 3.1, 1.8, 2.7, 1.5, 1.3)

_EACH_FRAME = LossConfig(final_weight=0.0, frame_weight=1.0, class_weights=_CLASS_WEIGHTS)


def segformer_b0_freedoom_scratch() -> TrainConfig:
    """SegFormer from scratch: vidseg train --recipe segformer_b0_freedoom_scratch --data.root DIR."""
    config = _config("segformer_b0_freedoom_scratch", segformer("b0", CLASS_MAP.num_classes, regularised=False))
    return replace(
        config,
        data=replace(config.data, clips=single_frames(per="frame")),
        loss=replace(PER_FRAME_LOSS, class_weights=_CLASS_WEIGHTS),
        runtime=replace(config.runtime, batch_size=8),
        # The encoder has as much to learn as the head: one rate for both.
        optimizer=OptimizerConfig(learning_rate=1e-3, head_factor=1.0),
        schedule=ScheduleConfig(iterations=4000, warmup=100),
        output=replace(config.output, validate_every=2000),
        initial_weights=None,
    )


def segformer_b0_freedoom() -> TrainConfig:
    """The baseline, from segformer-b0-freedoom: vidseg train --recipe segformer_b0_freedoom --data.root DIR."""
    return _config("segformer_b0_freedoom", segformer("b0", CLASS_MAP.num_classes, regularised=False))


def cffm_b0_freedoom() -> TrainConfig:
    """CFFM as in the paper, from cffm-b0-freedoom: vidseg train --recipe cffm_b0_freedoom --data.root DIR."""
    return replace(_config("cffm_b0_freedoom", _model()), initial_weights="cffm-b0-freedoom")


def cffm_b0_freedoom_depth2() -> TrainConfig:
    """CFFM with 2 layers instead of 1."""
    return _config("cffm_b0_freedoom_depth2", replace(_model(), depth=2))


def cffm_b0_freedoom_references3() -> TrainConfig:
    """CFFM with the reference 3 frames back only."""
    return _references("references3", PAPER_REFERENCES[2:])


def cffm_b0_freedoom_references6() -> TrainConfig:
    """CFFM with the reference 6 frames back only."""
    return _references("references6", PAPER_REFERENCES[1:2])


def cffm_b0_freedoom_references9() -> TrainConfig:
    """CFFM with the reference 9 frames back only."""
    return _references("references9", PAPER_REFERENCES[:1])


def cffm_b0_freedoom_references321() -> TrainConfig:
    """CFFM with the three frames before."""
    return _references("references321", views((3, 2, 1)))


def cffm_b0_freedoom_assembling() -> TrainConfig:
    """CFFM with feature assembling alone: context through an MLP, merged."""
    return _config("cffm_b0_freedoom_assembling", replace(_model(), mining="mlp"))


def _model() -> CFFMConfig:
    return cffm("b0", CLASS_MAP.num_classes, regularised=False)


def _references(name: str, references: tuple[ReferenceConfig, ...]) -> TrainConfig:
    return _config(f"cffm_b0_freedoom_{name}", replace(_model(), references=references))


def _config(name: str, model: ModelConfig) -> TrainConfig:
    # A model without references learns the frames of the same clips.
    paper = tuple(reference.offset for reference in PAPER_REFERENCES)
    clips = ClipConfig(reference_offsets=model.reference_offsets or paper, per="frame")
    return TrainConfig(
        model=model,
        data=DataConfig(root="data/freedoom", layout="freedoom", clips=clips),
        # Crops of 3 x 4 whole windows: none of them is padding.
        augmentation=AugmentationConfig(crop_size=(168, 224), base_size=(320, 240), scale_range=(0.75, 1.5)),
        preprocessing=Preprocessing(short=240, long=320, multiple=16),
        loss=LossConfig(class_weights=_CLASS_WEIGHTS) if model.reference_offsets else _EACH_FRAME,
        # The paper's ratio of the rates is 10, for eight clips a batch. With two, mining blocks did not learn at 1e-3.
        optimizer=OptimizerConfig(learning_rate=1e-4, head_factor=3.0),
        schedule=ScheduleConfig(iterations=1500, warmup=50),
        runtime=RuntimeConfig(batch_size=2, workers=0, precision="bf16"),
        output=OutputConfig(folder=f"runs/{name}", log_every=20, save_every=100, validate_every=750),
        initial_weights="segformer-b0-freedoom",
    )
