"""NetWarp (Gadde et al., "Semantic Video CNNs through Representation Warping", ICCV 2017) over any image model.

Two maps of the network, the encoder's last stage and the feature in front of the last convolutions, are blended with
those of the previous frame, which follow the flow. What the previous frame hands on are its own maps, unblended.

Shape letters: B batch, K classes, D channels of a map, h, w its size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.flow.warping import resize_flow, warp, warp_as_released
from vidseg.models.contract import FrameInputs, FrameOutputs, Step
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import FCNConfig, HeadConfig, PSPHead, build_head
from vidseg.models.layers import Normalization
from vidseg.models.netwarp.flow_cnn import FlowCNN
from vidseg.models.per_frame import apply_head, auxiliary_logits, build_auxiliary_head, check_auxiliary
from vidseg.models.schedules import Cycle
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import StatefulModel


@dataclass(frozen=True, kw_only=True)
class NetWarpConfig:
    """The size of a NetWarp.

    Attributes:
        encoder: of frames; a dilated ResNet-101 in the models on VSPW.
        head: any; with PSP ("netwarp_psp") the second map is the pyramid in front of its fusion, with others ("ocr" in
            "netwarp_ocr") the head's result.
        num_classes: K.
        dropout: rate of channel dropout before every classifier, 0–1.
        auxiliary: a second, small head whose logits a training loss may use; an OCR head needs it.
        compat: whether to compute what VSPW's code does: a FlowCNN that ends in ReLU, flow in pixels of the image used
            as pixels of the small map, and sampling half a pixel off.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    auxiliary: FCNConfig | None = None
    compat: bool = False

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_auxiliary(self.head, self.auxiliary)

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """None: the state holds the previous frame."""
        return ()


class Blend(nn.Module):
    """present ⊙ z_t + previous ⊙ warped z_(t-1), a weight a channel each (Eq. 3); at first z_t alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.present = nn.Parameter(torch.ones(channels))
        self.previous = nn.Parameter(torch.zeros(channels))

    def forward(self, present_BDhw: Tensor, warped_BDhw: Tensor) -> Tensor:
        return self.present[:, None, None] * present_BDhw + self.previous[:, None, None] * warped_BDhw


class NetWarp(StatefulModel):
    """A class for every pixel of a frame, with the warped features of the frame before."""

    needs_flow = True
    schedule = Cycle(steps=("step",), first="start")

    def __init__(self, config: NetWarpConfig) -> None:
        super().__init__()
        self.config, self.num_classes = config, config.num_classes
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.auxiliary_head = build_auxiliary_head(config, self.encoder)
        self.flow_cnn = FlowCNN(released=config.compat)
        self.stage_blend = Blend(self.encoder.widths[-1])
        self.feature_blend = Blend(self._feature_shape[0])
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)

    def steps(self) -> Mapping[str, Step]:
        """A "start" for the first frame, by itself, and a "step" for all others."""
        kept = ("frame", "stage", "feature")
        return {
            "start": Step(self._start, writes=kept),
            "step": Step(self._step, flow=True, reads=kept, writes=kept),
        }

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """The previous frame [B,3,H,W], its last stage and its feature [B,D,h,w]."""
        zeros = self.classifier.weight.new_zeros

        def blank(channels: int, stride: int) -> Tensor:
            return zeros(batch_size, channels, *(-(-side // stride) for side in image_size))

        return {
            "frame": blank(3, 1),
            "stage": blank(self.encoder.widths[-1], self.encoder.strides[-1]),
            "feature": blank(*self._feature_shape),
        }

    def _start(self, inputs: FrameInputs) -> FrameOutputs:
        stages = self.encoder(self.normalization(inputs.frame))
        feature, known = self._feature(stages)
        return self._outputs(inputs.frame, stages, feature, feature, known)

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        assert inputs.flow is not None
        before = inputs.state
        stages = self.encoder(self.normalization(inputs.frame))
        own, known = self._feature(stages)
        flow_B2HW = self.flow_cnn(inputs.flow, inputs.frame, before["frame"])
        stage = self.stage_blend(stages[-1], self._warp(before["stage"], flow_B2HW))
        feature, _ = self._feature((*stages[:-1], stage), known)
        feature = self.feature_blend(feature, self._warp(before["feature"], flow_B2HW))
        return self._outputs(inputs.frame, stages, own, feature, known)

    def _feature(self, stages: tuple[Tensor, ...], known: tuple[Tensor, ...] = ()) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The second map to blend, and the auxiliary logits as far as they are known (see `apply_head`)."""
        if isinstance(self.head, PSPHead):
            return self.head.pyramid(stages[-1]), known
        return apply_head(self.head, stages, self.auxiliary_head, known)

    @property
    def _feature_shape(self) -> tuple[int, int]:
        """Channels of the second map, and its stride."""
        if isinstance(self.head, PSPHead):
            return self.head.fusion.convolution.in_channels, self.head.stride
        return self.head.channels, self.head.stride

    def _outputs(
        self,
        frame_B3HW: Tensor,
        stages: tuple[Tensor, ...],
        own: Tensor,
        blended: Tensor,
        known: tuple[Tensor, ...],
    ) -> FrameOutputs:
        fused = self.head.fusion(blended) if isinstance(self.head, PSPHead) else blended
        return FrameOutputs(
            self.classifier(self.dropout(fused)),
            # A tensor of its own: compiled steps hand on no input as it is.
            state={"frame": frame_B3HW * 1, "stage": stages[-1], "feature": own},
            auxiliary=auxiliary_logits(self.auxiliary_head, stages, known) if self.training else (),
        )

    def _warp(self, map_BDhw: Tensor, flow_B2HW: Tensor) -> Tensor:
        """The previous frame's map where things are now, by a flow of the image's size."""
        size = (map_BDhw.shape[-2], map_BDhw.shape[-1])
        if self.config.compat:
            # In pixels of the image still.
            return warp_as_released(map_BDhw, F.interpolate(flow_B2HW, size=size, mode="nearest"))
        return warp(map_BDhw, resize_flow(flow_B2HW, size))
