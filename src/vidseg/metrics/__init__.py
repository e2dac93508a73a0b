"""Numbers of a segmentation: mIoU and its kin, consistency in time with ground truth and without; see `protocols`."""

from vidseg.metrics.confusion import SegmentationScores
from vidseg.metrics.labels import LabelMap
from vidseg.metrics.protocols import EXACT, PROTOCOLS, VSPW, Protocol
from vidseg.metrics.segmentation import VideoSegmentationMetrics
from vidseg.metrics.temporal import LONG_SIDE, TemporalConsistency, TemporalTally
from vidseg.metrics.video import VideoTally

__all__ = [
    "EXACT",
    "LONG_SIDE",
    "PROTOCOLS",
    "VSPW",
    "LabelMap",
    "Protocol",
    "SegmentationScores",
    "TemporalConsistency",
    "TemporalTally",
    "VideoSegmentationMetrics",
    "VideoTally",
]
