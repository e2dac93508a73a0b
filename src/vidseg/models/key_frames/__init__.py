"""Systems that save the deep network on most frames: what it found at a key frame is carried on to the others."""

from vidseg.models.key_frames.accel import Accel, AccelConfig
from vidseg.models.key_frames.clockwork import Clockwork, ClockworkConfig, clockwork
from vidseg.models.key_frames.dff import DFF, DFFConfig
from vidseg.models.key_frames.dvsnet import DVSNet, DVSNetConfig

__all__ = [
    "DFF",
    "Accel",
    "AccelConfig",
    "Clockwork",
    "ClockworkConfig",
    "DFFConfig",
    "DVSNet",
    "DVSNetConfig",
    "clockwork",
]
