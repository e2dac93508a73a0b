"""Files from strangers."""

import os

from vidseg.video.demux import open_container
from vidseg.video.limits import Limits
from vidseg.video.reader import VideoReader, read_video

# Containers that hold their frames themselves. FFmpeg would also take playlists and session descriptions for videos,
# and open what they name: files of this machine, addresses in its network.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,ogg,asf,mxf,nut,ivf,gif,apng,"
    "h264,hevc,obu,m4v,yuv4mpegpipe,rm,wtv,dv"
)
# 8K; beyond that a small file may want all the memory there is.
_LIMITS = Limits(frame_pixels=7680 * 4320)


def read_foreign(path: str | os.PathLike[str]) -> VideoReader:
    """Opens a video file that nobody vouches for, for reading as far as it keeps one size.

    Raises:
        MediaError: if it is no video file that holds its frames itself, or they are too large.
    """
    open_container(os.fspath(path), options={"format_whitelist": _CONTAINERS}).close()
    return read_video(path, on_size_change="stop", limits=_LIMITS)
