"""How much a file may ask for: a few bytes can claim more pixels than any machine holds."""

from dataclasses import dataclass

from vidseg.errors import InputError, MediaError

# Of how many pixels a smaller frame counts: whatever its size, it costs a step of the network.
_LEAST_PIXELS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that is decoded, in pixels. A decoded pixel takes 3 bytes.

    Attributes:
        frame_pixels: of one picture. The default is Pillow's own, a quarter of a GiB: 2.7 times 8K video.
        file_pixels: of all pictures of one file together, each counted as at least a million. The default is
            11 hours of 4K at 60 frames a second, or 185 hours of small pictures at 30.

    Raises:
        InputError: if one is not positive.
    """

    frame_pixels: int = 89_478_485
    file_pixels: int = 20_000_000_000_000

    def __post_init__(self) -> None:
        for name, value in (("frame_pixels", self.frame_pixels), ("file_pixels", self.file_pixels)):
            if value < 1:
                raise InputError(f"got {name}={value}; expected a number of pixels, 1 or more")

    def check_frame(self, name: str, width: int, height: int) -> None:
        """Raises `MediaError` if a picture is larger than allowed."""
        if width * height > self.frame_pixels:
            raise MediaError(
                f"got {name} of {width}x{height} pixels; expected at most {self.frame_pixels:,} a frame; do: make it "
                "smaller or, if it is what it claims to be, raise the limit (vidseg segment --max-pixels, Limits in "
                "Python)"
            )

    def most_frames(self, width: int, height: int) -> int:
        """How many pictures of that size a file may have."""
        return max(1, self.file_pixels // max(width * height, _LEAST_PIXELS))

    def check_count(self, name: str, frames: int | None, width: int, height: int) -> None:
        """Raises `MediaError` if a file says that it has more pictures than allowed."""
        if frames is not None and frames > self.most_frames(width, height):
            raise MediaError(
                f"got {name} of {frames:,} frames of {width}x{height}; {self.expected_count(width, height)}"
            )

    def expected_count(self, width: int, height: int) -> str:
        """What was expected of a file with too many pictures, and what to do."""
        return (
            f"expected at most {self.most_frames(width, height):,} of this size in a file; do: take a part (--start, "
            "--end) or, if it is what it claims to be, raise the limit (vidseg segment --max-file-pixels, Limits in "
            "Python)"
        )


DEFAULT_LIMITS = Limits()
