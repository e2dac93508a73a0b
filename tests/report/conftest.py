"""A data set of made-up videos and two folders of masks for it, scored."""

from pathlib import Path

import pytest

from moving_shapes import shapes_predictions, shapes_tree
from report_entries import scored
from vidseg.data import VideoDataset, open_dataset
from vidseg.report import Entry

SHAPE = {"num_classes": 5, "videos": 3, "frames": 20, "size": (48, 64)}


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `data` and the masks `first` and `second`."""
    folder = tmp_path_factory.mktemp("shapes")
    shapes_tree(folder / "data", **SHAPE)
    shapes_predictions(folder / "first", **SHAPE, seed=1)
    shapes_predictions(folder / "second", **SHAPE, seed=2, flicker=0.3)
    return folder


@pytest.fixture(scope="session")
def dataset(shapes: Path) -> VideoDataset:
    return open_dataset(shapes / "data", "camvid", "val")


@pytest.fixture(scope="session")
def entries(shapes: Path, dataset: VideoDataset) -> list[Entry]:
    return scored(dataset, [shapes / "first", shapes / "second"])
