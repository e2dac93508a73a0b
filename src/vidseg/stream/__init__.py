"""Streaming: reference policies, the segmenter, scene cuts, overlapping work."""

from vidseg.stream.cuts import CutDetector
from vidseg.stream.job import JobReport, segment_to_files
from vidseg.stream.ledger import Done, Ledger
from vidseg.stream.outputs import OverlayStyle
from vidseg.stream.pipeline import Background, prefetch
from vidseg.stream.policy import Policy, none, offsets, parse_policy, seconds, vspw
from vidseg.stream.pool import PooledStream, StreamPool
from vidseg.stream.prior import video_prior
from vidseg.stream.segmenter import Segmenter, StreamState
from vidseg.stream.segmenters import Segmenters
from vidseg.stream.steadiness import Break, Steadiness, SteadinessMeter
from vidseg.stream.stepper import Memory, Stepper
from vidseg.stream.tensor_segmenter import TensorSegmenter

__all__ = [
    "Background",
    "Break",
    "CutDetector",
    "Done",
    "JobReport",
    "Ledger",
    "Memory",
    "OverlayStyle",
    "Policy",
    "PooledStream",
    "Segmenter",
    "Segmenters",
    "Steadiness",
    "SteadinessMeter",
    "Stepper",
    "StreamPool",
    "StreamState",
    "TensorSegmenter",
    "none",
    "offsets",
    "parse_policy",
    "prefetch",
    "seconds",
    "segment_to_files",
    "video_prior",
    "vspw",
]
