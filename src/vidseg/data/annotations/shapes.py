"""Areas as annotation tools describe them, and how each is painted.

Two conventions of coordinates meet here. In CVAT and COCO they count from the corner of the first pixel, and an area is
what lies within; in LabelMe and Supervisely they name pixels, and an area includes its outline. Each is painted as its
own tools paint it.

Shape letters: H, W the frame's height and width; P points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vidseg.data.annotations.sizes import Size, image_size
from vidseg.data.mask_pixels import count_codes, map_codes, read_colours, read_values
from vidseg.data.mask_tables import VOID, MaskTable
from vidseg.errors import DataError, extra
from vidseg.video.mask_runs import MaskRuns, decode_mask

Canvas = NDArray[np.int32]
Points = NDArray[np.float64]

# Tools let points lie somewhat outside of the image. Far outside they are damage, on which rasterisers spend memory.
_FAR = 4


class Shape(Protocol):
    """An area of one or more labels."""

    @property
    def labels(self) -> frozenset[str]:
        """The labels it may paint."""

    @property
    def size(self) -> Size | None:
        """(height, width) of a shape that brings the whole frame's; None of others.

        Raises:
            DataError: if it cannot be read.
        """

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """Writes the ids of its labels into its pixels.

        Raises:
            DataError: if it is damaged.
            MissingExtraError: if the library that rasterises it is not installed.
        """


@dataclass(frozen=True, kw_only=True)
class _OneLabel:
    label: str

    @property
    def labels(self) -> frozenset[str]:
        return frozenset((self.label,))

    @property
    def size(self) -> Size | None:
        return None


@dataclass(frozen=True, kw_only=True)
class Polygons(_OneLabel):
    """The union of polygons in COCO's convention: the plane's points within, pixel centres at halves.

    Attributes:
        rings: Px2 (x, y), in pixels from the image's corner.
    """

    rings: tuple[Points, ...]

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """See `Shape.paint`."""
        with extra("labels"):
            from pycocotools import mask as coco
        height, width = canvas_HW.shape
        for ring in self.rings:
            _require_near(ring, canvas_HW.shape)
            if len(ring) < 3:
                raise DataError(f"got a polygon of {len(ring)} point(s) for {self.label!r}; expected at least 3")
            (runs,) = coco.frPyObjects([ring.ravel().tolist()], height, width)
            # Unpacked here: the library's own decoder reads beyond the end of damaged ones, and warns with NumPy 2.
            canvas_HW[_by_columns(unpack_counts(runs["counts"].decode()), height, width)] = ids[self.label]


@dataclass(frozen=True, kw_only=True)
class Outline(_OneLabel):
    """A polygon with holes, a rectangle or a circle in LabelMe's convention: pixels, with the outline.

    Attributes:
        kind: which of them.
        points: Px2 (x, y): the polygon's, two opposite corners, or centre and a point of the circle.
        holes: of a polygon; their outlines belong to it.
    """

    kind: Literal["polygon", "rectangle", "circle"]
    points: Points
    holes: tuple[Points, ...] = ()

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """See `Shape.paint`."""
        wanted = {"rectangle": 2, "circle": 2}.get(self.kind)
        if (wanted and len(self.points) != wanted) or len(self.points) < 2:
            raise DataError(
                f"got a {self.kind} of {len(self.points)} point(s) for {self.label!r}; expected {wanted or 'more'}"
            )
        for ring in (self.points, *self.holes):
            _require_near(ring, canvas_HW.shape)
        image = Image.new("1", canvas_HW.shape[::-1])
        draw = ImageDraw.Draw(image)
        flat = self.points.ravel().tolist()
        match self.kind:
            case "polygon":
                draw.polygon(flat, fill=1, outline=1)
                for hole in self.holes:
                    draw.polygon(hole.ravel().tolist(), fill=0, outline=1)
            case "rectangle":
                corners = np.concatenate([self.points.min(axis=0), self.points.max(axis=0)])
                draw.rectangle(corners.tolist(), fill=1, outline=1)
            case "circle":
                centre = self.points[0]
                radius = float(np.hypot(*(self.points[1] - centre)))
                draw.ellipse([*(centre - radius), *(centre + radius)], fill=1, outline=1)
        canvas_HW[np.asarray(image)] = ids[self.label]


@dataclass(frozen=True, kw_only=True)
class Ellipse(_OneLabel):
    """An ellipse as CVAT draws it: the pixels whose centres are within.

    Attributes:
        centre: (x, y), pixels from the image's corner.
        radii: horizontal and vertical before it is turned, pixels.
        rotation: degrees, clockwise.
    """

    centre: tuple[float, float]
    radii: tuple[float, float]
    rotation: float = 0.0

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """See `Shape.paint`."""
        if not all(np.isfinite((*self.centre, *self.radii, self.rotation))) or not min(self.radii) > 0:
            raise DataError(f"got an ellipse of radii {self.radii} for {self.label!r}; expected numbers above 0")
        height, width = canvas_HW.shape
        x_W, y_H1 = np.arange(width) + 0.5 - self.centre[0], np.arange(height)[:, None] + 0.5 - self.centre[1]
        cosine, sine = np.cos(np.radians(self.rotation)), np.sin(np.radians(self.rotation))
        along_HW, across_HW = x_W * cosine + y_H1 * sine, y_H1 * cosine - x_W * sine
        canvas_HW[(along_HW / self.radii[0]) ** 2 + (across_HW / self.radii[1]) ** 2 <= 1] = ids[self.label]


@dataclass(frozen=True, kw_only=True)
class CvatMask(_OneLabel):
    """A mask of CVAT's run lengths."""

    runs: MaskRuns

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """See `Shape.paint`."""
        height, width = canvas_HW.shape
        canvas_HW[decode_mask(self.runs, height, width)] = ids[self.label]


@dataclass(frozen=True, kw_only=True)
class ColumnRuns(_OneLabel):
    """A mask of COCO's run lengths: of the whole image, column by column, off and on in turns.

    Attributes:
        counts: lengths in pixels, or COCO's packed text of them.
        frame: (height, width) that they are of.
    """

    counts: Sequence[int] | str
    frame: Size

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """See `Shape.paint`."""
        counts = unpack_counts(self.counts) if isinstance(self.counts, str) else self.counts
        if self.frame != canvas_HW.shape or min(counts, default=-1) < 0 or sum(counts) != canvas_HW.size:
            raise DataError(
                f"got run lengths of {sum(counts)} pixels in {self.frame} for an image of {canvas_HW.shape} "
                "(height, width); expected as many as it has"
            )
        canvas_HW[_by_columns(counts, *self.frame)] = ids[self.label]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bitmap(_OneLabel):
    """A small mask at a place in the image; what juts out is cut off.

    Attributes:
        mask: of the pixels in its box.
        left, top: of the box, pixels.
    """

    mask: NDArray[np.bool_]
    left: int
    top: int

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """See `Shape.paint`."""
        from_y, from_x = max(0, -self.top), max(0, -self.left)
        box = canvas_HW[max(0, self.top) :, max(0, self.left) :]
        inner = self.mask[from_y : from_y + box.shape[0], from_x : from_x + box.shape[1]]
        box[: inner.shape[0], : inner.shape[1]][inner] = ids[self.label]


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskFile:
    """A mask image of the whole frame, by a table of colours or values.

    Attributes:
        path: of the image.
        table: what its colours or values mean.
    """

    path: str
    table: MaskTable

    @property
    def labels(self) -> frozenset[str]:
        """All of its table."""
        return frozenset(self.table.names)

    @property
    def size(self) -> Size:
        """See `Shape.size`."""
        return image_size(Path(self.path))

    def paint(self, canvas_HW: Canvas, ids: Mapping[str, int]) -> None:
        """See `Shape.paint`."""
        codes_HW = read_colours(self.path)[0] if self.table.kind == "colour" else read_values(self.path)
        if unknown := count_codes(codes_HW).keys() - self.table.classes.keys():
            word = "colours" if self.table.kind == "colour" else "values"
            raise DataError(
                f"got {len(unknown)} {word} in mask {self.path} that its table lacks; expected none; do: vidseg masks "
                "shows them, and --nearest or --unknown settles what they are"
            )
        ids_of = [ids[name] for name in self.table.names]
        label_of = {code: VOID if index == VOID else ids_of[index] for code, index in self.table.classes.items()}
        labels_HW = map_codes(codes_HW, label_of)
        known_HW = labels_HW != VOID
        canvas_HW[known_HW] = labels_HW[known_HW]


def unpack_counts(text: str) -> list[int]:
    """The run lengths of COCO's packed text: differences to the last but one, 5 bits a character, lowest first.

    Raises:
        DataError: if it is something else.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise DataError(f"got packed run lengths with {character!r}; expected COCO's characters 0 to o")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise DataError("got packed run lengths that end in the middle of one; get the file again")
    return counts


def _by_columns(counts: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    on = np.arange(len(counts)) % 2 == 1
    return np.repeat(on, counts).reshape(width, height).T


def points_of(numbers: object, what: str) -> Points:
    """Px2 points of a list of pairs, or of x and y in turns.

    Raises:
        DataError: if it is something else.
    """
    try:
        points = np.array(numbers, dtype=np.float64)
        points = points.reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise DataError(f"got {what} whose points cannot be read ({error}); expected pairs of x and y") from error
    return points


def _require_near(points: Points, size: Size) -> None:
    height, width = size
    reach = _FAR * max(height, width)
    if not (np.isfinite(points).all() and np.abs(points).max(initial=0) <= reach):
        raise DataError(
            f"got a point at {points.tolist()[0]} or beyond in an image of {width}x{height} (width x height); expected "
            "points within"
        )
