"""Shapes in words: the rules that an export may write down."""

from math import ceil

import pytest
import torch

from vidseg.errors import InputError
from vidseg.runtime.shapes import Size, symbolic_shapes


def test_sides_quotients_and_products_are_told_apart() -> None:
    def tensors(size: Size) -> list[torch.Tensor]:
        H, W = size
        return [
            torch.empty(1, 3, H, W, device="meta"),
            torch.empty(ceil(H / 4), ceil(W / 8), device="meta"),
            torch.empty(1, ceil(H / 32) * ceil(W / 32), 7, device="meta"),
        ]

    assert symbolic_shapes(tensors, None) == [
        [1, 3, "H", "W"],
        ["h", "ceil(W/8)"],
        [1, "ceil(H/32)*ceil(W/32)", 7],
    ]
    assert symbolic_shapes(tensors, (64, 96))[2] == [1, 6, 7]


def test_what_follows_no_rule_is_told() -> None:
    with pytest.raises(InputError, match="expected a rule that can be written down; export for one size"):
        symbolic_shapes(lambda size: [torch.empty(size[0] + size[1], device="meta")], None)
