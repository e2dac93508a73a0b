"""Test-time augmentation of streams: the same video seen flipped and at several sizes, probabilities averaged.

Every view is a stream of its own, with its own memory: a flipped frame looks back at flipped frames, a larger one at
larger ones. Per frame the views' logits are resized as those of a single stream are (to the network's input, then to
the frame), their probabilities are averaged, and the class with the largest mean wins.

Shape letters: K classes, H, W the frame's own size, h, w size of the logits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.models import State, VideoModel
from vidseg.models.labels import probabilities
from vidseg.models.layers import resize_bilinear
from vidseg.runtime import EagerRuntime
from vidseg.stream import Memory, Segmenter, Stepper
from vidseg.stream.preprocess import network_input
from vidseg.types import RGB, ClassMap, Frame, Preprocessing, Segmentation


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to look at a video.

    Attributes:
        preprocessing: the sizes of its frames.
        flipped: whether left and right are exchanged.
    """

    preprocessing: Preprocessing
    flipped: bool


class AugmentedSegmenter:
    """Segments a video as the mean over several views of it.

    Slower by the number of views, and it holds K x H x W probabilities at a time: for evaluation, not for live use.

    Args:
        model: the model of `base`.
        base: the segmenter whose classes, policy, sizes and device are used; of the torch runtime.
        flip: whether each scale is seen flipped, too.
        scales: of the network's input, each a factor on both bounds of `base.preprocessing`.
    """

    def __init__(self, model: VideoModel, base: Segmenter, *, flip: bool, scales: Sequence[float]) -> None:
        self._base = base
        device = next(model.parameters()).device
        self._stepper = Stepper(model, EagerRuntime(model, device), base.policy)
        self._device = device
        self._score_kind = model.score_kind
        self.views = tuple(
            View(preprocessing=_scaled(base.preprocessing, scale), flipped=flipped)
            for scale in scales
            for flipped in ((False, True) if flip else (False,))
        )

    @property
    def class_map(self) -> ClassMap:
        """What the class ids mean."""
        return self._base.class_map

    def segment(
        self, frames: Iterable[Frame], *, fps: Fraction | None = None, prior: State | None = None
    ) -> Iterator[Segmentation]:
        """Segments a video from its first frame to its last; see `Segmenter.segment`."""
        yield from self._base.segment((), fps=fps)  # yields nothing, but warns of an unsuitable frame rate
        memories: list[Memory | None] = [None] * len(self.views)
        for frame in frames:
            labels_HW = self._step(memories, frame, prior).cpu().numpy()
            narrow = labels_HW.astype(np.uint8) if self.class_map.dtype is np.uint8 else labels_HW.astype(np.uint16)
            yield Segmentation(labels=narrow, class_map=self.class_map, frame=frame)

    @torch.inference_mode()
    def _step(self, memories: list[Memory | None], frame: Frame, prior: State | None) -> Tensor:
        """Moves every view's memory on; returns HxW class ids."""
        total_KHW = torch.zeros(self.class_map.num_classes, *frame.size, device=self._device)
        for index, view in enumerate(self.views):
            memories[index], probabilities_KHW = self._view(view, memories[index], frame, prior)
            total_KHW += probabilities_KHW
        return total_KHW.argmax(dim=0)

    def _view(self, view: View, memory: Memory | None, frame: Frame, prior: State | None) -> tuple[Memory, Tensor]:
        input_13HW = network_input(_seen(frame.image, view), view.preprocessing).to(self._device)
        network_size = (input_13HW.shape[-2], input_13HW.shape[-1])
        memory = memory or self._stepper.start(1, network_size, prior)
        memory, logits_1Khw = self._stepper.step(memory, input_13HW)
        via = view.preprocessing.logits_via((logits_1Khw.shape[-2], logits_1Khw.shape[-1]), network_size)
        logits_1KHW = resize_bilinear(resize_bilinear(logits_1Khw, via), frame.size)
        probabilities_KHW = probabilities(logits_1KHW.float(), self._score_kind)[0]
        return memory, probabilities_KHW.flip(-1) if view.flipped else probabilities_KHW


def _scaled(preprocessing: Preprocessing, scale: float) -> Preprocessing:
    if preprocessing.geometry is not None:
        if scale != 1:
            raise InputError(
                f"got scale {scale:g} for a model with its processor's geometry ({preprocessing.geometry}); expected 1"
            )
        return preprocessing
    short, long = (max(1, round(side * scale)) for side in (preprocessing.short, preprocessing.long))
    return replace(preprocessing, short=short, long=long)


def _seen(image_HW3: RGB, view: View) -> RGB:
    return np.ascontiguousarray(image_HW3[:, ::-1]) if view.flipped else image_HW3
