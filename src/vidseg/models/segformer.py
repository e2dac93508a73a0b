"""SegFormer (Xie et al., NeurIPS 2021): MiT, all-MLP head, classifier. The per-frame model below every CFFM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.allmlp import AllMLPHead
from vidseg.models.contract import ClipLogits, forward_clip
from vidseg.models.layers import Normalization
from vidseg.models.mit import MiTConfig, MixTransformer
from vidseg.types import ClassMap, Preprocessing


@dataclass(frozen=True, kw_only=True)
class SegFormerConfig:
    """The size of a SegFormer.

    Attributes:
        encoder: size of the Mix Transformer.
        num_classes: K.
        head_channels: width of the fused feature.
        dropout: rate of channel dropout before the classifier, 0–1.
    """

    encoder: MiTConfig
    num_classes: int
    head_channels: int = 256
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head_channels, self.dropout)


def check_head(num_classes: int, head_channels: int, dropout: float) -> None:
    """Checks what every configuration of a head has in common.

    Raises:
        InputError: for values out of range.
    """
    if num_classes < 1 or head_channels < 1:
        raise InputError(f"got num_classes={num_classes}, head_channels={head_channels}; expected positive numbers")
    if not 0 <= dropout < 1:
        raise InputError(f"got dropout={dropout}; expected 0 <= rate < 1")


class FrameFeatures(NamedTuple):
    """Features of single frames: `fused` float [B,C,h,w] at stride 4."""

    fused: Tensor


class SegFormer(nn.Module):
    """A class for every pixel of a single frame; as a video model, one that uses no references."""

    reference_offsets: tuple[int, ...] = ()
    lookahead = 0
    needs_flow = False
    class_map: ClassMap | None = None
    preprocessing: Preprocessing | None = None
    training_record: Mapping[str, Any] | None = None

    def __init__(self, config: SegFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.normalization = Normalization()
        self.encoder = MixTransformer(config.encoder)
        self.head = AllMLPHead(config.encoder.widths, config.head_channels)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(config.head_channels, config.num_classes, kernel_size=1)

    def encode(self, frame_B3HW: Tensor) -> FrameFeatures:
        """Fused feature of RGB frames, float 0–255."""
        return FrameFeatures(fused=self.head(self.encoder(self.normalization(frame_B3HW))))

    def context(self, features: FrameFeatures) -> tuple[Tensor, ...]:
        """Nothing: later frames do not look back."""
        return ()

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Nothing."""
        return ()

    def decode(self, features: FrameFeatures, references: Sequence[tuple[Tensor, ...]]) -> Tensor:
        """Logits [B,K,h,w] at stride 4."""
        if references:
            raise InputError(f"got {len(references)} references; expected none: SegFormer sees one frame only")
        return self.classifier(self.dropout(features.fused))

    def forward(self, clip_BT3HW: Tensor) -> ClipLogits:
        """Logits of clips of one frame; see `forward_clip`."""
        return forward_clip(self, clip_BT3HW)
