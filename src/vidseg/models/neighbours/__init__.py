"""Models whose pixels attend to their neighbourhoods in earlier frames: LMANet (IROS 2021) and STT (ACM MM 2021)."""

from vidseg.models.neighbours.lmanet import LMANet, LMANetConfig
from vidseg.models.neighbours.stt import STT, STTConfig

__all__ = ["STT", "LMANet", "LMANetConfig", "STTConfig"]
