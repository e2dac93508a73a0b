"""Which of a file's video streams is taken: the one that a player would show."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Disposition

from vidseg.errors import InputError, MediaError
from vidseg.video.length import end_by_header

# Pictures about a file, and pieces of one, that no player shows as its video.
_NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
# A header that speaks of fewer frames may mean a still: AVI counts places without a picture, too.
_FEW_FRAMES = 25
# How many packets are looked at to tell a still from a video, in sum and of one video beside a still.
_MOST_PACKETS, _ENOUGH_PACKETS = 5000, 250
# A track counts as of the same length as one that is longer by less than this share.
_SAME_LENGTH = Fraction(99, 100)


@dataclass(frozen=True, kw_only=True)
class Track:
    """One video stream, by its header.

    Attributes:
        index: its number among all streams of the container, as FFmpeg's tools count.
        codec: FFmpeg's name; None if there is no decoder for it.
        width: pixels as stored.
        height: pixels as stored.
        frames: how many, at least; 0 where unknown.
        length: seconds; None where unknown.
        is_cover: a picture about the file, or a piece of one.
        is_default: marked as the one to be shown.
    """

    index: int
    codec: str | None
    width: int
    height: int
    frames: int
    length: Fraction | None
    is_cover: bool
    is_default: bool

    @property
    def is_still(self) -> bool:
        """Whether it is known to be a single picture."""
        return self.is_cover or self.frames == 1

    def __str__(self) -> str:
        lasts = "a still" if self.is_still else "" if self.length is None else f"{float(self.length):.3f} s"
        facts = f"{self.codec or 'of an unknown codec'} {self.width}x{self.height}"
        return f"{self.index} ({facts}{', ' if lasts else ''}{lasts})"


def choose_track(
    container: InputContainer,
    name: str,
    wanted: int | None = None,
    reopened: Callable[[], InputContainer] | None = None,
) -> tuple[int, str | None]:
    """Chooses a video stream: no still if there is another, then the largest, then the longest.

    Of several such, one that is marked as default, else the first.

    Args:
        container: nothing is read of it.
        name: for messages.
        wanted: the user's choice, which overrides all this: a number among all streams of the container.
        reopened: opens the source once more, to tell stills by reading where the header does not tell; None for live
            sources, which cannot be read twice.

    Returns:
        (the stream's number, a line that says what was left out if several were plausible).

    Raises:
        InputError: if there is no video stream of the wanted number.
        MediaError: if there is no video, or no decoder for it.
    """
    tracks = [_track(container, stream) for stream in container.streams.video]
    if wanted is not None:
        return _wanted(tracks, name, wanted), None
    shown = [track for track in tracks if not track.is_cover]
    if not shown:
        raise MediaError(_no_video(tracks, name))
    if reopened is not None and len(shown) > 1 and any(track.frames < _FEW_FRAMES for track in shown):
        with reopened() as other:
            shown = _counted(other, shown)
    plausible = [track for track in shown if not track.is_still] or shown
    plausible = [track for track in plausible if track.codec is not None] or plausible
    taken = _preferred(plausible)
    _require_decoder(taken, name)
    others = [str(track) for track in plausible if track is not taken]
    if not others:
        return taken.index, None
    return taken.index, (
        f"{name} has {len(plausible)} videos in it: stream {taken} was taken and not {', '.join(others)}; "
        "do: choose with --stream"
    )


def _track(container: InputContainer, stream: av.VideoStream) -> Track:
    context = stream.codec_context
    end = end_by_header(container, stream)
    start = 0 if stream.start_time is None or stream.time_base is None else stream.start_time * stream.time_base
    return Track(
        index=stream.index,
        codec=None if context is None else context.codec.canonical_name,
        width=0 if context is None else context.width,
        height=0 if context is None else context.height,
        frames=stream.frames,
        length=None if end is None else end - start,
        is_cover=bool(stream.disposition & _NO_VIDEO),
        is_default=bool(stream.disposition & Disposition.default),
    )


def _counted(container: InputContainer, tracks: Sequence[Track]) -> list[Track]:
    """The tracks with as many frames as it takes to tell stills from videos, counted in packets."""
    seen = Counter({track.index: 0 for track in tracks})
    try:
        for number, packet in enumerate(container.demux([container.streams[index] for index in seen])):
            seen[packet.stream.index] += packet.size > 0
            if min(seen.values()) > 1 or max(seen.values()) > _ENOUGH_PACKETS or number > _MOST_PACKETS:
                break
    except av.FFmpegError:
        pass  # reading for good meets it again, and reports it
    # A track without a packet up to here is none that is shown either.
    return [
        track if track.frames >= _FEW_FRAMES else replace(track, frames=max(1, seen[track.index])) for track in tracks
    ]


def _preferred(tracks: Sequence[Track]) -> Track:
    size = max(track.width * track.height for track in tracks)
    largest = [track for track in tracks if track.width * track.height == size]
    length = max(track.length or Fraction(0) for track in largest)
    longest = [track for track in largest if (track.length or 0) >= length * _SAME_LENGTH]
    return next((track for track in longest if track.is_default), longest[0])


def _wanted(tracks: Sequence[Track], name: str, wanted: int) -> int:
    for track in tracks:
        if track.index == wanted:
            _require_decoder(track, name)
            return wanted
    there = ", ".join(map(str, tracks)) or "none, it has no video in it"
    raise InputError(f"got stream {wanted} of {name}; expected one of its video streams: {there}")


def _require_decoder(track: Track, name: str) -> None:
    if track.codec is None:
        raise MediaError(f"got {name}, whose video has a codec that this build of FFmpeg cannot decode")


def _no_video(tracks: Sequence[Track], name: str) -> str:
    if not tracks:
        return f"got {name}, which has no video in it; expected a file with a video stream"
    stills = ", ".join(map(str, tracks))
    return (
        f"got {name}, which has no video in it but a cover or parts of a picture: stream {stills}; "
        f"expected a file with a video stream; do: --stream {tracks[0].index} if that is meant"
    )
