"""DFF, deep feature flow (Zhu et al., "Deep Feature Flow for Video Recognition", CVPR 2017).

The network runs on every l-th frame, the key frames. Between them their feature follows the optical flow and is scaled
by a map that says where to believe it. The paper learns flow (FlowNet-S) and scale together; here the flow is that of
`vidseg.flow`, from frame to frame, which are put together into the one that leads back to the key frame.

Shape letters: B batch, K classes, C channels of the head, H, W image size, h, w size of the feature.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.flow.warping import resize_flow, warp
from vidseg.models.contract import FrameInputs, FrameOutputs, Step
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import HeadConfig, build_head
from vidseg.models.layers import ConvBNReLU, Normalization, resize_bilinear
from vidseg.models.schedules import Cycle
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import StatefulModel

_SCALE_CHANNELS = 32


@dataclass(frozen=True, kw_only=True)
class DFFConfig:
    """The size of a DFF.

    Attributes:
        encoder: of key frames.
        head: of key frames; its feature is what follows the flow. Any but OCR's, which needs an auxiliary head.
        num_classes: K.
        dropout: rate of channel dropout before the classifier, 0–1.
        key_interval: l; frames 0, l, 2·l, … are key frames.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    key_interval: int = 5
    reference_offsets: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_key_frames(self.head, self.key_interval)


def check_key_frames(head: HeadConfig, key_interval: int) -> None:
    """Checks what models of key frames have in common.

    Raises:
        InputError: for a head that needs an auxiliary one, or an interval below 1.
    """
    check_lone_head(head)
    if key_interval < 1:
        raise InputError(f"got key_interval={key_interval}; expected 1 or more frames from one key frame to the next")


def check_lone_head(head: HeadConfig) -> None:
    """Checks that a head does without an auxiliary one.

    Raises:
        InputError: for OCR's.
    """
    if head.kind == "ocr":
        raise InputError("got an OCR head, which needs an auxiliary head; expected another, e.g. psp or fcn")


CHANGE_CHANNELS = 11
"""What `change` returns."""


def change(flow_B2hw: Tensor, present_B3hw: Tensor, key_B3hw: Tensor) -> Tensor:
    """What small networks see of the way from a key frame, already warped, to the present: [B,11,h,w].

    The flow, both frames (normalised) and their difference. There may be any axes before the channels.
    """
    return torch.cat([flow_B2hw, present_B3hw, key_B3hw, key_B3hw - present_B3hw], dim=-3)


class ScaleMap(nn.Module):
    """By how much to scale a warped feature at each position and channel, from what the frames look like (§3, Eq. 3).

    It starts as 1 everywhere.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = ConvBNReLU(CHANGE_CHANNELS, _SCALE_CHANNELS, 3)
        self.output = nn.Conv2d(_SCALE_CHANNELS, channels, kernel_size=1)
        nn.init.zeros_(self.output.weight)
        nn.init.ones_(self.output.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, flow_B2hw: Tensor, present_B3hw: Tensor, key_B3hw: Tensor) -> Tensor:
        """Returns [B,C,h,w]; frames are normalised, the key frame's warped."""
        return self.output(self.convolution(change(flow_B2hw, present_B3hw, key_B3hw)))


class DFF(StatefulModel):
    """A class for every pixel of a frame: of a key frame from itself, of others from the last key frame's feature."""

    needs_flow = True

    def __init__(self, config: DFFConfig) -> None:
        super().__init__()
        self.config, self.num_classes = config, config.num_classes
        self.schedule = Cycle(steps=("key", *("between",) * (config.key_interval - 1)))
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.scale_map = ScaleMap(self.head.channels)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)

    def steps(self) -> Mapping[str, Step]:
        """The "key" frame's and that of frames "between"."""
        return {
            "key": Step(self._key, writes=("feature", "frame", "flow")),
            "between": Step(self._between, flow=True, reads=("feature", "frame", "flow"), writes=("flow",)),
        }

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """The key frame's feature [B,C,h,w], itself at that size [B,3,h,w], and the flow to it [B,2,H,W]."""
        zeros = self.classifier.weight.new_zeros
        size = [-(-side // self.head.stride) for side in image_size]
        return {
            "feature": zeros(batch_size, self.head.channels, *size),
            "frame": zeros(batch_size, 3, *size),
            "flow": zeros(batch_size, 2, *image_size),
        }

    def _key(self, inputs: FrameInputs) -> FrameOutputs:
        image = self.normalization(inputs.frame)
        feature = self.head(self.encoder(image))
        size = (feature.shape[-2], feature.shape[-1])
        state = {"feature": feature, "frame": resize_bilinear(image, size), "flow": inputs.frame[:, :2] * 0}
        return FrameOutputs(self.classifier(self.dropout(feature)), state=state)

    def _between(self, inputs: FrameInputs) -> FrameOutputs:
        assert inputs.flow is not None
        key = inputs.state
        # To the frame before, and from where that leads on to the key frame.
        flow_B2HW = inputs.flow + warp(key["flow"], inputs.flow)
        size = (key["feature"].shape[-2], key["feature"].shape[-1])
        flow_B2hw = resize_flow(flow_B2HW, size)
        present_B3hw = resize_bilinear(self.normalization(inputs.frame), size)
        scale = self.scale_map(flow_B2hw, present_B3hw, warp(key["frame"], flow_B2hw))
        feature = warp(key["feature"], flow_B2hw) * scale
        return FrameOutputs(self.classifier(self.dropout(feature)), state={"flow": flow_B2HW})
