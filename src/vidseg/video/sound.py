"""The sound that goes along with the pictures."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import av
from av.container import OutputContainer
from av.packet import Packet

from vidseg.video.demux import open_container, why
from vidseg.video.info import VideoInfo
from vidseg.video.pulse import beat

# FFmpeg's decoders of the codecs that every player accepts within mp4; they are copied as they are.
_COPIED = frozenset({"aac", "aac_fixed", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus"})
_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})


class Sound:
    """Moves the first sound track of a source into an output, piece by piece.

    Args:
        info: of the source.
        begin: the second of the source that is second 0 of the output.
        output: its streams must not have been written to yet.

    Attributes:
        problems: what was amiss, one line each.
    """

    def __init__(self, info: VideoInfo, begin: Fraction, output: OutputContainer) -> None:
        assert info.sound is not None
        self.problems: tuple[str, ...] = ()
        self._name = info.name
        self._zero = info.origin + begin
        self._output = output
        self._last_dts: int | None = None
        self._input = open_container(info.sound)
        self._source = self._input.streams.audio[0]
        codec = cast("av.AudioCodecContext | None", self._source.codec_context)
        if codec is None:
            self.problems = (f"{self._name}: the sound has a codec that this build of FFmpeg cannot decode",)
            self._packets: Iterator[Packet[Any]] = iter(())
        elif codec.name in _COPIED:
            self._target = output.add_stream_from_template(self._source)
            self._packets = self._copied()
        else:
            self._target = output.add_stream(
                "aac",
                rate=codec.sample_rate if codec.sample_rate in _AAC_RATES else 48000,
                layout="mono" if codec.channels == 1 else "stereo",
            )
            self._packets = self._encoded()
        if begin > 0 and self._source.time_base is not None:
            self._input.seek(int(self._zero / self._source.time_base), stream=self._source)
        self._next: Packet[Any] | None = None

    def feed(self, until: Fraction | None) -> None:
        """Moves what is heard before second `until` of the output; None for all that is left."""
        while True:
            self._next = self._next or next(self._packets, None)
            if self._next is None or (until is not None and _time(self._next) >= until):
                return
            self._output.mux(self._next)
            self._next = None

    def close(self) -> None:
        """Closes the source."""
        self._input.close()

    def _copied(self) -> "Iterator[Packet[Any]]":
        for packet in self._demuxed():
            if packet.pts is None or packet.dts is None:
                continue
            shift = round(self._zero / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            heard = packet.pts + (packet.duration or 0) > 0
            if heard and (self._last_dts is None or packet.dts > self._last_dts):
                self._last_dts = packet.dts
                packet.stream = self._target
                yield packet

    def _encoded(self) -> "Iterator[Packet[Any]]":
        for packet in self._demuxed():
            try:
                frames = self._source.decode(packet)
            except av.FFmpegError as error:
                self._note(error)
                continue
            for frame in frames:
                if frame.pts is None or frame.time_base is None:
                    continue
                frame.pts -= round(self._zero / frame.time_base)
                if frame.pts * frame.time_base + Fraction(frame.samples, frame.sample_rate) > 0:
                    yield from self._target.encode(frame)
        yield from self._target.encode(None)

    def _demuxed(self) -> "Iterator[Packet[Any]]":
        try:
            for packet in self._input.demux(self._source):
                beat()
                yield packet
        except av.FFmpegError as error:
            self._note(error)

    def _note(self, error: Exception) -> None:
        self.problems = self.problems or (f"{self._name}: parts of the sound are lost ({why(error)})",)


def _time(packet: "Packet[Any]") -> Fraction:
    return Fraction(packet.pts or 0) * packet.time_base
