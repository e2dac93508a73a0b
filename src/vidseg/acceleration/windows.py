"""Where the queries and keys of every target window lie in one table of tokens, as index tensors.

The 49 own and 132 surrounding positions of a window are together the 13x13 positions around its middle, on a map that
wraps round; 12 of the 132 occur twice. Two keys that are equal but for their score biases a and b weigh as much as one
with log(exp a + exp b): so 169 keys do for 181, exactly.

Table of tokens, in this order: the h'·w' positions of the target; one zero token, which stands for every position of
the padding; the target's pooled tokens, one a window; for each reference its g·g tokens a window.

Shape letters: N = nh·nw windows (row-major), Q = 49 queries of a window, M its keys, A heads.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vidseg.acceleration.kept import kept
from vidseg.models.cffm.mining import CrossFrameMining
from vidseg.models.cffm.windows import NUM_SURROUNDING, SHIFT, WINDOW, cut_surroundings

REACH = WINDOW + 2 * SHIFT
Patches = tuple[tuple[int, int], ...]


class WindowTables(NamedTuple):
    """Index tensors (int64) for a map of one size.

    Attributes:
        queries: [N,49] token at each place of each window.
        keys: [N,M] token of each key; the zero token where a key lies outside the map.
        mask: float32 [N,1,1,M], -inf where a key lies outside the map, else 0.
        positions: [h'·w'] place of each position of the map in `queries`, flattened.
    """

    queries: Tensor
    keys: Tensor
    mask: Tensor
    positions: Tensor


def window_tables(height: int, width: int, patches: Patches, device: torch.device) -> WindowTables:
    """Tables for a map of h' x w' positions.

    Args:
        height: h'.
        width: w'.
        patches: (kernel, tokens per window side g) of each group of pooled tokens, the target's first.
        device: where the tables lie.
    """
    # A compiler folds them into its graph; there the sizes may be symbols, which make no keys of a cache.
    build = _build if torch.compiler.is_compiling() else _cached
    return build(height, width, patches, device)


def _build(height: int, width: int, patches: Patches, device: torch.device) -> WindowTables:
    rows, columns = (height + WINDOW - 1) // WINDOW, (width + WINDOW - 1) // WINDOW
    padding = height * width

    def span(stride: int, before: int, count: int) -> tuple[Tensor, Tensor]:
        """Rows [nh,1,count,1] and columns [1,nw,1,count] of a square from `before` ahead of each window's start."""
        steps = torch.arange(count, device=device) - before
        y = torch.arange(rows, device=device)[:, None] * stride + steps
        x = torch.arange(columns, device=device)[:, None] * stride + steps
        return y[:, None, :, None], x[None, :, None, :]

    def on_map(y: Tensor, x: Tensor) -> Tensor:
        return torch.where((y < height) & (x < width), y * width + x, padding).flatten(0, 1).flatten(1)

    queries = on_map(*span(WINDOW, 0, WINDOW))
    y, x = span(WINDOW, SHIFT, REACH)
    keys = [on_map(_wrapped(y, rows * WINDOW), _wrapped(x, columns * WINDOW))]
    inside = [torch.ones_like(keys[0], dtype=torch.bool)]
    start = padding + 1
    for kernel, g in patches:
        y, x = span(g, kernel // 2, kernel)
        inside.append(((y >= 0) & (y < rows * g) & (x >= 0) & (x < columns * g)).flatten(0, 1).flatten(1))
        token = start + ((y // g) * columns + x // g) * (g * g) + (y % g) * g + x % g
        keys.append(torch.where(inside[-1], token.flatten(0, 1).flatten(1), padding))
        start = start + rows * columns * g * g
    y, x = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)
    window = (y // WINDOW) * columns + x // WINDOW
    positions = (window * WINDOW + y % WINDOW) * WINDOW + x % WINDOW
    mask = torch.where(torch.cat(inside, dim=1), 0.0, -torch.inf)
    return WindowTables(queries, torch.cat(keys, dim=1), mask[:, None, None], positions.flatten())


def _wrapped(position: Tensor, length: int) -> Tensor:
    """Positions at most a length outside, on a map that wraps round; no %, which ONNX lacks for an open length."""
    position = torch.where(position < 0, position + length, position)
    return torch.where(position >= length, position - length, position)


_cached = kept(maxsize=8)(_build)


@torch.no_grad()
def key_bias(mining: CrossFrameMining) -> Tensor:
    """The score bias [A,49,M] of a mining's keys in the order of `WindowTables.keys`."""
    own = mining.own_bias().double()
    around = own.new_full((*own.shape[:2], REACH, REACH), -torch.inf)
    middle = slice(SHIFT, SHIFT + WINDOW)
    around[:, :, middle, middle] = own.unflatten(2, (WINDOW, WINDOW))
    around = around.flatten(2)
    for slot, key in enumerate(_surrounding_places()):
        extra = mining.surrounding_bias[:, :, slot].double()
        around[:, :, key] = torch.logaddexp(around[:, :, key], extra)
    pooled = [bias().double() for bias in mining.pooled_biases]
    return torch.cat([around, *pooled], dim=2).to(mining.surrounding_bias.dtype)


def _surrounding_places() -> list[int]:
    """For each of the 132 surrounding keys its place, row-major, in the 13x13 around the window."""
    # The middle one of 3x3 windows, whose positions carry their own number.
    side = 3 * WINDOW
    numbers = torch.arange(side * side, dtype=torch.float).view(1, side, side, 1)
    middle = cut_surroundings(numbers)[0, 4, :, 0].long()
    y, x = middle // side - (WINDOW - SHIFT), middle % side - (WINDOW - SHIFT)
    places = (y * REACH + x).tolist()
    assert len(places) == NUM_SURROUNDING
    return places
