"""Image models: any encoder with any head; as video models, ones that use no references.

Shape letters: B batch, K classes, C channels of the head, h, w size of the logits, that of the head's feature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.contract import Context
from vidseg.models.encoders import Encoder, EncoderConfig, build_encoder
from vidseg.models.heads import FCNConfig, HeadConfig, HeadModule, OCRHead, build_head
from vidseg.models.layers import Normalization
from vidseg.models.reference_model import ReferenceModel, check_references
from vidseg.models.segformer import check_head


@dataclass(frozen=True, kw_only=True)
class PerFrameConfig:
    """The size of an image model.

    Attributes:
        encoder: of frames.
        head: what makes one feature map of the encoder's four.
        num_classes: K.
        dropout: rate of channel dropout before every classifier, 0–1.
        auxiliary: a second, small head whose logits a training loss may use; None for none. An OCR head needs it: its
            logits gather the regions.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    auxiliary: FCNConfig | None = None

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_auxiliary(self.head, self.auxiliary)

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """None: it sees one frame only."""
        return ()


def image_model_fields(config: Any) -> dict[str, Any]:
    """The fields, by name, that a configuration shares with the image model in it: those of `PerFrameConfig`."""
    return {field.name: getattr(config, field.name) for field in fields(PerFrameConfig)}


def check_auxiliary(head: HeadConfig, auxiliary: FCNConfig | None) -> None:
    """Checks that a head that needs an auxiliary one has it.

    Raises:
        InputError: for an OCR head without.
    """
    if head.kind == "ocr" and auxiliary is None:
        raise InputError("got an OCR head without an auxiliary head, whose logits it needs; expected one")


class AuxiliaryHead(nn.Module):
    """Convolutions on one stage, dropout and a classifier: logits [B,K,·,·] of the stage's size."""

    def __init__(self, config: FCNConfig, encoder: Encoder, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.head = build_head(config, encoder)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(config.channels, num_classes, kernel_size=1)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        return self.classifier(self.dropout(self.head(stages)))


def build_auxiliary_head(config: Any, encoder: Encoder) -> AuxiliaryHead | None:
    """The auxiliary head of a configuration that has the fields of `PerFrameConfig`; None where it wants none."""
    if config.auxiliary is None:
        return None
    return AuxiliaryHead(config.auxiliary, encoder, config.num_classes, config.dropout)


def apply_head(
    head: HeadModule,
    stages: tuple[Tensor, ...],
    auxiliary_head: AuxiliaryHead | None,
    known: tuple[Tensor, ...] = (),
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The head's feature [B,C,h,w] and the auxiliary logits: those known already, or that an OCR head needed."""
    if not isinstance(head, OCRHead):
        return head(stages), known
    known = auxiliary_logits(auxiliary_head, stages, known)
    return head(stages, *known), known


def auxiliary_logits(
    auxiliary_head: AuxiliaryHead | None, stages: tuple[Tensor, ...], known: tuple[Tensor, ...] = ()
) -> tuple[Tensor, ...]:
    """Logits [B,K,·,·] of the auxiliary head, those that are known already if any; none without such a head."""
    return known if auxiliary_head is None or known else (auxiliary_head(stages),)


class PerFrameFeatures(NamedTuple):
    """Features of single frames.

    Attributes:
        fused: float [B,C,h,w].
        stages: the encoder's.
        auxiliary: logits of the auxiliary head where they were needed on the way; else empty.
    """

    fused: Tensor
    stages: tuple[Tensor, ...]
    auxiliary: tuple[Tensor, ...]


class PerFrame(ReferenceModel):
    """A class for every pixel of a single frame."""

    def __init__(self, config: PerFrameConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)
        self.auxiliary_head = build_auxiliary_head(config, self.encoder)

    def encode(self, frame_B3HW: Tensor) -> PerFrameFeatures:
        """The head's feature of RGB frames, float 0–255."""
        stages = self.encoder(self.normalization(frame_B3HW))
        fused, auxiliary = apply_head(self.head, stages, self.auxiliary_head)
        return PerFrameFeatures(fused, stages, auxiliary)

    def decode(self, features: PerFrameFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w]."""
        check_references(self, references)
        return self.classifier(self.dropout(features.fused))

    def auxiliary(self, features: PerFrameFeatures) -> tuple[Tensor, ...]:
        """Logits of the auxiliary head, if there is one."""
        return auxiliary_logits(self.auxiliary_head, features.stages, features.auxiliary)
