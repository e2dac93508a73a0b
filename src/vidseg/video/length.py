"""How long a track is by the file's header."""

import re
from fractions import Fraction

import av
from av.container import InputContainer

# Containers whose headers (or FFmpeg's reading of them) give the time at which a track ends, counted from zero;
# those of the others are lengths, counted from the first timestamp.
_END_TIMES = frozenset({"matroska,webm", "nut", "asf"})
_FRAGMENTED = "mov,mp4,m4a,3gp,3g2,mj2"
# Fragments that were cut out of a stream begin late; a smaller delay is that of B-frames.
_LATE = Fraction(1, 2)


def end_by_header(container: InputContainer, stream: av.VideoStream) -> Fraction | None:
    """The timestamp at which the header says that a track ends, seconds; None if it does not tell."""
    start = Fraction(0)
    if stream.start_time is not None and stream.time_base is not None:
        start = stream.start_time * stream.time_base
    from_zero = container.format.name in _END_TIMES
    if stream.duration and stream.time_base:
        value = stream.duration * stream.time_base
        from_zero = from_zero or (container.format.name == _FRAGMENTED and not stream.frames and start > _LATE)
    # Matroska's, HH:MM:SS.nanoseconds; anybody may have written anything there.
    elif tag := re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", "")):
        value = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        # FFmpeg's is an end; that of mkvmerge, which marks its statistics as such, a length.
        from_zero = from_zero and not any(key.startswith("_STATISTICS") for key in stream.metadata)
    # Else it might be the length of the sound, or of another picture track.
    elif container.duration and not container.streams.audio and len(container.streams.video) == 1:
        value = Fraction(container.duration, av.time_base)
    else:
        return None
    # An end before the start can only have been meant as a length.
    return value if from_zero and value > start else start + value
