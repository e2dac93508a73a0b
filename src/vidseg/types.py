"""The values that travel between rooms: frames, segmentations, class maps, preprocessing.

Shape letters: H, W the frame's own height and width.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError
from vidseg.geometry import ProcessorGeometry

RGB = NDArray[np.uint8]
Labels = NDArray[np.uint8] | NDArray[np.uint16]

IGNORE_8BIT = 255
IGNORE_16BIT = 65535


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        image: HxWx3 uint8 RGB, upright (rotation metadata applied).
        index: its number in the source, counted from 0 over all frames of the source.
        time: presentation time in seconds from the start of the source; None where the source has no clock.
        duration: seconds until the next wanted frame or the end of the wanted part; None where unknown.
        name: what a file made from this frame is called, without suffix: the image's stem in a folder of
            images, else the zero-padded index.
    """

    image: RGB
    index: int
    time: float | None = None
    duration: float | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8 or not self.image.size:
            raise InputError(
                f"got a frame of shape {self.image.shape} and dtype {self.image.dtype}; expected HxWx3 uint8 RGB; "
                "convert it first"
            )
        if not self.name:
            object.__setattr__(self, "name", f"{self.index:08d}")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, kw_only=True)
class ClassMap:
    """What the class ids of a label map mean.

    Attributes:
        names: one name a class; the position is the class id.
        palette: one (red, green, blue), 0–255 each, a class.
        ignore: the value of pixels without a label: 255, or 65535 for more than 255 classes.
    """

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    ignore: int = IGNORE_8BIT

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError("got a class map without classes; expected at least one name")
        if len(self.palette) != len(self.names):
            raise InputError(
                f"got {len(self.palette)} colours for {len(self.names)} classes; expected one colour a class"
            )
        if any(len(colour) != 3 or not all(0 <= part <= 255 for part in colour) for colour in self.palette):
            raise InputError("got a palette with values outside 0–255; expected (red, green, blue) triples")
        if not len(self.names) <= self.ignore <= IGNORE_16BIT:
            raise InputError(
                f"got ignore value {self.ignore} for {len(self.names)} classes; expected a value that is no class id "
                f"({IGNORE_8BIT}, or {IGNORE_16BIT} for more than {IGNORE_8BIT} classes)"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes, K."""
        return len(self.names)

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The smallest label dtype that holds every class id and the ignore value."""
        return np.uint8 if self.ignore <= IGNORE_8BIT else np.uint16

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description, read back by `from_dict`."""
        return {
            "classes": list(self.names),
            "palette": [list(colour) for colour in self.palette],
            "ignore": self.ignore,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "ClassMap":
        """Reads what `to_dict` wrote.

        Raises:
            InputError: if a field is missing or malformed.
        """
        try:
            names = value["classes"]
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name.strip() for name in names):
                raise TypeError("classes is no list of names")
            return cls(
                names=tuple(names),
                palette=tuple((_whole(r), _whole(g), _whole(b)) for r, g, b in value["palette"]),
                ignore=_whole(value["ignore"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"got a class map that cannot be read ({error!r}); expected "
                "{classes: [names], palette: [[r, g, b]], ignore: int}"
            ) from error


def _whole(value: Any) -> int:
    """A whole number that may be written as 40 or, as some programs do, 40.0."""
    if isinstance(value, bool) or value != int(value):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def default_ignore(num_classes: int) -> int:
    """The ignore value that goes with a number of classes."""
    return IGNORE_8BIT if num_classes <= IGNORE_8BIT else IGNORE_16BIT


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """The class of every pixel of one frame.

    Attributes:
        labels: HxW uint8 (uint16 for more than 255 classes) class ids, the frame's own size.
        class_map: what the ids mean.
        frame: the frame it belongs to.
        confidence: HxW float32, the probability of the winning class, 0–1; None unless asked for.
    """

    labels: Labels
    class_map: ClassMap
    frame: Frame
    confidence: NDArray[np.float32] | None = None


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a frame is brought to the size that a network was trained for; stored with its weights.

    The frame is resized, keeping its ratio, to the largest size within `short` x `long`, then both sides
    are rounded up to `multiple` (resized, not padded). VSPW: 480, 853, 32.

    Attributes:
        short: bound on the shorter side, pixels.
        long: bound on the longer side, pixels.
        multiple: both sides of the network's input are multiples of it.
        interpolation: of the frame, on uint8.
        antialias: low-pass filter when shrinking.
        geometry: a processor's own way, in place of `short`, `long` and `multiple`; labels then go straight to the
            frame's size.
    """

    short: int = 480
    long: int = 853
    multiple: int = 32
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    antialias: bool = False
    geometry: ProcessorGeometry | None = None

    def __post_init__(self) -> None:
        if not 0 < self.short <= self.long:
            raise InputError(f"got short={self.short}, long={self.long}; expected 0 < short <= long")
        if self.multiple < 1:
            raise InputError(f"got multiple={self.multiple}; expected 1 or more")
        if self.interpolation not in ("bilinear", "bicubic", "nearest"):
            raise InputError(f"got interpolation={self.interpolation!r}; expected bilinear, bicubic or nearest")
        if self.antialias and self.interpolation == "nearest":
            raise InputError("got antialias with nearest interpolation; antialias needs bilinear or bicubic")

    def with_short_side(self, short: int) -> "Preprocessing":
        """The same with another short side, the long one scaled by the same factor (``--size``).

        Raises:
            InputError: with a processor's geometry, which is taken as it is.
        """
        if self.geometry is not None:
            raise InputError(
                f"got size {short} for a model with its processor's geometry ({self.geometry}); expected None: "
                "it is taken as it is; leave the size out"
            )
        return replace(self, short=short, long=max(short, round(self.long * short / self.short)))

    def fitted_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the largest size within `short` x `long` that keeps the ratio, or the geometry's."""
        if self.geometry is not None:
            return self.geometry.resized(height, width)
        scale = min(self.long / max(height, width), self.short / min(height, width))
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the network's input for a frame of the given size."""
        if self.geometry is not None:
            return self.geometry.final(height, width)
        height, width = self.fitted_size(height, width)
        return (
            math.ceil(height / self.multiple) * self.multiple,
            math.ceil(width / self.multiple) * self.multiple,
        )

    def logits_via(self, logits_size: tuple[int, int], network_size: tuple[int, int]) -> tuple[int, int]:
        """The size that logits pass on their way to the frame's: the network's, with a geometry none but their own."""
        return network_size if self.geometry is None else logits_size

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description; without a geometry just as before there were any."""
        fields = asdict(self)
        return fields if self.geometry is not None else {key: fields[key] for key in fields if key != "geometry"}
