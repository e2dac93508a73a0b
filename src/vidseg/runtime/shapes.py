"""Shapes that depend on the size of the image, in words that a program without torch can read.

An axis is a number, or one of the names in `SIZES`, or a quotient such as "ceil(H/8)", or a product of two such as
"ceil(H/32)*ceil(W/32)". They are found by looking at the shapes that images of several sizes have.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor

from torch import Tensor

from vidseg.errors import InputError

Shape = list[int | str]
Size = tuple[int, int]

SIZES = "h = ceil(H/4), w = ceil(W/4), nh = ceil(floor(h/2)/7), nw = ceil(floor(w/2)/7)"

# Sides that tell the rules below from one another.
_PROBES: tuple[Size, ...] = ((160, 224), (97, 131), (290, 203), (131, 310))

_RULES: dict[str, Callable[[int], int]] = {
    "{0}": lambda side: side,
    "{1}": lambda side: ceil(side / 4),
    **{f"ceil({{0}}/{d})": lambda side, d=d: ceil(side / d) for d in (2, 8, 16, 32, 64)},  # type: ignore[misc]
    **{f"floor({{0}}/{d})": lambda side, d=d: floor(side / d) for d in (2, 4, 8, 16, 32, 64)},  # type: ignore[misc]
    "n{1}": lambda side: ceil(ceil(side / 4) // 2 / 7),
}


def symbolic_shapes(tensors: Callable[[Size], Sequence[Tensor]], size: Size | None) -> list[Shape]:
    """The shapes of tensors that are made for images of a size.

    Args:
        tensors: makes them for images of (height, width).
        size: the one size that counts; None for any.

    Raises:
        InputError: if an axis follows no known rule.
    """
    if size is not None:
        return [list(tensor.shape) for tensor in tensors(size)]
    by_probe = [[tuple(tensor.shape) for tensor in tensors(probe)] for probe in _PROBES]
    return [[_symbol(lengths) for lengths in zip(*shapes, strict=True)] for shapes in zip(*by_probe, strict=True)]


def _symbol(lengths: tuple[int, ...]) -> int | str:
    """An axis by its lengths at the probes."""
    if len(set(lengths)) == 1:
        return lengths[0]
    for axis, names in enumerate(("Hh", "Ww")):
        for rule, length in _RULES.items():
            if all(length(probe[axis]) == found for probe, found in zip(_PROBES, lengths, strict=True)):
                return rule.format(*names)
    for rule, length in _RULES.items():
        products = (length(height) * length(width) for height, width in _PROBES)
        if all(product == found for product, found in zip(products, lengths, strict=True)):
            return f"{rule.format(*'Hh')}*{rule.format(*'Ww')}"
    raise InputError(
        f"got a tensor with an axis of {', '.join(map(str, lengths))} for images of "
        f"{', '.join(f'{height}x{width}' for height, width in _PROBES)}; expected a rule that can be written down; "
        "export for one size: --size HxW"
    )
