from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidseg.errors import InputError, MediaError
from vidseg.types import ClassMap, Frame, Segmentation
from vidseg.video import (
    MaskFolderWriter,
    NpzWriter,
    OverlayWriter,
    SharesWriter,
    VideoInfo,
    Writer,
    open_writer,
    output_kind,
    read_labels,
    write_labels,
)

Segment = Callable[..., Segmentation]
INFO = VideoInfo(name="v", width=8, height=6, fps=Fraction(25), time_base=Fraction(1, 25))


def files(folder: Path) -> list[str]:
    """Every file below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def write_one(writer: Writer, segmentation: Segmentation) -> None:
    """Writes to a writer of either kind."""
    if isinstance(writer, OverlayWriter):
        writer.write(segmentation.frame.image, segmentation.frame)
    else:
        writer.write(segmentation)  # type: ignore[attr-defined]


def test_masks(tmp_path: Path, class_map: ClassMap, segment: Segment) -> None:
    parts = [segment(index, name=f"frame{index}") for index in range(3)]
    with MaskFolderWriter(tmp_path / "masks", class_map) as writer:
        for part in parts:
            writer.write(part)
        assert not (tmp_path / "masks").exists()
    assert files(tmp_path / "masks") == ["frame0.png", "frame1.png", "frame2.png"]
    for part in parts:
        path = tmp_path / "masks" / f"{part.frame.name}.png"
        assert np.array_equal(read_labels(path), part.labels)
        image = Image.open(path)
        assert image.mode == "P"
        assert image.convert("RGB").getpixel((int(part.labels[0].argmax()), 0)) == (70, 130, 180)


def test_confidence_lies_in_a_folder_of_its_own(tmp_path: Path, class_map: ClassMap, segment: Segment) -> None:
    with MaskFolderWriter(tmp_path / "masks", class_map) as writer:
        writer.write(segment(0, confidence=True))
    assert [path.name for path in (tmp_path / "masks").glob("*.png")] == ["00000000.png"]
    image = Image.open(tmp_path / "masks" / "confidence" / "00000000.png")
    assert image.mode == "L"
    assert set(np.asarray(image).ravel()) == {128}


def test_earlier_masks_are_replaced_and_nothing_else(tmp_path: Path, class_map: ClassMap, segment: Segment) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    for index in (0, 1):  # into the empty folder, then over the earlier result
        with MaskFolderWriter(folder, class_map) as writer:
            writer.write(segment(index, confidence=True))
    assert files(folder) == ["00000001.png", "confidence/00000001.png"]
    for foreign in ("notes.txt", "photo.png", "confidence/photo.png", "deep/notes.txt"):
        path = folder / foreign
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".png":
            Image.new("P", (2, 2)).save(path)
        else:
            path.touch()
        before = files(tmp_path)
        with pytest.raises(MediaError, match="expected a new or empty folder or earlier masks; do: name another"):
            MaskFolderWriter(folder, class_map)
        assert files(tmp_path) == before
        path.unlink()
    (folder / "deep").rmdir()
    writer = MaskFolderWriter(folder, class_map)
    writer.write(segment(5))
    (folder / "late.txt").touch()
    with pytest.raises(MediaError, match=r"which holds late\.txt"):
        writer.close()
    assert files(tmp_path) == ["masks/00000001.png", "masks/confidence/00000001.png", "masks/late.txt"]


def test_mask_names(tmp_path: Path, class_map: ClassMap, segment: Segment) -> None:
    with MaskFolderWriter(tmp_path / "masks", class_map) as writer:
        writer.write(segment(0, name="a"))
        with pytest.raises(MediaError, match="got two frames named 'a'; expected one mask a frame"):
            writer.write(segment(1, name="a"))
        with pytest.raises(MediaError, match=r"got frame name '\.\./a'; expected a plain file name"):
            writer.write(segment(1, name="../a"))
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="which is a file; expected a folder"):
        MaskFolderWriter(tmp_path / "file", class_map)


def test_labels_of_16_bits(tmp_path: Path) -> None:
    many = ClassMap(names=tuple(map(str, range(300))), palette=((1, 2, 3),) * 300, ignore=65535)
    labels = np.array([[0, 299, 65535]])
    write_labels(tmp_path / "x.png", labels, many)
    got = read_labels(tmp_path / "x.png")
    assert got.dtype == np.uint16
    assert np.array_equal(got, labels)


def test_labels_of_few_bits_are_the_stored_ids(tmp_path: Path) -> None:
    for bits in (1, 2, 4, 8):
        palette = Image.fromarray(np.array([[0, 1, 1]], np.uint8))
        palette.putpalette([0, 0, 0, 255, 255, 255])
        palette.save(tmp_path / "p.png", bits=bits)
        assert read_labels(tmp_path / "p.png").tolist() == [[0, 1, 1]]
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "b.png")
    assert read_labels(tmp_path / "b.png").tolist() == [[0, 1]]
    grey = Image.fromarray(np.array([[0, 3, 255]], np.uint8))
    grey.save(tmp_path / "g.png")
    assert read_labels(tmp_path / "g.png").tolist() == [[0, 3, 255]]


def test_labels_of_a_4_bit_grey_png(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 4, 1, 4, 0, 0, 0, 0)
    pixels = zlib.compress(bytes([0, 0x01, 0x2F]))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(data)
    assert read_labels(tmp_path / "x.png").tolist() == [[0, 1, 2, 15]]


def test_what_are_no_labels(tmp_path: Path, class_map: ClassMap) -> None:
    path = tmp_path / "x.png"
    with pytest.raises(MediaError, match=r"got labels of shape \(2, 2, 3\) and dtype uint8; expected HxW integers"):
        write_labels(path, np.zeros((2, 2, 3), np.uint8), class_map)
    with pytest.raises(MediaError, match="got labels from 0 to 256; expected 0–255 for 3 classes"):
        write_labels(path, np.array([[0, 256]]), class_map)
    with pytest.raises(MediaError, match=r"absent/x\.png, which cannot be written \(No such file"):
        write_labels(tmp_path / "absent" / "x.png", np.zeros((2, 2), np.uint8), class_map)
    Image.new("RGB", (2, 2)).save(path)
    with pytest.raises(MediaError, match=r"of type PNG RGB; expected a PNG of class ids.*vidseg masks"):
        read_labels(path)
    path.write_bytes(b"nothing")
    with pytest.raises(MediaError, match="which cannot be read"):
        read_labels(path)
    with pytest.raises(MediaError, match="which cannot be read"):
        read_labels(tmp_path / "absent.png")


@pytest.mark.parametrize("confidence", [False, True])
def test_arrays(tmp_path: Path, class_map: ClassMap, segment: Segment, confidence: bool) -> None:
    parts = [segment(index, name="ab"[index], confidence=confidence) for index in range(2)]
    with NpzWriter(tmp_path / "x.npz") as writer:
        for part in parts:
            writer.write(part)
        assert not (tmp_path / "x.npz").exists()
    assert files(tmp_path) == ["x.npz"]
    with np.load(tmp_path / "x.npz") as got:
        assert np.array_equal(got["labels"], np.stack([part.labels for part in parts]))
        assert got["labels"].dtype == np.uint8
        assert got["times"].tolist() == [0, 0.04]
        assert got["indices"].tolist() == [0, 1]
        assert got["names"].tolist() == ["a", "b"]
        assert got["classes"].tolist() == ["void", "road", "sky"]
        assert got["palette"].tolist() == [list(colour) for colour in class_map.palette]
        assert int(got["ignore"]) == 255
        assert ("confidence" in got) == confidence
        if confidence:
            assert got["confidence"].dtype == np.float16
            assert got["confidence"].shape == (2, 5, 7)


def test_arrays_are_of_one_kind(tmp_path: Path, segment: Segment) -> None:
    writer = NpzWriter(tmp_path / "x.npz")
    writer.write(segment(0))
    with pytest.raises(MediaError, match=r"got labels of \(4, 7\) uint8 after ones of \(5, 7\) uint8 for .*x\.npz"):
        writer.write(segment(1, size=(4, 7)))
    with pytest.raises(MediaError, match="with other classes or arrays than the first"):
        writer.write(segment(1, confidence=True))
    writer.abort()
    assert files(tmp_path) == []


def test_shares(tmp_path: Path, class_map: ClassMap) -> None:
    labels = np.array([[0, 1, 1, 255]], np.uint8)
    with SharesWriter(tmp_path / "x.csv", class_map) as writer:
        for index, time in ((3, 0.12), (4, None)):
            frame = Frame(image=np.zeros((1, 4, 3), np.uint8), index=index, time=time)
            writer.write(Segmentation(labels=labels, class_map=class_map, frame=frame))
    assert (tmp_path / "x.csv").read_text().splitlines() == [
        "frame,time,void,road,sky",
        "3,0.120000,0.250000,0.500000,0.000000",
        "4,,0.250000,0.500000,0.000000",
    ]


@pytest.mark.parametrize("name", ["x.mp4", "x.npz", "x.csv", "masks"])
class TestEveryWriter:
    def test_completes(self, tmp_path: Path, class_map: ClassMap, segment: Segment, name: str) -> None:
        with open_writer(tmp_path / "new" / name, INFO, class_map) as writer:
            write_one(writer, segment())
        writer.close()
        writer.abort()
        assert len(files(tmp_path)) == 1
        with pytest.raises(MediaError, match=f"{name}, which is closed; do: open a new writer"):
            write_one(writer, segment())

    @pytest.mark.parametrize("count", [0, 1, 30])
    def test_an_interruption_leaves_nothing(
        self, tmp_path: Path, class_map: ClassMap, segment: Segment, name: str, count: int
    ) -> None:
        def interrupted() -> None:
            with open_writer(tmp_path / name, INFO, class_map) as writer:
                for index in range(count):
                    write_one(writer, segment(index))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert list(tmp_path.iterdir()) == []

    def test_without_frames_there_is_nothing(
        self, tmp_path: Path, class_map: ClassMap, segment: Segment, name: str
    ) -> None:
        with (
            pytest.raises(MediaError, match=f"got no frame to write to .*{name}; expected at least one"),
            open_writer(tmp_path / name, INFO, class_map),
        ):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_an_earlier_result_survives_an_interruption(
        self, tmp_path: Path, class_map: ClassMap, segment: Segment, name: str
    ) -> None:
        with open_writer(tmp_path / name, INFO, class_map) as writer:
            write_one(writer, segment())
        before = {path: (tmp_path / path).read_bytes() for path in files(tmp_path)}
        writer = open_writer(tmp_path / name, INFO, class_map)
        write_one(writer, segment(1))
        writer.abort()
        assert {path: (tmp_path / path).read_bytes() for path in files(tmp_path)} == before

    def test_where_nothing_can_be_created(self, tmp_path: Path, class_map: ClassMap, name: str) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(MediaError, match=f"{name}, which cannot be created") as caught:
            open_writer(tmp_path / "file" / name, INFO, class_map)
        assert "\n" not in str(caught.value)


def test_kinds_of_output(tmp_path: Path) -> None:
    assert [output_kind(name) for name in ("a.mp4", "A.MP4", "b.npz", "c.csv", "d")] == [
        "overlay",
        "overlay",
        "arrays",
        "shares",
        "masks",
    ]
    (tmp_path / "masks.v2").mkdir()
    assert output_kind(tmp_path / "masks.v2") == "masks"
    with pytest.raises(InputError, match=r"got output x\.avi; expected \.mp4 \(overlay\), \.npz"):
        output_kind("x.avi")


def test_an_ffmpeg_without_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import vidseg.video.mp4 as module

    monkeypatch.setattr(module, "_ENCODERS", {"no_such_encoder": {}})
    with pytest.raises(MediaError, match=r"got an FFmpeg without H\.264 encoder; expected one of no_such_encoder"):
        OverlayWriter(tmp_path / "x.mp4", INFO)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as if the disk were full."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["o.csv", "o.npz", "o.mp4", "masks"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, class_map: ClassMap, name: str) -> None:
    rng = np.random.default_rng(0)

    def write_all() -> None:
        with open_writer(tmp_path / name, INFO, class_map) as writer:
            for index in range(400):
                image = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
                frame = Frame(image=image, index=index, time=index / 25, duration=1 / 25)
                labels = image[..., 0] % class_map.num_classes
                write_one(writer, Segmentation(labels=labels, class_map=class_map, frame=frame))

    with disk_of(1500), pytest.raises(MediaError, match="cannot be written"):
        write_all()
    assert list(tmp_path.iterdir()) == []
