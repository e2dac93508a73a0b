"""CFFM (Sun et al., "Coarse-to-Fine Feature Mining for Video Semantic Segmentation", CVPR 2022).

Each frame is encoded once; the target's windows mine a short list of context tokens, pooled more coarsely and over a
wider field the further back they lie. With a prior it is CFFM++: every position looks up prototypes of the whole
video, too.

Shape letters: B batch, K classes, C head channels, h, w size at stride 4, h', w' = ⌊h/2⌋, ⌊w/2⌋ at stride 8.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.cffm.adapting import adapt_blocks
from vidseg.models.cffm.assembling import ContextAssembling, ReferenceConfig
from vidseg.models.cffm.centres import cluster
from vidseg.models.cffm.merging import ContextMerging
from vidseg.models.cffm.mining import CrossFrameMining
from vidseg.models.cffm.prior import CENTRES, COUNTS, PROTOTYPES, STATE, PriorConfig, VideoPrior
from vidseg.models.cffm.windows import WINDOW, pad_to_windows
from vidseg.models.contract import ClipLogits, Context, FrameInputs, FrameOutputs, State, Step, prepare_state
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.encoders.mit import MOST_BLOCKS
from vidseg.models.heads import AllMLPConfig, HeadConfig, build_head
from vidseg.models.layers import MLP, Normalization, resize_bilinear
from vidseg.models.reference_model import ReferenceModel, check_references, frame_of_clip
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import loop_clip

PAPER_REFERENCES = (
    ReferenceConfig(offset=9, tokens_per_side=1, kernel=7),
    ReferenceConfig(offset=6, tokens_per_side=2, kernel=5),
    ReferenceConfig(offset=3, tokens_per_side=3, kernel=3),
)


@dataclass(frozen=True, kw_only=True)
class CFFMConfig:
    """The size of a CFFM.

    Attributes:
        encoder: of frames; a Mix Transformer in the published models.
        num_classes: K.
        depth: number of mining blocks; the paper has 1 for B0, 2 for B1 and B2, 4 for B5.
        head_channels: C.
        head: makes the fused feature of C channels at stride 4; None for the all-MLP head of the published models.
        heads: attention heads of the mining.
        references: how each reference is seen, oldest first; the paper's by default.
        target_kernel: a window sees this many of the target's pooled tokens a side; odd.
        mining: how a window's context reaches it: by "attention", as in the paper, or by the "mlp" of its ablation
            without mining.
        dropout: rate of channel dropout before every classifier, 0–1.
        prior: of the whole video, as CFFM++ has one; None for CFFM.
    """

    encoder: EncoderConfig
    num_classes: int
    depth: int
    head_channels: int = 256
    head: HeadConfig | None = None
    heads: int = 8
    references: tuple[ReferenceConfig, ...] = PAPER_REFERENCES
    target_kernel: int = 5
    mining: Literal["attention", "mlp"] = "attention"
    dropout: float = 0.1
    prior: PriorConfig | None = None

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head_channels, self.dropout)
        if not 1 <= self.depth <= MOST_BLOCKS:
            raise InputError(f"got depth={self.depth}; expected 1 to {MOST_BLOCKS} mining blocks")
        if self.head_channels % self.heads:
            raise InputError(f"got head_channels={self.head_channels}, heads={self.heads}; expected a multiple")
        if self.target_kernel < 1 or self.target_kernel % 2 == 0:
            raise InputError(f"got target_kernel={self.target_kernel}; expected an odd number")
        if self.mining not in ("attention", "mlp"):
            raise InputError(f"got mining={self.mining!r}; expected 'attention' or 'mlp'")
        offsets = [reference.offset for reference in self.references]
        if not offsets or offsets != sorted(set(offsets), reverse=True):
            raise InputError(f"got reference offsets {offsets}; expected one or more, oldest (largest) first")

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """How many frames back each reference lies, oldest first."""
        return tuple(reference.offset for reference in self.references)


def context_shape(config: CFFMConfig, batch_size: int, image_size: tuple[int, int]) -> tuple[int, ...]:
    """B, nh, nw, Σg², C of what a block keeps of images of (height, width)."""
    nh, nw = (math.ceil(math.ceil(side / 4) // 2 / WINDOW) for side in image_size)
    rows = sum(reference.tokens_per_side**2 for reference in config.references)
    return batch_size, nh, nw, rows, config.head_channels


class CFFMFeatures(NamedTuple):
    """Features of single frames: `fused` [B,C,h,w] at stride 4 and the same at stride 8, `coarse` [B,C,h',w']."""

    fused: Tensor
    coarse: Tensor


class MiningBlock(nn.Module):
    """Assembles the context of every target window (CFFA) and mines it (CFM)."""

    def __init__(self, config: CFFMConfig) -> None:
        super().__init__()
        patches = [(config.target_kernel, 1), *((r.kernel, r.tokens_per_side) for r in config.references)]
        self.norm1 = nn.LayerNorm(config.head_channels)
        self.assembling = ContextAssembling(config.references)
        self.mining: CrossFrameMining | ContextMerging = (
            CrossFrameMining(config.head_channels, config.heads, patches)
            if config.mining == "attention"
            else ContextMerging(config.head_channels, patches)
        )
        self.norm2 = nn.LayerNorm(config.head_channels)
        self.mlp = MLP(config.head_channels)

    def context(self, coarse_BHWC: Tensor) -> Tensor:
        """What a frame leaves for this block, [B,nh,nw,Σg²,C]."""
        return self.assembling.context(pad_to_windows(self.norm1(coarse_BHWC)).permute(0, 3, 1, 2))

    def forward(self, target_BHWC: Tensor, references: Sequence[Tensor]) -> Tensor:
        """Updates the target [B,h',w',C], given what each reference left for this block, oldest first."""
        h, w = target_BHWC.shape[1:3]
        padded_BHWC = pad_to_windows(self.norm1(target_BHWC))
        pooled = [
            self.assembling.target(padded_BHWC.permute(0, 3, 1, 2)),
            *(self.assembling.grid(context, slot) for slot, context in enumerate(references)),
        ]
        target_BHWC = target_BHWC + self.mining(padded_BHWC, pooled)[:, :h, :w]
        return target_BHWC + self.mlp(self.norm2(target_BHWC))


class CFFM(ReferenceModel):
    """A class for every pixel of a frame, with the context of the frames before."""

    def __init__(self, config: CFFMConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.reference_offsets = config.reference_offsets
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head or AllMLPConfig(channels=config.head_channels), self.encoder)
        self.blocks = nn.ModuleList(MiningBlock(config) for _ in range(config.depth))
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(config.head_channels, config.num_classes, kernel_size=1)
        self.context_classifier = nn.Conv2d(2 * config.head_channels, config.num_classes, kernel_size=1)
        self.prior: VideoPrior | None = None
        if config.prior is not None:
            self.prior = VideoPrior(config.prior, config.head_channels, config.num_classes, config.dropout)
            self.prior_names, self.prior_frames, self.prior_parts = (PROTOTYPES,), 10, ("encoder", "head")
        if (self.head.channels, self.head.stride) != (config.head_channels, 4):
            raise InputError(
                f"got a head of {self.head.channels} channels at stride {self.head.stride}; expected "
                f"{config.head_channels} (head_channels) at stride 4; choose another head or head_channels"
            )

    def encode(self, frame_B3HW: Tensor) -> CFFMFeatures:
        """Fused feature of RGB frames, float 0–255, at strides 4 and 8."""
        fused = self.head(self.encoder(self.normalization(frame_B3HW)))
        return CFFMFeatures(fused, resize_bilinear(fused, (fused.shape[-2] // 2, fused.shape[-1] // 2)))

    def context(self, features: CFFMFeatures) -> Context:
        """Pooled tokens [B,nh,nw,Σg²,C] of these frames, one tensor a block."""
        coarse_BHWC = features.coarse.permute(0, 2, 3, 1)
        return tuple(cast(MiningBlock, block).context(coarse_BHWC) for block in self.blocks)

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> Context:
        """Zeros of the shape that `context` has for images of (height, width)."""
        shape = context_shape(self.config, batch_size, image_size)
        return tuple(self.classifier.weight.new_zeros(shape) for _ in self.blocks)

    def decode(self, features: CFFMFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w]: of the frame by itself without references, else with their context."""
        if not references:
            return self.classifier(self.dropout(features.fused))
        mined_BCHW = self.mine(features, references)
        logits = self.context_classifier(self.dropout(torch.cat([features.coarse, mined_BCHW], dim=1)))
        return resize_bilinear(logits, (features.fused.shape[-2], features.fused.shape[-1]))

    def mine(self, features: CFFMFeatures, references: Sequence[Context]) -> Tensor:
        """The target's feature [B,C,h',w'] after all mining blocks.

        Raises:
            InputError: if there are not as many references as `reference_offsets`.
        """
        check_references(self, references)
        target_BHWC = features.coarse.permute(0, 2, 3, 1)
        for index, block in enumerate(self.blocks):
            target_BHWC = block(target_BHWC, [context[index] for context in references])
        return target_BHWC.permute(0, 3, 1, 2)

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """Of a prior its prototypes, and the centres [B,N,C] and counts [B,N] that stand in for them; else nothing."""
        if self.config.prior is None:
            return {}
        shape = (batch_size, self.config.prior.prototypes, self.config.head_channels)
        zeros = self.classifier.weight.new_zeros
        return {PROTOTYPES: zeros(shape), CENTRES: zeros(shape), COUNTS: zeros(shape[:2])}

    def steps(self) -> Mapping[str, Step]:
        """Those of a reference model; with a prior they take every frame into its centres."""
        if self.prior is None:
            return super().steps()
        learned = (CENTRES, COUNTS)
        return {
            "start": Step(self._start_with_prior, reads=learned, writes=learned),
            "step": Step(self._step_with_prior, references=True, reads=STATE, writes=learned),
        }

    def _start_with_prior(self, inputs: FrameInputs) -> FrameOutputs:
        assert self.prior is not None
        features = self.encode(inputs.frame)
        state = self.prior.follow(features.coarse, inputs.state)
        return FrameOutputs(self.decode(features), self.context(features), state)

    def _step_with_prior(self, inputs: FrameInputs) -> FrameOutputs:
        assert self.prior is not None
        features = self.encode(inputs.frame)
        state = self.prior.follow(features.coarse, inputs.state)
        logits = self.decode(features, inputs.references) + self.prior.weight * self._looked_up(features, state)
        return FrameOutputs(logits, self.context(features), {name: state[name] for name in (CENTRES, COUNTS)})

    def _looked_up(self, features: CFFMFeatures, state: State) -> Tensor:
        """Logits [B,K,h,w] of the prior."""
        assert self.prior is not None
        return resize_bilinear(self.prior(features.coarse, state), (features.fused.shape[-2], features.fused.shape[-1]))

    def make_prior(self, frames: Sequence[Tensor]) -> State:
        """Prototypes [1,N,C]: the centres of all positions of some frames at stride 8; see `VideoModel.make_prior`."""
        if self.config.prior is None:
            return super().make_prior(frames)
        # One by one: so many frames at once take much memory.
        maps = [self.encode(frame.unsqueeze(0)).coarse[0] for frame in frames]
        points_MC = torch.cat([map_CHW.flatten(1).T for map_CHW in maps])
        return {PROTOTYPES: cluster(points_MC, self.config.prior.prototypes).unsqueeze(0)}

    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """Logits of clips; see `VideoModel.forward`. Those of the prior alone are auxiliary.

        With a prior, clips of another length than references and target are run frame by frame. Where no prototypes
        are given, they are the centres of the clip's frames.
        """
        if self.prior is None:
            return super().forward(clip_BT3HW, flow=flow, prior=prior)
        T = clip_BT3HW.shape[1] if clip_BT3HW.ndim == 5 else 0
        if flow is not None or T not in (1, len(self.reference_offsets) + 1):
            return loop_clip(self, clip_BT3HW, flow=flow, prior=prior)
        return self._forward_with_prior(clip_BT3HW, prior)

    def _forward_with_prior(self, clip_BT3HW: Tensor, prior: Tensor | State | None) -> ClipLogits:
        assert self.prior is not None
        B, T, _, H, W = clip_BT3HW.shape
        state = prepare_state(self, self.blank_state(B, (H, W)), prior)
        features = self.encode(clip_BT3HW.flatten(0, 1))
        frames = self.decode(features).unflatten(0, (B, T))
        if T == 1:
            return ClipLogits(frames[:, -1], frames)
        every = [frame_of_clip(features, t, T) for t in range(T)]
        for frame in every:
            state = self.prior.follow(frame.coarse, state)
        looked_up = self._looked_up(every[-1], state)
        mined = self.decode(every[-1], [self.context(frame) for frame in every[:-1]])
        return ClipLogits(mined + self.prior.weight * looked_up, frames, (looked_up.unsqueeze(1),))

    def adapt_part(self, part: str, theirs: Mapping[str, Tensor]) -> str | None:
        """See `VideoModel.adapt_part`: blocks that learned with more references, or fewer of them (`adapt_blocks`)."""
        adapted = adapt_blocks(self.blocks.state_dict(), theirs) if part == "blocks" else None
        if adapted is None:
            return None
        self.blocks.load_state_dict(adapted)
        return "from the source's, for other references or more blocks"

    def derive_parts(self, copied: Collection[str]) -> dict[str, str]:
        """See `VideoModel.derive_parts`: unless all that mines was copied, too, see `predict_as_single_frames`."""
        if "classifier" not in copied or {"blocks", "context_classifier"} <= set(copied):
            return {}
        self.predict_as_single_frames()
        return {"context_classifier": "to classifier, blind to what is mined"}

    def predict_as_single_frames(self) -> None:
        """Sets the context classifier to the classifier of single frames, blind to what is mined.

        Logits with context are then those of the frame's own feature at stride 8, whatever the references, and
        training goes on from there: the mining blocks gain influence only as they make themselves useful.
        """
        own = self.classifier.weight
        weight = torch.cat([own, torch.zeros_like(own)], dim=1)
        self.context_classifier.load_state_dict({"weight": weight, "bias": self.classifier.bias})
