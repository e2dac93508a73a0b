"""Assembling and mining against a twin that walks over windows and keys one by one, for any set of references.

The goldens know the paper's references only. The twin is written from the method's description: it pools each window
by itself, and leaves out the keys that the fast code masks.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.models import CFFM, CFFMConfig, MiTConfig, ReferenceConfig
from vidseg.models.cffm import PAPER_REFERENCES, CFFMFeatures
from vidseg.models.cffm.assembling import WindowPooling
from vidseg.models.cffm.model import MiningBlock

ENCODER = MiTConfig(widths=(8, 8, 10, 16), depths=(1, 1, 1, 1))
CONFIG = CFFMConfig(encoder=ENCODER, num_classes=3, depth=1, head_channels=8, heads=2)

REFERENCES = {
    "paper": PAPER_REFERENCES,
    "one": (ReferenceConfig(offset=2, tokens_per_side=2, kernel=1),),
    "fine": (
        ReferenceConfig(offset=8, tokens_per_side=4, kernel=9),
        ReferenceConfig(offset=5, tokens_per_side=5, kernel=3),
        ReferenceConfig(offset=2, tokens_per_side=6, kernel=5),
        ReferenceConfig(offset=1, tokens_per_side=7, kernel=7),
    ),
}


def pool_window(pooling: WindowPooling, window_77C: Tensor) -> Tensor:
    """[g,g,C]: every cell of the resized window, summed with the learned weights."""
    g, cell = pooling.tokens_per_side, 7 // pooling.tokens_per_side
    resized = F.interpolate(
        window_77C.permute(2, 0, 1)[None], size=(g * cell, g * cell), mode="bilinear", align_corners=False
    )[0].permute(1, 2, 0)
    weight = pooling.weighted_sum.weight.view(cell, cell, 1)
    tokens = torch.empty(g, g, window_77C.shape[2])
    for row in range(g):
        for column in range(g):
            patch = resized[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
            tokens[row, column] = (weight * patch).sum((0, 1)) + pooling.weighted_sum.bias
    return tokens


def pool(pooling: WindowPooling, map_HWC: Tensor) -> Tensor:
    rows = [
        torch.cat([pool_window(pooling, window) for window in strip.split(7, dim=1)], dim=1)
        for strip in map_HWC.split(7, dim=0)
    ]
    return torch.cat(rows, dim=0)


def slow_block(block: MiningBlock, config: CFFMConfig, target_HWC: Tensor, references: list[Tensor]) -> Tensor:
    h, w, C = target_HWC.shape
    padding = (0, 0, 0, -w % 7, 0, -h % 7)
    target = F.pad(block.norm1(target_HWC), padding)
    H, W = target.shape[:2]
    patches = [(config.target_kernel, 1), *((r.kernel, r.tokens_per_side) for r in config.references)]
    grids = [
        pool(block.assembling.target, target),
        *(
            pool(pooling, F.pad(block.norm1(reference), padding))
            for pooling, reference in zip(block.assembling.references, references, strict=True)
        ),
    ]
    mining = block.mining
    D = C // config.heads
    mined = torch.zeros(H, W, C)
    for top in range(0, H, 7):
        for left in range(0, W, 7):
            keys: list[Tensor] = []
            biases: list[Tensor] = []  # each [heads,7,7]: over the window's queries
            rows, columns = torch.meshgrid(torch.arange(7), torch.arange(7), indexing="ij")
            for row in range(7):
                for column in range(7):
                    keys.append(target[top + row, left + column])
                    biases.append(mining.own_bias.table[:, (rows - row + 6) * 13 + columns - column + 6])
            surrounding = 0
            for down, right in [(3, 3), (3, -3), (-3, 3), (-3, -3)]:
                for row in range(7):
                    for column in range(7):
                        if 0 <= row + down < 7 and 0 <= column + right < 7:
                            continue
                        keys.append(target[(top + row + down) % H, (left + column + right) % W])
                        biases.append(mining.surrounding_bias[:, :, surrounding].view(-1, 7, 7))
                        surrounding += 1
            assert surrounding == 132
            for grid, (k, g), bias in zip(grids, patches, mining.pooled_biases, strict=True):
                for row in range(k):
                    for column in range(k):
                        y, x = top // 7 * g - k // 2 + row, left // 7 * g - k // 2 + column
                        if 0 <= y < grid.shape[0] and 0 <= x < grid.shape[1]:
                            keys.append(grid[y, x])
                            index = (rows - row + k - 1) * (6 + k) + columns - column + k - 1
                            biases.append(bias.table[:, index])
            q, _, _ = mining.query_key_value(target[top : top + 7, left : left + 7]).split(C, dim=-1)
            _, key, value = mining.query_key_value(torch.stack(keys)).split(C, dim=-1)
            for head in range(config.heads):
                part = slice(head * D, (head + 1) * D)
                scores = q[..., part] * D**-0.5 @ key[:, part].T + torch.stack([bias[head] for bias in biases], dim=-1)
                mined[top : top + 7, left : left + 7, part] = scores.softmax(-1) @ value[:, part]
    y = target_HWC + mining.output(mined)[:h, :w]
    return y + block.mlp(block.norm2(y))


@pytest.mark.parametrize("references", REFERENCES)
@pytest.mark.parametrize(("depth", "height", "width"), [(1, 7, 14), (2, 10, 12)])
@torch.inference_mode()
def test_mining_is_its_slow_twin(references: str, depth: int, height: int, width: int) -> None:
    torch.manual_seed(3)
    config = replace(CONFIG, references=REFERENCES[references], depth=depth, target_kernel=3)
    model = CFFM(config).eval()
    for parameter in model.blocks.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    T = len(config.references) + 1
    coarse_TCHW = torch.randn(T, 8, height, width)
    frames = [CFFMFeatures(coarse_TCHW[t : t + 1], coarse_TCHW[t : t + 1]) for t in range(T)]
    fast = model.mine(frames[-1], [model.context(frame) for frame in frames[:-1]])
    slow = coarse_TCHW[-1].permute(1, 2, 0)
    for block in model.blocks:
        assert isinstance(block, MiningBlock)
        slow = slow_block(block, config, slow, [frame.permute(1, 2, 0) for frame in coarse_TCHW[:-1]])
    torch.testing.assert_close(fast[0].permute(1, 2, 0), slow, rtol=1e-4, atol=2e-5)
