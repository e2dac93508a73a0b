"""The two ways in which a split's numbers are counted. Every published figure must name its own.

`vspw` is what published VSPW tables used, quirks included. `exact` is what the definition says (VSPW paper,
Miao et al. 2021, Eq. 7 and the text around it).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Which videos, windows and pixels count.

    Attributes:
        name: what the numbers are shown under.
        min_frames: shorter videos are skipped, in the confusion matrix too.
        last_window: whether the window that ends with the video's last frame counts.
        ignored_can_agree: whether a pixel without ground truth in all frames of a window belongs to the
            window's constant pixels.
        mean_over: a mean over all windows of all videos (of TC, one matrix over all pairs of frames), or over the
            means of the videos.
    """

    name: str
    min_frames: int
    last_window: bool
    ignored_can_agree: bool
    mean_over: Literal["windows", "videos"]


VSPW = Protocol(name="vspw", min_frames=17, last_window=False, ignored_can_agree=True, mean_over="windows")
EXACT = Protocol(name="exact", min_frames=1, last_window=True, ignored_can_agree=False, mean_over="videos")

PROTOCOLS = (VSPW, EXACT)
