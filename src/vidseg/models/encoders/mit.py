"""Mix Transformer (MiT), the frame encoder of SegFormer (Xie et al., NeurIPS 2021, §3.1).

Four stages at strides 4, 8, 16, 32. Attention looks at keys and values from a spatially reduced map; a depthwise
convolution in the feed-forward part gives positions, so there is no position embedding and any image size will do.

Shape letters: B batch, H, W size of the stage, C channels, A heads, D channels per head, N = H·W queries,
M keys of the reduced map. Activations are kept channels-last (BHWC), which convolutions read without a copy.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vidseg.errors import InputError
from vidseg.models.layers import IMAGENET_MEAN, IMAGENET_STD, DropPath

Quadruple = tuple[int, int, int, int]


# Far beyond any model; a damaged configuration must not build blocks without end.
MOST_BLOCKS = 1000


@dataclass(frozen=True, kw_only=True)
class MiTConfig:
    """The size of a Mix Transformer.

    Attributes:
        widths: channels of the four stages.
        depths: blocks in the four stages.
        heads: attention heads of the four stages.
        reductions: by how much each stage shrinks the map that keys and values come from.
        mlp_ratio: widening of the feed-forward part.
        drop_path_rate: stochastic depth of the last block, 0–1; it rises linearly from 0 at the first.
        block_norm_eps: LayerNorm eps in the blocks and at the end of a stage. The published weights were trained with
            1e-6 there; Hugging Face's implementation runs 1e-5.
        embedding_norm_eps: LayerNorm eps of patch embeddings and of the reduced map.
        kind: tells this configuration from those of other encoders.
    """

    widths: Quadruple
    depths: Quadruple
    heads: Quadruple = (1, 2, 5, 8)
    reductions: Quadruple = (8, 4, 2, 1)
    mlp_ratio: int = 4
    drop_path_rate: float = 0.1
    block_norm_eps: float = 1e-6
    embedding_norm_eps: float = 1e-5
    kind: Literal["mit"] = "mit"

    def __post_init__(self) -> None:
        for name in ("widths", "depths", "heads", "reductions"):
            values = getattr(self, name)
            if len(values) != 4 or min(values) < 1:
                raise InputError(f"got {name}={values}; expected four positive numbers, one a stage")
        if max(self.depths) > MOST_BLOCKS:
            raise InputError(f"got depths={self.depths}; expected at most {MOST_BLOCKS} blocks in a stage")
        for width, heads in zip(self.widths, self.heads, strict=True):
            if width % heads:
                raise InputError(f"got a stage of {width} channels and {heads} heads; expected a multiple")
        if not 0 <= self.drop_path_rate < 1:
            raise InputError(f"got drop_path_rate={self.drop_path_rate}; expected 0 <= rate < 1")


MIT_SIZES = {
    "b0": MiTConfig(widths=(32, 64, 160, 256), depths=(2, 2, 2, 2)),
    "b1": MiTConfig(widths=(64, 128, 320, 512), depths=(2, 2, 2, 2)),
    "b2": MiTConfig(widths=(64, 128, 320, 512), depths=(3, 4, 6, 3)),
    "b3": MiTConfig(widths=(64, 128, 320, 512), depths=(3, 4, 18, 3)),
    "b4": MiTConfig(widths=(64, 128, 320, 512), depths=(3, 8, 27, 3)),
    "b5": MiTConfig(widths=(64, 128, 320, 512), depths=(3, 6, 40, 3)),
}


class PatchEmbedding(nn.Module):
    """Overlapping patches: a strided convolution and a LayerNorm; [B,C',H',W'] to [B,H,W,C]."""

    def __init__(self, in_channels: int, channels: int, *, kernel: int, stride: int, norm_eps: float) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(channels, eps=norm_eps)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.norm(self.projection(x_BCHW).permute(0, 2, 3, 1))


class EfficientAttention(nn.Module):
    """Self-attention whose keys and values come from a map reduced by `reduction` (§3.1, Eq. 2)."""

    def __init__(self, channels: int, heads: int, reduction: int, norm_eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.output = nn.Linear(channels, channels)
        self.reduction: nn.Conv2d | None = None
        self.reduction_norm: nn.LayerNorm | None = None
        if reduction > 1:
            self.reduction = nn.Conv2d(channels, channels, kernel_size=reduction, stride=reduction)
            self.reduction_norm = nn.LayerNorm(channels, eps=norm_eps)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        B, H, W, C = x_BHWC.shape
        source_BHWC = x_BHWC
        if self.reduction is not None and self.reduction_norm is not None:
            source_BHWC = self.reduction_norm(self.reduction(x_BHWC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        q_BAND = self.query(x_BHWC).view(B, H * W, self.heads, -1).transpose(1, 2)
        key_value_2BAMD = self.key_value(source_BHWC).view(B, -1, 2, self.heads, C // self.heads)
        k_BAMD, v_BAMD = key_value_2BAMD.permute(2, 0, 3, 1, 4)
        attended_BAND = F.scaled_dot_product_attention(q_BAND, k_BAMD, v_BAMD)
        return self.output(attended_BAND.transpose(1, 2).reshape(B, H, W, C))


class MixFFN(nn.Module):
    """Feed-forward part with a depthwise 3x3 convolution that lets positions leak in (§3.1, Eq. 3)."""

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        hidden = ratio * channels
        self.expand = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.contract = nn.Linear(hidden, channels)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        hidden_BHWC = self.depthwise(self.expand(x_BHWC).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.contract(F.gelu(hidden_BHWC))


class Block(nn.Module):
    """Attention and Mix-FFN, each behind a LayerNorm and on a residual branch."""

    def __init__(self, config: MiTConfig, stage: int, drop_path_rate: float) -> None:
        super().__init__()
        channels = config.widths[stage]
        self.norm1 = nn.LayerNorm(channels, eps=config.block_norm_eps)
        self.attention = EfficientAttention(
            channels, config.heads[stage], config.reductions[stage], config.embedding_norm_eps
        )
        self.norm2 = nn.LayerNorm(channels, eps=config.block_norm_eps)
        self.mix_ffn = MixFFN(channels, config.mlp_ratio)
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        x_BHWC = x_BHWC + self.drop_path(self.attention(self.norm1(x_BHWC)))
        x_BHWC = x_BHWC + self.drop_path(self.mix_ffn(self.norm2(x_BHWC)))
        return x_BHWC


class Stage(nn.Module):
    """Patch embedding, blocks, LayerNorm; [B,C',H',W'] to [B,C,H,W]."""

    def __init__(self, config: MiTConfig, stage: int, drop_path_rates: list[float]) -> None:
        super().__init__()
        first = stage == 0
        self.embedding = PatchEmbedding(
            3 if first else config.widths[stage - 1],
            config.widths[stage],
            kernel=7 if first else 3,
            stride=4 if first else 2,
            norm_eps=config.embedding_norm_eps,
        )
        self.blocks = nn.ModuleList(Block(config, stage, rate) for rate in drop_path_rates)
        self.norm = nn.LayerNorm(config.widths[stage], eps=config.block_norm_eps)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BHWC = self.embedding(x_BCHW)
        for block in self.blocks:
            x_BHWC = block(x_BHWC)
        return self.norm(x_BHWC).permute(0, 3, 1, 2)


class MixTransformer(nn.Module):
    """The encoder.

    Takes a normalised image [B,3,H,W] and returns the four stages' features [B,C,⌈H/s⌉,⌈W/s⌉], s = 4, 8, 16, 32,
    finest first.
    """

    mean = IMAGENET_MEAN
    std = IMAGENET_STD
    strides = (4, 8, 16, 32)

    def __init__(self, config: MiTConfig) -> None:
        super().__init__()
        self.widths = config.widths
        # Stage s has a side of ⌈H / 2^(s+2)⌉, and at least one cell of `reduction` positions must fit into it.
        self.min_size = max(2 ** (stage + 2) * (reduction - 1) + 1 for stage, reduction in enumerate(config.reductions))
        last = sum(config.depths) - 1
        rates = [config.drop_path_rate * block / last for block in range(last + 1)]
        self.stages = nn.ModuleList()
        for stage, depth in enumerate(config.depths):
            start = sum(config.depths[:stage])
            self.stages.append(Stage(config, stage, rates[start : start + depth]))
        self.apply(_initialize)

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        if min(image_B3HW.shape[-2:]) < self.min_size:
            raise InputError(
                f"got an image of {image_B3HW.shape[-2]}x{image_B3HW.shape[-1]}; expected sides of {self.min_size} "
                "or more: below it a stage's attention has no key; resize it first"
            )
        return self.run_stages(image_B3HW, 0, len(self.stages))

    def run_stages(self, x_BCHW: Tensor, first: int, stop: int) -> tuple[Tensor, ...]:
        """The features of some stages alone, counted from 0.

        Args:
            x_BCHW: what the first of them takes: the normalised image, or the feature of the stage before it.
            first: the first stage to run.
            stop: the stage after the last to run.
        """
        features = []
        for stage in self.stages[first:stop]:
            x_BCHW = stage(x_BCHW)
            features.append(x_BCHW)
        return tuple(features)

    def recompute_in_backward(self) -> None:
        """Recomputes the blocks' activations in the backward pass: less memory, about a third more time."""
        for module in self.modules():
            if isinstance(module, Block):
                module.forward = partial(checkpoint, module.forward, use_reentrant=False)  # type: ignore[method-assign]


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d) and module.bias is not None:
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.zeros_(module.bias)
