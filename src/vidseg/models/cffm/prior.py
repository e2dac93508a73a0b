"""The prior of CFFM++ (cffm.md §7): every position of a frame looks up prototypes of the whole video.

Prototypes are known before the first frame. Where none were given, the centres of the frames seen so far stand in for
them (ours): a causal form, whose state keeps its size.

Shape letters: B batch, K classes, C head channels, h', w' size at stride 8, P = h'·w', N prototypes, A heads, D = C/A.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models.cffm.centres import follow_centres
from vidseg.models.contract import State
from vidseg.models.layers import MLP

PROTOTYPES, CENTRES, COUNTS = "prototypes", "centres", "counts"
STATE = (PROTOTYPES, CENTRES, COUNTS)
"""What is given beforehand, and what the causal form keeps: centres, and how many positions each is the mean of."""


@dataclass(frozen=True, kw_only=True)
class PriorConfig:
    """The size of a prior.

    Attributes:
        prototypes: N.
        heads: A.
        weight: of its logits in the sum with those of mining.
    """

    prototypes: int = 100
    heads: int = 8
    weight: float = 0.5

    def __post_init__(self) -> None:
        if self.prototypes < 1 or self.heads < 1 or self.weight <= 0:
            raise InputError(
                f"got prototypes={self.prototypes}, heads={self.heads}, weight={self.weight}; expected 1 or more, "
                "1 or more, and a weight above 0"
            )


class VideoPrior(nn.Module):
    """Attention from the positions of a frame to prototypes, an MLP, and a classifier.

    Args:
        config: its size.
        channels: C, a multiple of the heads.
        num_classes: K.
        dropout: rate of channel dropout before the classifier.
    """

    def __init__(self, config: PriorConfig, channels: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        if channels % config.heads:
            raise InputError(f"got {channels} channels for {config.heads} heads of the prior; expected a multiple")
        self.heads, self.weight = config.heads, config.weight
        self.norm1 = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.output = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = MLP(channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(channels, num_classes, kernel_size=1)

    def follow(self, coarse_BCHW: Tensor, state: State) -> dict[str, Tensor]:
        """The state with a frame taken into its centres."""
        pixels_BPC = coarse_BCHW.flatten(2).transpose(1, 2)
        centres_BNC, counts_BN = follow_centres(state[CENTRES], state[COUNTS], pixels_BPC)
        return {**state, CENTRES: centres_BNC, COUNTS: counts_BN}

    def forward(self, coarse_BCHW: Tensor, state: State) -> Tensor:
        """Logits [B,K,h',w'] of a frame's feature at stride 8, given a state that it was taken into."""
        tokens_BMC, bias_BM = _tokens(state)
        target_BPC = coarse_BCHW.flatten(2).transpose(1, 2)
        key, value = self.key_value(self.norm1(tokens_BMC)).chunk(2, dim=2)
        found_BAPD = F.scaled_dot_product_attention(
            self._split_heads(self.query(self.norm1(target_BPC))),
            self._split_heads(key),
            self._split_heads(value),
            attn_mask=bias_BM[:, None, None].to(key.dtype),
        )
        target_BPC = target_BPC + self.output(found_BAPD.transpose(1, 2).flatten(2))
        target_BPC = target_BPC + self.mlp(self.norm2(target_BPC))
        feature = target_BPC.transpose(1, 2).unflatten(2, (coarse_BCHW.shape[2], coarse_BCHW.shape[3]))
        return self.classifier(self.dropout(feature))

    def _split_heads(self, tokens_BMC: Tensor) -> Tensor:
        """To [B,A,M,D]."""
        return tokens_BMC.unflatten(2, (self.heads, -1)).transpose(1, 2)


def _tokens(state: State) -> tuple[Tensor, Tensor]:
    """[B,M,C] of prototypes and centres, and [B,M]: 0 for those that are looked at, -inf for the others.

    Prototypes count where some were given (blank ones are zero), else centres that stand for any position.
    """
    prototypes, centres, counts_BN = (state[name] for name in STATE)
    given_B1 = prototypes.abs().sum(dim=(1, 2)).unsqueeze(1) > 0
    seen_BM = torch.cat([given_B1.expand(-1, prototypes.shape[1]), (counts_BN > 0) & ~given_B1], dim=1)
    hidden_BM = torch.zeros_like(seen_BM, dtype=centres.dtype).masked_fill(~seen_BM, -torch.inf)
    return torch.cat([prototypes, centres], dim=1), hidden_BM
