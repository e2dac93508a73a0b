"""What a model in training knows of whole videos."""

from dataclasses import replace

import pytest
import torch
from tiny_training import tiny_config, write_videos

from vidseg.data import open_dataset
from vidseg.data.reading import read_frames
from vidseg.models import CFFM, PriorConfig, build_model
from vidseg.stream import video_prior
from vidseg.stream.segmenter import Segmenter
from vidseg.train import LossConfig, Saved
from vidseg.train.loop import train
from vidseg.train.priors import VideoPriors

PARTS = ("encoder", "head", "blocks", "classifier", "context_classifier")


@pytest.fixture
def videos(tmp_path):
    write_videos(tmp_path / "data")
    return open_dataset(tmp_path / "data", "camvid", "train")


def config_of(tmp_path, name, frozen=PARTS, **changes):
    config = tiny_config(tmp_path / "data", tmp_path / name, **changes)
    return replace(
        config,
        model=replace(config.model, prior=PriorConfig(prototypes=4, heads=1)),
        loss=LossConfig(final_weight=0.0, frame_weight=0.0, auxiliary_weight=1.0),
        frozen=frozen,
    )


def test_a_batch_has_the_priors_that_streams_of_its_videos_have(tmp_path, videos):
    config = config_of(tmp_path, "run")
    model = build_model(config.model).eval()
    model.class_map, model.preprocessing = videos.class_map, config.preprocessing
    priors = VideoPriors(model, videos.videos, config.preprocessing, torch.device("cpu"))
    found = priors.of(["video1", "video0", "video1"])["prototypes"]
    assert found.shape == (3, 4, 32)
    segmenter = Segmenter(model, "cpu")
    for row, number in enumerate((1, 0, 1)):
        video = videos.videos[number]
        expected = video_prior(segmenter, read_frames(video, range(len(video.frames))))
        torch.testing.assert_close(found[row : row + 1], expected["prototypes"])
    assert not torch.equal(found[0], found[1])


def test_a_prior_is_made_once(tmp_path, videos, monkeypatch):
    config = config_of(tmp_path, "run")
    model = build_model(config.model).eval()
    priors = VideoPriors(model, videos.videos, config.preprocessing, torch.device("cpu"))
    first = priors.of(["video0"])
    monkeypatch.setattr(model, "make_prior", None)
    assert torch.equal(priors.of(["video0"])["prototypes"], first["prototypes"])


@pytest.mark.parametrize(("frozen", "given"), [(PARTS, True), (("blocks",), False)])
def test_clips_learn_with_the_prior_of_their_video_where_what_makes_it_stays(
    frozen, given, tmp_path, videos, monkeypatch
):
    seen = []
    real = CFFM.forward
    monkeypatch.setattr(
        CFFM, "forward", lambda self, clip, **known: seen.append(known.get("prior")) or real(self, clip, **known)
    )
    train(config_of(tmp_path, "run", frozen, batch_size=2))
    assert len(seen) == 6
    assert all((prior is not None) == given for prior in seen)
    if given:
        # Three videos, in another order each epoch.
        assert len({float(prototypes.sum()) for prior in seen for prototypes in prior["prototypes"]}) == 3


def test_resumed_is_uninterrupted_to_the_bit(tmp_path, videos):
    def stop_at_two(event):
        if isinstance(event, Saved) and event.iteration == 2:
            raise KeyboardInterrupt

    train(config_of(tmp_path, "straight", drop=0.2))
    halves = config_of(tmp_path, "halves", drop=0.2)
    halves = replace(halves, output=replace(halves.output, save_every=2))
    with pytest.raises(KeyboardInterrupt):
        train(halves, events=stop_at_two)
    train(halves, resume=True)
    last = [(tmp_path / name / "last" / "model.safetensors").read_bytes() for name in ("straight", "halves")]
    assert last[0] == last[1]
