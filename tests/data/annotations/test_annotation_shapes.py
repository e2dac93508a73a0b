"""Each shape painted against an independent way to paint it, and damaged ones refused."""

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from vidseg.data.annotations.json_files import packed_mask
from vidseg.data.annotations.shapes import (
    Bitmap,
    ColumnRuns,
    CvatMask,
    Ellipse,
    Outline,
    Polygons,
    Shape,
    points_of,
    unpack_counts,
)
from vidseg.errors import DataError, MediaError
from vidseg.video.mask_runs import MaskRuns, encode_mask

coco = pytest.importorskip("pycocotools.mask", reason="needs the extra labels")
SIZE = (24, 32)


def painted(shape: Shape) -> np.ndarray:
    canvas = np.full(SIZE, 255, dtype=np.uint8)
    shape.paint(canvas, {"disc": 3})
    assert set(np.unique(canvas)) <= {3, 255}
    return canvas == 3


def blobs(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(SIZE) < 0.4


def test_a_polygon_is_the_pixels_whose_centres_it_holds() -> None:
    square = Polygons(label="disc", rings=(points_of([(3, 4), (11, 4), (11, 9), (3, 9)], "a square"),))
    expected = np.zeros(SIZE, dtype=bool)
    expected[4:9, 3:11] = True
    np.testing.assert_array_equal(painted(square), expected)


def test_polygons_are_united_and_cut_at_the_border() -> None:
    rings = [[(-5, -5), (4, -5), (4, 4), (-5, 4)], [(30, 20), (40, 20), (40, 30), (30, 30)]]
    shape = Polygons(label="disc", rings=tuple(points_of(ring, "a square") for ring in rings))
    expected = np.zeros(SIZE, dtype=bool)
    expected[:4, :4] = expected[20:, 30:] = True
    np.testing.assert_array_equal(painted(shape), expected)


def test_outlines_belong_to_the_areas_of_labelme_and_supervisely() -> None:
    outer, hole = points_of([(2, 3), (12, 3), (12, 13), (2, 13)], ""), points_of([(5, 6), (9, 6), (9, 10), (5, 10)], "")
    expected = np.zeros(SIZE, dtype=bool)
    expected[3:14, 2:13] = True
    for kind, points in (("polygon", outer), ("rectangle", outer[[2, 0]])):
        np.testing.assert_array_equal(painted(Outline(label="disc", kind=kind, points=points)), expected)
    expected[7:10, 6:9] = False
    np.testing.assert_array_equal(painted(Outline(label="disc", kind="polygon", points=outer, holes=(hole,))), expected)


def test_circles_and_ellipses() -> None:
    y, x = np.indices(SIZE)
    circle = painted(Outline(label="disc", kind="circle", points=points_of([(15, 12), (15, 18)], "")))
    distance = np.hypot(x - 15, y - 12)
    assert circle[distance <= 5.5].all()
    assert not circle[distance > 7].any()
    ellipse = Ellipse(label="disc", centre=(16, 12), radii=(10, 4))
    within = ((x + 0.5 - 16) / 10) ** 2 + ((y + 0.5 - 12) / 4) ** 2 <= 1
    np.testing.assert_array_equal(painted(ellipse), within)
    turned = Ellipse(label="disc", centre=(16, 12), radii=(4, 10), rotation=90)
    np.testing.assert_array_equal(painted(turned), within)


@pytest.mark.parametrize("seed", range(8))
def test_run_lengths_of_both_tools(seed: int) -> None:
    mask = blobs(seed)
    np.testing.assert_array_equal(painted(CvatMask(label="disc", runs=encode_mask(mask))), mask)
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    np.testing.assert_array_equal(painted(ColumnRuns(label="disc", counts=packed, frame=SIZE)), mask)
    counts = unpack_counts(packed)
    np.testing.assert_array_equal(painted(ColumnRuns(label="disc", counts=counts, frame=SIZE)), mask)


def test_bitmaps_are_cut_at_the_border() -> None:
    mask = blobs(1)
    for left, top in ((0, 0), (-4, -3), (5, 7), (100, 0), (0, -100)):
        expected = np.zeros((300, 300), dtype=bool)
        expected[100 + top : 100 + top + SIZE[0], 100 + left : 100 + left + SIZE[1]] = mask
        shape = Bitmap(label="disc", mask=mask, left=left, top=top)
        np.testing.assert_array_equal(painted(shape), expected[100 : 100 + SIZE[0], 100 : 100 + SIZE[1]])


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("deflated", [False, True])
def test_packed_masks(deflated: bool) -> None:
    mask = blobs(2)
    clear = np.zeros((*SIZE, 4), dtype=np.uint8)
    clear[mask] = (9, 0, 0, 255)
    for image in (Image.fromarray(mask), Image.fromarray(mask.astype(np.uint8) * 255), Image.fromarray(clear)):
        data = png(image)
        text = base64.b64encode(zlib.compress(data) if deflated else data).decode()
        np.testing.assert_array_equal(packed_mask(text, deflated=deflated), mask)
    with pytest.raises(DataError, match="cannot be read"):
        packed_mask(base64.b64encode(b"no picture").decode(), deflated=deflated)
    with pytest.raises(DataError, match="cannot be read"):
        packed_mask("%%%", deflated=deflated)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (Polygons(label="disc", rings=(points_of([(0, 0), (5, 5)], ""),)), "expected at least 3"),
        (Polygons(label="disc", rings=(points_of([(0, 0), (5, 5), (float("nan"), 1)], ""),)), "expected points within"),
        (Polygons(label="disc", rings=(points_of([(0, 0), (5, 5), (1e9, 1)], ""),)), "expected points within"),
        (Outline(label="disc", kind="rectangle", points=points_of([(0, 0)], "")), "expected 2"),
        (Outline(label="disc", kind="polygon", points=points_of([(0, 0)], "")), "expected more"),
        (Outline(label="disc", kind="circle", points=points_of([(0, 0), (1e12, 0)], "")), "expected points within"),
        (Ellipse(label="disc", centre=(1, 1), radii=(0, 4)), "above 0"),
        (ColumnRuns(label="disc", counts=[3, 2], frame=SIZE), "expected as many"),
        (ColumnRuns(label="disc", counts=[], frame=SIZE), "expected as many"),
        (ColumnRuns(label="disc", counts="", frame=SIZE), "expected as many"),
        (ColumnRuns(label="disc", counts=[24 * 32], frame=(32, 24)), "expected as many"),
        (ColumnRuns(label="disc", counts="~~~", frame=SIZE), "characters 0 to o"),
        (ColumnRuns(label="disc", counts="ooooooooooooooooo", frame=SIZE), "characters 0 to o"),
        (ColumnRuns(label="disc", counts="P", frame=SIZE), "in the middle"),
        (CvatMask(label="disc", runs=MaskRuns(runs=(0, 4), left=31, top=0, width=2, height=2)), "expected it within"),
    ],
)
def test_what_is_damaged_is_refused(shape: Shape, message: str) -> None:
    with pytest.raises((DataError, MediaError), match=message):
        painted(shape)


def test_points_that_are_none() -> None:
    for numbers in ([1, 2, 3], ["a", "b"], [[1, 2, 3]], [[1], [2, 3]], {"x": 1}):
        with pytest.raises(DataError, match="cannot be read"):
            points_of(numbers, "a polygon")
