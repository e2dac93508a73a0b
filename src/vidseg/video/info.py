"""What is known of a video before its frames are read."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """One source, as a whole (whatever part of it is read).

    Attributes:
        name: what to call it in messages; without credentials.
        width: pixels of the first frame, upright.
        height: pixels of the first frame, upright.
        fps: average frame rate; None where the source has no clock.
        frame_count: frames by the file's header; None where it does not say, and for live sources.
        duration: seconds; None where unknown, and for live sources.
        is_live: frames come when they come, cannot be sought and are read once.
        time_base: the tick of the source's timestamps, seconds; None where it has none.
        pixel_aspect: width / height of one upright pixel; not 1 for anamorphic video.
        origin: the file's own timestamp of time 0, seconds.
        sound: where the sound that belongs to the frames can be read; None where there is none.
            It may carry credentials, so it is no part of the representation.
    """

    name: str
    width: int
    height: int
    fps: Fraction | None = None
    frame_count: int | None = None
    duration: float | None = None
    is_live: bool = False
    time_base: Fraction | None = None
    pixel_aspect: Fraction = Fraction(1)
    origin: Fraction = Fraction(0)
    sound: str | None = field(default=None, repr=False)

    @property
    def has_audio(self) -> bool:
        """Whether there is sound that an output can keep."""
        return self.sound is not None
