"""CFFM++: its centres against twins that walk over points one by one, and what a prior means."""

import pytest
import torch
from torch import Tensor

import tiny
import toys
from vidseg.errors import InputError
from vidseg.models import CFFM, PriorConfig
from vidseg.models.cffm.centres import ITERATIONS, cluster, follow_centres
from vidseg.stream import Segmenter, video_prior
from vidseg.stream.prior import spread


def clip(frames: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(1, frames, 3, 64, 96, generator=torch.Generator().manual_seed(seed)) * 255


def model() -> CFFM:
    made = toys.toy("cffm++")
    assert isinstance(made, CFFM)
    return made


def nearest(centres: list[Tensor], point: Tensor) -> int:
    return min(range(len(centres)), key=lambda index: float((centres[index] - point).square().sum()))


def test_centres_of_a_stream_are_the_means_of_all_that_went_to_them() -> None:
    frames = torch.randn(4, 15, 3, generator=torch.Generator().manual_seed(0))
    centres_BNC, counts_BN = torch.zeros(1, 4, 3), torch.zeros(1, 4)
    slow: list[Tensor] = [frames[0][place] for place in (1, 5, 9, 13)]
    members: list[list[Tensor]] = [[] for _ in slow]
    for frame in frames:
        centres_BNC, counts_BN = follow_centres(centres_BNC, counts_BN, frame[None])
        for point, index in [(point, nearest(slow, point)) for point in frame]:
            members[index].append(point)
        slow = [torch.stack(own).mean(0) if own else centre for own, centre in zip(members, slow, strict=True)]
        torch.testing.assert_close(centres_BNC[0], torch.stack(slow), rtol=0, atol=1e-5)
        assert counts_BN[0].tolist() == [len(own) for own in members]


def test_clustering_is_its_slow_twin() -> None:
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    slow = [points[index] for index in order[:5]]
    for _ in range(ITERATIONS):
        groups: list[list[Tensor]] = [[] for _ in slow]
        for point in points:
            groups[nearest(slow, point)].append(point)
        slow = [torch.stack(own).mean(0) if own else centre for own, centre in zip(groups, slow, strict=True)]
    torch.testing.assert_close(cluster(points, 5), torch.stack(slow), rtol=0, atol=1e-5)
    assert cluster(points[:2], 5).shape == (5, 3)


def test_frames_are_spread_over_the_video() -> None:
    assert spread(100, 10) == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]
    assert spread(29, 10) == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
    assert spread(7, 10) == [0, 1, 2, 3, 4, 5, 6]


@torch.inference_mode()
def test_any_number_of_prototypes_takes_the_place_of_centres() -> None:
    cffm, images = model(), clip()
    own = cffm(images)
    for count in (6, 9):
        prototypes = torch.randn(1, count, 8, generator=torch.Generator().manual_seed(count))
        given = cffm(images, prior=prototypes)
        assert (given.final - own.final).abs().max() > 1e-4
        assert torch.equal(given.frames, own.frames)
        assert torch.equal(cffm(images, prior={"prototypes": prototypes}).final, given.final)
        assert (given.auxiliary[0].shape, len(given.auxiliary)) == ((1, 1, 5, 16, 24), 1)
        # The prior's logits look at the target and the prototypes, not at the references.
        other = clip(seed=1)
        other[:, -1] = images[:, -1]
        torch.testing.assert_close(cffm(other, prior=prototypes).auxiliary[0], given.auxiliary[0], rtol=0, atol=1e-5)
    first = cffm(images[:, :1], prior=prototypes).final
    torch.testing.assert_close(first, own.frames[:, 0], rtol=0, atol=1e-5)
    with pytest.raises(InputError, match=r"got a prior 'prototypes' of shape \(1, 6, 7\)"):
        cffm(images, prior=torch.zeros(1, 6, 7))


def test_a_model_without_a_prior_takes_none() -> None:
    with pytest.raises(InputError, match="expected None: it has no use for them"):
        tiny.cffm()(torch.zeros(1, 4, 3, 64, 96), prior=torch.zeros(1, 6, 16))
    with pytest.raises(InputError, match="got a prior for a CFFM; expected None"):
        Segmenter(tiny.cffm(), runtime="torch").start(torch.zeros(1, 6, 16))
    with pytest.raises(InputError, match="got prototypes=0"):
        PriorConfig(prototypes=0)


@torch.inference_mode()
def test_a_stream_with_the_prior_of_its_video_is_its_clips() -> None:
    cffm, frames = model(), tiny.video(12, height=64, width=96)
    segmenter = Segmenter(cffm, runtime="torch")
    prior = video_prior(segmenter, frames)
    assert prior is not None
    inputs = torch.stack([torch.from_numpy(frame.image.copy()).permute(2, 0, 1).float() for frame in frames])
    assert torch.equal(prior["prototypes"], cffm.make_prior(list(inputs[:10]))["prototypes"])
    segmentations = list(segmenter.segment(frames, prior=prior))
    for t in range(2, 12):
        logits = cffm(inputs[None, t - 2 : t + 1], prior=prior).final
        expected = torch.nn.functional.interpolate(logits, size=(64, 96), mode="bilinear")[0].argmax(dim=0)
        assert (segmentations[t].labels == expected.numpy()).mean() > 0.999
    assert video_prior(Segmenter(tiny.cffm(), runtime="torch"), frames) is None
    assert video_prior(segmenter, []) is None
