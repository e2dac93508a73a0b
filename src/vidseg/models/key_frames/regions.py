"""A frame as 2x2 regions: how they are cut out, and how what is known of each becomes one map again.

A region is a quarter of the frame and, beyond the middle, an eighth more, so that the network sees what is on the other
side; what it says of that is left out. All four are of one size. Cuts lie between cells: squares of `unit` pixels that
a map's positions stand for; on a map of positions a cell is one of them.

Shape letters: B batch, R regions (rows first), C channels, H, W size of the map, H', W' that of a region.
"""

import torch
from torch import Tensor

NUM_REGIONS = 4


def split(map_BCHW: Tensor, unit: int = 1) -> Tensor:
    """The regions [B,R,C,H',W'] of a map."""
    return own_regions(map_BCHW.unsqueeze(1).expand(-1, NUM_REGIONS, -1, -1, -1), unit)


def own_regions(maps_BRCHW: Tensor, unit: int = 1) -> Tensor:
    """Of R maps of whole frames, region r of map r: [B,R,C,H',W']."""
    H, W = maps_BRCHW.shape[-2:]
    top, left = (_start(-(-side // unit)) * unit for side in (H, W))
    one, two, three, four = maps_BRCHW.unbind(dim=1)
    regions = (
        one[..., : H - top, : W - left],
        two[..., : H - top, left:],
        three[..., top:, : W - left],
        four[..., top:, left:],
    )
    return torch.stack(regions, dim=1)


def join(regions_BRCHW: Tensor, size: tuple[int, int]) -> Tensor:
    """The map [B,C,H,W] of (height, width) whose quarters are the regions' own."""
    middle_y, middle_x = (side // 2 for side in size)
    # Where the quarters of the second row and column begin inside their regions.
    y, x = (side // 2 - _start(side) for side in size)
    one, two, three, four = regions_BRCHW.unbind(dim=1)
    upper = torch.cat([one[..., :middle_y, :middle_x], two[..., :middle_y, x:]], dim=3)
    lower = torch.cat([three[..., y:, :middle_x], four[..., y:, x:]], dim=3)
    return torch.cat([upper, lower], dim=2)


def _start(cells: int) -> int:
    """The first cell of the second row or column of regions, of so many cells in all."""
    return cells // 2 - cells // 8
