"""A small data set that all of these tests evaluate on, and models for it."""

from pathlib import Path

import pytest

import tiny
from trees import camvid_tree
from vidseg.data import VideoDataset, open_dataset
from vidseg.models import VideoModel

SPLITS = {"train": ("video_a",), "val": ("video_c", "video_d")}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_tree(tmp_path_factory.mktemp("camvid"), splits=SPLITS, frames=18)


@pytest.fixture
def dataset(root: Path) -> VideoDataset:
    return open_dataset(root, "camvid", "val")


@pytest.fixture
def model(dataset: VideoDataset) -> VideoModel:
    return fitting(tiny.cffm(3), dataset)


def fitting(model: VideoModel, dataset: VideoDataset) -> VideoModel:
    """A model with the classes of a data set."""
    model.class_map = dataset.class_map
    return model
