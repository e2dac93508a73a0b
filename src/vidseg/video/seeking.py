"""Where to enter a file so that decoding gives the very frames that a full decode gives."""

from dataclasses import dataclass

import av
from av.container import InputContainer

from vidseg.video.pulse import beat

# Codecs whose every packet is one shown picture, so that packets can be counted instead of decoded, and whose
# key frames really start anew. (Not so: GIF, where each picture changes the last; VP8 with its hidden ones.)
_COUNTABLE = frozenset(
    {"h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4", "mpeg1video", "mpeg2video"}
    | {"mjpeg", "png", "ffv1", "prores", "dnxhd", "rawvideo"}
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A key frame to start decoding at.

    Attributes:
        pts: its presentation time in ticks.
        index: its number among all frames of the file.
    """

    pts: int
    index: int


def find_entry(container: InputContainer, stream: av.VideoStream, start_pts: int) -> Entry | None:
    """The last key frame at or before `start_pts`, found by reading packets without decoding them.

    Frames are numbered in order of presentation, hence those which follow the key frame in the file but are
    shown before it (B-frames) count too.

    Returns:
        None if it cannot be told for certain: then the file is to be decoded from its beginning.
    """
    if stream.codec_context.name not in _COUNTABLE:
        return None
    entry, packets, shown_before, last_dts = None, 0, 0, None
    try:
        for packet in container.demux(stream):
            beat()
            if packet.size == 0:
                break
            if packet.pts is None or packet.dts is None:
                return None
            if last_dts is not None and packet.dts < last_dts:
                return None  # timestamps begin anew
            last_dts = packet.dts
            if packet.dts > start_pts:
                break
            if packet.is_discard:
                continue
            if packet.is_keyframe and packet.pts <= start_pts:
                entry, shown_before = (packet.pts, packets), 0
            elif entry is not None and packet.pts < entry[0]:
                shown_before += 1
            packets += 1
    except av.FFmpegError:
        return None
    return None if entry is None else Entry(pts=entry[0], index=entry[1] + shown_before)
