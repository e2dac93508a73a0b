"""Video files that are not as simple as most: several tracks, late starts, interlaced pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

RATE = 25


@dataclass(frozen=True, kw_only=True)
class VideoTrack:
    """One video track, each frame a grey that tells its index."""

    size: tuple[int, int] = (48, 64)
    count: int = 8
    codec: str = "libx264"
    disposition: Disposition | None = None
    start: int = 0  # frames


def write_tracks(
    path: Path, tracks: Sequence[VideoTrack], *, sound: bool = False, muxer: dict[str, str] | None = None
) -> Path:
    """Writes the tracks into one file, in this order."""
    with av.open(str(path), "w", options=muxer or {}) as output:
        streams = []
        for track in tracks:
            options = {"g": "6", "bf": "0"} if track.codec == "libx264" else {}
            stream = output.add_stream(track.codec, rate=RATE, options=options)
            stream.height, stream.width = track.size
            stream.pix_fmt = "yuvj420p" if track.codec == "mjpeg" else "yuv420p"
            stream.codec_context.time_base = Fraction(1, RATE)
            if track.disposition is not None:
                stream.disposition = track.disposition
            streams.append(stream)
        audio = output.add_stream("aac", rate=48000, layout="mono") if sound else None
        packets = []
        for track, stream in zip(tracks, streams, strict=True):
            for index in range(track.count):
                image = np.full((*track.size, 3), 16 + (index * 11) % 224, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base = track.start + index, Fraction(1, RATE)
                packets += stream.encode(frame)
            packets += stream.encode(None)
        if audio is not None:
            for begin in range(0, 48000, 1024):
                piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = 48000, begin, Fraction(1, 48000)
                packets += audio.encode(piece)
            packets += audio.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def interlaced(path: Path, *, count: int = 8, codec: str = "mpeg2video") -> Path:
    """Writes a bright bar that moves by 8 pixels a field, flagged as interlaced, the upper field first."""
    options = {"x264-params": "tff=1"} if codec == "libx264" else {"flags": "+ildct+ilme", "top": "1"}
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=RATE, options={**options, "bf": "0", "g": "4"})
        stream.height, stream.width, stream.pix_fmt = 64, 160, "yuv420p"
        stream.bit_rate = 4_000_000
        for index in range(count):
            image = np.full((64, 160, 3), 40, np.uint8)
            for field in (0, 1):
                begin = 8 * (2 * index + field)
                image[field::2, begin : begin + 24] = 220
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
