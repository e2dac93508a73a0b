"""From a decoded picture to upright 8-bit RGB.

- YUV is converted with the matrix and range that the frame is tagged with (BT.601, BT.709, BT.2020, limited
  or full). Untagged video counts as limited BT.601, as FFmpeg and OpenCV take it: data sets were cut into
  images that way, so models see the colours they were trained on.
- Grey and more than 8 bits are scaled by their full range; an alpha channel is dropped.
- HDR (PQ and HLG transfer) becomes BT.709: the reference white of 203 cd/m² (ITU-R BT.2408) maps to white,
  what is brighter is clipped, and colours outside the gamut are too. Building that table takes some
  seconds once.
- The display matrix (phones held upright, mirrored selfies) is applied to the nearest quarter turn.
"""

from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from vidseg.types import RGB

_HDR = frozenset({ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67})
# Without these, FFmpeg's shortcut for more than 8 bits makes 253 of white.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class RGBConverter:
    """Converts the frames of one video; keeps the scaler's tables between them."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._rotation: int | None = None
        self._orientation = (False, False, False)

    def __call__(self, frame: av.VideoFrame) -> RGB:
        """HxWx3 uint8 RGB, upright, C-contiguous."""
        if frame.color_trc in _HDR:
            converted = self._reformatter.reformat(
                frame,
                format="rgb24",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.JPEG,
                dst_color_trc=ColorTrc.BT709,
                dst_color_primaries=ColorPrimaries.BT709,
            )
        else:
            is_deep = frame.format.components[0].bits > 8
            converted = self._reformatter.reformat(
                frame,
                format="rgb24",
                dst_color_range=ColorRange.JPEG,
                interpolation=_EXACT if is_deep else None,
            )
        image = cast(RGB, converted.to_ndarray())
        if frame.rotation != self._rotation:
            # Looked at as seldom as can be: side data ties a frame into a reference cycle, and memory grows.
            self._rotation, self._orientation = frame.rotation, orientation(frame)
        transpose, flip_x, flip_y = self._orientation
        if transpose:
            image = image.transpose(1, 0, 2)
        return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """(transpose, then flip horizontally, flip vertically) that bring the stored picture upright.

    By the display matrix m the point (x, y) goes to (m00 x + m10 y, m01 x + m11 y), as FFmpeg's
    ``libavutil/display.h`` defines it.
    """
    data = cast(SideDataContainer, frame.side_data).get(SideDataType.DISPLAYMATRIX)
    if data is None:
        return False, False, False
    m00, m01, _, m10, m11 = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    if abs(m01) + abs(m10) > abs(m00) + abs(m11):
        return True, m10 < 0, m01 < 0
    return False, m00 < 0, m11 < 0
