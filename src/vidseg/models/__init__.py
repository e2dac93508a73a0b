"""Models as pure torch: they know nothing of files, devices, configuration files or the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vidseg.models.cffm import CFFM, CFFMConfig, PriorConfig, ReferenceConfig
from vidseg.models.contract import (
    ClipLogits,
    Context,
    Decisions,
    FrameInputs,
    FrameOutputs,
    ModelConfig,
    State,
    Step,
    VideoModel,
)
from vidseg.models.encoders import (
    LITE_SIZES,
    MIT_SIZES,
    EncoderConfig,
    MiTConfig,
    MixTransformer,
    PlainViT,
    TimmConfig,
    TimmEncoder,
    ViTConfig,
    build_encoder,
    encoder_config,
    encoder_name,
)
from vidseg.models.foreign import Foreign, ForeignConfig, VidEoMT, build_foreign
from vidseg.models.grfp import GRFP, GRFPConfig
from vidseg.models.heads import HeadConfig, build_head, head_config
from vidseg.models.key_frames import (
    DFF,
    Accel,
    AccelConfig,
    Clockwork,
    ClockworkConfig,
    DFFConfig,
    DVSNet,
    DVSNetConfig,
    clockwork,
)
from vidseg.models.mrcfa import MRCFA, MRCFAConfig
from vidseg.models.neighbours import STT, LMANet, LMANetConfig, STTConfig
from vidseg.models.netwarp import NetWarp, NetWarpConfig
from vidseg.models.per_frame import PerFrame, PerFrameConfig
from vidseg.models.reference_model import ReferenceModel
from vidseg.models.schedules import Adaptive, ByReferences, Cycle, Repeated, Schedule
from vidseg.models.segformer import SegFormer, SegFormerConfig
from vidseg.models.stateful_model import StatefulModel
from vidseg.models.tcb import TCB, TCBConfig


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One entry of `ARCHITECTURES`.

    Attributes:
        config: the frozen dataclass that says how large a model is; stored as JSON beside its weights.
        build: a freshly initialised model, in training mode, for one.
    """

    config: type[Any]
    build: Callable[[Any], VideoModel]


ARCHITECTURES: dict[str, Architecture] = {
    "segformer": Architecture(config=SegFormerConfig, build=SegFormer),
    "cffm": Architecture(config=CFFMConfig, build=CFFM),
    "per_frame": Architecture(config=PerFrameConfig, build=PerFrame),
    "netwarp": Architecture(config=NetWarpConfig, build=NetWarp),
    "dff": Architecture(config=DFFConfig, build=DFF),
    "accel": Architecture(config=AccelConfig, build=Accel),
    "clockwork": Architecture(config=ClockworkConfig, build=Clockwork),
    "dvsnet": Architecture(config=DVSNetConfig, build=DVSNet),
    "grfp": Architecture(config=GRFPConfig, build=GRFP),
    "tcb": Architecture(config=TCBConfig, build=TCB),
    "mrcfa": Architecture(config=MRCFAConfig, build=MRCFA),
    "lmanet": Architecture(config=LMANetConfig, build=LMANet),
    "stt": Architecture(config=STTConfig, build=STT),
    "transformers": Architecture(config=ForeignConfig, build=build_foreign),
}
"""All that can be trained, stored and loaded, by the names in checkpoints. A program may add models of its own."""


def build_model(config: ModelConfig) -> VideoModel:
    """A freshly initialised model, in training mode, for a configuration."""
    return ARCHITECTURES[architecture_of(config)].build(config)


def architecture_of(config: ModelConfig) -> str:
    """The name in `ARCHITECTURES` of a configuration's architecture."""
    return next(name for name, entry in ARCHITECTURES.items() if type(config) is entry.config)


__all__ = [
    "ARCHITECTURES",
    "CFFM",
    "DFF",
    "GRFP",
    "LITE_SIZES",
    "MIT_SIZES",
    "MRCFA",
    "STT",
    "TCB",
    "Accel",
    "AccelConfig",
    "Adaptive",
    "Architecture",
    "ByReferences",
    "CFFMConfig",
    "ClipLogits",
    "Clockwork",
    "ClockworkConfig",
    "Context",
    "Cycle",
    "DFFConfig",
    "DVSNet",
    "DVSNetConfig",
    "Decisions",
    "EncoderConfig",
    "Foreign",
    "ForeignConfig",
    "FrameInputs",
    "FrameOutputs",
    "GRFPConfig",
    "HeadConfig",
    "LMANet",
    "LMANetConfig",
    "MRCFAConfig",
    "MiTConfig",
    "MixTransformer",
    "ModelConfig",
    "NetWarp",
    "NetWarpConfig",
    "PerFrame",
    "PerFrameConfig",
    "PlainViT",
    "PriorConfig",
    "ReferenceConfig",
    "ReferenceModel",
    "Repeated",
    "STTConfig",
    "Schedule",
    "SegFormer",
    "SegFormerConfig",
    "State",
    "StatefulModel",
    "Step",
    "TCBConfig",
    "TimmConfig",
    "TimmEncoder",
    "ViTConfig",
    "VidEoMT",
    "VideoModel",
    "architecture_of",
    "build_encoder",
    "build_head",
    "build_model",
    "clockwork",
    "encoder_config",
    "encoder_name",
    "head_config",
]
