"""Processors' geometry: sizes and pixels against `transformers`' own."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidseg.checkpoints.processors import read_processor
from vidseg.errors import InputError
from vidseg.geometry import ProcessorGeometry
from vidseg.stream.preprocess import network_input
from vidseg.types import Preprocessing

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "squeezed": ("SegformerImageProcessor", {"size": {"height": 48, "width": 80}}),
    "bicubic": ("BeitImageProcessor", {"size": 56}),
    "cropped": ("BeitImageProcessor", {"size": 56, "do_center_crop": True, "crop_size": {"height": 41, "width": 64}}),
    "nearest": ("SegformerImageProcessor", {"size": 48, "resample": 0}),
    "as it is": ("SegformerImageProcessor", {"do_resize": False}),
    "short edge": ("MobileNetV2ImageProcessor", {"size": {"shortest_edge": 37}, "crop_size": 45}),
    "blue first": ("MobileViTImageProcessor", {"size": {"shortest_edge": 50}, "crop_size": 32}),
    "edges": ("OneFormerImageProcessor", {"size": {"shortest_edge": 40, "longest_edge": 61}}),
    "edges, multiple": ("Mask2FormerImageProcessor", {"size": {"shortest_edge": 40, "longest_edge": 61}}),
    "least": ("DPTImageProcessor", {"size": 48, "keep_aspect_ratio": True, "ensure_multiple_of": 16}),
    "exact, nearest multiple": ("DPTImageProcessor", {"size": {"height": 50, "width": 75}, "ensure_multiple_of": 16}),
    "padded": ("EomtImageProcessor", {"size": {"shortest_edge": 48, "longest_edge": 60}, "do_pad": True}),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_are_theirs(name: str, tmp_path: Any) -> None:
    kind, fields = PROCESSORS[name]
    theirs = getattr(transformers, kind)(**fields)
    theirs.save_pretrained(tmp_path)
    found = read_processor(tmp_path)
    ours = found.exact()
    assert found.kind == kind.removesuffix("ImageProcessor")
    rng = np.random.default_rng(0)
    # Of what is 20 pixels high they make nothing by "least": 0 rows.
    for height, width in [(60, 90), (91, 47), (33, 34), (48, 48), *([] if name == "least" else [(20, 150)])]:
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        expected = theirs(images=[image], return_tensors="np")["pixel_values"][0]
        assert ours.network_size(height, width) == expected.shape[1:]
        got = network_input(image, ours).numpy()[0]
        got = got[::-1] if found.flip_channels else got
        got = (got - np.array(found.mean)[:, None, None]) / np.array(found.std)[:, None, None]
        np.testing.assert_allclose(got, expected, atol=1e-4)


@settings(max_examples=200, deadline=None)
@given(sides=st.tuples(st.integers(1, 900), st.integers(1, 900)), short=st.integers(8, 300), long=st.integers(300, 600))
def test_sizes_are_theirs(sides: tuple[int, int], short: int, long: int) -> None:
    from transformers.image_transforms import get_size_with_aspect_ratio

    geometry = ProcessorGeometry(rule="edges", size=(short, long))
    assert geometry.resized(*sides) == tuple(get_size_with_aspect_ratio(sides, short, long))
    free = ProcessorGeometry(rule="edges", size=(short, 0))
    assert free.resized(*sides) == tuple(get_size_with_aspect_ratio(sides, short, None))


@pytest.mark.parametrize(
    "fields",
    [
        {"rule": "exact"},
        {"rule": "exact", "size": (3, 0)},
        {"rule": "squeezed", "size": (3, 3)},
        {"rule": "edges", "size": (0, 5)},
        {"rule": "exact", "size": (3, 3), "multiple": 0},
        {"rule": "exact", "size": (3, 3), "crop": (0, 3)},
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"got .*; expected"):
        ProcessorGeometry(**fields)


def test_preprocessing_without_a_geometry_is_stored_as_before() -> None:
    assert list(Preprocessing().to_dict()) == ["short", "long", "multiple", "interpolation", "antialias"]
    squeezed = Preprocessing(geometry=ProcessorGeometry(rule="exact", size=(64, 96)))
    assert squeezed.to_dict()["geometry"]["size"] == (64, 96)
    assert str(squeezed.geometry) == "squeezed to 64x96"
    assert squeezed.logits_via((16, 24), (64, 96)) == (16, 24)
    assert Preprocessing().logits_via((16, 24), (64, 96)) == (64, 96)
