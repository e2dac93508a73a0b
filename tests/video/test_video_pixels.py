from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from vidseg.video import read_video
from vidseg.video.pixels import RGBConverter, orientation

MakeVideo = Callable[..., Path]
# Kr, Kb of each matrix: ITU-R BT.601, BT.709, BT.2020.
MATRICES = {6: (0.299, 0.114), 5: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 2: (0.299, 0.114)}


def flat(luma: int, blue: int, red: int, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    dtype = np.uint8 if pix_fmt == "yuv420p" else np.uint16
    planes = [np.full((32, 32), luma), np.full((8, 32), blue), np.full((8, 32), red)]
    return av.VideoFrame.from_ndarray(np.concatenate(planes).astype(dtype), format=pix_fmt)


@pytest.mark.parametrize("matrix", sorted(MATRICES))
@pytest.mark.parametrize("full", [False, True])
def test_matrix_and_range_are_those_of_the_tags(matrix: int, full: bool) -> None:
    frame = flat(120, 110, 150)
    frame.colorspace = matrix
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    luma = 120 / 255 if full else (120 - 16) / 219
    blue, red = ((value - 128) / (255 if full else 224) for value in (110, 150))
    k_red, k_blue = MATRICES[matrix]
    r, b = luma + 2 * (1 - k_red) * red, luma + 2 * (1 - k_blue) * blue
    g = (luma - k_red * r - k_blue * b) / (1 - k_red - k_blue)
    assert RGBConverter()(frame)[5, 5] == pytest.approx(np.array([r, g, b]) * 255, abs=2)


def test_ten_bits_and_grey_are_scaled() -> None:
    frame = flat(235 * 4, 512, 512, "yuv420p10le")
    assert RGBConverter()(frame)[5, 5].tolist() == [255] * 3
    grey = av.VideoFrame.from_ndarray(np.array([[0, 32768, 65535]] * 2, np.uint16), format="gray16le")
    assert RGBConverter()(grey)[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]
    grey = av.VideoFrame.from_ndarray(np.array([[0, 100, 255]] * 2, np.uint8), format="gray")
    assert RGBConverter()(grey)[0].tolist() == [[0] * 3, [100] * 3, [255] * 3]


@pytest.mark.parametrize(("codec", "pix_fmt"), [("ffv1", "gray16le"), ("ffv1", "gray"), ("ffv1", "yuv422p12le")])
def test_files_of_other_formats(make_video: MakeVideo, codec: str, pix_fmt: str) -> None:
    frames = list(read_video(make_video("v.mkv", codec=codec, pix_fmt=pix_fmt, count=3)))
    assert [int(frame.image[40, 32, 1]) for frame in frames] == pytest.approx([16, 27, 38], abs=2)
    assert frames[0].image.dtype == np.uint8


def perceptual_quantizer(luminance: float) -> float:
    """SMPTE ST 2084: cd/m² to signal."""
    power = (luminance / 10000) ** (2610 / 16384)
    return float(((3424 / 4096 + 2413 / 4096 * 32 * power) / (1 + 2392 / 4096 * 32 * power)) ** (2523 / 4096 * 128))


@pytest.mark.slow  # FFmpeg computes a table for seconds
def test_hdr_maps_reference_white_to_white() -> None:
    convert = RGBConverter()
    got = []
    for luminance in (0, 20, 100, 203, 1000):
        frame = flat(round((perceptual_quantizer(luminance) * 219 + 16) * 4), 512, 512, "yuv420p10le")
        frame.colorspace, frame.color_range = Colorspace.BT2020, ColorRange.MPEG
        frame.color_trc, frame.color_primaries = ColorTrc.SMPTE2084, ColorPrimaries.BT2020
        got.append(int(convert(frame)[5, 5, 1]))
    # BT.1886 (gamma 2.4) of the luminance relative to 203 cd/m².
    expected = [255 * min(1, luminance / 203) ** (1 / 2.4) for luminance in (0, 20, 100, 203, 1000)]
    assert got == pytest.approx(expected, abs=4)


def test_a_picture_without_display_matrix_stays() -> None:
    assert orientation(flat(1, 1, 1)) == (False, False, False)


@pytest.mark.parametrize("vertical", [False, True])
def test_mirrored_video(tmp_path: Path, vertical: bool) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 32
        stream.set_display_rotation(0, hflip=not vertical, vflip=vertical)
        image = np.zeros((32, 64, 3), np.uint8)
        image[:16, :32] = 255
        output.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        output.mux(stream.encode(None))
    got = next(iter(read_video(tmp_path / "v.mp4"))).image
    row, column = (-1, 0) if vertical else (0, -1)
    assert got[row, column].min() > 240
    assert got[0, 0].max() < 20
