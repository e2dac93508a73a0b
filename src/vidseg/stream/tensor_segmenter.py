"""The stream of whoever has frames on a device and wants labels there: nothing leaves it, and nobody waits for it.

Shape letters: B streams that go in step, H, W the frames' own size.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from torch import Tensor

from vidseg.devices import with_index
from vidseg.errors import InputError
from vidseg.models import State, VideoModel
from vidseg.runtime import build_runtime
from vidseg.stream.frame_to_labels import FrameToLabels
from vidseg.stream.policy import Policy, default_policy
from vidseg.stream.stepper import Memory, Stepper


class TensorSegmenter:
    """Segments frames that are tensors, where they lie: ``memory, labels = segmenter.step(memory, frames)``.

    `Segmenter` is for decoded images in the CPU's memory, and knows cuts, steadying and confidence. This one resizes,
    computes and labels on the device; `step` returns before the device has computed anything, and with a recording
    runtime ("cuda-graphs", "compiled-graphs", and those in lower precision) a frame is one launch.

    Args:
        model: as `vidseg.load` returns it: in eval mode, with preprocessing.
        device: "auto", "cpu", "cuda", "cuda:1", …
        runtime: a name of `vidseg.runtime.RUNTIMES` that takes whole numbers, so none of ONNX's and OpenVINO's; "auto"
            for torch. The model is copied.
        policy: which past frames serve as references; None for the one the model was trained for.
        size: another short side of the network's input, pixels; the long side scales along.

    Attributes:
        device: where frames are expected and labels lie.

    Raises:
        InputError: for a model in training mode, without preprocessing or one that needs flow, or an unknown or
            unsuitable device or runtime.
    """

    def __init__(
        self,
        model: VideoModel,
        device: str = "auto",
        runtime: str = "auto",
        policy: Policy | None = None,
        *,
        size: int | None = None,
    ) -> None:
        if model.training:
            raise InputError("got a model in training mode; expected eval mode; call model.eval()")
        if model.preprocessing is None:
            raise InputError(
                "got a model without preprocessing; expected one from vidseg.load, or set model.preprocessing"
            )
        if model.needs_flow:
            raise InputError(
                f"got a {type(model).__name__}, which needs flow; expected a model without; use vidseg.Segmenter"
            )
        if runtime.startswith(("onnx", "openvino")):
            raise InputError(f"got runtime {runtime!r}; expected one of torch's, e.g. torch or cuda-graphs")
        preprocessing = model.preprocessing if size is None else model.preprocessing.with_short_side(size)
        around = partial(FrameToLabels, preprocessing=preprocessing)
        computing = build_runtime("torch" if runtime == "auto" else runtime, model, device, around=around)
        self.device = with_index(computing.device)
        self.runtime_name = computing.name
        self._computing = computing
        self._stepper = Stepper(
            around(model), computing, default_policy(model.reference_offsets) if policy is None else policy
        )

    @property
    def policy(self) -> Policy:
        """The reference policy in force."""
        return self._stepper.policy

    @property
    def compile_seconds(self) -> float:
        """Seconds spent so far on compiling and recording for the sizes that came along."""
        return self._computing.compile_seconds

    def start(self, frame_size: tuple[int, int], batch_size: int = 1, prior: Tensor | State | None = None) -> Memory:
        """The memory of streams that have seen nothing.

        Args:
            frame_size: (height, width) of the frames.
            batch_size: how many streams go in step.
            prior: what is known of the whole videos, for models that use such; see `VideoModel.prior_names`.

        Raises:
            InputError: for a prior that the model does not take.
        """
        return self._stepper.start(batch_size, frame_size, prior)

    def step(self, memory: Memory, frames_B3HW: Tensor) -> tuple[Memory, Tensor]:
        """Takes one frame of each stream.

        Args:
            memory: what `start` or the step before returned; it stays as it is.
            frames_B3HW: uint8 RGB on `device`.

        Returns:
            (the new memory, labels [B,H,W] on the device: uint8, uint16 for more than 255 classes).

        Raises:
            StateError: if the frames' size is not the memory's.
            InputError: for frames of another kind, or on another device.
        """
        if frames_B3HW.ndim != 4 or frames_B3HW.shape[1] != 3 or frames_B3HW.dtype != torch.uint8:
            raise InputError(
                f"got frames of shape {tuple(frames_B3HW.shape)} and dtype {frames_B3HW.dtype}; "
                "expected uint8 RGB [B,3,H,W]"
            )
        place = frames_B3HW.device
        if place.type != self.device.type or self.device.index not in (None, place.index):
            raise InputError(
                f"got frames on {place}; expected them on {self.device}; move them, or build the "
                "segmenter for their device"
            )
        memory, labels_B1HW = self._stepper.step(memory, frames_B3HW)
        return memory, labels_B1HW.squeeze(1)

    def segment(self, frames: Iterable[Tensor], *, prior: Tensor | State | None = None) -> Iterator[Tensor]:
        """Segments a video from its first frame to its last, as a generator.

        Args:
            frames: uint8 RGB [3,H,W] on `device`, in order of time; `vidseg.video.decode_on_device` gives such.
            prior: see `start`.

        Yields:
            Labels [H,W] of each frame, on the device.
        """
        memory = None
        for frame_3HW in frames:
            if memory is None:
                memory = self.start((frame_3HW.shape[-2], frame_3HW.shape[-1]), prior=prior)
            memory, labels_1HW = self.step(memory, frame_3HW.unsqueeze(0))
            yield labels_1HW[0]
