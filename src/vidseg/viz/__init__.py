"""Pictures of segmentations: overlays, legends, strips, error and flicker maps, class colours.

Pure functions on arrays: nothing here reads or writes files, and nothing needs torch.
"""

from vidseg.viz.error_maps import confusion_picture, error_map
from vidseg.viz.flicker import FlickerMap
from vidseg.viz.legend import draw_legend
from vidseg.viz.overlay import colourise, overlay
from vidseg.viz.palette import generate_palette
from vidseg.viz.strips import side_by_side, swipe

__all__ = [
    "FlickerMap",
    "colourise",
    "confusion_picture",
    "draw_legend",
    "error_map",
    "generate_palette",
    "overlay",
    "side_by_side",
    "swipe",
]
