"""Joint self-attention over all tokens of a clip in place of mining: what the paper's method saves, in seconds.

Encoder, head and labels are the accelerated ones, each frame is encoded once and past features are kept: only the way
in which a frame sees its context differs. The projections are those of the mining blocks.

Shape letters: B = 1, T frames, P positions at stride 8, A heads, C channels, K classes.
"""

from collections import deque
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.acceleration import FastCFFM, FastLabels, accelerate
from vidseg.acceleration.mining import FastMiningBlock
from vidseg.bench.methods import method_of
from vidseg.bench.sizes import Size
from vidseg.errors import InputError
from vidseg.models import VideoModel


class JointAttention:
    """A stream whose frames attend to all tokens of the last T - 1 frames and they to theirs.

    Args:
        model: source of the weights, a CFFM; T - 1 is its number of references. Before there are so many frames, the
            newest stands in.

    Raises:
        InputError: for a model without mining.
    """

    def __init__(self, model: VideoModel) -> None:
        if not method_of(model.config).joint:
            raise InputError("got a model without mining; expected a CFFM to put joint self-attention into")
        self._model = cast(FastCFFM, accelerate(model))
        self._labels = FastLabels()
        self._past: deque[Tensor] = deque(maxlen=len(model.reference_offsets))

    @torch.inference_mode()
    def step(self, input_13HW: Tensor, network_size: Size, frame_size: Size) -> Tensor:
        """Labels [1,h,w] at the frame's size of a network input."""
        features = self._model.encode(input_13HW)
        target_1PC = features.coarse.flatten(1, 2)
        while len(self._past) < (self._past.maxlen or 0):
            self._past.append(target_1PC)
        tokens_1XC = torch.cat([*self._past, target_1PC], dim=1)
        for block in self._model.blocks:
            tokens_1XC = _attend(cast(FastMiningBlock, block), tokens_1XC)
        self._past.append(target_1PC)
        mined_1PC = tokens_1XC[:, -target_1PC.shape[1] :]
        logits_1PK = self._model.mined_classifier(mined_1PC) + self._model.coarse_classifier(target_1PC)
        logits_1hwK = logits_1PK.unflatten(1, features.coarse.shape[1:3])
        stride_4 = self._model.head.size(features.stages)
        return self._labels(logits_1hwK.permute(0, 3, 1, 2), network_size, frame_size, logits_size=stride_4).labels


def _attend(block: FastMiningBlock, tokens_1XC: Tensor) -> Tensor:
    normed = block.norm1(tokens_1XC)
    projected = (projection(normed) for projection in (block.query, block.key, block.value))
    q, k, v = (part.unflatten(2, (block.heads, -1)).transpose(1, 2) for part in projected)
    attended_1XC = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    return block.feed_forward(tokens_1XC + block.output(attended_1XC))
