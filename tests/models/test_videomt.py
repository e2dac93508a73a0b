"""VidEoMT as a stream: frame by frame it is the clip that `transformers` runs, for ever, in constant memory."""

import gc

import pytest
import torch
from torch import Tensor

import foreign_models
from vidseg.checkpoints import load
from vidseg.models import VidEoMT
from vidseg.models.foreign.scores import merged_masks
from vidseg.runtime import build_runtime
from vidseg.stream import Memory, Stepper
from vidseg.stream.policy import default_policy

SIZE = (64, 64)
FRAMES = 300


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VidEoMT:
    found = load(foreign_models.directory_of(tmp_path_factory.mktemp("foreign"), "videomt"))
    assert isinstance(found, VidEoMT)
    return found


def frames(count: int, seed: int = 0) -> Tensor:
    """[T,1,3,H,W]: blocks that change from frame to frame."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.rand(count, 3, 8, 8, generator=generator) * 255
    return torch.nn.functional.interpolate(blocks, size=SIZE)[:, None]


def stepper(model: VidEoMT) -> Stepper:
    return Stepper(model, build_runtime("torch", model, "cpu"), default_policy(()))


def stream(model: VidEoMT, images: Tensor) -> list[Tensor]:
    engine = stepper(model)
    memory, scores = engine.start(1, SIZE), []
    for image in images:
        memory, step = engine.step(memory, image)
        scores.append(step)
    return scores


@torch.inference_mode()
def test_a_stream_is_their_clip_of_every_length(model: VidEoMT) -> None:
    theirs, images = foreign_models.network_of("videomt"), frames(12)
    streamed = stream(model, images)
    for length in range(1, 13):
        clip = torch.stack([model.prepare(image) for image in images[:length]], dim=1)
        outputs = theirs(pixel_values_videos=clip)
        expected = merged_masks(outputs.class_queries_logits, outputs.masks_queries_logits, None)
        assert len(expected) == length
        for got, wanted in zip(streamed, expected, strict=False):
            torch.testing.assert_close(got[0], wanted, rtol=0, atol=1e-4)
        ours = model(images[:length].transpose(0, 1)).frames[0]
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_the_queries_carry_the_past(model: VidEoMT) -> None:
    images = frames(6)
    other = images.clone()
    other[1] = 255 - other[1]
    one, two = stream(model, images), stream(model, other)
    assert torch.equal(one[0], two[0])
    assert (one[5] - two[5]).abs().max() > 1e-5


@torch.inference_mode()
def test_a_long_video_takes_no_more_memory_than_a_short_one(model: VidEoMT) -> None:
    engine, images = stepper(model), frames(FRAMES)
    memory: Memory = engine.start(1, SIZE)
    size, early = memory.nbytes, 0
    assert set(memory.state) == {"queries"}
    for index, image in enumerate(images):
        memory, scores = engine.step(memory, image)
        assert memory.nbytes == size
        assert scores.isfinite().all()
        if index in (20, FRAMES - 1):
            gc.collect()
            living = sum(item.nbytes for item in gc.get_objects() if type(item) is Tensor)
            early = early or living
    assert living - early < 5e6
    # The last frames are what a clip of all would have given: what is far back counts as there.
    clip = torch.stack([model.prepare(image) for image in images], dim=1)
    outputs = foreign_models.network_of("videomt")(pixel_values_videos=clip)
    expected = merged_masks(outputs.class_queries_logits[-1:], outputs.masks_queries_logits[-1:], None)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-4)
