"""TCB, temporal context blending (Miao et al., "VSPW: A Large-scale Dataset ...", CVPR 2021), in its three forms.

Every frame leaves a short summary, a few vectors; a target is decoded with the mean of its own and its references'
summaries in place of its own alone. With a PSP head the summary are its pooled maps, with an OCR head its regions. The
third form remembers regions of many frames.

Shape letters: B batch, T frames, K classes, C channels of the head, S vectors of a summary, D their channels, M
summaries remembered, h, w size of the stage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.contract import ClipLogits, Context, FrameInputs, FrameOutputs, State, Step
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import (
    FCNConfig,
    OCRConfig,
    OCRHead,
    PSPConfig,
    PSPHead,
    auxiliary_fcn,
    build_head,
    gather_regions,
)
from vidseg.models.layers import Normalization, resize_bilinear
from vidseg.models.per_frame import AuxiliaryHead
from vidseg.models.reference_model import ReferenceModel, check_offsets, check_references
from vidseg.models.schedules import ByReferences, Cycle
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import loop_clip


@dataclass(frozen=True, kw_only=True)
class TCBConfig:
    """The size of a TCB.

    Attributes:
        encoder: of frames; a dilated ResNet-101 in the published models.
        head: PSP ("tcb_ppm") or OCR ("tcb_ocr").
        num_classes: K.
        offsets: how many frames back each reference lies, oldest first.
        auxiliary: the head on the stage before the last whose logits a training loss uses, and which find the regions.
        dropout: rate of channel dropout before every classifier, 0–1.
        memory: "none"; "recent", the regions of the last `memory_size` frames in place of references; or "released",
            as the authors' code does at test time ("tcb_ocr_mem"): the first frame that has references stores their
            regions and its own, and every later one adds those to its own four sets.
        memory_size: M of "recent".
    """

    encoder: EncoderConfig
    head: PSPConfig | OCRConfig
    num_classes: int
    offsets: tuple[int, ...] = (9, 6, 3)
    auxiliary: FCNConfig = field(default_factory=partial(auxiliary_fcn, 512))
    dropout: float = 0.1
    memory: Literal["none", "recent", "released"] = "none"
    memory_size: int = 10

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_offsets(self.offsets)
        if self.memory not in ("none", "recent", "released") or self.memory_size < 1:
            raise InputError(
                f"got memory={self.memory!r}, memory_size={self.memory_size}; expected none, recent or released, "
                "and 1 or more"
            )
        if self.memory != "none" and self.head.kind != "ocr":
            raise InputError(f"got memory={self.memory!r} with a {self.head.kind} head; expected an ocr head")

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """`offsets`, unless the memory stands in for references."""
        return () if self.memory == "recent" else self.offsets


class TCBFeatures(NamedTuple):
    """Features of single frames.

    Attributes:
        feature: float [B,·,h,w] of the last stage, or reduced for an OCR head.
        summary: float [B,S,D]: pooled maps, or regions.
        before: the stage that the auxiliary head sees.
        auxiliary: its logits where they were needed on the way; else empty.
    """

    feature: Tensor
    summary: Tensor
    before: tuple[Tensor, ...]
    auxiliary: tuple[Tensor, ...]


class TCB(ReferenceModel):
    """A class for every pixel of a frame, with the blended summaries of the frames before."""

    def __init__(self, config: TCBConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.reference_offsets = config.reference_offsets
        self.schedule = Cycle(steps=("step",)) if config.memory == "recent" else ByReferences()
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head: Any = build_head(config.head, self.encoder)
        self.auxiliary_head = AuxiliaryHead(config.auxiliary, self.encoder, config.num_classes, config.dropout)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)
        self.summary_shape = (
            (config.num_classes, config.head.channels)
            if isinstance(config.head, OCRConfig)
            else (sum(side * side for side in config.head.bins), self.encoder.widths[-1])
        )

    def encode(self, frame_B3HW: Tensor) -> TCBFeatures:
        """Feature and summary of RGB frames, float 0–255."""
        stages = self.encoder(self.normalization(frame_B3HW))
        if isinstance(self.head, PSPHead):
            pooled = self.head.pyramid.pool(stages[-1])
            summary_BSD = torch.cat([means.flatten(2) for means in pooled], dim=2).transpose(1, 2)
            return TCBFeatures(stages[-1], summary_BSD, stages, ())
        feature, logits = self.head.reduce(stages), self.auxiliary_head(stages)
        regions_BKC = gather_regions(feature, resize_bilinear(logits, (feature.shape[-2], feature.shape[-1])))
        return TCBFeatures(feature, regions_BKC, stages, (logits,))

    def context(self, features: TCBFeatures) -> Context:
        """The summary."""
        return (features.summary,)

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> Context:
        """Zeros [B,S,D]."""
        return (self.classifier.weight.new_zeros(batch_size, *self.summary_shape),)

    def decode(self, features: TCBFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w]."""
        check_references(self, references)
        summaries = [*(summary for (summary,) in references), features.summary]
        return self._blend(features, torch.stack(summaries, dim=1).mean(dim=1))

    def auxiliary(self, features: TCBFeatures) -> tuple[Tensor, ...]:
        """Logits of the auxiliary head."""
        return features.auxiliary or (self.auxiliary_head(features.before),)

    def _blend(self, features: TCBFeatures, summary_BSD: Tensor) -> Tensor:
        if isinstance(self.head, OCRHead):
            fused = self.head.attend(features.feature, summary_BSD)
        else:
            bins = self.head.pyramid.bins
            parts = summary_BSD.transpose(1, 2).split([side * side for side in bins], dim=2)
            pooled = [part.unflatten(2, (side, side)) for part, side in zip(parts, bins, strict=True)]
            fused = self.head.fusion(self.head.pyramid.assemble(features.feature, pooled))
        return self.classifier(self.dropout(fused))

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """Regions [B,M,K,C] of remembered frames, and how many there are, [B,1]; nothing without a memory."""
        if self.config.memory == "none":
            return {}
        size = self.config.memory_size if self.config.memory == "recent" else len(self.config.offsets) + 1
        zeros = self.classifier.weight.new_zeros
        return {"regions": zeros(batch_size, size, *self.summary_shape), "filled": zeros(batch_size, 1)}

    def steps(self) -> Mapping[str, Step]:
        """Those of a reference model; with a memory others, which read it and write it."""
        state = ("regions", "filled")
        if self.config.memory == "recent":
            return {"step": Step(self._with_recent, reads=state, writes=state)}
        if self.config.memory == "released":
            step = Step(self._with_released, references=True, reads=state, writes=state)
            return {"start": super().steps()["start"], "step": step}
        return super().steps()

    def _with_recent(self, inputs: FrameInputs) -> FrameOutputs:
        """The mean over the regions of the last M frames, this one included."""
        features = self.encode(inputs.frame)
        regions_BMKC = torch.cat([inputs.state["regions"][:, 1:], features.summary.unsqueeze(1)], dim=1)
        filled_B1 = (inputs.state["filled"] + 1).clamp(max=self.config.memory_size)
        logits = self._blend(features, regions_BMKC.sum(dim=1) / filled_B1.unsqueeze(2))
        state = {"regions": regions_BMKC, "filled": filled_B1}
        return FrameOutputs(logits, state=state, auxiliary=self.training_extras(features))

    def _with_released(self, inputs: FrameInputs) -> FrameOutputs:
        """The mean over own and stored regions; own ones are stored where there are none."""
        features = self.encode(inputs.frame)
        stored_BMKC, filled_B1 = inputs.state["regions"], inputs.state["filled"]
        own_BMKC = torch.stack([*(summary for (summary,) in inputs.references), features.summary], dim=1)
        # Blank regions are zero and count for nothing.
        count_B1 = own_BMKC.shape[1] * (1 + filled_B1)
        logits = self._blend(features, (own_BMKC.sum(dim=1) + stored_BMKC.sum(dim=1)) / count_B1.unsqueeze(2))
        kept_BMKC = torch.where(filled_B1[:, :, None, None] > 0, stored_BMKC, own_BMKC)
        state = {"regions": kept_BMKC, "filled": torch.ones_like(filled_B1)}
        return FrameOutputs(logits, self.context(features), state, auxiliary=self.training_extras(features))

    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """Logits of clips: as of every reference model, or with a memory frame by frame; see `VideoModel.forward`.

        A clip of one frame or of references and target has nothing to remember: "released" then is as "none".
        """
        counts = (1, len(self.config.offsets) + 1)
        if self.config.memory == "recent" or (self.config.memory == "released" and clip_BT3HW.shape[1] not in counts):
            return loop_clip(self, clip_BT3HW, flow=flow, prior=prior)
        return super().forward(clip_BT3HW, flow=flow, prior=prior)
