"""A video of our own and the sound of its source, joined in a process of its own: that sound is a foreign file, too."""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from vidseg.errors import MediaError
from vidseg.video.channel import Channel
from vidseg.video.child import Child
from vidseg.video.info import VideoInfo
from vidseg.video.pulse import beat
from vidseg.video.sound import Sound


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Which part of the sound belongs to the pictures.

    Attributes:
        info: of the source.
        begin: the second of the source that is second 0 of the video.
        until: the second of the video at which it ends; None for all that is left.
    """

    info: VideoInfo
    begin: Fraction
    until: Fraction | None


def join_sound(pictures: Path, cut: Cut, joined: Path) -> tuple[str, ...]:
    """Writes `joined`: the packets of the video `pictures` as they are, with sound.

    Returns:
        What was amiss with the sound, one line each.

    Raises:
        MediaError: if it cannot be written, or reading the sound crashed or hung.
    """
    child = Child(partial(_join, pictures, cut, joined), cut.info.name)
    try:
        problems: tuple[str, ...]
        _, problems = child.receive()
        return problems
    finally:
        child.end()


def _join(pictures: Path, cut: Cut, joined: Path, channel: Channel) -> None:
    try:
        with (
            av.open(str(pictures)) as source,
            av.open(str(joined), "w", format="mp4", options={"movflags": "+faststart"}) as output,
        ):
            shown = source.streams.video[0]
            written = output.add_stream_from_template(shown)
            sound = Sound(cut.info, cut.begin, output)
            for packet in source.demux(shown):
                if packet.size == 0 or packet.pts is None:
                    continue
                beat()
                sound.feed(packet.pts * packet.time_base)
                packet.stream = written
                output.mux(packet)
            sound.feed(cut.until)
            sound.close()
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"got sound of {cut.info.name}, which cannot be written ({error})") from None
    channel.send("ended", sound.problems)
