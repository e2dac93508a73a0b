"""Miniature models of every kind that the contract serves, with weights that keep every input in play.

Shape letters: B batch, K classes, C channels, H, W image size, h, w size at stride 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tiny
from vidseg.models import (
    CFFM,
    DFF,
    GRFP,
    MRCFA,
    STT,
    TCB,
    Accel,
    AccelConfig,
    Adaptive,
    CFFMConfig,
    Clockwork,
    ClockworkConfig,
    Context,
    Cycle,
    DFFConfig,
    DVSNet,
    DVSNetConfig,
    FrameInputs,
    FrameOutputs,
    GRFPConfig,
    HeadConfig,
    LMANet,
    LMANetConfig,
    MiTConfig,
    MRCFAConfig,
    NetWarp,
    NetWarpConfig,
    PriorConfig,
    ReferenceConfig,
    ReferenceModel,
    StatefulModel,
    Step,
    STTConfig,
    TCBConfig,
    VideoModel,
    build_encoder,
)
from vidseg.models.heads import AllMLPConfig, OCRConfig, PSPConfig, auxiliary_fcn
from vidseg.models.layers import Normalization
from vidseg.types import Preprocessing

C = 8


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    """The size of a toy."""

    encoder: MiTConfig = tiny.ENCODER
    num_classes: int = 5
    reference_offsets: tuple[int, ...] = ()


class _Stateful(StatefulModel):
    """What the stateful toys have in common."""

    def __init__(self, config: ToyConfig | None = None) -> None:
        super().__init__()
        self.config = config or ToyConfig()
        self.num_classes = self.config.num_classes
        self.encoder = build_encoder(self.config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.narrow = nn.Conv2d(self.encoder.widths[0], C, kernel_size=1)
        self.classifier = nn.Conv2d(C, self.num_classes, kernel_size=1)

    def eyes(self, frame_B3HW: Tensor) -> Tensor:
        """Features [B,C,h,w]."""
        return self.narrow(self.encoder(self.normalization(frame_B3HW))[0])

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        h, w = (-(-side // 4) for side in image_size)
        return {"memory": self.classifier.weight.new_zeros(batch_size, C, h, w)}


class Recurrent(_Stateful):
    """A fading memory of all frames."""

    schedule = Cycle(steps=("step",))

    def steps(self) -> Mapping[str, Step]:
        return {"step": Step(self._step, reads=("memory",), writes=("memory",))}

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        memory = torch.tanh(0.7 * inputs.state["memory"] + self.eyes(inputs.frame))
        return FrameOutputs(self.classifier(memory), state={"memory": memory})


class KeyFrames(_Stateful):
    """The encoder runs on every third frame; the others have its feature, scaled by how much brighter they are."""

    schedule = Cycle(steps=("key", "between", "between"))

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        return super().blank_state(batch_size, image_size) | {
            "brightness": self.classifier.weight.new_zeros(batch_size, 1)
        }

    def steps(self) -> Mapping[str, Step]:
        return {
            "key": Step(self._key, writes=("memory", "brightness")),
            "between": Step(self._between, reads=("memory", "brightness")),
        }

    def _key(self, inputs: FrameInputs) -> FrameOutputs:
        feature = self.eyes(inputs.frame)
        return FrameOutputs(
            self.classifier(feature),
            state={"memory": feature, "brightness": inputs.frame.mean(dim=(2, 3))[:, :1] / 255},
        )

    def _between(self, inputs: FrameInputs) -> FrameOutputs:
        change = inputs.frame.mean(dim=(2, 3))[:, :1] / 255 - inputs.state["brightness"]
        return FrameOutputs(self.classifier(inputs.state["memory"] * (1 + change[:, :, None, None])))


class AdaptiveKeyFrames(_Stateful):
    """A key frame wherever the picture has changed by more than a little since the last."""

    schedule = Adaptive(probe="probe", above="key", below="between", threshold=0.02)

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        small = self.classifier.weight.new_zeros(batch_size, 3, 4, 4)
        return super().blank_state(batch_size, image_size) | {"thumbnail": small, "key_thumbnail": small.clone()}

    def steps(self) -> Mapping[str, Step]:
        return {
            "probe": Step(self._probe, reads=("key_thumbnail",), writes=("thumbnail",), probe=True),
            "key": Step(self._key, reads=("thumbnail",), writes=("memory", "key_thumbnail")),
            "between": Step(self._between, reads=("memory",)),
        }

    def _probe(self, inputs: FrameInputs) -> FrameOutputs:
        thumbnail = F.interpolate(inputs.frame, size=(4, 4), mode="bilinear") / 255
        change = (thumbnail - inputs.state["key_thumbnail"]).abs().mean(dim=(1, 2, 3))
        return FrameOutputs(None, state={"thumbnail": thumbnail}, decision=change)

    def _key(self, inputs: FrameInputs) -> FrameOutputs:
        feature = self.eyes(inputs.frame)
        state = {"memory": feature, "key_thumbnail": inputs.state["thumbnail"] * 1}
        return FrameOutputs(self.classifier(feature), state=state)

    def _between(self, inputs: FrameInputs) -> FrameOutputs:
        return FrameOutputs(
            self.classifier(inputs.state["memory"]) + inputs.frame.mean(dim=(1, 2, 3), keepdim=True) / 255
        )


class Flowing(_Stateful):
    """The last feature follows the flow's mean length, in place of a warp."""

    needs_flow = True
    schedule = Cycle(steps=("step",), first="start")

    def steps(self) -> Mapping[str, Step]:
        return {
            "start": Step(self._start, writes=("memory",)),
            "step": Step(self._step, flow=True, reads=("memory",), writes=("memory",)),
        }

    def _start(self, inputs: FrameInputs) -> FrameOutputs:
        feature = self.eyes(inputs.frame)
        return FrameOutputs(self.classifier(feature), state={"memory": feature})

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        assert inputs.flow is not None
        pace = torch.tanh(inputs.flow.mean(dim=(1, 2, 3), keepdim=True))
        feature = self.eyes(inputs.frame) + pace * inputs.state["memory"]
        return FrameOutputs(self.classifier(feature), state={"memory": feature})


class WithPrior(_Stateful):
    """A mean colour of the whole video, known beforehand, is added to every feature."""

    prior_names = ("colour",)
    schedule = Cycle(steps=("step",))

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        return {"colour": self.classifier.weight.new_zeros(batch_size, C)}

    def steps(self) -> Mapping[str, Step]:
        return {"step": Step(self._step, reads=("colour",))}

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        return FrameOutputs(self.classifier(self.eyes(inputs.frame) + inputs.state["colour"][:, :, None, None]))


class Feature(NamedTuple):
    """Of single frames."""

    feature: Tensor


class Referring(ReferenceModel):
    """The mean feature of the frames two and one before is added to the target's."""

    def __init__(self, config: ToyConfig | None = None) -> None:
        super().__init__()
        self.config = config or ToyConfig(reference_offsets=(2, 1))
        self.num_classes = self.config.num_classes
        self.reference_offsets = self.config.reference_offsets
        self.encoder = build_encoder(self.config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.narrow = nn.Conv2d(self.encoder.widths[0], C, kernel_size=1)
        self.classifier = nn.Conv2d(C, self.num_classes, kernel_size=1)

    def encode(self, frame_B3HW: Tensor) -> Feature:
        return Feature(self.narrow(self.encoder(self.normalization(frame_B3HW))[0]))

    def context(self, features: Feature) -> Context:
        return (features.feature.mean(dim=(2, 3)),)

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> Context:
        return (self.classifier.weight.new_zeros(batch_size, C),)

    def decode(self, features: Feature, references: Sequence[Context] = ()) -> Tensor:
        feature = features.feature
        for index, (mean,) in enumerate(references):
            feature = feature + (index + 1) * mean[:, :, None, None]
        return self.classifier(feature)


def tcb(head: PSPConfig | OCRConfig, **options: Any) -> Callable[[], TCB]:
    """Makes a small TCB with references two and one frames back."""
    config = TCBConfig(
        encoder=tiny.ENCODER, head=head, num_classes=5, offsets=(2, 1), auxiliary=auxiliary_fcn(8), **options
    )
    return partial(TCB, config)


def cffmpp() -> CFFM:
    """A small CFFM++ with references two and one frames back, and fewer prototypes than positions."""
    references = tuple(ReferenceConfig(offset=offset, tokens_per_side=2, kernel=3) for offset in (2, 1))
    config = CFFMConfig(
        encoder=tiny.ENCODER,
        num_classes=5,
        depth=1,
        head_channels=8,
        heads=2,
        references=references,
        prior=PriorConfig(prototypes=6, heads=2),
    )
    return CFFM(config)


def mrcfa(**options: Any) -> Callable[[], MRCFA]:
    """Makes a small MRCFA with references two and one frames back."""
    return partial(MRCFA, MRCFAConfig(encoder=tiny.ENCODER, num_classes=5, head_channels=8, offsets=(2, 1), **options))


def netwarp(head: HeadConfig, **options: Any) -> Callable[[], NetWarp]:
    """Makes a small NetWarp whose flow stays within the frame, as a trained one's does."""
    config = NetWarpConfig(encoder=tiny.ENCODER, head=head, num_classes=5, auxiliary=auxiliary_fcn(8), **options)

    def make() -> NetWarp:
        model = NetWarp(config)
        # What goes in are colours of 0–255.
        model.flow_cnn.convolutions[0].norm.running_var.fill_(1e4)
        return model

    return make


def accel() -> Accel:
    """Makes a small Accel whose update is as small as its reference."""
    return Accel(
        AccelConfig(
            encoder=tiny.ENCODER,
            head=PSPConfig(channels=8),
            update_encoder=tiny.ENCODER,
            update_head=AllMLPConfig(channels=8),
            num_classes=5,
            key_interval=3,
        )
    )


def clockwork(**options: Any) -> Callable[[], Clockwork]:
    """Makes a small Clockwork."""
    config = ClockworkConfig(
        encoder=tiny.ENCODER, head=AllMLPConfig(channels=8), num_classes=5, auxiliary=auxiliary_fcn(8), **options
    )
    return partial(Clockwork, config)


def lmanet(head: HeadConfig, **options: Any) -> Callable[[], LMANet]:
    """Makes a small LMANet whose windows are smaller than the maps that they lie in."""
    config = LMANetConfig(
        encoder=tiny.ENCODER,
        head=head,
        num_classes=5,
        memory_size=2,
        window=3,
        key_channels=4,
        value_channels=6,
        **options,
    )
    return partial(LMANet, config)


def stt(head: HeadConfig, **options: Any) -> Callable[[], STT]:
    """Makes a small STT with references two and one frames back."""
    config = STTConfig(encoder=tiny.ENCODER, head=head, num_classes=5, offsets=(2, 1), heads=2, **options)
    return partial(STT, config)


def dvsnet(threshold: float = 50.5) -> DVSNet:
    """Makes a small DVSNet; it expects a jump in brightness to change more labels of some regions than this allows."""
    return DVSNet(DVSNetConfig(encoder=tiny.ENCODER, head=AllMLPConfig(channels=8), num_classes=5, threshold=threshold))


def grfp() -> GRFP:
    """Makes a small GRFP over a model with an auxiliary head."""
    return GRFP(
        GRFPConfig(encoder=tiny.ENCODER, head=AllMLPConfig(channels=8), num_classes=5, auxiliary=auxiliary_fcn(8))
    )


KINDS: dict[str, Callable[[], VideoModel]] = {
    "references": Referring,
    "recurrent": Recurrent,
    "key frames": KeyFrames,
    "adaptive": AdaptiveKeyFrames,
    "flow": Flowing,
    "prior": WithPrior,
    "tcb ppm": tcb(PSPConfig(channels=8)),
    "tcb ocr": tcb(OCRConfig(channels=8, key_channels=8)),
    "tcb recent": tcb(OCRConfig(channels=8, key_channels=8), memory="recent", memory_size=3),
    "tcb released": tcb(OCRConfig(channels=8, key_channels=8), memory="released"),
    "mrcfa": mrcfa(refining_convs=2),
    "cffm++": cffmpp,
    "netwarp psp": netwarp(PSPConfig(channels=8)),
    "netwarp ocr": netwarp(OCRConfig(channels=8, key_channels=8), compat=True),
    "netwarp mlp": netwarp(AllMLPConfig(channels=8)),
    "dff": partial(DFF, DFFConfig(encoder=tiny.ENCODER, head=AllMLPConfig(channels=8), num_classes=5, key_interval=3)),
    "accel": accel,
    "clockwork": clockwork(rate=2),
    "clockwork adaptive": clockwork(threshold=0.25),
    "lmanet": lmanet(PSPConfig(channels=8)),
    "lmanet ocr": lmanet(OCRConfig(channels=8, key_channels=8), auxiliary=auxiliary_fcn(8)),
    "stt": stt(AllMLPConfig(channels=8)),
    "dvsnet": dvsnet,
    "grfp": grfp,
}


def toy(kind: str) -> VideoModel:
    """A toy that is ready to segment."""
    torch.manual_seed(0)
    model = KINDS[kind]()
    # Batch statistics and zero biases would hide mistakes.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.class_map = tiny.class_map(model.num_classes)
    model.preprocessing = Preprocessing(short=64, long=96, multiple=32)
    return model.eval()
