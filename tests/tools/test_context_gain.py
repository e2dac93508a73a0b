"""What context is worth: nothing right after a warm start, something once the context classifier says other things."""

import numpy as np
import pytest
import torch

from context_gain import context_gain
from trees import camvid_tree, write_image
from vidseg.data import open_dataset
from vidseg.models import CFFM, CFFMConfig, MiTConfig


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoder = MiTConfig(widths=(8, 16, 24, 32), depths=(1, 1, 1, 1), heads=(1, 2, 3, 4))
    return CFFM(CFFMConfig(encoder=encoder, num_classes=3, depth=1, head_channels=16, heads=2)).eval()


def test_predictions_are_told_apart(model, tmp_path):
    dataset = open_dataset(camvid_tree(tmp_path, size=(32, 48), frames=13), "camvid", "train")
    model.predict_as_single_frames()
    found = context_gain(model, dataset, every=3)
    # Two videos of 13 frames, the first 9 of each without all references.
    assert found["targets"] == 3
    rows = found["predictions"]
    assert rows["context"] == rows["stride 8"]
    assert rows["stride 4"]["cross_entropy"] != rows["stride 8"]["cross_entropy"]
    torch.nn.init.normal_(model.context_classifier.weight)
    changed = context_gain(model, dataset, every=3)["predictions"]
    assert changed["context"]["cross_entropy"] != pytest.approx(rows["context"]["cross_entropy"], abs=1e-3)
    assert changed["stride 8"] == rows["stride 8"]


def test_frames_without_labels_do_not_count(model, tmp_path):
    root = camvid_tree(tmp_path, size=(32, 48), frames=13)
    whole = context_gain(model, open_dataset(root, "camvid", "val"), every=1)
    last = sorted((root / "data" / "video_c" / "mask").iterdir())[-1]
    write_image(last, np.full((32, 48), 255, np.uint8))
    partly = context_gain(model, open_dataset(root, "camvid", "val"), every=1)
    assert (whole["targets"], partly["targets"]) == (4, 3)
    assert all(row["cross_entropy"] == row["cross_entropy"] for row in partly["predictions"].values())
