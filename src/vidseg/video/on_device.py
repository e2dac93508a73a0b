"""A file's frames as tensors on a device: decoded there where torchcodec and the GPU can, else brought there.

NVDEC, the decoder beside a GPU's other units, gives frames in the GPU's own memory; what a CPU decodes has to cross the
bus. Which of the two it is changes no more than the rounding of colours.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidseg.errors import MediaError, extra
from vidseg.video.reader import read_video

if TYPE_CHECKING:
    # Torch takes seconds to import, and the process that only decodes has no use for it.
    import torch
    from torch import Tensor

# Decoded at once: enough to hide the calls, and 10 MB of frames at 480p.
_AT_ONCE = 8


class DeviceFrames:
    """The frames of a file, in order: uint8 RGB [3,H,W] on a device, channels last in memory.

    Made by `decode_on_device`; may be iterated again and again.

    Attributes:
        decoder: what decodes: "nvdec", "torchcodec" (FFmpeg on the CPU) or "av" (the same by PyAV).
        remark: why it is not NVDEC, in one line; None where it is.
    """

    def __init__(self, path: Path, device: "torch.device", decoder: Any, remark: str | None) -> None:
        self.remark = remark
        self.decoder = "av" if decoder is None else "nvdec" if remark is None else "torchcodec"
        self._path, self._device, self._decoder = path, device, decoder

    def __iter__(self) -> "Iterator[Tensor]":
        for frames in self._read() if self._decoder is None else self._decoded():
            yield from frames

    def _decoded(self) -> "Iterator[Tensor]":
        """[N,3,H,W] each."""
        count = len(self._decoder)
        for start in range(0, count, _AT_ONCE):
            try:
                frames = self._decoder.get_frames_in_range(start, min(start + _AT_ONCE, count)).data
            except RuntimeError as error:
                raise MediaError(
                    f"got {self._path}, which torchcodec cannot decode from frame {start} on ({_one_line(error)}); "
                    "expected a whole video; write it anew with ffmpeg"
                ) from error
            yield frames.to(self._device)

    def _read(self) -> "Iterator[Tensor]":
        """[1,3,H,W] each."""
        import torch

        with read_video(self._path) as reader:
            for frame in reader:
                image = torch.from_numpy(frame.image.copy())
                if self._device.type == "cuda":
                    image = image.pin_memory()  # only then does the copy not wait
                yield image.to(self._device, non_blocking=True).permute(2, 0, 1)[None]


def decode_on_device(path: str | os.PathLike[str], device: "str | torch.device" = "cuda") -> DeviceFrames:
    """Opens a video file for a network on a device.

    Args:
        path: of the file; what is no file `read_video` reads.
        device: where the frames are wanted.

    Raises:
        InputError: see `vidseg.devices.resolve_device`.
        MediaError: if it is not there; on reading, if it is no video, or is damaged.
    """
    from vidseg.devices import resolve_device

    path, place = Path(path), resolve_device(device)
    if not path.is_file():
        raise MediaError(f"got {path}, which is no file; expected a video")
    try:
        decoder = _torchcodec(path, place)
    except (ImportError, RuntimeError, ValueError) as error:
        # A missing package, a missing FFmpeg, or a file that torchcodec does not read: PyAV may, or knows why not.
        return DeviceFrames(path, place, None, f"decoded by PyAV on the CPU: {_one_line(error)}")
    if place.type != "cuda":
        return DeviceFrames(path, place, decoder, f"decoded on the CPU, where the frames are wanted: {place}")
    fallback = decoder.cpu_fallback
    return DeviceFrames(path, place, decoder, f"decoded on the CPU: {_one_line(fallback)}" if fallback else None)


def _torchcodec(path: Path, device: "torch.device") -> Any:
    """A decoder of torchcodec, or whatever it raises.

    Raises:
        MissingExtraError: without torchcodec.
        MediaError: without an FFmpeg that it could load.
    """
    with extra("nvdec"):
        import torchcodec
        from torchcodec.decoders import VideoDecoder, set_cuda_backend
    if torchcodec.ffmpeg_major_version is None:
        raise MediaError("got no shared libraries of FFmpeg for torchcodec; expected FFmpeg 4 to 8; install it")
    with set_cuda_backend("beta"):  # what versions before 0.15 called NVDEC, and later ones still know
        return VideoDecoder(str(path), device=str(device))


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split())[:200]
