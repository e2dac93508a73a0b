"""Models made fast for inference by exact algebra; twins of `vidseg.models.SegFormer` and `vidseg.models.CFFM`.

They keep the contract of `VideoModel` and the layout of contexts, so that states interchange with the twins'. Only what
is asked for is computed: no fused feature at stride 4 is kept, and no per-frame logits beside those with context. Of
other models a copy is taken whose parts have fast twins where those are known.

Shape letters: B batch, K classes, C head channels, h, w size at stride 4, h', w' = ⌊h/2⌋, ⌊w/2⌋ at stride 8.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from vidseg.acceleration.allmlp import FoldedHead
from vidseg.acceleration.encoders import fast_encoder
from vidseg.acceleration.folding import fold_blocks
from vidseg.acceleration.foreign import fast_foreign
from vidseg.acceleration.heads import fast_head
from vidseg.acceleration.linear import frozen_linear
from vidseg.acceleration.mining import FastMiningBlock
from vidseg.acceleration.pooling import replace_pools
from vidseg.errors import InputError
from vidseg.models import CFFM, Context, Foreign, ReferenceModel, SegFormer, VideoModel
from vidseg.models.cffm.mining import CrossFrameMining
from vidseg.models.cffm.model import MiningBlock, context_shape
from vidseg.models.heads import AllMLPHead
from vidseg.models.layers import resize_bilinear
from vidseg.models.reference_model import check_references


class StageFeatures(NamedTuple):
    """The stages of single frames, [B,·,·,·] each at its own size, finest (stride 4) first."""

    stages: tuple[Tensor, ...]


class CoarseFeatures(NamedTuple):
    """Features of single frames: the stages, and the fused feature at stride 8, `coarse` [B,h',w',C]."""

    stages: tuple[Tensor, ...]
    coarse: Tensor


class FastSegFormer(ReferenceModel):
    """SegFormer for inference; see `accelerate`."""

    def __init__(self, model: SegFormer) -> None:
        super().__init__()
        self.normalization = copy.deepcopy(model.normalization)
        self.encoder = fast_encoder(model.encoder)
        self.head = fast_head(model.head)
        self.classifier = _pointwise(model.classifier)

    def encode(self, frame_B3HW: Tensor) -> StageFeatures:
        """Features of RGB frames, float 0–255."""
        return StageFeatures(self.encoder(self.normalization(frame_B3HW)))

    def decode(self, features: StageFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w] at stride 4, channels last in memory."""
        check_references(self, references)
        return self.head.classified(features.stages, self.classifier).permute(0, 3, 1, 2)


class FastCFFM(ReferenceModel):
    """CFFM for inference; see `accelerate`."""

    def __init__(self, model: CFFM) -> None:
        super().__init__()
        self.reference_offsets = model.reference_offsets
        self.normalization = copy.deepcopy(model.normalization)
        self.encoder = fast_encoder(model.encoder)
        self.head = fast_head(model.head)
        blocks = [_fast_block(cast(MiningBlock, block)) for block in model.blocks]
        self.classifier = _pointwise(model.classifier)
        # The classifier of both features side by side is the sum of one for each.
        both = _pointwise(model.context_classifier)
        coarse, mined = both.weight.chunk(2, dim=1)
        self.coarse_classifier = frozen_linear(coarse, both.bias)
        self.mined_classifier: nn.Module = frozen_linear(mined, None)
        last = blocks[-1]
        # Merged with the last block it takes fewer multiply-adds, unless there are many classes.
        if isinstance(last, FastMiningBlock) and model.num_classes < mined.shape[1]:
            last.read_out(self.mined_classifier)
            self.mined_classifier = nn.Identity()
        self.blocks = nn.ModuleList(blocks)

    def encode(self, frame_B3HW: Tensor) -> CoarseFeatures:
        """Features of RGB frames, float 0–255."""
        stages = self.encoder(self.normalization(frame_B3HW))
        return CoarseFeatures(stages, self.head.halved(stages))

    def context(self, features: CoarseFeatures) -> Context:
        """Pooled tokens [B,nh,nw,Σg²,C] of these frames, one tensor a block."""
        return tuple(cast(FastMiningBlock | MiningBlock, block).context(features.coarse) for block in self.blocks)

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> Context:
        """Zeros of the shape that `context` has for images of (height, width)."""
        shape = context_shape(self.config, batch_size, image_size)
        return tuple(self.classifier.weight.new_zeros(shape) for _ in self.blocks)

    def decode(self, features: CoarseFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w], channels last in memory: of the frame by itself without references, else with them.

        Raises:
            InputError: if the number of references is neither zero nor that of `reference_offsets`.
        """
        if not references:
            return self.head.classified(features.stages, self.classifier).permute(0, 3, 1, 2)
        check_references(self, references)
        target_BhwC = features.coarse
        for index, block in enumerate(self.blocks):
            target_BhwC = block(target_BhwC, [context[index] for context in references])
        logits_BhwK = self.mined_classifier(target_BhwC) + self.coarse_classifier(features.coarse)
        return resize_bilinear(logits_BhwK.permute(0, 3, 1, 2), self.head.size(features.stages))


def _fast_cffm(model: CFFM) -> VideoModel:
    """The twin; a CFFM++, whose steps keep a state, is copied, and its mining blocks have theirs."""
    if model.prior is None:
        return FastCFFM(model)
    fast = _copy(model)
    fast.blocks = nn.ModuleList(_fast_block(cast(MiningBlock, block)) for block in model.blocks)
    return fast


# Whole models that have a twin. The type decides and not inheritance: a child may compute something else.
_TWINS: dict[type[VideoModel], Callable[[Any], VideoModel]] = {
    SegFormer: FastSegFormer,
    CFFM: _fast_cffm,
    Foreign: fast_foreign,
}


def accelerate(model: VideoModel) -> VideoModel:
    """The same model for inference only: equal results but for float rounding, several times faster where known.

    Weights are copied; the model itself is not changed. BatchNorm's running statistics are folded into the weights and
    dropout is left out, whatever mode the model is in. The result has no gradients.

    Raises:
        InputError: for what is no video model.
    """
    if not isinstance(model, VideoModel):
        raise InputError(f"got a {type(model).__name__}; expected a video model, as vidseg.load returns it")
    twin = _TWINS.get(type(model), _copy)
    fast = twin(model)
    for name in ("config", "num_classes", "class_map", "preprocessing", "training_record"):
        setattr(fast, name, getattr(model, name))
    return fast.eval().requires_grad_(False)


def _copy(model: VideoModel) -> VideoModel:
    fast = copy.deepcopy(model)
    for name, part in fast.named_children():
        if name == "encoder":
            fast.encoder = fast_encoder(part)
        elif isinstance(part, AllMLPHead):
            fast.add_module(name, FoldedHead(part))
    fold_blocks(fast)
    replace_pools(fast)
    return fast


def _fast_block(block: MiningBlock) -> FastMiningBlock | MiningBlock:
    """The fast twin of a block; one of the ablation without mining has none."""
    return FastMiningBlock(block) if isinstance(block.mining, CrossFrameMining) else copy.deepcopy(block)


def _pointwise(convolution: nn.Conv2d) -> nn.Linear:
    """A 1x1 convolution as the Linear that it is."""
    return frozen_linear(convolution.weight.flatten(1), convolution.bias)
