"""Feature assembling as one matrix; fast twin of `vidseg.models.cffm.assembling`.

A window of 7 resized to g·(7//g) has no tap outside the window, so resizing and pooling are together one linear map of
its 49 positions: a row a token, 1 + 4 + 9 rows with the paper's references.

Shape letters: B batch, h', w' map, nh, nw rows and columns of windows, N = nh·nw, C channels, R tokens a window.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vidseg.models.cffm.assembling import WindowPooling
from vidseg.models.cffm.windows import WINDOW, cut_windows, pad_to_windows


class WindowMatrix(nn.Module):
    """Some poolings of the same windows at once.

    Args:
        poolings: source of the weights; they are not changed.
    """

    matrix: Tensor
    bias: Tensor

    @torch.no_grad()
    def __init__(self, poolings: Iterable[WindowPooling]) -> None:
        super().__init__()
        rows, biases = [], []
        for pooling in poolings:
            # Pools 49 one-hot windows, one a channel: the answers are the columns of the matrix, plus the bias.
            bias = pooling.weighted_sum.bias
            one_hot = torch.eye(WINDOW * WINDOW, device=bias.device).view(1, -1, WINDOW, WINDOW)
            rows.append((pooling(one_hot) - bias).flatten(2)[0].T)
            biases.append(bias.expand(pooling.tokens_per_side**2))
        self.register_buffer("matrix", torch.cat(rows))
        self.register_buffer("bias", torch.cat(biases)[:, None])

    def forward(self, map_BhwC: Tensor) -> Tensor:
        """Tokens [B,nh,nw,R,C] of a map, padded with zeros to whole windows."""
        padded_BHWC = pad_to_windows(map_BhwC)
        rows, columns = padded_BHWC.shape[1] // WINDOW, padded_BHWC.shape[2] // WINDOW
        tokens_BNRC = torch.matmul(self.matrix, cut_windows(padded_BHWC)) + self.bias
        return tokens_BNRC.unflatten(1, (rows, columns))
