"""NetWarp (Gadde et al., ICCV 2017): the previous frame's features, warped along the flow, join the present ones."""

from vidseg.models.netwarp.flow_cnn import FlowCNN
from vidseg.models.netwarp.model import NetWarp, NetWarpConfig

__all__ = ["FlowCNN", "NetWarp", "NetWarpConfig"]
