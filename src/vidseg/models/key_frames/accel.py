"""Accel (Jain et al., "Accel: A Corrective Fusion Network for Efficient Semantic Segmentation on Video", CVPR 2019).

The reference branch, a deep network, runs on key frames only; its feature follows the optical flow from frame to frame.
The update branch, a small network, sees every frame between them and corrects what the warped feature says. The paper
learns its flow (FlowNet-S); here it is that of `vidseg.flow`.

Shape letters: B batch, K classes, C channels of the reference's head, h, w size of its feature.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from vidseg.flow.warping import resize_flow, warp
from vidseg.models.contract import FrameInputs, FrameOutputs, Step
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import HeadConfig, build_head
from vidseg.models.key_frames.dff import check_key_frames
from vidseg.models.layers import Normalization, resize_bilinear
from vidseg.models.per_frame import PerFrame, PerFrameConfig
from vidseg.models.schedules import Cycle
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import StatefulModel

# Standard deviation of the correction's first weights.
_NOISE = 0.01


@dataclass(frozen=True, kw_only=True)
class AccelConfig:
    """The size of an Accel.

    Attributes:
        encoder: of the reference branch.
        head: of the reference branch. Any but OCR's, which needs an auxiliary head; the update's too.
        update_encoder: of the update branch; Accel-18, -34, -50 and -101 are called after it.
        update_head: of the update branch.
        num_classes: K.
        dropout: rate of channel dropout before every classifier, 0–1.
        key_interval: frames 0, l, 2·l, … are key frames.
    """

    encoder: EncoderConfig
    head: HeadConfig
    update_encoder: EncoderConfig
    update_head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    key_interval: int = 5
    reference_offsets: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        for head in (self.head, self.update_head):
            check_head(self.num_classes, head.channels, self.dropout)
            check_key_frames(head, self.key_interval)


class Accel(StatefulModel):
    """A class for every pixel of a frame, from the last key frame's warped feature and a small network's correction."""

    needs_flow = True

    def __init__(self, config: AccelConfig) -> None:
        super().__init__()
        self.config, self.num_classes = config, config.num_classes
        self.schedule = Cycle(steps=("key", *("between",) * (config.key_interval - 1)))
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)
        self.update = PerFrame(
            PerFrameConfig(
                encoder=config.update_encoder,
                head=config.update_head,
                num_classes=config.num_classes,
                dropout=config.dropout,
            )
        )
        self.correction = nn.Conv2d(2 * config.num_classes, config.num_classes, kernel_size=1)
        nn.init.normal_(self.correction.weight, std=_NOISE)
        nn.init.zeros_(self.correction.bias)  # type: ignore[arg-type]  # it has one

    def steps(self) -> Mapping[str, Step]:
        """The "key" frame's and that of frames "between"."""
        return {
            "key": Step(self._key, writes=("feature",)),
            "between": Step(self._between, flow=True, reads=("feature",), writes=("feature",)),
        }

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """The reference branch's feature [B,C,h,w], warped up to the last frame."""
        size = (-(-side // self.head.stride) for side in image_size)
        return {"feature": self.classifier.weight.new_zeros(batch_size, self.head.channels, *size)}

    def _key(self, inputs: FrameInputs) -> FrameOutputs:
        feature = self.head(self.encoder(self.normalization(inputs.frame)))
        return FrameOutputs(self.classifier(self.dropout(feature)), state={"feature": feature})

    def _between(self, inputs: FrameInputs) -> FrameOutputs:
        assert inputs.flow is not None
        feature = inputs.state["feature"]
        size = (feature.shape[-2], feature.shape[-1])
        feature = warp(feature, resize_flow(inputs.flow, size))
        reference_BKhw = self.classifier(self.dropout(feature))
        update_BKhw = resize_bilinear(self.update.decode(self.update.encode(inputs.frame)), size)
        # The paper's fusion is the convolution alone (§3.3). With the reference added its weights can be the same, and
        # it starts from what DFF would say.
        correction_BKhw = self.correction(torch.cat([reference_BKhw, update_BKhw], dim=1))
        return FrameOutputs(reference_BKhw + correction_BKhw, state={"feature": feature})
