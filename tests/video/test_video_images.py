from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidseg.errors import InputError, MediaError
from vidseg.video import read_image, read_labels, read_video


def save(path: Path, value: int = 0, size: tuple[int, int] = (6, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    for value, name in enumerate(["f1.png", "f2.png", "f10.bmp"]):
        save(tmp_path / name, value * 10)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._f1.png").write_text("no image either")
    reader = read_video(tmp_path)
    frames = list(reader)
    assert [(frame.index, frame.name, frame.time, frame.duration) for frame in frames] == [
        (0, "f1", None, None),
        (1, "f2", None, None),
        (2, "f10", None, None),
    ]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 10, 20]
    assert (reader.info.fps, reader.info.frame_count, reader.info.duration) == (None, 3, None)
    assert (reader.info.width, reader.info.height, reader.info.time_base) == (8, 6, None)
    assert len(list(reader)) == 3
    assert reader.problems == ()


def test_a_frame_rate_gives_images_a_clock(tmp_path: Path) -> None:
    for index in range(10):
        save(tmp_path / f"{index:03d}.png")
    reader = read_video(tmp_path, fps=10, start=0.2, end=0.9, every=3)
    assert [(frame.index, frame.time) for frame in reader] == [(2, 0.2), (5, 0.5), (8, 0.8)]
    assert [frame.duration for frame in reader] == pytest.approx([0.3, 0.3, 0.1])
    assert (reader.info.fps, reader.info.duration) == (Fraction(10), 1.0)
    with pytest.raises(InputError, match="has no clock; expected a frame rate to count by; do: give fps"):
        read_video(tmp_path, start=0.2)
    with pytest.raises(MediaError, match=r"got no frame of .*, which lasts 1.000 s, from 3 s to its end"):
        list(read_video(tmp_path, fps=10, start=3))


def test_a_glob_and_a_single_image(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        save(tmp_path / name)
    assert [frame.name for frame in read_video(f"{tmp_path}/**/*.png")] == ["1", "2", "3"]
    assert [frame.name for frame in read_video(tmp_path / "a" / "2.png")] == ["2"]
    with pytest.raises(InputError, match="which matches no image; expected at least one"):
        read_video(f"{tmp_path}/*.jpg")


def test_results_must_not_share_a_name(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "1.png")
    with pytest.raises(InputError, match=r"whose results would both be named '1'; expected unique names"):
        read_video(f"{tmp_path}/*/1.png")


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which has no images in it; expected one frame a file; do: known are"):
        read_video(tmp_path)
    save(tmp_path / "inner" / "1.png")
    with pytest.raises(InputError, match="do: give one of its subfolders"):
        read_video(tmp_path)


def test_damaged_images_are_reported_and_the_rest_delivered(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / f"{index}.png", size=(40, 40))
    (tmp_path / "1.png").write_bytes(b"")
    whole = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(whole[: len(whole) // 2])
    reader = read_video(tmp_path)
    assert [(frame.index, frame.name) for frame in reader] == [(0, "0"), (3, "3")]
    assert len(reader.problems) == 2
    assert all("cannot be read as an image" in problem and "\n" not in problem for problem in reader.problems)
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "3.png").write_bytes(b"")
    with pytest.raises(MediaError, match="of whose 4 images none can be read"):
        read_video(tmp_path)


def test_images_of_different_size_keep_it(tmp_path: Path) -> None:
    save(tmp_path / "0.png", size=(6, 8))
    save(tmp_path / "1.png", size=(5, 9))
    assert [frame.size for frame in read_video(tmp_path)] == [(6, 8), (5, 9)]


def test_pixel_formats(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(path)
    assert read_image(path)[0].tolist() == [[0] * 3, [100] * 3, [255] * 3]
    Image.fromarray(np.array([[7, 200]], np.uint8)).save(path)
    assert read_image(path)[0].tolist() == [[7] * 3, [200] * 3]
    Image.fromarray(np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]], np.uint8)).save(path)
    assert read_image(path)[0].tolist() == [[200, 100, 50], [0, 0, 0]]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8))
    palette.putpalette([9, 8, 7, 1, 2, 3])
    palette.save(path)
    assert read_image(path)[0].tolist() == [[9, 8, 7], [1, 2, 3]]
    Image.new("1", (2, 1), 1).save(path)
    assert read_image(path)[0].tolist() == [[255] * 3] * 2
    Image.new("CMYK", (2, 1), (255, 0, 0, 0)).save(tmp_path / "x.jpg")
    assert read_image(tmp_path / "x.jpg").shape == (1, 2, 3)


def test_exif_orientation(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8))  # red above blue
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "x.png", exif=exif)
    assert read_image(tmp_path / "x.png").tolist() == [[[0, 0, 255], [255, 0, 0]]]


def test_images_without_a_sane_8_bit_reading(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(MediaError, match="of floating-point values; expected 8 or 16 bits"):
        read_image(tmp_path / "f.tif")
    Image.fromarray(np.full((2, 2), 70000, np.int32)).save(tmp_path / "i.tif")
    with pytest.raises(MediaError, match="of 32-bit values; expected 8 or 16 bits"):
        read_image(tmp_path / "i.tif")


def test_of_a_stack_of_pages_it_is_said_that_one_picture_was_read(tmp_path: Path) -> None:
    first, *others = (Image.new("RGB", (20, 10), (level, 0, 0)) for level in (0, 100, 200))
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    with read_video(tmp_path / "a.tif") as reader:
        assert len(list(reader)) == 1
        (problem,) = reader.problems
    assert "3 pictures, of which only the first" in problem


def test_video_options_are_refused_for_images(tmp_path: Path) -> None:
    save(tmp_path / "0.png")
    with pytest.raises(InputError, match=r"got stream=0 for .*; expected it for video files"):
        read_video(tmp_path, stream=0)
    with pytest.raises(InputError, match=r"got deinterlace for .*; expected it for video files"):
        read_video(tmp_path / "0.png", deinterlace=True)


def test_reading_can_end_where_the_size_changes(tmp_path: Path) -> None:
    for index, size in enumerate([(6, 8), (6, 8), (8, 6), (6, 8)]):
        save(tmp_path / f"{index}.png", size=size)
    reader = read_video(tmp_path, on_size_change="stop")
    for _ in range(2):
        assert [frame.size for frame in reader] == [(6, 8)] * 2
        (problem,) = reader.problems
        assert "changes its size from 8x6 to 6x8 at frame 2; only the 2 frames before it were taken; do: " in problem
    with pytest.raises(InputError, match="got on_size_change='go'; expected 'keep' or 'stop'"):
        read_video(tmp_path, on_size_change="go")  # type: ignore[arg-type]


@pytest.mark.parametrize("read", [read_image, read_labels])
def test_a_png_whose_pixels_have_a_wrong_checksum_is_damaged(read, tmp_path: Path) -> None:
    """Pillow decodes them without looking, and the mask would be another mask."""
    labels = np.random.default_rng(0).integers(0, 3, (24, 32)).astype(np.uint8)
    Image.fromarray(labels).save(tmp_path / "a.png", compress_level=0)
    assert np.array_equal(read_labels(tmp_path / "a.png"), labels)
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[200] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.png"):
        read(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own words for the same
def test_a_stack_of_pages_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((9, 9), value, np.uint8)) for value in (1, 2, 3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    whole = (tmp_path / "a.tif").read_bytes()
    read = 0
    for size in range(8, len(whole), 7):
        (tmp_path / "a.tif").write_bytes(whole[:size])
        try:
            with read_video(tmp_path / "a.tif") as reader:
                read += len(list(reader))
                assert reader.problems
        except MediaError:
            pass
    assert read
