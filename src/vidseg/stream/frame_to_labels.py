"""A video model put between decoded frames and labels: what a device computes a frame without handing anything back.

Shape letters: B batch, K classes, h, w size of the logits, H, W size of the frame.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from vidseg.acceleration.dense_labels import DenseLabels
from vidseg.errors import InputError
from vidseg.models import FrameInputs, FrameOutputs, State, VideoModel
from vidseg.models.contract import ClipLogits, Context, Size, Step
from vidseg.runtime.arithmetic import computing_in
from vidseg.stream.preprocess import prepare_frames
from vidseg.types import Preprocessing


class FrameToLabels(VideoModel):
    """The steps of a model with resizing in front of them and labels behind: uint8 [B,3,H,W] in, [B,1,H,W] out.

    The labels stand where other models have logits, as uint8 (uint16 for more than 255 classes). Context and state are
    the inner model's, for the size that its input has. No step depends on what a tensor holds, unless the model's own
    does, so that each can be recorded, or compiled, as a whole.

    Args:
        model: accelerated or not, in eval mode.
        preprocessing: of frames.
    """

    def __init__(self, model: VideoModel, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self.preprocessing = self._preprocessing = preprocessing
        self.config, self.num_classes, self.class_map = model.config, model.num_classes, model.class_map
        self.reference_offsets, self.schedule = model.reference_offsets, model.schedule
        self.needs_flow, self.prior_names, self.prior_frames = model.needs_flow, model.prior_names, model.prior_frames
        self.always_traceable, self.any_size = model.always_traceable, model.any_size
        self.score_kind = model.score_kind
        self._labels = DenseLabels()

    def steps(self) -> Mapping[str, Step]:
        """The model's, by the same names. All of them look at the frame, if only for its size."""
        return {
            name: replace(step, function=partial(self._run, step.function), frame=True)
            for name, step in self.model.steps().items()
        }

    def blank_context(self, batch_size: int, image_size: Size) -> Context:
        """The model's, for frames of (height, width)."""
        return self.model.blank_context(batch_size, self._preprocessing.network_size(*image_size))

    def blank_state(self, batch_size: int, image_size: Size) -> dict[str, Tensor]:
        """The model's, for frames of (height, width)."""
        return self.model.blank_state(batch_size, self._preprocessing.network_size(*image_size))

    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """There is none: labels teach nothing.

        Raises:
            InputError: always.
        """
        raise InputError("got a clip for a FrameToLabels; expected frames of streams; call the model inside")

    def _run(self, function: Callable[[FrameInputs], FrameOutputs], inputs: FrameInputs) -> FrameOutputs:
        frame_size = (inputs.frame.shape[-2], inputs.frame.shape[-1])
        outputs = function(inputs._replace(frame=prepare_frames(inputs.frame, self._preprocessing)))
        if outputs.logits is None:
            return outputs
        return outputs._replace(logits=self._labelled(outputs.logits, frame_size))

    def _labelled(self, logits_BKhw: Tensor, frame_size: Size) -> Tensor:
        """Labels [B,1,H,W]. They are made in float32 whatever the network computes in."""
        network_size = self._preprocessing.network_size(*frame_size)
        via = self._preprocessing.logits_via((logits_BKhw.shape[-2], logits_BKhw.shape[-1]), network_size)
        device = logits_BKhw.device
        # What a compiler makes of it has no products, and needs no setting for them.
        exact = nullcontext() if torch.compiler.is_compiling() else computing_in("fp32", device)
        with exact:
            return self._labels(logits_BKhw, via, frame_size, score_kind=self.score_kind).labels.unsqueeze(1)
