"""Pixels of mask files: every kind of file, against the obvious way to count and map them."""

import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from vidseg.data.mask_pixels import count_codes, filling_codes, map_codes, read_colours, read_values
from vidseg.errors import DataError

CODES = arrays.arrays(np.uint32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3))


@given(CODES)
def test_runs_count_and_map_as_pixels_do(codes_HW: np.ndarray) -> None:
    assert count_codes(codes_HW) == Counter(codes_HW.ravel().tolist())
    labels = {0: 7, 1: 255, 2: 0, 3: 3}
    expected = [[labels[code] for code in row] for row in codes_HW.tolist()]
    assert map_codes(codes_HW, labels).tolist() == expected


@given(CODES)
def test_what_fills_an_area_is_found_as_by_looking_at_every_square(codes_HW: np.ndarray) -> None:
    height, width = codes_HW.shape
    squares = (codes_HW[y : y + 3, x : x + 3] for y in range(height - 2) for x in range(width - 2))
    assert filling_codes(codes_HW) == {int(square[0, 0]) for square in squares if (square == square[0, 0]).all()}


COLOURS = np.array([[[200, 0, 0], [0, 128, 64]], [[0, 0, 0], [200, 0, 0]]], np.uint8)
COLOUR_CODES = [[0xC80000, 0x008040], [0, 0xC80000]]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_colours_of_lossless_files(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"mask.{suffix}"
    Image.fromarray(COLOURS).save(path, **({"lossless": True} if suffix == "webp" else {}))
    codes_HW, transparent = read_colours(str(path))
    assert (codes_HW.tolist(), transparent) == (COLOUR_CODES, 0)


def test_colours_of_a_palette_and_of_transparent_pixels(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1], [2, 0]], np.uint8))
    palette.putpalette([200, 0, 0, 0, 128, 64, 0, 0, 0])
    palette.save(tmp_path / "palette.png")
    assert read_colours(str(tmp_path / "palette.png"))[0].tolist() == COLOUR_CODES
    palette.save(tmp_path / "clear.png", transparency=1)
    assert read_colours(str(tmp_path / "clear.png"))[0].tolist() == [[0xC80000, 0], [0, 0xC80000]]
    alpha = np.array([[0, 1], [255, 128]], np.uint8)
    Image.fromarray(np.dstack([COLOURS, alpha])).save(tmp_path / "rgba.png")
    codes_HW, transparent = read_colours(str(tmp_path / "rgba.png"))
    assert (codes_HW.tolist(), transparent) == ([[0, 0x008040], [0, 0xC80000]], 1)


def test_values_of_every_kind(tmp_path: Path) -> None:
    values = np.array([[0, 1], [2, 255]], np.uint8)

    def saved(array: np.ndarray, name: str) -> str:
        Image.fromarray(array).save(tmp_path / name)
        return str(tmp_path / name)

    assert read_values(saved(values, "grey.png")).tolist() == values.tolist()
    assert read_values(saved(values, "grey.tif")).tolist() == values.tolist()
    assert read_values(saved(values.astype(np.float32), "float.tif")).tolist() == values.tolist()
    wide = values.astype(np.uint16) * 257
    assert read_values(saved(wide, "wide.png")).tolist() == wide.tolist()
    panoptic = np.dstack([values, np.full_like(values, 3), np.full_like(values, 9)])
    assert read_values(saved(panoptic, "rgb.png"), "R").tolist() == values.tolist()
    assert read_values(saved(panoptic, "rgb.png"), "B").tolist() == [[9, 9], [9, 9]]
    assert read_values(saved(np.dstack([panoptic, values]), "rgba.png"), "A").tolist() == values.tolist()
    assert read_values(saved(np.dstack([values, values * 0]), "la.png"), "L").tolist() == values.tolist()
    Image.fromarray(values > 0).save(tmp_path / "bits.png")
    assert read_values(str(tmp_path / "bits.png")).tolist() == [[0, 1], [1, 1]]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    def refused(name: str, channel: str | None = None, *, colours: bool = False) -> str:
        with pytest.raises(DataError) as error:
            read_colours(str(tmp_path / name)) if colours else read_values(str(tmp_path / name), channel)
        assert "\n" not in str(error.value)
        return str(error.value)

    Image.fromarray(COLOURS).save(tmp_path / "rgb.png")
    assert "holds colours; expected one value a pixel; do: --channel R" in refused("rgb.png")
    assert "got channel L" in refused("rgb.png", "L")
    assert "got channel A" in refused("rgb.png", "A")
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "half.tif")
    assert "fractional values" in refused("half.tif")
    assert "do: --ids" in refused("half.tif", colours=True)
    Image.fromarray(np.full((2, 2), 70000, np.int32)).save(tmp_path / "large.tif")
    assert "values 70000 to 70000" in refused("large.tif")
    frames = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    frames[0].save(tmp_path / "two.tif", save_all=True, append_images=frames[1:])
    assert "2 pictures" in refused("two.tif", colours=True)
    (tmp_path / "empty.png").write_bytes(b"")
    assert "is empty" in refused("empty.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "rgb.png").read_bytes()[:50])
    assert "cannot be read" in refused("cut.png", colours=True)
    (tmp_path / "deep.png").write_bytes(_colour_png_of_16_bits())
    assert "16 bits a channel" in refused("deep.png", colours=True)
    assert "16 bits a channel" in refused("deep.png", "R")
    assert "absent.png" in refused("absent.png")


def _colour_png_of_16_bits() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, pixels = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0), zlib.compress(bytes([0, 0, 1, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
