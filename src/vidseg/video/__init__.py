"""Video in and out: files, images, cameras and streams; overlays, masks, arrays, shares, annotations."""

from vidseg.video.arrays import NpzWriter
from vidseg.video.cvat import CvatWriter
from vidseg.video.fiftyone import FiftyOneWriter
from vidseg.video.folder import MaskFolderWriter
from vidseg.video.images import read_image
from vidseg.video.info import VideoInfo
from vidseg.video.isolation import isolated, read_isolated
from vidseg.video.limits import Limits
from vidseg.video.masks import read_labels, write_labels
from vidseg.video.mp4 import OverlayWriter
from vidseg.video.outputs import open_writer, output_kind
from vidseg.video.reader import VideoReader, read_video
from vidseg.video.shares import SharesWriter
from vidseg.video.writer import Writer

__all__ = [
    "CvatWriter",
    "FiftyOneWriter",
    "Limits",
    "MaskFolderWriter",
    "NpzWriter",
    "OverlayWriter",
    "SharesWriter",
    "VideoInfo",
    "VideoReader",
    "Writer",
    "isolated",
    "open_writer",
    "output_kind",
    "read_image",
    "read_isolated",
    "read_labels",
    "read_video",
    "write_labels",
]
