"""What of a video is decoded, and how."""

from dataclasses import dataclass

from vidseg.errors import InputError
from vidseg.video.limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """Choices that go along with a source.

    Attributes:
        stream: number of the video stream among all streams of the container, as FFmpeg's tools count; None for the one
            that a player would show.
        deinterlace: make progressive pictures of interlaced ones.
        limits: the most that is decoded.

    Raises:
        InputError: if `stream` is negative.
    """

    stream: int | None = None
    deinterlace: bool = False
    limits: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.stream is not None and self.stream < 0:
            raise InputError(f"got stream={self.stream}; expected the number of a stream, 0 or more")

    def require_container(self, name: str) -> None:
        """Raises `InputError` if a choice was made that images do not have."""
        if self.stream is not None:
            raise InputError(f"got stream={self.stream} for {name}; expected it for video files and streams only")
        if self.deinterlace:
            raise InputError(f"got deinterlace for {name}; expected it for video files and streams only")


DEFAULT_DECODING = Decoding()
