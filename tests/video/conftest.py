"""Small videos made on the spot."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidseg.types import RGB, ClassMap, Frame, Segmentation

MakeVideo = Callable[..., Path]


def pattern(index: int, height: int = 48, width: int = 64) -> RGB:
    """A picture that tells its index (the grey level) and which way is up (red top left, green top right)."""
    image = np.full((height, width, 3), 16 + (index * 11) % 224, np.uint8)
    image[: height // 3, : width // 3] = (255, 0, 0)
    image[: height // 3, -(width // 3) :] = (0, 255, 0)
    return image


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Makes a video file of `pattern`s and gives its path."""

    def make(
        name: str = "video.mp4",
        *,
        count: int = 20,
        size: tuple[int, int] = (48, 64),
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        times: Sequence[int] | None = None,
        time_base: Fraction = Fraction(1, 25),
        audio: str | None = None,
        rotation: float | None = None,
        colours: dict[str, int] | None = None,
        options: dict[str, str] | None = None,
        muxer: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        default = {"g": "6", "bf": "2", "crf": "10"} if codec == "libx264" else {}
        with av.open(str(path), "w", options=muxer or {}) as output:
            stream = output.add_stream(codec, rate=25, options=options or default)
            stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
            stream.codec_context.time_base = time_base
            for key, value in (colours or {}).items():
                setattr(stream.codec_context, key, value)
            if rotation is not None:
                stream.set_display_rotation(rotation)
            sound = None
            if audio is not None:
                sound = output.add_stream(audio, rate=48000, layout="mono")
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(pattern(index, *size), format="rgb24")
                frame = frame.reformat(format=pix_fmt)
                frame.pts, frame.time_base = (times[index] if times else index), time_base
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
            if sound is not None:
                seconds = count * time_base if times is None else times[-1] * time_base
                samples = np.sin(np.arange(int(seconds * 48000)) / 20).astype(np.float32)[None]
                for begin in range(0, samples.shape[1], 1024):
                    piece = av.AudioFrame.from_ndarray(samples[:, begin : begin + 1024], format="fltp", layout="mono")
                    piece.sample_rate, piece.pts, piece.time_base = 48000, begin, Fraction(1, 48000)
                    output.mux(sound.encode(piece))
                output.mux(sound.encode(None))
        return path

    return make


@pytest.fixture
def class_map() -> ClassMap:
    """Three classes."""
    return ClassMap(names=("void", "road", "sky"), palette=((0, 0, 0), (128, 64, 128), (70, 130, 180)))


@pytest.fixture
def segment(class_map: ClassMap) -> Callable[..., Segmentation]:
    """Makes the segmentation of a made-up frame."""

    def make(
        index: int = 0, *, size: tuple[int, int] = (5, 7), confidence: bool = False, name: str = ""
    ) -> Segmentation:
        labels = ((np.arange(size[0] * size[1]) + index) % 3).reshape(size).astype(np.uint8)
        frame = Frame(image=np.zeros((*size, 3), np.uint8), index=index, time=index / 25, name=name)
        sure = np.full(size, 0.5, np.float32) if confidence else None
        return Segmentation(labels=labels, class_map=class_map, frame=frame, confidence=sure)

    return make
