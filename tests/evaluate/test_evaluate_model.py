"""The score is that of a by-hand loop, whoever shares the work; sparse labels; errors that say what to do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import tiny
from trees import camvid_tree, cityscapes_tree, kitti_step_tree
from vidseg.checkpoints import save_checkpoint
from vidseg.checkpoints.tensors import sha256_of
from vidseg.data import VideoDataset, open_dataset
from vidseg.data.reading import frames_with_labels
from vidseg.errors import DataError, InputError, VidsegWarning
from vidseg.evaluate import EngineConfig, evaluate_model, select_videos, validate
from vidseg.evaluate.engines import listed_rate, policy_text
from vidseg.evaluate.model import _shares
from vidseg.metrics import VideoSegmentationMetrics
from vidseg.models import VideoModel
from vidseg.stream import Segmenter, none, offsets, parse_policy, vspw
from vidseg.types import ClassMap


def by_hand(model: VideoModel, dataset: VideoDataset, windows: tuple[int, ...] = (8, 16)) -> dict:
    """The same scores by the plainest loop over fully labelled videos."""
    metrics = VideoSegmentationMetrics(dataset.class_map.num_classes, windows=windows)
    for video in dataset.videos:
        segmenter = Segmenter(model)
        state = segmenter.start()
        pairs = []
        for frame, target in frames_with_labels(video, dataset.spec):
            state, segmentation = segmenter.step(state, frame)
            pairs.append((segmentation.labels, target))
        metrics.update_video(video.name, pairs)
    return metrics.compute()


def renamed(dataset: VideoDataset, *names: str) -> ClassMap:
    return replace(dataset.class_map, names=names, palette=((0, 0, 0),) * len(names))


def test_scores_equal_a_loop_by_hand(model: VideoModel, dataset: VideoDataset) -> None:
    seen: list[tuple[int, int]] = []
    evaluation = evaluate_model(model, dataset, windows=(3, 8), progress=lambda *step: seen.append(step))
    expected = by_hand(model, dataset, (3, 8))
    assert evaluation.scores == expected
    assert 0 < expected["protocols"]["vspw"]["mIoU"] < 1
    assert expected["protocols"]["exact"]["mVC3"] is not None
    assert seen == [(done + 1, 36) for done in range(36)]


def test_the_json_has_all_that_repeating_needs(model: VideoModel, dataset: VideoDataset, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model", model, class_map=model.class_map, preprocessing=model.preprocessing)
    evaluation = evaluate_model(tmp_path / "model", dataset, EngineConfig(policy="offsets:3,2,1:replicate", size=32))
    result = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert result["model"]["weights_sha256"] == sha256_of(tmp_path / "model" / "model.safetensors")
    assert result["engine"]["policy"] == "offsets:3,2,1:replicate"
    assert result["engine"]["preprocessing"]["short"] == 32
    assert result["engine"]["device"] == "cpu"
    assert result["engine"]["runtime"] == "torch"  # what "auto" came to
    assert result["data"]["split"] == "val"
    assert (result["data"]["videos"], result["data"]["frames"], result["data"]["labelled_frames"]) == (2, 36, 36)
    assert {"vidseg", "torch", "python"} <= set(result["versions"])
    assert [row["name"] for row in result["per_class"]] == ["red", "green", "blue"]
    assert set(result["protocols"]) == {"vspw", "exact"} == set(result["confusion"])
    assert result["frames"] == 36
    assert result["frames_per_second"] > 0


@pytest.mark.slow  # every process imports torch
def test_processes_give_what_one_gives(model: VideoModel, dataset: VideoDataset) -> None:
    seen: list[tuple[int, int]] = []
    config = EngineConfig(threads=1)
    shared = evaluate_model(model, dataset, config, processes=2, progress=lambda *step: seen.append(step))
    assert shared.scores == evaluate_model(model, dataset, config).scores
    assert shared.processes == 2
    assert seen[-1] == (36, 36)


@pytest.mark.slow
def test_what_a_process_raises_reaches_the_caller(model: VideoModel, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"val": ("a", "b")}, frames=3)
    dataset = open_dataset(root, "camvid", "val")
    broken = root / "data" / "b" / "origin" / "00000101.jpg"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(DataError, match=broken.name):
        evaluate_model(model, dataset, processes=2)


def test_threads_are_divided_and_gpus_dealt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    config = EngineConfig(threads=8)
    assert [(share.threads, share.device) for share in _shares(config, 3)] == [(2, "auto")] * 3
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [share.device for share in _shares(config, 3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert [share.device for share in _shares(replace(config, device="cpu"), 2)] == ["cpu", "cpu"]


def test_frames_without_ground_truth_are_context_and_nothing_else(
    model: VideoModel, dataset: VideoDataset, tmp_path: Path
) -> None:
    root = camvid_tree(tmp_path, splits={"val": ("video_c",)}, frames=20)
    for number in (*range(100, 112), 113, 118, 119):
        (root / "data" / "video_c" / "mask" / f"{number:08d}.png").unlink()
    sparse = open_dataset(root, "camvid", "val")
    evaluation = evaluate_model(model, sparse, windows=(2, 4, 5))
    assert evaluation.frames == 18  # the last two are nobody's context

    metrics = VideoSegmentationMetrics(3, windows=(2, 4, 5))
    tally = metrics.video("video_c")
    pairs = frames_with_labels(sparse.videos[0], sparse.spec)
    frames, targets = zip(*pairs, strict=True)
    for segmentation, target in zip(Segmenter(model).segment(frames), targets, strict=True):
        if target is None:
            tally.skip()
        else:
            tally.update(segmentation.labels, target)
    metrics.update(tally)
    assert evaluation.scores == metrics.compute()
    scores = evaluation.scores["protocols"]["exact"]
    assert scores["mVC4"] is not None  # frames 114–117
    assert scores["mVC5"] is None
    assert sum(map(sum, evaluation.scores["confusion"]["vspw"])) == 5 * 24 * 32


def test_cityscapes_is_scored_on_its_labelled_frames(tmp_path: Path) -> None:
    dataset = open_dataset(cityscapes_tree(tmp_path), "cityscapes", "val")
    model = tiny.cffm(19)
    model.class_map = dataset.class_map
    evaluation = evaluate_model(model, dataset)
    assert evaluation.frames == 2 * 20
    for scores in evaluation.scores["protocols"].values():
        assert scores["videos"] == 2
        assert scores["mIoU"] is not None
        assert scores["mVC8"] is None
    reference = tmp_path / "leftImg8bit_sequence" / "val" / "ulm" / "ulm_000001_000013_leftImg8bit.png"
    reference.unlink()
    dataset = open_dataset(tmp_path, "cityscapes", "val")
    with pytest.raises(DataError, match=reference.name):
        evaluate_model(model, dataset)
    evaluate_model(model, dataset, EngineConfig(policy="none"))


def test_kitti_step(tmp_path: Path) -> None:
    dataset = open_dataset(kitti_step_tree(tmp_path), "kitti-step", "val")
    model = tiny.segformer(19)
    model.class_map = dataset.class_map
    assert evaluate_model(model, dataset).scores == by_hand(model, dataset)


def test_classes_must_be_the_same_in_the_same_order(model: VideoModel, dataset: VideoDataset) -> None:
    model.class_map = renamed(dataset, "red", "blue", "green")
    with pytest.raises(InputError, match=r"another order: id 1 is 'blue' .* 'green'"):
        evaluate_model(model, dataset)
    model.class_map = renamed(dataset, "red", "blue", "sky")
    with pytest.raises(InputError, match=r"3 class\(es\) \(red, blue, sky\)"):
        evaluate_model(model, dataset)
    model.class_map = renamed(dataset, "red", "green", "blue")  # another palette
    evaluate_model(model, select_videos(dataset, ["video_c"]))


def test_policies_in_seconds_follow_the_listed_rate(model: VideoModel, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"val": ("a",)}, frames=12, step=3, fps=30)
    dataset = open_dataset(root, "camvid", "val")
    assert listed_rate(dataset.videos[0]) == 10
    seconds = evaluate_model(model, dataset, EngineConfig(policy="seconds:0.6,0.4,0.2"))
    frames = evaluate_model(model, dataset, EngineConfig(policy="offsets:6,4,2"))
    assert seconds.scores == frames.scores
    assert seconds.to_dict()["engine"]["policy"] == "seconds:0.6,0.4,0.2"


def test_an_unsuitable_frame_rate_is_said_once(model: VideoModel, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"val": ("a", "b")}, frames=2, fps=60)
    model.training_record = {"fps": 15}
    with pytest.warns(VidsegWarning, match="60 frames/s") as caught:
        evaluate_model(model, open_dataset(root, "camvid", "val"))
    assert len(caught) == 1


@pytest.mark.parametrize("policy", [vspw(), none(), offsets(3, 2, 1), offsets(5, start="replicate")])
def test_policies_are_written_as_they_are_read(policy) -> None:
    assert parse_policy(policy_text(policy), None) == policy


def test_videos_are_chosen_by_name(dataset: VideoDataset) -> None:
    assert [video.name for video in select_videos(dataset, ["video_d"]).videos] == ["video_d"]
    with pytest.raises(InputError, match=r"got video 'video_x'.*did you mean 'video_"):
        select_videos(dataset, ["video_x"])


def test_a_split_without_masks_cannot_be_scored(model: VideoModel, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"val": ("a",)}, frames=2)
    for path in (root / "data" / "a" / "mask").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="got no mask in split val"):
        evaluate_model(model, open_dataset(root, "camvid", "val"))


def test_frames_of_several_sizes_are_an_error_that_names_the_video(
    model: VideoModel, dataset: VideoDataset, tmp_path: Path
) -> None:
    root = camvid_tree(tmp_path, splits={"val": ("a",)}, frames=2)
    other = camvid_tree(tmp_path / "other", splits={"val": ("a",)}, frames=2, size=(32, 24))
    for name in ("origin/00000101.jpg", "mask/00000101.png"):
        (root / "data" / "a" / name).write_bytes((other / "data" / "a" / name).read_bytes())
    with pytest.raises(DataError, match="in video a"):
        evaluate_model(model, open_dataset(root, "camvid", "val"))


def test_no_process_is_an_error(model: VideoModel, dataset: VideoDataset) -> None:
    with pytest.raises(InputError, match="got 0 processes"):
        evaluate_model(model, dataset, processes=0)


@pytest.mark.parametrize("training", [True, False])
def test_validation_leaves_the_mode_as_it_was(model: VideoModel, dataset: VideoDataset, training: bool) -> None:
    expected = evaluate_model(model, dataset, windows=(3, 30)).scores["protocols"]["exact"]
    scores = validate(model.train(training), dataset, windows=(3, 30))
    assert model.training == training
    assert scores["mIoU"] == expected["mIoU"]
    assert set(scores) == {"mIoU", "wIoU", "pixel_accuracy", "mean_accuracy", "mVC3", "mCC3"}
