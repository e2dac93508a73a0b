"""LMANet (Paul et al., "Local Memory Attention for Fast Video Semantic Segmentation", IROS 2021) over any image model.

Every frame leaves keys and values of its last stage in a memory of a few frames. Each pixel of the present frame
attends to the window around it in all of them at once; what it reads is put into the last stage through a gate, and the
head goes on from there. The present frame enters the memory after it was read.

Written from the paper, without its code. Ours: that a pixel asks with the key that it will leave itself, the gate's
form, an output projection that starts at zero, so that training goes on from the image model, and that slots of the
memory which no frame has filled yet do not count.

Shape letters: B batch, T frames, K classes, M frames remembered, C channels of keys, V of values, D of the last stage,
h, w its size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models.contract import ClipLogits, FrameInputs, FrameOutputs, State, Step, prepare_state
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import FCNConfig, HeadConfig, build_head
from vidseg.models.layers import Normalization
from vidseg.models.neighbours.tiles import NeighbourhoodAttention, check_window
from vidseg.models.per_frame import apply_head, auxiliary_logits, build_auxiliary_head, check_auxiliary
from vidseg.models.schedules import Cycle
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import StatefulModel, check_clip

_MEMORY = ("keys", "values", "filled")


@dataclass(frozen=True, kw_only=True)
class LMANetConfig:
    """The size of an LMANet.

    Attributes:
        encoder: of frames.
        head: any; it sees the last stage with what was read.
        num_classes: K.
        dropout: rate of channel dropout before every classifier, 0–1.
        auxiliary: a second, small head whose logits a training loss may use; an OCR head needs it.
        memory_size: M.
        window: side of the window that a pixel attends to, in pixels of the last stage, odd.
        key_channels: C.
        value_channels: V.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    auxiliary: FCNConfig | None = None
    memory_size: int = 3
    window: int = 21
    key_channels: int = 64
    value_channels: int = 256
    reference_offsets: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_auxiliary(self.head, self.auxiliary)
        check_window(self.window)
        sizes = {name: getattr(self, name) for name in ("memory_size", "key_channels", "value_channels")}
        if min(sizes.values()) < 1:
            got = ", ".join(f"{name}={size}" for name, size in sizes.items())
            raise InputError(f"got {got}; expected 1 or more of each")


class LMANetFeatures(NamedTuple):
    """Features of single frames: the encoder's stages, and of the last one `key` [B,C,h,w] and `value` [B,V,h,w]."""

    stages: tuple[Tensor, ...]
    key: Tensor
    value: Tensor


class GatedFusion(nn.Module):
    """The last stage with what was read, as far as the gate lets it in: z + W(σ(G[value, read]) ⊙ read).

    Where nothing was read it is z to the bit. W starts at zero.
    """

    def __init__(self, channels: int, value_channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(2 * value_channels, value_channels, kernel_size=3, padding=1)
        self.projection = nn.Conv2d(value_channels, channels, kernel_size=1, bias=False)
        nn.init.zeros_(self.projection.weight)

    def forward(self, stage_BDhw: Tensor, value_BVhw: Tensor, read_BVhw: Tensor) -> Tensor:
        gate_BVhw = torch.sigmoid(self.gate(torch.cat([value_BVhw, read_BVhw], dim=1)))
        return stage_BDhw + self.projection(gate_BVhw * read_BVhw)


class LMANet(StatefulModel):
    """A class for every pixel of a frame, with what its surroundings were in the frames before."""

    schedule = Cycle(steps=("step",))

    def __init__(self, config: LMANetConfig) -> None:
        super().__init__()
        self.config, self.num_classes = config, config.num_classes
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        D = self.encoder.widths[-1]
        self.key = nn.Conv2d(D, config.key_channels, kernel_size=3, padding=1)
        self.value = nn.Conv2d(D, config.value_channels, kernel_size=3, padding=1)
        self.attention = NeighbourhoodAttention(config.window)
        self.fusion = GatedFusion(D, config.value_channels)
        self.head = build_head(config.head, self.encoder)
        self.auxiliary_head = build_auxiliary_head(config, self.encoder)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)

    def steps(self) -> Mapping[str, Step]:
        """One for every frame; an empty memory changes nothing."""
        return {"step": Step(self._step, reads=_MEMORY, writes=_MEMORY)}

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """Keys [B,M,C,h,w] and values [B,M,V,h,w], oldest frame first, and how many frames there are, [B,1]."""
        zeros, config = self.classifier.weight.new_zeros, self.config
        size = [-(-side // self.encoder.strides[-1]) for side in image_size]
        return {
            "keys": zeros(batch_size, config.memory_size, config.key_channels, *size),
            "values": zeros(batch_size, config.memory_size, config.value_channels, *size),
            "filled": zeros(batch_size, 1),
        }

    def encode(self, frame_B3HW: Tensor) -> LMANetFeatures:
        """Stages, keys and values of RGB frames, float 0–255."""
        stages = self.encoder(self.normalization(frame_B3HW))
        return LMANetFeatures(tuple(stages), self.key(stages[-1]), self.value(stages[-1]))

    def decode(self, features: LMANetFeatures, memory: State) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits [B,K,·,·] of frames that read a memory, and in training mode those of the auxiliary head."""
        read_BVhw = self.attention(features.key, memory["keys"], memory["values"], memory["filled"])
        stages = (*features.stages[:-1], self.fusion(features.stages[-1], features.value, read_BVhw))
        feature, known = apply_head(self.head, stages, self.auxiliary_head)
        auxiliary = auxiliary_logits(self.auxiliary_head, stages, known) if self.training else ()
        return self.classifier(self.dropout(feature)), auxiliary

    def push(self, features: LMANetFeatures, memory: State) -> dict[str, Tensor]:
        """The memory with a frame more and, once it is full, without its oldest."""
        return {
            "keys": torch.cat([memory["keys"][:, 1:], features.key.unsqueeze(1)], dim=1),
            "values": torch.cat([memory["values"][:, 1:], features.value.unsqueeze(1)], dim=1),
            "filled": (memory["filled"] + 1).clamp(max=self.config.memory_size),
        }

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        features = self.encode(inputs.frame)
        logits, auxiliary = self.decode(features, inputs.state)
        return FrameOutputs(logits, state=self.push(features, inputs.state), auxiliary=auxiliary)

    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """Logits of clips of any number of frames; see `VideoModel.forward`.

        What a frame leaves depends on it alone: so all frames are computed at once, and BatchNorm sees them in one
        statistic.
        """
        check_clip(self, clip_BT3HW, flow)
        prepare_state(self, {}, prior)
        B, T = clip_BT3HW.shape[:2]
        features = self.encode(clip_BT3HW.flatten(0, 1))
        logits, auxiliary = self.decode(features, self._memories_of_clip(features, T))
        frames = logits.unflatten(0, (B, T))
        return ClipLogits(frames[:, -1], frames, tuple(part.unflatten(0, (B, T)) for part in auxiliary))

    def _memories_of_clip(self, features: LMANetFeatures, num_frames: int) -> dict[str, Tensor]:
        """What each of B clips' frames finds in the memory; the first axis is B·T, as that of the features."""
        T, M = num_frames, self.config.memory_size

        def before(map_NChw: Tensor) -> Tensor:
            padded = F.pad(map_NChw.unflatten(0, (-1, T)), (0, 0, 0, 0, 0, 0, M, 0))
            return torch.stack([padded[:, slot : slot + T] for slot in range(M)], dim=2).flatten(0, 1)

        filled_T1 = torch.arange(T, device=features.key.device).clamp(max=M).unsqueeze(1)
        filled_N1 = filled_T1.repeat(features.key.shape[0] // T, 1).to(features.key.dtype)
        return {"keys": before(features.key), "values": before(features.value), "filled": filled_N1}
