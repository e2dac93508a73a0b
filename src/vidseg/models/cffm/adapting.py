"""Learned mining blocks for a CFFM that has fewer references or more blocks than the one that they learned in.

Most of a block does not depend on what it refers to: only pooling and position biases belong to one reference. What is
dropped is dropped with its reference; blocks that are added change nothing at first.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

# A block adds to its input what these two layers give.
_OUTPUTS = ("mining.output.", "mlp.contract.")


def adapt_blocks(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Weights for blocks of other shapes.

    A reference takes over from the one that was pooled to as many tokens and seen as widely, whatever its distance.

    Args:
        own: the state dict of `CFFM.blocks` to be filled; only names and shapes count.
        theirs: that of the learned blocks.

    Returns:
        A state dict for `own`; None if there are fewer blocks than were learned, a reference that none was like, or
        any other difference in shape.
    """
    learned = _count(theirs, r"(\d+)\.")
    if not 0 < learned <= _count(own, r"(\d+)\."):
        return None
    sources = [_reference(theirs, slot) for slot in range(_references(theirs))]
    wanted = [_reference(own, slot) for slot in range(_references(own))]
    if None in (*sources, *wanted) or not all(reference in sources for reference in wanted):
        return None
    slots = [sources.index(reference) for reference in wanted]
    adapted = {}
    for name, tensor in own.items():
        block, rest = name.split(".", 1)
        source = theirs.get(f"{min(int(block), learned - 1)}.{_renamed(rest, slots)}")
        if source is None or source.shape != tensor.shape:
            return None
        added = int(block) >= learned
        adapted[name] = torch.zeros_like(source) if added and rest.startswith(_OUTPUTS) else source
    return adapted


def _renamed(name: str, slots: list[int]) -> str:
    """What a block's tensor is called in the source."""
    name = re.sub(r"(?<=assembling\.references\.)\d+", lambda match: str(slots[int(match[0])]), name)
    groups = [0, *(slot + 1 for slot in slots)]
    return re.sub(r"(?<=mining\.pooled_biases\.)\d+", lambda match: str(groups[int(match[0])]), name)


def _references(blocks: Mapping[str, Tensor]) -> int:
    return _count(blocks, r"0\.assembling\.references\.(\d+)\.")


def _reference(blocks: Mapping[str, Tensor], slot: int) -> tuple[torch.Size, torch.Size] | None:
    """Shapes that tell how a reference is seen, by every block alike; None where context is not mined by attention."""
    pooling = blocks.get(f"0.assembling.references.{slot}.weighted_sum.weight")
    # The target's pooled tokens come first among the groups that a bias is kept of.
    bias = blocks.get(f"0.mining.pooled_biases.{slot + 1}.table")
    return None if pooling is None or bias is None else (pooling.shape, bias.shape)


def _count(blocks: Mapping[str, Tensor], pattern: str) -> int:
    found = (re.match(pattern, name) for name in blocks)
    return max((int(match[1]) + 1 for match in found if match), default=0)
