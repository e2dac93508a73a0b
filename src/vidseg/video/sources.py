"""What an input is: a camera, a URL, a video file or images."""

import os
from pathlib import Path
from typing import Literal

from vidseg.errors import InputError
from vidseg.video.redact import redacted

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm"})
# Of files with moving pictures, in the order in which one is looked for by its name alone.
VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".gif", ".3gp", ".asf", ".flv", ".m2ts"),
    *(".mts", ".mxf", ".ogv", ".ts", ".vob", ".wmv", ".y4m"),
)
URL_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "udp", "tcp", "srt")

SourceKind = Literal["camera", "url", "folder", "image", "video", "glob"]


def source_kind(source: str | os.PathLike[str] | int) -> SourceKind:
    """Recognises what `source` names; an existing path wins over every other reading.

    Raises:
        InputError: if it is nothing that can be read.
    """
    if isinstance(source, int):
        if source < 0:
            raise InputError(f"got camera {source}; expected an index of 0 or more")
        return "camera"
    text = os.fspath(source)
    scheme, separator, _ = text.partition("://")
    if separator:
        if scheme.lower() not in URL_SCHEMES:
            raise InputError(f"got {redacted(text)}; expected a URL that begins with one of {', '.join(URL_SCHEMES)}")
        return "url"
    path = Path(text)
    if text and path.is_dir():
        return "folder"
    if path.is_file():
        return "image" if path.suffix.lower() in IMAGE_SUFFIXES else "video"
    if text.isdecimal():
        return "camera"
    if any(character in text for character in "*?["):
        return "glob"
    raise InputError(
        f"got input {text!r}, which does not exist; expected a video file, a folder of images, a glob pattern, "
        f"a camera index or a URL ({', '.join(URL_SCHEMES[:3])}, …)"
    )
