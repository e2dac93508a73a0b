"""Opening containers and decoding what can be decoded of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from vidseg.errors import MediaError
from vidseg.video.boxes import claims_too_many_samples
from vidseg.video.decoding import DEFAULT_DECODING, Decoding
from vidseg.video.pulse import beat
from vidseg.video.redact import redacted

_TIMEOUT = 10.0  # seconds without a byte from the network until a connection counts as lost


def open_container(location: str, decoding: Decoding = DEFAULT_DECODING, **arguments: Any) -> InputContainer:
    """Opens a file, URL or device for reading.

    Args:
        location: what FFmpeg is to open.
        decoding: its limits hold already while FFmpeg looks what is there.
        arguments: of `av.open`.

    Raises:
        MediaError: if it cannot be opened; says why, without credentials, also in its chain of causes.
    """
    if "://" in location:
        arguments["timeout"] = (_TIMEOUT, _TIMEOUT)
    elif arguments.get("format") is None and (claimed := claims_too_many_samples(location)):
        raise MediaError(
            f"got {Path(location).name}, which claims {claimed:,} frames, more than its bytes can hold; expected a "
            "video that is whole"
        )
    options = {**arguments.pop("options", {}), **_pixel_options(decoding)}
    try:
        return av.open(location, "r", metadata_errors="replace", options=options, **arguments)
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = why(error)
    # Raised outside the handler, so that no context carries the location with its password along.
    raise MediaError(f"got {redacted(location)}, which cannot be opened ({reason}); expected a readable video")


def why(error: Exception) -> str:
    """The reason in an exception, without the address that FFmpeg adds to it."""
    return redacted(str(getattr(error, "strerror", None) or error))


def decoder_of(container: InputContainer, index: int, decoding: Decoding) -> av.VideoStream:
    """The video stream of a number that `choose_track` gave, ready to be decoded."""
    stream = container.streams[index]
    assert isinstance(stream, av.VideoStream)
    stream.thread_type = "AUTO"
    stream.codec_context.options = _pixel_options(decoding)
    return stream


def _pixel_options(decoding: Decoding) -> dict[str, str]:
    """What keeps FFmpeg from making room for larger pictures than are allowed."""
    # Twice, because it counts the padding of small pictures too; who decodes looks at the size itself.
    return {"max_pixels": str(2 * decoding.limits.frame_pixels)}


@dataclass(kw_only=True)
class Damage:
    """What went wrong while decoding, counted.

    Attributes:
        packets: read from the container.
        unreadable: errors of the container.
        undecodable: packets without a picture.
        damaged: pictures delivered although parts of them are guessed.
        reason: FFmpeg's words for the first error.
        whole: the packets were counted from the beginning of the file on.
    """

    packets: int = 0
    unreadable: int = 0
    undecodable: int = 0
    damaged: int = 0
    reason: str = ""
    whole: bool = True

    def forget(self) -> None:
        """Starts counting anew."""
        self.__init__()  # type: ignore[misc]

    def note(self, error: Exception) -> None:
        """Keeps the reason of the first error."""
        self.reason = self.reason or why(error)

    def problems(self, name: str) -> Iterator[str]:
        """One line a kind of damage."""
        if self.unreadable:
            yield f"{name}: {self.unreadable} read errors ({self.reason}); what could be read was decoded"
        if self.undecodable:
            yield f"{name}: {self.undecodable} of {self.packets} packets could not be decoded ({self.reason})"
        if self.damaged:
            yield f"{name}: {self.damaged} frames are damaged"


def decoded_frames(
    container: InputContainer, stream: av.VideoStream, damage: Damage, *, patience: int = 16
) -> Iterator[av.VideoFrame]:
    """Every picture of `stream` from the current position on, in order of presentation.

    Errors don't end it: they are counted in `damage` and the next packet is tried; after `patience` read
    errors in a row the rest counts as lost.
    """
    packets = container.demux(stream)
    errors_in_a_row = 0
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            damage.note(error)
            damage.unreadable += 1
            errors_in_a_row += 1
            if errors_in_a_row == patience:
                yield from _decoded(stream, None, damage)
                return
            packets = container.demux(stream)
            continue
        if packet is None:
            return
        errors_in_a_row = 0
        beat()
        # The last packet is empty: it asks the decoder for the pictures it still holds.
        damage.packets += packet.size > 0
        yield from _decoded(stream, packet, damage)


def _decoded(
    stream: av.VideoStream, packet: "av.Packet[av.VideoStream] | None", damage: Damage
) -> Iterator[av.VideoFrame]:
    try:
        frames = stream.decode(packet)
    except av.FFmpegError as error:
        damage.note(error)
        damage.undecodable += 1
        return
    for frame in frames:
        damage.damaged += frame.is_corrupt
        if stream.time_base is not None:
            # PyAV does not know it for the pictures that a decoder still held when reading broke off.
            frame.time_base = stream.time_base
        yield frame


def timestamp(frame: av.VideoFrame) -> int | None:
    """The presentation time of a picture in ticks; where the file has none, the decoder's order."""
    return frame.pts if frame.pts is not None else frame.dts


def seconds(ticks: int | None, time_base: Fraction | None) -> Fraction | None:
    """Ticks as seconds; None if either is unknown."""
    return None if ticks is None or time_base is None else ticks * time_base
