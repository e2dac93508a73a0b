"""vidseg: video semantic segmentation, a class for every pixel of every frame, live.

Example::

    model = vidseg.load("cffm-b0-freedoom")
    segmenter = vidseg.Segmenter(model)
    for segmentation in segmenter.segment(vidseg.read_video("in.mp4")):
        segmentation.labels  # HxW class ids
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidseg.checkpoints import load
    from vidseg.errors import VidsegError, VidsegWarning
    from vidseg.steady import Steady
    from vidseg.stream import Segmenter, StreamPool, StreamState
    from vidseg.types import ClassMap, Frame, Preprocessing, Segmentation
    from vidseg.video import read_video

__version__ = "0.1.0"

# Resolved on first use: the command line answers --help without waiting for torch.
_HOMES = {
    "ClassMap": "vidseg.types",
    "Frame": "vidseg.types",
    "Preprocessing": "vidseg.types",
    "Segmentation": "vidseg.types",
    "Segmenter": "vidseg.stream",
    "Steady": "vidseg.steady",
    "StreamPool": "vidseg.stream",
    "StreamState": "vidseg.stream",
    "VidsegError": "vidseg.errors",
    "VidsegWarning": "vidseg.errors",
    "load": "vidseg.checkpoints",
    "read_video": "vidseg.video",
}

__all__ = [
    "ClassMap",
    "Frame",
    "Preprocessing",
    "Segmentation",
    "Segmenter",
    "Steady",
    "StreamPool",
    "StreamState",
    "VidsegError",
    "VidsegWarning",
    "__version__",
    "load",
    "read_video",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vidseg' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
