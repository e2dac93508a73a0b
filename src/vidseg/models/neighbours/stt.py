"""STT (Li et al., "Video Semantic Segmentation via Sparse Temporal Transformer", ACM MM 2021) over any image model.

One transformer layer between the head's feature and the classifier lets a frame look at earlier ones, sparsely in two
ways. Query selection: only the positions that changed most since the newest reference look back; the others keep what
they have. Key selection: they look at a region around their place in each reference, the larger the further the frame
is back, since things have had more time to move.

No code was published, and this is written from what the paper says. Ours: that change is the mean distance of a
position's keys in the two frames; that a region's radius is `reach` times the frames it lies back; pixels beyond the
border stand for the outermost ones; the layer's form, pre-norm as in ViT, with residual branches that start at zero, so
that training goes on from the image model.

Shape letters: B batch, K classes, C channels of the head, h, w size of its feature, N = h·w, S positions selected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.contract import Context
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import FCNConfig, HeadConfig, build_head
from vidseg.models.layers import MLP, Normalization
from vidseg.models.neighbours.regions import Region, attend_to_regions, rows_at, select_changed
from vidseg.models.per_frame import apply_head, auxiliary_logits, build_auxiliary_head, check_auxiliary
from vidseg.models.reference_model import ReferenceModel, check_offsets, check_references
from vidseg.models.segformer import check_head


@dataclass(frozen=True, kw_only=True)
class STTConfig:
    """The size of an STT.

    Attributes:
        encoder: of frames.
        head: any; its feature is what looks back.
        num_classes: K.
        dropout: rate of channel dropout before every classifier, 0–1.
        auxiliary: a second, small head whose logits a training loss may use; an OCR head needs it.
        offsets: how many frames back each reference lies, oldest first.
        share: of the positions that look back, above 0, at most 1.
        reach: by how many pixels of the feature a region's radius grows with every frame back.
        heads: of the attention; they divide C.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    auxiliary: FCNConfig | None = None
    offsets: tuple[int, ...] = (3, 2, 1)
    share: float = 0.5
    reach: int = 1
    heads: int = 8

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_auxiliary(self.head, self.auxiliary)
        check_offsets(self.offsets)
        if not 0 < self.share <= 1:
            raise InputError(f"got share={self.share}; expected a share of the positions above 0 and at most 1")
        if self.reach < 1:
            raise InputError(f"got reach={self.reach}; expected 1 or more pixels a frame")
        if self.heads < 1 or self.head.channels % self.heads:
            raise InputError(f"got heads={self.heads}; expected a divisor of the head's {self.head.channels} channels")

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """`offsets`."""
        return self.offsets


class STTFeatures(NamedTuple):
    """Features of single frames.

    Attributes:
        fused: float [B,C,h,w], the head's.
        key: float [B,h,w,C].
        value: float [B,h,w,C].
        stages: the encoder's.
        auxiliary: logits of the auxiliary head where they were needed on the way; else empty.
    """

    fused: Tensor
    key: Tensor
    value: Tensor
    stages: tuple[Tensor, ...]
    auxiliary: tuple[Tensor, ...]


class SparseTemporalLayer(nn.Module):
    """A transformer layer for the positions that changed.

    Args:
        channels: C.
        heads: of the attention.
        share: of the positions that look back.
    """

    def __init__(self, channels: int, heads: int, share: float) -> None:
        super().__init__()
        self.heads, self.share = heads, share
        self.norm1 = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.projection = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = MLP(channels)
        for last in (self.projection, self.mlp.contract):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def keys_and_values(self, feature_BChw: Tensor) -> tuple[Tensor, Tensor]:
        """What a frame offers, [B,h,w,C] each."""
        key_BhwC, value_BhwC = self.key_value(self.norm1(feature_BChw.permute(0, 2, 3, 1))).chunk(2, dim=-1)
        return key_BhwC, value_BhwC

    def forward(self, feature_BChw: Tensor, key_BhwC: Tensor, regions: Sequence[Region]) -> Tensor:
        """The feature of a frame with its own keys, after some of its positions looked at their regions, oldest first.

        Returns:
            float [B,C,h,w].
        """
        change_BN = (key_BhwC - regions[-1].key).detach().abs().mean(dim=-1).flatten(1)
        places_BS = select_changed(change_BN, self.share)
        tokens_BNC = feature_BChw.flatten(2).transpose(1, 2)
        chosen_BSC = rows_at(tokens_BNC, places_BS)
        seen_BSC = attend_to_regions(self.query(self.norm1(chosen_BSC)), places_BS, regions, self.heads)
        chosen_BSC = chosen_BSC + self.projection(seen_BSC)
        chosen_BSC = chosen_BSC + self.mlp(self.norm2(chosen_BSC))
        index_BSC = places_BS.unsqueeze(2).expand(-1, -1, tokens_BNC.shape[2])
        return tokens_BNC.scatter(1, index_BSC, chosen_BSC).transpose(1, 2).unflatten(2, feature_BChw.shape[-2:])


class STT(ReferenceModel):
    """A class for every pixel of a frame; where it changed, with a look at the frames before."""

    def __init__(self, config: STTConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.reference_offsets = config.reference_offsets
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.layer = SparseTemporalLayer(self.head.channels, config.heads, config.share)
        self.auxiliary_head = build_auxiliary_head(config, self.encoder)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)

    def encode(self, frame_B3HW: Tensor) -> STTFeatures:
        """The head's feature of RGB frames, float 0–255, and what it offers to later ones."""
        stages = tuple(self.encoder(self.normalization(frame_B3HW)))
        fused, auxiliary = apply_head(self.head, stages, self.auxiliary_head)
        key, value = self.layer.keys_and_values(fused)
        return STTFeatures(fused, key, value, stages, auxiliary)

    def context(self, features: STTFeatures) -> Context:
        """Keys and values [B,h,w,C]."""
        return features.key, features.value

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> Context:
        """Zeros [B,h,w,C], two of them."""
        shape = (batch_size, *(-(-side // self.head.stride) for side in image_size), self.head.channels)
        zeros = self.classifier.weight.new_zeros
        return zeros(shape), zeros(shape)

    def decode(self, features: STTFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w]: of the frame by itself without references, else where it changed with their context."""
        check_references(self, references)
        feature = features.fused
        if references:
            radii = (self.config.reach * offset for offset in self.config.offsets)
            regions = [Region(key, value, radius) for (key, value), radius in zip(references, radii, strict=True)]
            feature = self.layer(feature, features.key, regions)
        return self.classifier(self.dropout(feature))

    def auxiliary(self, features: STTFeatures) -> tuple[Tensor, ...]:
        """Logits of the auxiliary head, if there is one."""
        return auxiliary_logits(self.auxiliary_head, features.stages, features.auxiliary)
