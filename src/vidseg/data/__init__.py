"""Data sets: what lies where on disk, clips cut from it for training, and the doctor who looks for damage.

Core dependencies only. The augmentation of a clip is given to `ClipDataset` from outside.
"""

from vidseg.data.clip_dataset import ClipDataset, ClipSample
from vidseg.data.clips import ClipConfig
from vidseg.data.doctor import examine
from vidseg.data.findings import Finding, Report, exit_code
from vidseg.data.frame_cache import CacheConfig, FrameCache
from vidseg.data.layouts import LAYOUTS, open_dataset
from vidseg.data.reading import frames_with_labels
from vidseg.data.records import DatasetSpec, FrameRecord, VideoDataset, VideoRecord

__all__ = [
    "LAYOUTS",
    "CacheConfig",
    "ClipConfig",
    "ClipDataset",
    "ClipSample",
    "DatasetSpec",
    "Finding",
    "FrameCache",
    "FrameRecord",
    "Report",
    "VideoDataset",
    "VideoRecord",
    "examine",
    "exit_code",
    "frames_with_labels",
    "open_dataset",
]
