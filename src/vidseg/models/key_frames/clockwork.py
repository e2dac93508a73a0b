"""Clockwork (Shelhamer et al., "Clockwork Convnets for Video Semantic Segmentation", ECCV Workshops 2016).

An image model whose encoder's stages have clocks of their own: the shallow ones see every frame, the deep ones, which
change slowly and cost most, only when their clock ticks. Between the ticks the head has the present frame's shallow
features and the last tick's deep ones. The clock ticks every so many frames, or when the shallow scores say something
else than at the last tick. Nothing is trained for it: `clockwork` winds up any image model.

The paper's network, an FCN, adds up scores of its stages; with any head, features stand in for scores.

Shape letters: B batch, K classes, H, W image size, h, w size of a stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.contract import FrameInputs, FrameOutputs, Step
from vidseg.models.encoders import EncoderConfig, build_encoder, require_staged
from vidseg.models.heads import FCNConfig, HeadConfig, build_head
from vidseg.models.layers import Normalization
from vidseg.models.per_frame import (
    PerFrame,
    apply_head,
    auxiliary_logits,
    build_auxiliary_head,
    check_auxiliary,
    image_model_fields,
)
from vidseg.models.schedules import Adaptive, Cycle
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import StatefulModel

_STAGES = 4


@dataclass(frozen=True, kw_only=True)
class ClockworkConfig:
    """The size of the network, and its clock: either `rate` or `threshold`.

    Attributes:
        encoder: of frames; one that can run stage by stage (Mix Transformers, timm's ResNets and EfficientNets).
        head: any; the more it makes of shallow stages, the better.
        num_classes: K.
        dropout: rate of channel dropout before every classifier, 0–1.
        auxiliary: a head on one stage, which a training loss may use. An OCR head needs it, and an adaptive clock:
            its labels are the shallow ones.
        shallow_stages: how many stages see every frame, 1 to 3.
        rate: the deep stages run on frames 0, rate, 2·rate, …; 1 is the image model, 2 alternates.
        threshold: they run when a larger share of the shallow labels has changed since they last did, 0–1. The paper
            has 0.25 and 0.35.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    auxiliary: FCNConfig | None = None
    shallow_stages: int = 3
    rate: int | None = None
    threshold: float | None = None
    reference_offsets: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_auxiliary(self.head, self.auxiliary)
        if not 1 <= self.shallow_stages < _STAGES:
            raise InputError(f"got shallow_stages={self.shallow_stages}; expected 1 to {_STAGES - 1}")
        if (self.rate is None) == (self.threshold is None):
            raise InputError(f"got rate={self.rate}, threshold={self.threshold}; expected one of them, null the other")
        if self.rate is not None and self.rate < 1:
            raise InputError(f"got rate={self.rate}; expected 1 or more frames from one tick to the next")
        if self.threshold is None:
            return
        if not 0 <= self.threshold <= 1:
            raise InputError(f"got threshold={self.threshold}; expected a share of labels, 0 to 1")
        if self.auxiliary is None or self.auxiliary.stage > self.shallow_stages:
            raise InputError(
                f"got a threshold without shallow labels; expected an auxiliary head on one of the first "
                f"{self.shallow_stages} stages; set auxiliary, or give a rate in place of the threshold"
            )


class Clockwork(StatefulModel):
    """A class for every pixel of a frame, from fresh shallow stages and deep ones as old as the clock allows."""

    def __init__(self, config: ClockworkConfig) -> None:
        super().__init__()
        self.config, self.num_classes = config, config.num_classes
        if config.rate is not None:
            self.schedule = Cycle(steps=("tick", *("stale",) * (config.rate - 1)))
        else:
            assert config.threshold is not None
            self.schedule = Adaptive(probe="shallow", above="deep", below="head", threshold=config.threshold)
        self.encoder = build_encoder(config.encoder)
        require_staged(self.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)
        self.auxiliary_head = build_auxiliary_head(config, self.encoder)
        names = tuple(f"stage{index + 1}" for index in range(_STAGES))
        self._shallow_names, self._deep_names = names[: config.shallow_stages], names[config.shallow_stages :]

    def steps(self) -> Mapping[str, Step]:
        """At a rate "tick" (all of it) and "stale"; with a threshold "shallow", then "deep" or the "head" alone."""
        shallow, deep = self._shallow_names, self._deep_names
        if isinstance(self.schedule, Cycle):
            return {"tick": Step(self._tick, writes=deep), "stale": Step(self._stale, reads=deep)}
        return {
            "shallow": Step(self._probe, reads=("tick_labels",), writes=(*shallow, "labels"), probe=True),
            "deep": Step(self._deep, reads=(*shallow, "labels"), writes=(*deep, "tick_labels"), frame=False),
            "head": Step(self._head, reads=(*shallow, *deep), frame=False),
        }

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """The stages that one step leaves for another, [B,·,h,w]; adaptive, with shallow labels [B,h,w] as floats."""
        zeros = self.classifier.weight.new_zeros

        def size(stride: int) -> list[int]:
            return [-(-side // stride) for side in image_size]

        stages = {
            f"stage{index + 1}": zeros(batch_size, width, *size(stride))
            for index, (width, stride) in enumerate(zip(self.encoder.widths, self.encoder.strides, strict=True))
        }
        if isinstance(self.schedule, Cycle):
            return {name: stages[name] for name in self._deep_names}
        assert self.auxiliary_head is not None
        labels = size(self.auxiliary_head.head.stride)
        return stages | {"labels": zeros(batch_size, *labels), "tick_labels": zeros(batch_size, *labels)}

    def _tick(self, inputs: FrameInputs) -> FrameOutputs:
        stages = self.encoder(self.normalization(inputs.frame))
        return self._outputs(stages, dict(zip(self._deep_names, stages[self.config.shallow_stages :], strict=True)))

    def _stale(self, inputs: FrameInputs) -> FrameOutputs:
        return self._outputs((*self._shallow(inputs.frame), *(inputs.state[name] for name in self._deep_names)), {})

    def _probe(self, inputs: FrameInputs) -> FrameOutputs:
        stages = self._shallow(inputs.frame)
        assert self.auxiliary_head is not None
        labels_Bhw = self.auxiliary_head(stages).argmax(dim=1).to(inputs.frame.dtype)
        changed_B = (labels_Bhw != inputs.state["tick_labels"]).to(inputs.frame.dtype).mean(dim=(1, 2))
        state = dict(zip(self._shallow_names, stages, strict=True)) | {"labels": labels_Bhw}
        return FrameOutputs(None, state=state, decision=changed_B)

    def _deep(self, inputs: FrameInputs) -> FrameOutputs:
        shallow = tuple(inputs.state[name] for name in self._shallow_names)
        deep = self.encoder.run_stages(shallow[-1], self.config.shallow_stages, _STAGES)
        # Labels of their own: compiled steps hand on no input as it is.
        state = dict(zip(self._deep_names, deep, strict=True)) | {"tick_labels": inputs.state["labels"] * 1}
        return self._outputs((*shallow, *deep), state)

    def _head(self, inputs: FrameInputs) -> FrameOutputs:
        return self._outputs(tuple(inputs.state[name] for name in (*self._shallow_names, *self._deep_names)), {})

    def _shallow(self, frame_B3HW: Tensor) -> tuple[Tensor, ...]:
        return self.encoder.run_stages(self.normalization(frame_B3HW), 0, self.config.shallow_stages)

    def _outputs(self, stages: tuple[Tensor, ...], state: dict[str, Tensor]) -> FrameOutputs:
        feature, known = apply_head(self.head, stages, self.auxiliary_head)
        auxiliary = auxiliary_logits(self.auxiliary_head, stages, known) if self.training else ()
        return FrameOutputs(self.classifier(self.dropout(feature)), state=state, auxiliary=auxiliary)


@torch.no_grad()
def clockwork(
    model: PerFrame, *, rate: int | None = None, threshold: float | None = None, shallow_stages: int = 3
) -> Clockwork:
    """A trained image model with a clock; nothing else changes.

    Args:
        model: whose weights are copied; with an auxiliary head for a `threshold`.
        rate: see `ClockworkConfig`; this or `threshold`.
        threshold: see `ClockworkConfig`.
        shallow_stages: see `ClockworkConfig`.

    Raises:
        InputError: for a clock that the model cannot have, or an encoder that does not run stage by stage.
    """
    wound = Clockwork(
        ClockworkConfig(
            **image_model_fields(model.config), rate=rate, threshold=threshold, shallow_stages=shallow_stages
        )
    )
    wound.load_state_dict(model.state_dict())
    for name in ("class_map", "preprocessing", "training_record"):
        setattr(wound, name, getattr(model, name))
    return wound.to(next(model.parameters()).device).train(model.training)
