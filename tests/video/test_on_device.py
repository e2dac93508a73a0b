"""A file's frames as tensors: those of the reader, whoever decodes them, and one line that says who and why."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from vidseg.bench.end_to_end import write_video
from vidseg.bench.frames import Footage
from vidseg.errors import InputError, MediaError
from vidseg.stream import TensorSegmenter
from vidseg.video import decode_on_device, read_video


def loads_ffmpeg() -> bool:
    try:
        import torchcodec
    except (ImportError, RuntimeError):
        return False
    return torchcodec.ffmpeg_major_version is not None


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    images = tuple(frame.image for frame in tiny.video(11, height=48, width=64))
    write_video(Footage(images=images, source="made"), path, len(images))
    return path


def test_without_torchcodec_the_reader_decodes_and_one_line_says_so(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    frames = decode_on_device(film, "cpu")
    assert frames.decoder == "av"
    assert "decoded by PyAV on the CPU: got no package 'torchcodec'" in frames.remark
    assert "pip install 'vidseg[nvdec]'" in frames.remark
    assert "\n" not in frames.remark
    with read_video(film) as reader:
        for _ in range(2):  # from the start again
            for got, expected in zip(frames, reader, strict=True):
                assert got.dtype == torch.uint8
                np.testing.assert_array_equal(got.permute(1, 2, 0).numpy(), expected.image)


def test_from_a_file_to_labels(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    labels = list(TensorSegmenter(tiny.cffm(), "cpu").segment(decode_on_device(film, "cpu")))
    assert [tuple(each.shape) for each in labels] == [(48, 64)] * 11


@pytest.mark.skipif(not loads_ffmpeg(), reason="no torchcodec, or no FFmpeg that it could load")
def test_torchcodecs_frames_are_the_readers_but_for_the_rounding_of_colours(film: Path) -> None:
    frames = decode_on_device(film, "cpu")
    assert frames.decoder == "torchcodec"
    assert frames.remark == "decoded on the CPU, where the frames are wanted: cpu"
    with read_video(film) as reader:
        for got, expected in zip(frames, reader, strict=True):
            apart = np.abs(got.permute(1, 2, 0).numpy().astype(int) - expected.image)
            assert apart.mean() < 2


def test_what_is_no_video_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"got .*nothing\.mp4, which is no file; expected a video"):
        decode_on_device(tmp_path / "nothing.mp4", "cpu")
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"no video at all" * 100)
    with pytest.raises(MediaError, match=r"damaged\.mp4"):
        next(iter(decode_on_device(damaged, "cpu")))


@pytest.mark.gpu
def test_a_gpu_decodes_into_its_own_memory(film: Path) -> None:
    frames = decode_on_device(film, "cuda")
    got = list(frames)
    assert {frame.device.type for frame in got} == {"cuda"}
    with read_video(film) as reader:
        for frame, expected in zip(got, reader, strict=True):
            assert np.abs(frame.permute(1, 2, 0).cpu().numpy().astype(int) - expected.image).mean() < 3
    assert (frames.decoder == "nvdec") == (frames.remark is None)


@pytest.mark.parametrize("device", ["toaster", "cuda:99"])
def test_a_device_that_is_not_there_is_one_line(device: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"got device '{device}'"):
        decode_on_device(tmp_path / "in.mp4", device)
