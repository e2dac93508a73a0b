"""Optical flow: where each pixel of a frame was in the frame before; and what follows it.

One convention everywhere: a flow is float [2,H,W], x then y, in pixels of its own size, from the present to the
previous frame: what is at (x, y) now was at (x + flow[0], y + flow[1]).
"""

from vidseg.flow.choose import ESTIMATORS, flow_estimator
from vidseg.flow.contract import FlowEstimator
from vidseg.flow.dis import DISFlow
from vidseg.flow.occlusion import forward_backward_error, inside, photometric_difference, visible
from vidseg.flow.raft import RAFTFlow
from vidseg.flow.warping import resize_flow, warp, warp_as_released, warp_labels

__all__ = [
    "ESTIMATORS",
    "DISFlow",
    "FlowEstimator",
    "RAFTFlow",
    "flow_estimator",
    "forward_backward_error",
    "inside",
    "photometric_difference",
    "resize_flow",
    "visible",
    "warp",
    "warp_as_released",
    "warp_labels",
]
