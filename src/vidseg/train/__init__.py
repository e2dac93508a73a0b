"""Training: losses, optimiser, a loop that resumes to the bit; on lightning-fabric (extra `train`).

The configuration needs nothing beyond the core; `vidseg.train.loop` needs the extra.
"""

from vidseg.train.config import DataConfig, OutputConfig, RuntimeConfig, TrainConfig
from vidseg.train.distillation import DistillationConfig
from vidseg.train.events import Event, Events, Notice, Progress, Saved, Validated
from vidseg.train.losses import HardPixels, LossConfig
from vidseg.train.optimizer import OptimizerConfig, ScheduleConfig
from vidseg.train.temporal_loss import TemporalConfig

__all__ = [
    "DataConfig",
    "DistillationConfig",
    "Event",
    "Events",
    "HardPixels",
    "LossConfig",
    "Notice",
    "OptimizerConfig",
    "OutputConfig",
    "Progress",
    "RuntimeConfig",
    "Saved",
    "ScheduleConfig",
    "TemporalConfig",
    "TrainConfig",
    "Validated",
]
