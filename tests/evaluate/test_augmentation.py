"""Test-time augmentation equals the mean of streams that are run by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import tiny
from vidseg.data import VideoDataset
from vidseg.errors import InputError
from vidseg.evaluate import EngineConfig, evaluate_model
from vidseg.evaluate.augmentation import AugmentedSegmenter
from vidseg.models import VideoModel
from vidseg.models.layers import resize_bilinear
from vidseg.runtime import EagerRuntime
from vidseg.stream import Segmenter, Stepper, vspw
from vidseg.stream.preprocess import network_input


def probabilities_by_hand(model: VideoModel, images: list[np.ndarray], scale: float) -> list[torch.Tensor]:
    """Softmax of one stream at the size of its frames."""
    sizes = replace(model.preprocessing, short=round(48 * scale), long=round(96 * scale))
    stepper = Stepper(model, EagerRuntime(model, torch.device("cpu")), vspw())
    network_size = sizes.network_size(*images[0].shape[:2])
    memory, result = stepper.start(1, network_size), []
    for image in images:
        memory, logits = stepper.step(memory, network_input(image, sizes))
        result.append(resize_bilinear(resize_bilinear(logits, network_size), image.shape[:2]).softmax(dim=1)[0])
    return result


def test_labels_are_the_mean_of_streams_each_with_its_own_memory() -> None:
    model = tiny.cffm()
    frames = tiny.video(11)
    augmented = AugmentedSegmenter(model, Segmenter(model), flip=True, scales=(1.0, 1.5))
    images = [frame.image for frame in frames]
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    plain = Segmenter(model).segment(frames)
    differs = False
    streams = [probabilities_by_hand(model, seen, scale) for seen in (images, flipped) for scale in (1.0, 1.5)]
    for t, (segmentation, alone) in enumerate(zip(augmented.segment(frames), plain, strict=True)):
        mean = (streams[0][t] + streams[1][t] + streams[2][t].flip(-1) + streams[3][t].flip(-1)) / 4
        top = mean.topk(2, dim=0).values
        clear = (top[0] - top[1] > 1e-5).numpy()  # elsewhere the order of summation may decide
        assert clear.mean() > 0.99
        assert (segmentation.labels == mean.argmax(dim=0).numpy())[clear].all()
        assert segmentation.labels.dtype == np.uint8
        assert segmentation.frame is frames[t]
        differs |= bool((segmentation.labels != alone.labels).any())
    assert differs


def test_one_unflipped_view_is_the_plain_stream() -> None:
    model = tiny.cffm()
    frames = tiny.video(11)
    augmented = AugmentedSegmenter(model, Segmenter(model), flip=False, scales=(1.0,))
    for one, other in zip(augmented.segment(frames), Segmenter(model).segment(frames), strict=True):
        assert (one.labels == other.labels).mean() > 0.999  # softmax may tie what logits tell apart


def test_flipping_makes_a_mirrored_video_score_the_mirrored_labels() -> None:
    model = tiny.cffm()
    model.preprocessing = replace(model.preprocessing, short=64, long=96)
    frames = tiny.video(5, height=64, width=96)
    mirrored = [replace(frame, image=np.ascontiguousarray(frame.image[:, ::-1])) for frame in frames]
    one, other = (
        AugmentedSegmenter(model, Segmenter(model), flip=True, scales=(1.0,)).segment(video)
        for video in (frames, mirrored)
    )
    for straight, mirror in zip(one, other, strict=True):
        assert (straight.labels == mirror.labels[:, ::-1]).mean() > 0.999


def test_an_evaluation_can_be_augmented(model: VideoModel, dataset: VideoDataset) -> None:
    evaluation = evaluate_model(model, dataset, EngineConfig(flip=True, scales=(0.75, 1.25)))
    assert evaluation.scores["protocols"] != evaluate_model(model, dataset).scores["protocols"]
    engine = evaluation.to_dict()["engine"]
    assert (engine["flip"], engine["scales"]) == (True, [0.75, 1.25])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scales": ()}, "expected positive factors"),
        ({"scales": (0.0,)}, "expected positive factors"),
        ({"scales": (1.0, 1.0)}, "every factor once"),
        ({"flip": True, "runtime": "openvino"}, "expected torch"),
    ],
)
def test_unusable_options_are_errors(options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        EngineConfig(**options)
