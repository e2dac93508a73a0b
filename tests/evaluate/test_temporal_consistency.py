"""TC in evaluation is what a loop by hand gives, of models and of their masks, and is left out where not asked for."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from trees import camvid_tree
from vidseg.data import VideoDataset, open_dataset
from vidseg.data.reading import frames_with_labels
from vidseg.errors import InputError
from vidseg.evaluate import evaluate_model, evaluate_predictions
from vidseg.flow import DISFlow
from vidseg.metrics import TemporalConsistency, TemporalTally
from vidseg.models import VideoModel
from vidseg.stream import Segmenter
from vidseg.types import Segmentation
from vidseg.video import write_labels

pytest.importorskip("cv2")


def by_hand(model: VideoModel, dataset: VideoDataset, keep: Callable[[Segmentation], None]) -> list[TemporalTally]:
    """The TC of every video; shows each segmentation."""
    tallies = []
    for video in dataset.videos:
        consistency = TemporalConsistency(dataset.class_map.num_classes, DISFlow())
        frames = (frame for frame, _ in frames_with_labels(video, dataset.spec))
        for segmentation in Segmenter(model).segment(frames):
            consistency.update(segmentation.frame.image, segmentation.labels)
            keep(segmentation)
        tallies.append(consistency.tally)
    return tallies


def test_models_and_their_masks_score_what_a_loop_by_hand_does(
    model: VideoModel, dataset: VideoDataset, tmp_path: Path
) -> None:
    for video in dataset.videos:
        (tmp_path / video.name).mkdir()
    segmentations: list[Segmentation] = []
    tallies = by_hand(model, dataset, segmentations.append)
    names = [f"{video.name}/{frame.name}.png" for video in dataset.videos for frame in video.frames]
    for name, segmentation in zip(names, segmentations, strict=True):
        write_labels(tmp_path / name, segmentation.labels, segmentation.class_map)
    evaluation = evaluate_model(model, dataset, flow="dis")
    for row, tally in zip(evaluation.scores["per_video"], tallies, strict=True):
        assert {protocol: row[protocol]["TC"] for protocol in ("vspw", "exact")} == tally.scores()
        assert row["pairs"] == 17
        assert evaluation.per_frame[row["name"]]["TC"] == tally.agreements
    exact = [tally.scores()["exact"] for tally in tallies]
    assert evaluation.scores["protocols"]["exact"]["mTC"] == pytest.approx(sum(filter(None, exact)) / len(exact))
    result = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert result["temporal_consistency"] == {"flow": "dis", "long_side": 480}

    of_masks = evaluate_predictions(tmp_path, dataset, flow="dis")
    assert of_masks.scores == evaluation.scores
    assert of_masks.per_frame == evaluation.per_frame
    assert of_masks.frames == evaluation.frames


def test_frames_without_ground_truth_count(model: VideoModel, dataset: VideoDataset, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data", splits={"val": ("video_c",)}, frames=8)
    for number in (100, 102, 103, 106, 107):
        (root / "data" / "video_c" / "mask" / f"{number:08d}.png").unlink()
    sparse = open_dataset(root, "camvid", "val")
    masks = tmp_path / "masks" / "video_c"
    masks.mkdir(parents=True)

    def keep(segmentation: Segmentation) -> None:
        write_labels(masks / f"{segmentation.frame.name}.png", segmentation.labels, segmentation.class_map)

    (tally,) = by_hand(model, sparse, keep)
    expected = [*tally.agreements[:6], None, None]  # the last two frames are not looked at
    for evaluation in (
        evaluate_model(model, sparse, flow="dis"),
        evaluate_predictions(masks.parent, sparse, flow="dis"),
    ):
        assert evaluation.per_frame["video_c"]["TC"] == expected
        assert evaluation.scores["per_video"][0]["pairs"] == 5
    for number in (100, 102, 107):
        (masks / f"{number:08d}.png").unlink()
    evaluation = evaluate_predictions(masks.parent, sparse, flow="dis")
    assert evaluation.per_frame["video_c"]["TC"] == [None, None, None, None, *expected[4:]]


def test_it_is_left_out_unless_asked_for(model: VideoModel, dataset: VideoDataset) -> None:
    dataset = replace(dataset, videos=dataset.videos[:1])
    result = evaluate_model(model, dataset).to_dict()
    assert result["temporal_consistency"] == {"absent": "not asked for"}
    assert "mTC" not in result["protocols"]["exact"]
    assert set(result["per_frame"]["video_c"]) == {"mIoU", "VC2"}
    with pytest.raises(InputError, match="got flow 'raft'; expected one of dis"):
        evaluate_model(model, dataset, flow="raft")


@pytest.mark.slow  # every process imports torch
def test_processes_give_what_one_gives(model: VideoModel, dataset: VideoDataset) -> None:
    one, two = (evaluate_model(model, dataset, flow="dis", processes=processes) for processes in (1, 2))
    assert one.scores == two.scores
    assert one.per_frame == two.per_frame
