"""What a client may give to segment: a file that it uploaded, or an address. Nothing else on this machine."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from vidseg.errors import InputError
from vidseg.video import VideoInfo, VideoReader, isolated, read_video
from vidseg.video.foreign import read_foreign
from vidseg.video.redact import redacted

SCHEMES = ("rtsp", "rtsps", "http", "https")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that was received.

    Attributes:
        path: where it lies, under a name of the server's that occurs nowhere else.
        name: the client's name for it; shown, never used as a path.
    """

    path: Path
    name: str

    def wording(self, text: str) -> str:
        """A message with the client's name in place of the server's."""
        return redacted(text.replace(str(self.path), self.name).replace(self.path.name, self.name))


def checked_upload(upload: Upload, max_seconds: float) -> VideoInfo:
    """Looks at an uploaded file without decoding more than one frame.

    Args:
        upload: the file.
        max_seconds: the longest video allowed.

    Raises:
        MediaError: if it is no video file, or its frames are too large.
        InputError: if it is too long.
    """
    with open_upload(upload) as reader:
        require_length(upload.name, reader.info.duration, max_seconds)
        return reader.info


def open_upload(upload: Upload) -> VideoReader:
    """Opens an uploaded file for reading; what it does to a decoder happens in a process of its own.

    Raises:
        MediaError: if it is no video file, or its frames are too large.
    """
    return isolated(partial(read_foreign, upload.path), str(upload.path))


def require_length(name: str, seconds: float | None, max_seconds: float) -> None:
    """Raises `InputError` if a video is known to be longer than allowed."""
    if seconds is not None and seconds > max_seconds:
        raise InputError(
            f"got {name} of {seconds / 60:.1f} minutes; expected at most {max_seconds / 60:g}; "
            "cut it, or start the server with a larger --max-minutes"
        )


def checked_url(text: str) -> str:
    """The address without surrounding blanks, if it is one that may be read.

    Raises:
        InputError: for local paths, other schemes, and what is no address.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    is_plain = url.isprintable() and " " not in url
    # FFmpeg reads what stands before "://" itself: only these very words, no nested or prefixed protocol.
    if not host or not is_plain or not url.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        shown = redacted(url) if url.isprintable() else repr(redacted(url))
        raise InputError(
            f"got {shown[:200] or 'an empty address'}; expected an address that begins with "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}"
        )
    return url


def open_url(url: str, max_seconds: float) -> VideoReader:
    """Connects, in a process of its own.

    A live stream loses its oldest frames where it is too fast, and ends at `max_seconds`.

    Raises:
        MediaError: if it cannot be opened.
        InputError: if it is a file that is too long.
    """
    reader = isolated(partial(read_video, url, on_lag="drop", end=max_seconds), redacted(url))
    if not reader.info.is_live:
        require_length(reader.info.name, reader.info.duration, max_seconds)
    return reader
