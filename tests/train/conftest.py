from pathlib import Path

import pytest
from tiny_training import write_videos


@pytest.fixture(scope="session")
def squares(tmp_path_factory) -> Path:
    """Root of a small data set, layout "camvid"."""
    root = tmp_path_factory.mktemp("squares")
    write_videos(root)
    return root
