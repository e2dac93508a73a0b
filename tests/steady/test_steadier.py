"""Steadied streams: off is off, a value as any state, new at cuts, steadier than without."""

import numpy as np
import pytest
import torch

import image_models
import tiny
from vidseg.errors import InputError
from vidseg.flow import DISFlow
from vidseg.models import VideoModel
from vidseg.steady import Steady
from vidseg.stream import CutDetector, Segmenter
from vidseg.types import Frame, Preprocessing

pytest.importorskip("cv2")


def drifting(count: int, *, damage: float = 0.0, seed: int = 0) -> list[Frame]:
    """A picture of blots that moves right by a pixel a frame, every frame with noise of its own."""
    rng = np.random.default_rng(seed)
    wide = torch.rand(1, 3, 8, 24, generator=torch.Generator().manual_seed(seed))
    scene = torch.nn.functional.interpolate(wide, size=(64, 192), mode="bicubic")[0].permute(1, 2, 0).numpy()
    frames = []
    for t in range(count):
        view = scene[:, 96 - t : 192 - t] * 255 + damage * rng.standard_normal((64, 96, 3))
        frames.append(Frame(image=view.clip(0, 255).astype(np.uint8), index=t, time=t / 15, duration=1 / 15))
    return frames


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return tiny.segformer()


def labels(segmenter: Segmenter, frames: list[Frame]) -> np.ndarray:
    return np.stack([segmentation.labels for segmentation in segmenter.segment(frames)])


def test_off_is_bit_identical(model: VideoModel) -> None:
    frames = drifting(5)
    plain = labels(Segmenter(model), frames)
    assert (labels(Segmenter(model, steady=Steady(strength=0)), frames) == plain).all()
    assert Segmenter(model).start().nbytes == Segmenter(model, steady=Steady(strength=0)).start().nbytes


def test_the_first_frame_is_the_models_own(model: VideoModel) -> None:
    frames = drifting(1)
    assert (labels(Segmenter(model), frames) == labels(Segmenter(model, steady=Steady()), frames)).all()


def flicker(shown: np.ndarray) -> float:
    """Share of pixels whose class is not the one a pixel to the left in the frame before."""
    return float((shown[1:, :, 8:] != shown[:-1, :, 7:-1]).mean())


def test_noise_flickers_less(model: VideoModel) -> None:
    frames = drifting(16, damage=40)
    without, steadied = (labels(Segmenter(model, steady=steady), frames) for steady in (None, Steady(photometric=80)))
    assert flicker(steadied[6:]) < 0.7 * flicker(without[6:])


def test_the_state_is_a_value_of_fixed_size(model: VideoModel) -> None:
    segmenter = Segmenter(model, steady=Steady())
    frames, other = drifting(8), drifting(8, seed=1)
    alone = labels(segmenter, frames)
    one, two, sizes, shown = segmenter.start(), segmenter.start(), set(), []
    for frame, its in zip(frames, other, strict=True):
        one, segmentation = segmenter.step(one, frame)
        two, _ = segmenter.step(two, its)
        shown.append(segmentation.labels)
        sizes.add(one.nbytes)
    assert (np.stack(shown) == alone).all()
    assert len(sizes) == 1
    again = one.copy()
    _, first = segmenter.step(one, frames[0])
    _, second = segmenter.step(again, frames[0])
    assert (first.labels == second.labels).all()


def test_a_cut_starts_anew(model: VideoModel) -> None:
    black = [Frame(image=np.zeros((64, 96, 3), np.uint8), index=t, time=t / 15) for t in range(3)]
    scene = drifting(3)
    segmenter = Segmenter(model, steady=Steady(), cut_detector=CutDetector())
    after_cut = labels(segmenter, [*black, *scene])[3:]
    assert (after_cut == labels(segmenter, scene)).all()


def test_confidence_is_a_probability(model: VideoModel) -> None:
    segmenter = Segmenter(model, steady=Steady(), confidence=True)
    for segmentation in segmenter.segment(drifting(4)):
        assert segmentation.confidence is not None
        assert 1 / model.num_classes <= segmentation.confidence.min() <= segmentation.confidence.max() <= 1.0001


def test_the_clock_of_the_frames_counts(model: VideoModel) -> None:
    slow = [Frame(image=frame.image, index=frame.index, time=frame.index * 2.0) for frame in drifting(6, damage=40)]
    plain = labels(Segmenter(model), slow)
    steadied = labels(Segmenter(model, steady=Steady(photometric=80)), slow)
    # 0.9 ** 30 of the past is left after two seconds.
    assert (plain == steadied).mean() > 0.95


def test_an_estimator_that_nothing_uses_is_refused(model: VideoModel) -> None:
    with pytest.raises(InputError, match="no use for it"):
        Segmenter(model, flow=DISFlow())
    assert Segmenter(model, flow=DISFlow(), steady=Steady()).flow_name == "dis"
    assert Segmenter(model).flow_name is None
    with pytest.raises(InputError, match="expected one of dis, raft-small, raft-large"):
        Segmenter(model, steady=Steady(flow="farneback"))


def test_every_size_goes(model: VideoModel) -> None:
    sized = image_models.built(image_models.PSPNET_R18)
    sized.preprocessing = Preprocessing(short=64, long=640)
    rng = np.random.default_rng(0)
    for size in ((31, 47), (64, 320), (200, 60)):
        frames = [Frame(image=rng.integers(0, 255, (*size, 3), dtype=np.uint8), index=t) for t in range(3)]
        assert labels(Segmenter(sized, steady=Steady(flow_side=16)), frames).shape == (3, *size)
