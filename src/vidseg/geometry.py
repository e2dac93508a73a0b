"""How the image processors of Hugging Face ``transformers`` bring a picture to the network's size.

Theirs is one resize, which may squeeze the picture, and then perhaps a crop or a border; labels go back to the frame as
if neither had been. `vidseg.types.Preprocessing` keeps ratios; one of these inside it says to do as they do.
"""

import math
from dataclasses import dataclass
from typing import Literal

from vidseg.errors import InputError

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ProcessorGeometry:
    """Sizes as a processor computes them; all are (height, width) in pixels but for `size` of "edges".

    Attributes:
        rule: how a frame is resized: "exact" to `size`, whatever its ratio; "edges" so that its sides are at most
            (shorter, longer) = `size`, where 0 is no bound; "least" to a side of `size`, ratio kept, namely to the one
            that changes the frame least; "none" not at all.
        size: see `rule`; (0, 0) for "none".
        multiple: both sides of the resized frame are multiples of it: rounded up, of "least" to the nearest.
        crop: the centre that is kept; a frame smaller than that gets a black border on all sides.
        pad: a smaller frame gets a black border at its right and bottom up to this size.
    """

    rule: Literal["exact", "edges", "least", "none"]
    size: Size = (0, 0)
    multiple: int = 1
    crop: Size | None = None
    pad: Size | None = None

    def __post_init__(self) -> None:
        if self.rule not in ("exact", "edges", "least", "none"):
            raise InputError(f"got rule={self.rule!r}; expected exact, edges, least or none")
        least = (1, 0) if self.rule == "edges" else (0, 0) if self.rule == "none" else (1, 1)
        if any(side < bound for side, bound in zip(self.size, least, strict=True)):
            raise InputError(f"got size={self.size} of rule {self.rule!r}; expected pixels, more than 0")
        if self.multiple < 1 or min(self.crop or (1, 1)) < 1 or min(self.pad or (1, 1)) < 1:
            raise InputError(
                f"got multiple={self.multiple}, crop={self.crop}, pad={self.pad}; expected 1 or more, or None"
            )

    def resized(self, height: int, width: int) -> Size:
        """The size that a frame is resized to."""
        match self.rule:
            case "exact":
                height, width = self.size
            case "edges":
                height, width = _within_edges(height, width, *self.size)
            case "least":
                scales = self.size[0] / height, self.size[1] / width
                scale = scales[1] if abs(1 - scales[1]) < abs(1 - scales[0]) else scales[0]
                return self._nearest(scale * height), self._nearest(scale * width)
        return self._up(height), self._up(width)

    def final(self, height: int, width: int) -> Size:
        """The size of the network's input for a frame of the given size."""
        height, width = self.crop or self.resized(height, width)
        return max(height, (self.pad or (0, 0))[0]), max(width, (self.pad or (0, 0))[1])

    def __str__(self) -> str:
        a, b = self.size
        resize = {
            "exact": f"squeezed to {a}x{b}",
            "edges": f"shorter side {a}" + (f", longer at most {b}" if b else ""),
            "least": f"one side to {a}x{b}, ratio kept",
            "none": "as it is",
        }[self.rule]
        parts = [resize, f"multiples of {self.multiple}" if self.multiple > 1 else ""]
        parts += [
            f"{name} {size[0]}x{size[1]}" for name, size in (("centre", self.crop), ("border to", self.pad)) if size
        ]
        return ", ".join(part for part in parts if part)

    def _up(self, side: int) -> int:
        return math.ceil(side / self.multiple) * self.multiple

    def _nearest(self, side: float) -> int:
        return round(side / self.multiple) * self.multiple or self.multiple


def _within_edges(height: int, width: int, short: int, long: int) -> Size:
    """Their `get_size_with_aspect_ratio`, roundings included."""
    smaller, larger = min(height, width), max(height, width)
    exact: float = short
    if long and larger / smaller * short > long:
        exact = long * smaller / larger
        short = round(exact)
    if smaller == short:
        return height, width
    other = int(exact * larger / smaller)
    return (other, short) if width < height else (short, other)
