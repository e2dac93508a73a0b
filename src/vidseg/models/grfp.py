"""GRFP (Nilsson and Sminchisescu, "Semantic Video Segmentation by Gated Recurrent Flow Propagation", CVPR 2018).

A gated recurrent unit over any image model: class scores of the frames before follow the flow, and gates say at each
position how far to believe them beside the present frame's own. It learns while the image model is frozen, then with
it.

The paper's unit works at the image's size, ours at that of the image model's logits, and its flow (FlowNet 2) is here
that of `vidseg.flow`. The first frame, which has nothing before it, is the unit's candidate alone.

Shape letters: B batch, K classes, H, W image size, h, w size of the logits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from vidseg.flow.warping import resize_flow, warp
from vidseg.models.contract import FrameInputs, FrameOutputs, Step
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import FCNConfig, HeadConfig, build_head
from vidseg.models.layers import Normalization, resize_bilinear
from vidseg.models.per_frame import apply_head, auxiliary_logits, build_auxiliary_head, check_auxiliary
from vidseg.models.schedules import Cycle
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import StatefulModel

_KERNEL = 7
_FIRST_GAIN = 6.0
_FIRST_SCALE = 2.0


@dataclass(frozen=True, kw_only=True)
class GRFPConfig:
    """The size of a GRFP: that of its image model, a `vidseg.models.PerFrame`, whose weights it can start from.

    Attributes:
        encoder: of frames.
        head: any.
        num_classes: K.
        dropout: rate of channel dropout before every classifier, 0–1.
        auxiliary: a second, small head whose logits a training loss may use; an OCR head needs it.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    auxiliary: FCNConfig | None = None
    reference_offsets: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_auxiliary(self.head, self.auxiliary)


class GatedFlowUnit(nn.Module):
    """The spatio-temporal gated recurrent unit (§3): x of the present frame, h' warped from the one before.

    r = 1 − tanh|W_r ∗ (I_t − warp(I_(t−1))) + b_r|     reset: where the flow does not lead to what looks the same
    c = W_x ∗ x + W_h ∗ (r ⊙ h')                        candidate
    z = σ(W_z ∗ [x, h'] + b_z)                          update gate
    h = λ (1 − z) ⊙ r ⊙ h' + z ⊙ c

    All W are 7x7; r and z are one map each, for all classes. At first W_x is 6 times the identity, W_h zero, λ 2.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()

        def convolution(in_channels: int, channels: int, *, bias: bool) -> nn.Conv2d:
            return nn.Conv2d(in_channels, channels, _KERNEL, padding=_KERNEL // 2, bias=bias)

        self.reset = convolution(3, 1, bias=True)
        self.update = convolution(2 * num_classes, 1, bias=True)
        self.present = convolution(num_classes, num_classes, bias=False)
        self.past = convolution(num_classes, num_classes, bias=False)
        self.scale = nn.Parameter(torch.tensor(_FIRST_SCALE))
        for gate in (self.reset, self.update):
            nn.init.zeros_(gate.bias)  # type: ignore[arg-type]  # it has one
        nn.init.zeros_(self.past.weight)
        nn.init.dirac_(self.present.weight)
        with torch.no_grad():
            self.present.weight.mul_(_FIRST_GAIN)

    def first(self, own_BKhw: Tensor) -> Tensor:
        """The scores h of a frame with nothing before it, from its x: the candidate alone."""
        return self.present(own_BKhw)

    def forward(self, own_BKhw: Tensor, past_BKhw: Tensor, difference_B3hw: Tensor) -> Tensor:
        """Returns h [B,K,h,w].

        Args:
            own_BKhw: x, the present frame's class probabilities less 1/K.
            past_BKhw: h', the same of the h before, warped.
            difference_B3hw: of the normalised frames, the one before warped.
        """
        reset_B1hw = 1 - self.reset(difference_B3hw).abs().tanh()
        update_B1hw = self.update(torch.cat([own_BKhw, past_BKhw], dim=1)).sigmoid()
        kept_BKhw = reset_B1hw * past_BKhw
        candidate_BKhw = self.present(own_BKhw) + self.past(kept_BKhw)
        return self.scale * (1 - update_B1hw) * kept_BKhw + update_B1hw * candidate_BKhw


class GRFP(StatefulModel):
    """A class for every pixel of a frame: an image model's, made to agree with what the frames before it were given."""

    needs_flow = True
    schedule = Cycle(steps=("step",), first="start")

    def __init__(self, config: GRFPConfig) -> None:
        super().__init__()
        self.config, self.num_classes = config, config.num_classes
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)
        self.auxiliary_head = build_auxiliary_head(config, self.encoder)
        self.unit = GatedFlowUnit(config.num_classes)

    def steps(self) -> Mapping[str, Step]:
        """A "start" for the first frame and a "step" for all others."""
        kept = ("scores", "frame")
        return {
            "start": Step(self._start, writes=kept),
            "step": Step(self._step, flow=True, reads=kept, writes=kept),
        }

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """The scores h of the frame before [B,K,h,w], and that frame, normalised, at its size [B,3,h,w]."""
        size = [-(-side // self.head.stride) for side in image_size]
        zeros = self.classifier.weight.new_zeros
        return {"scores": zeros(batch_size, self.num_classes, *size), "frame": zeros(batch_size, 3, *size)}

    def _start(self, inputs: FrameInputs) -> FrameOutputs:
        own_BKhw, frame_B3hw, auxiliary = self._see(inputs.frame)
        return self._outputs(self.unit.first(own_BKhw), frame_B3hw, auxiliary)

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        assert inputs.flow is not None
        own_BKhw, frame_B3hw, auxiliary = self._see(inputs.frame)
        flow_B2hw = resize_flow(inputs.flow, (own_BKhw.shape[-2], own_BKhw.shape[-1]))
        past_BKhw = warp(_centred(inputs.state["scores"]), flow_B2hw)
        difference_B3hw = frame_B3hw - warp(inputs.state["frame"], flow_B2hw)
        return self._outputs(self.unit(own_BKhw, past_BKhw, difference_B3hw), frame_B3hw, auxiliary)

    def _see(self, frame_B3HW: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """The image model's x, the normalised frame at its size, and the auxiliary logits (in training mode only)."""
        image = self.normalization(frame_B3HW)
        stages = self.encoder(image)
        feature, known = apply_head(self.head, stages, self.auxiliary_head)
        logits = self.classifier(self.dropout(feature))
        auxiliary = auxiliary_logits(self.auxiliary_head, stages, known) if self.training else ()
        return _centred(logits), resize_bilinear(image, (logits.shape[-2], logits.shape[-1])), auxiliary

    def _outputs(self, scores_BKhw: Tensor, frame_B3hw: Tensor, auxiliary: tuple[Tensor, ...]) -> FrameOutputs:
        # Scores of their own: compiled steps give no tensor twice.
        return FrameOutputs(scores_BKhw, state={"scores": scores_BKhw * 1, "frame": frame_B3hw}, auxiliary=auxiliary)


def _centred(logits_BKhw: Tensor) -> Tensor:
    """Class probabilities less 1/K, their mean."""
    return logits_BKhw.softmax(dim=1) - 1 / logits_BKhw.shape[1]
