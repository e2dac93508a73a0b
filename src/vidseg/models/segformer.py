"""SegFormer (Xie et al., NeurIPS 2021): MiT, all-MLP head, classifier. The per-frame model below every CFFM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.contract import Context
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads.allmlp import AllMLPHead
from vidseg.models.layers import Normalization
from vidseg.models.reference_model import ReferenceModel, check_references


@dataclass(frozen=True, kw_only=True)
class SegFormerConfig:
    """The size of a SegFormer.

    Attributes:
        encoder: of frames; a Mix Transformer in the published models.
        num_classes: K.
        head_channels: width of the fused feature.
        dropout: rate of channel dropout before the classifier, 0–1.
    """

    encoder: EncoderConfig
    num_classes: int
    head_channels: int = 256
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head_channels, self.dropout)

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """None: it sees one frame only."""
        return ()


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


class SegFormer(ReferenceModel):
    """A class for every pixel of a single frame; as a video model, one that uses no references."""

    def __init__(self, config: SegFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = AllMLPHead(self.encoder.widths, config.head_channels)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(config.head_channels, config.num_classes, kernel_size=1)

    def encode(self, frame_B3HW: Tensor) -> FrameFeatures:
        """Fused feature of RGB frames, float 0–255."""
        return FrameFeatures(fused=self.head(self.encoder(self.normalization(frame_B3HW))))

    def decode(self, features: FrameFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w] at stride 4."""
        check_references(self, references)
        return self.classifier(self.dropout(features.fused))
