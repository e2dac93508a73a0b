"""Numbers of a segmentation: mIoU and its kin, video consistency, correct consistency; see `protocols`."""

from vidseg.metrics.confusion import SegmentationScores
from vidseg.metrics.labels import LabelMap
from vidseg.metrics.protocols import EXACT, PROTOCOLS, VSPW, Protocol
from vidseg.metrics.segmentation import VideoSegmentationMetrics
from vidseg.metrics.video import VideoTally

__all__ = [
    "EXACT",
    "PROTOCOLS",
    "VSPW",
    "LabelMap",
    "Protocol",
    "SegmentationScores",
    "VideoSegmentationMetrics",
    "VideoTally",
]
