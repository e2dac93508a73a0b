"""MRCFA (Sun et al., "Mining Relations among Cross-Frame Affinities for Video Semantic Segmentation", ECCV 2022).

Every position of the target weighs the tokens of each reference by affinities that were refined among themselves:
three levels of the encoder give one affinity each, and they are mixed from coarse to fine. What a reference leaves are
its keys at stride 32, one set a level, and as many values.

Sides of the published models' images are multiples of 32. For others the maps of a reference are padded with zeros at
the right and bottom to whole tokens (ours).

Shape letters: B batch, K classes, C head channels, D channels of a stage, h, w size at stride 4, h', w' at stride 8,
P positions of the target on a level, N tokens of a reference at stride 32, S those that stay.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models.contract import Context
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import AllMLPConfig, HeadConfig, build_head
from vidseg.models.layers import Normalization, resize_bilinear
from vidseg.models.mrcfa.refinement import AffinityRefinement
from vidseg.models.mrcfa.selection import pick_tokens, select_tokens
from vidseg.models.reference_model import ReferenceModel, check_offsets, check_references
from vidseg.models.segformer import check_head

_STRIDES = (4, 8, 16, 32)


@dataclass(frozen=True, kw_only=True)
class MRCFAConfig:
    """The size of an MRCFA.

    Attributes:
        encoder: of frames, with stages at strides 4, 8, 16, 32; a Mix Transformer in the published models.
        num_classes: K.
        head_channels: C.
        head: makes the fused feature of C channels at stride 4; None for the all-MLP head of the published models.
        offsets: how many frames back each reference lies, oldest first.
        share: of a reference's tokens that stay, above 0, at most 1; 0.8 in the published B0, else 0.5.
        refining_convs: how many convolutions in a row refine affinities; 2 in the published B1, else 1.
        dropout: rate of channel dropout before every classifier, 0–1.
    """

    encoder: EncoderConfig
    num_classes: int
    head_channels: int = 256
    head: HeadConfig | None = None
    offsets: tuple[int, ...] = (9, 6, 3)
    share: float = 0.5
    refining_convs: Literal[1, 2] = 1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head_channels, self.dropout)
        check_offsets(self.offsets)
        if not 0 < self.share <= 1:
            raise InputError(f"got share={self.share}; expected a share of the tokens above 0 and at most 1")
        if self.refining_convs not in (1, 2):
            raise InputError(f"got refining_convs={self.refining_convs}; expected 1 or 2")

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """`offsets`."""
        return self.offsets


class MRCFAFeatures(NamedTuple):
    """Features of single frames.

    Attributes:
        fused: float [B,C,h,w].
        coarse: the same at stride 8, [B,C,h',w'].
        stages: those at strides 8, 16 and 32, [B,D,·,·] each at its own size.
    """

    fused: Tensor
    coarse: Tensor
    stages: tuple[Tensor, ...]


class Affinity(NamedTuple):
    """How much each position of a target likes the tokens of one reference.

    Attributes:
        scores: float [B,S,h',w'], refined; a softmax over S follows.
        selected: int64 [B,S], which of the reference's N tokens they are.
    """

    scores: Tensor
    selected: Tensor


class MRCFA(ReferenceModel):
    """A class for every pixel of a frame, with the frames before weighed by refined affinities."""

    def __init__(self, config: MRCFAConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.reference_offsets = config.reference_offsets
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head or AllMLPConfig(channels=config.head_channels), self.encoder)
        self._check_parts()
        widths, C, K = self.encoder.widths[1:], config.head_channels, config.num_classes
        self.queries = nn.ModuleList(nn.Linear(width, width) for width in widths)
        self.reductions = nn.ModuleList(
            nn.Conv2d(width, width, factor, stride=factor) for width, factor in zip(widths, (4, 2), strict=False)
        )
        self.keys = nn.ModuleList(nn.Linear(width, width) for width in widths)
        self.value = nn.Conv2d(C, C, kernel_size=4, stride=4)
        self.refinement = AffinityRefinement(config.refining_convs)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(C, K, kernel_size=1)
        # Of what is mined from each reference, for training; the last is of all together.
        self.context_classifiers = nn.ModuleList(nn.Conv2d(C, K, kernel_size=1) for _ in range(len(config.offsets) + 1))

    def encode(self, frame_B3HW: Tensor) -> MRCFAFeatures:
        """Stages and fused feature of RGB frames, float 0–255."""
        stages = self.encoder(self.normalization(frame_B3HW))
        fused = self.head(stages)
        return MRCFAFeatures(fused, resize_bilinear(fused, _size(stages[1])), tuple(stages[1:]))

    def context(self, features: MRCFAFeatures) -> Context:
        """Keys [B,N,D] of each level, finest first, and values [B,N,C]."""
        grid = _size(features.stages[-1])
        reduced = [
            reduction(_pad(stage, grid, factor))
            for reduction, stage, factor in zip(self.reductions, features.stages, (4, 2), strict=False)
        ]
        keys = [key(_tokens(map_)) for key, map_ in zip(self.keys, [*reduced, features.stages[-1]], strict=True)]
        return (*keys, _tokens(self.value(_pad(features.coarse, grid, 4))))

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> Context:
        """Zeros of the shapes that `context` has for images of (height, width)."""
        height, width = (-(-side // _STRIDES[-1]) for side in image_size)
        channels = (*self.encoder.widths[1:], self.config.head_channels)
        return tuple(self.classifier.weight.new_zeros(batch_size, height * width, width_) for width_ in channels)

    def decode(self, features: MRCFAFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w]: of the frame by itself without references, else with their context."""
        if not references:
            return self.classifier(self.dropout(features.fused))
        return self._combined(features, self.mine(features, references))

    def decode_target(
        self, features: MRCFAFeatures, references: Sequence[Context]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `decode`, and logits [B,K,h,w] of what was mined from each reference alone."""
        mined = self.mine(features, references)
        alone = zip(self.context_classifiers, mined, strict=False)
        return self._combined(features, mined), tuple(self._classified(c, part, features) for c, part in alone)

    def mine(self, features: MRCFAFeatures, references: Sequence[Context]) -> list[Tensor]:
        """What the target takes from each reference, [B,C,h',w'] each, oldest first.

        Raises:
            InputError: if there are not as many references as `reference_offsets`.
        """
        check_references(self, references)
        affinities = self.affinities(features, references)
        return [_weigh(affinity, context[-1]) for affinity, context in zip(affinities, references, strict=True)]

    def affinities(self, features: MRCFAFeatures, references: Sequence[Context]) -> list[Affinity]:
        """Of the target with each reference."""
        queries = [query(_tokens(stage)) for query, stage in zip(self.queries, features.stages, strict=True)]
        sizes = [_size(stage) for stage in features.stages]
        return [self._affinity(queries, sizes, keys) for *keys, _ in references]

    def _affinity(self, queries: list[Tensor], sizes: list[tuple[int, int]], keys: list[Tensor]) -> Affinity:
        selected_BS = select_tokens(queries[-1] @ keys[-1].transpose(1, 2), self.config.share)
        levels = [
            (pick_tokens(key_BND, selected_BS) @ query_BPD.transpose(1, 2)).flatten(0, 1).unflatten(1, (1, *size))
            for query_BPD, key_BND, size in zip(queries, keys, sizes, strict=True)
        ]
        return Affinity(self.refinement(levels).view(*selected_BS.shape, *sizes[0]), selected_BS)

    def _combined(self, features: MRCFAFeatures, mined: list[Tensor]) -> Tensor:
        """Logits [B,K,h,w] of the target's own feature and the mean of what was mined."""
        return self._classified(self.context_classifiers[-1], sum(mined) / len(mined) + features.coarse, features)

    def _classified(self, classifier: nn.Module, feature_BCHW: Tensor, features: MRCFAFeatures) -> Tensor:
        return resize_bilinear(classifier(self.dropout(feature_BCHW)), _size(features.fused))

    def derive_parts(self, copied: Collection[str]) -> dict[str, str]:
        """See `VideoModel.derive_parts`: unless all that mines was copied, too, see `predict_as_single_frames`."""
        if "classifier" not in copied or {"value", "context_classifiers"} <= set(copied):
            return {}
        self.predict_as_single_frames()
        return {"context_classifiers": "to classifier", "value": "to zero, so that nothing is mined at first"}

    def predict_as_single_frames(self) -> None:
        """Sets the values to zero and all classifiers to that of single frames.

        Logits with context are then those of the frame's own feature at stride 8, whatever the references, and
        training goes on from there.
        """
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)  # type: ignore[arg-type]  # it has one
        for classifier in self.context_classifiers:
            classifier.load_state_dict(self.classifier.state_dict())

    def _check_parts(self) -> None:
        if (self.head.channels, self.head.stride) != (self.config.head_channels, 4):
            raise InputError(
                f"got a head of {self.head.channels} channels at stride {self.head.stride}; expected "
                f"{self.config.head_channels} (head_channels) at stride 4; choose another head or head_channels"
            )
        if tuple(self.encoder.strides) != _STRIDES:
            raise InputError(
                f"got an encoder with strides {list(self.encoder.strides)}; expected {list(_STRIDES)}; "
                "choose one without output_stride"
            )


def _size(map_BCHW: Tensor) -> tuple[int, int]:
    return map_BCHW.shape[-2], map_BCHW.shape[-1]


def _tokens(map_BCHW: Tensor) -> Tensor:
    """[B,H·W,C], row-major."""
    return map_BCHW.flatten(2).transpose(1, 2)


def _pad(map_BCHW: Tensor, grid: tuple[int, int], factor: int) -> Tensor:
    """Zeros at the right and bottom, up to `factor` times the grid."""
    bottom, right = (factor * cells - side for cells, side in zip(grid, _size(map_BCHW), strict=True))
    return F.pad(map_BCHW, (0, right, 0, bottom))


def _weigh(affinity: Affinity, value_BNC: Tensor) -> Tensor:
    """The values of the selected tokens, weighed by the softmax of their affinities, [B,C,h',w']."""
    weights_BSP = affinity.scores.flatten(2).softmax(dim=1)
    mined_BCP = pick_tokens(value_BNC, affinity.selected).transpose(1, 2) @ weights_BSP
    return mined_BCP.unflatten(2, _size(affinity.scores))
