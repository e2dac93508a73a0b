"""Models made fast for inference by exact algebra; twins of `vidseg.models.SegFormer` and `vidseg.models.CFFM`.

They keep the contract of `ReferenceModel` and the layout of contexts, so that states interchange with the twins'.
Only what is asked for is computed: no fused feature at stride 4 is kept, and no per-frame logits beside those with
context.

Shape letters: B batch, K classes, C head channels, h, w size at stride 4, h', w' = ⌊h/2⌋, ⌊w/2⌋ at stride 8.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from vidseg.acceleration.allmlp import FoldedHead
from vidseg.acceleration.linear import frozen_linear
from vidseg.acceleration.mining import FastMiningBlock
from vidseg.acceleration.mit import fast_encoder
from vidseg.errors import InputError
from vidseg.models import CFFM, SegFormer
from vidseg.models.cffm.mining import CrossFrameMining
from vidseg.models.cffm.model import MiningBlock, context_shape
from vidseg.models.layers import resize_bilinear
from vidseg.types import ClassMap, Preprocessing


class StageFeatures(NamedTuple):
    """The four stages of single frames, [B,·,·,·] each at its own size, finest (stride 4) first."""

    stage1: Tensor
    stage2: Tensor
    stage3: Tensor
    stage4: Tensor


class CoarseFeatures(NamedTuple):
    """Features of single frames: the stages, and the fused feature at stride 8, `coarse` [B,h',w',C]."""

    stage1: Tensor
    stage2: Tensor
    stage3: Tensor
    stage4: Tensor
    coarse: Tensor


class Step(NamedTuple):
    """One frame of a stream: its logits [B,K,h,w] and what it leaves for later frames."""

    logits: Tensor
    context: tuple[Tensor, ...]


class FastSegFormer(nn.Module):
    """SegFormer for inference; see `accelerate`."""

    reference_offsets: tuple[int, ...] = ()
    lookahead = 0
    needs_flow = False
    class_map: ClassMap | None
    preprocessing: Preprocessing | None
    training_record: Mapping[str, Any] | None

    def __init__(self, model: SegFormer) -> None:
        super().__init__()
        self.config = model.config
        self.num_classes = model.num_classes
        self.class_map = model.class_map
        self.preprocessing = model.preprocessing
        self.training_record = model.training_record
        self.normalization = copy.deepcopy(model.normalization)
        self.encoder = fast_encoder(model.encoder)
        self.head = FoldedHead(model.head)
        self.classifier = _pointwise(model.classifier)

    def encode(self, frame_B3HW: Tensor) -> StageFeatures:
        """Features of RGB frames, float 0–255."""
        return StageFeatures(*self.encoder(self.normalization(frame_B3HW)))

    def context(self, features: StageFeatures) -> tuple[Tensor, ...]:
        """Nothing: later frames do not look back."""
        return ()

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Nothing."""
        return ()

    def decode(self, features: StageFeatures, references: Sequence[tuple[Tensor, ...]] = ()) -> Tensor:
        """Logits [B,K,h,w] at stride 4, channels last in memory."""
        if references:
            raise InputError(f"got {len(references)} references; expected none: SegFormer sees one frame only")
        return self.head.classified(features, self.classifier).permute(0, 3, 1, 2)

    def forward(self, frame_B3HW: Tensor, references: Sequence[tuple[Tensor, ...]] = ()) -> Step:
        """One step of a stream: encode, decode, context."""
        features = self.encode(frame_B3HW)
        return Step(self.decode(features, references), self.context(features))


class FastCFFM(nn.Module):
    """CFFM for inference; see `accelerate`."""

    lookahead = 0
    needs_flow = False
    class_map: ClassMap | None
    preprocessing: Preprocessing | None
    training_record: Mapping[str, Any] | None

    def __init__(self, model: CFFM) -> None:
        super().__init__()
        self.config = model.config
        self.num_classes = model.num_classes
        self.class_map = model.class_map
        self.preprocessing = model.preprocessing
        self.training_record = model.training_record
        self.reference_offsets = model.reference_offsets
        self.normalization = copy.deepcopy(model.normalization)
        self.encoder = fast_encoder(model.encoder)
        self.head = FoldedHead(model.head)
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
        return CoarseFeatures._make((*stages, self.head.halved(stages)))

    def context(self, features: CoarseFeatures) -> tuple[Tensor, ...]:
        """Pooled tokens [B,nh,nw,Σg²,C] of these frames, one tensor a block."""
        return tuple(cast(FastMiningBlock | MiningBlock, block).context(features.coarse) for block in self.blocks)

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Zeros of the shape that `context` has for images of (height, width)."""
        shape = context_shape(self.config, batch_size, image_size)
        return tuple(self.classifier.weight.new_zeros(shape) for _ in self.blocks)

    def decode(self, features: CoarseFeatures, references: Sequence[tuple[Tensor, ...]] = ()) -> Tensor:
        """Logits [B,K,h,w], channels last in memory: of the frame by itself without references, else with them.

        Raises:
            InputError: if the number of references is neither zero nor that of `reference_offsets`.
        """
        if not references:
            return self.head.classified(features[:4], self.classifier).permute(0, 3, 1, 2)
        if len(references) != len(self.reference_offsets):
            raise InputError(
                f"got {len(references)} references; expected none or {len(self.reference_offsets)} "
                f"({list(self.reference_offsets)} frames back), oldest first"
            )
        target_BhwC = features.coarse
        for index, block in enumerate(self.blocks):
            target_BhwC = block(target_BhwC, [context[index] for context in references])
        logits_BhwK = self.mined_classifier(target_BhwC) + self.coarse_classifier(features.coarse)
        return resize_bilinear(logits_BhwK.permute(0, 3, 1, 2), (features.stage1.shape[-2], features.stage1.shape[-1]))

    def forward(self, frame_B3HW: Tensor, references: Sequence[tuple[Tensor, ...]] = ()) -> Step:
        """One step of a stream: encode, decode, context."""
        features = self.encode(frame_B3HW)
        return Step(self.decode(features, references), self.context(features))


def accelerate(model: SegFormer | CFFM) -> FastSegFormer | FastCFFM:
    """The same model for inference only: equal results but for float rounding, several times faster.

    Weights are copied; the model itself is not changed. BatchNorm's running statistics are folded into the weights and
    dropout is left out, whatever mode the model is in. The result has no gradients.

    Raises:
        InputError: for a model of another kind.
    """
    if isinstance(model, CFFM):
        fast: FastSegFormer | FastCFFM = FastCFFM(model)
    elif isinstance(model, SegFormer):
        fast = FastSegFormer(model)
    else:
        raise InputError(f"got a {type(model).__name__}; expected a SegFormer or a CFFM")
    return fast.eval().requires_grad_(False)


def _fast_block(block: MiningBlock) -> FastMiningBlock | MiningBlock:
    """The fast twin of a block; one of the ablation without mining has none."""
    return FastMiningBlock(block) if isinstance(block.mining, CrossFrameMining) else copy.deepcopy(block)


def _pointwise(convolution: nn.Conv2d) -> nn.Linear:
    """A 1x1 convolution as the Linear that it is."""
    return frozen_linear(convolution.weight.flatten(1), convolution.bias)
