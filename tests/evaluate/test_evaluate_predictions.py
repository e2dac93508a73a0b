"""Mask files score what the model scores that wrote them; every kind of wrong file is said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidseg.data import VideoDataset
from vidseg.data.reading import frames_with_labels
from vidseg.errors import DataError
from vidseg.evaluate import evaluate_model, evaluate_predictions
from vidseg.models import VideoModel
from vidseg.stream import Segmenter
from vidseg.video import write_labels


@pytest.fixture
def predictions(model: VideoModel, dataset: VideoDataset, tmp_path: Path) -> Path:
    """The model's own masks."""
    for video in dataset.videos:
        (tmp_path / video.name).mkdir()
        frames = (frame for frame, _ in frames_with_labels(video, dataset.spec))
        for segmentation in Segmenter(model).segment(frames):
            path = tmp_path / video.name / f"{segmentation.frame.name}.png"
            write_labels(path, segmentation.labels, segmentation.class_map)
    return tmp_path


def test_masks_score_what_their_model_scores(model: VideoModel, dataset: VideoDataset, predictions: Path) -> None:
    evaluation = evaluate_predictions(predictions, dataset)
    assert evaluation.scores == evaluate_model(model, dataset).scores
    assert evaluation.to_dict()["predictions"] == predictions.name


@pytest.mark.slow
def test_processes_give_what_one_gives(dataset: VideoDataset, predictions: Path) -> None:
    one, two = (evaluate_predictions(predictions, dataset, processes=processes).scores for processes in (1, 2))
    assert one == two


def test_other_videos_may_lie_beside_the_chosen_ones(dataset: VideoDataset, predictions: Path) -> None:
    (predictions / "video_d" / "00000100.png").write_bytes(b"")
    evaluation = evaluate_predictions(predictions, dataset, videos=["video_c"])
    assert [row["name"] for row in evaluation.scores["per_video"]] == ["video_c"]


def test_hidden_files_are_passed_over_and_links_followed(dataset: VideoDataset, predictions: Path) -> None:
    (predictions / "video_c" / ".00000100.png").write_bytes(b"")
    (predictions / "video_d").rename(predictions / ".elsewhere")
    (predictions / "video_d").symlink_to(predictions / ".elsewhere")
    evaluate_predictions(predictions, dataset)


def _save(values: np.ndarray) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(values.astype(np.uint8)).save(path)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (Path.unlink, r"got no prediction .*00000105.png \(1 of 36 are missing\)"),
        (lambda path: path.rename(path.with_name("x.png")), "got no prediction .*00000105.png"),
        (lambda path: path.with_name("x.png").write_bytes(b""), r"got prediction .*x.png, which belongs to no frame"),
        (lambda path: path.write_bytes(path.read_bytes()[:40]), "00000105.png, which cannot be read"),
        (_save(np.zeros((12, 16))), r"got a prediction of \(12, 16\) for a ground truth of \(24, 32\).*00000105.png"),
        (_save(np.full((24, 32), 3)), r"got a prediction of 3; expected class ids 0 to 2.*00000105.png"),
        (_save(np.zeros((24, 32, 3))), "00000105.png of type PNG RGB; .*`vidseg masks`"),
    ],
    ids=["missing", "renamed", "surplus", "damaged", "size", "value", "colour"],
)
def test_wrong_files_are_said(harm: Callable, said: str, dataset: VideoDataset, predictions: Path) -> None:
    harm(predictions / "video_d" / "00000105.png")
    with pytest.raises(DataError, match=said):
        evaluate_predictions(predictions, dataset)


def test_no_folder(dataset: VideoDataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got no folder"):
        evaluate_predictions(tmp_path / "absent", dataset)
