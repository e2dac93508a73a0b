"""What every test shares: where goldens and development data lie, and one thread per worker."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
# What a test compiles must not depend on what another, or this user, compiled before.
os.environ["VIDSEG_CACHE"] = "off"

settings.register_profile("vidseg", deadline=None)  # never a timed assertion
settings.load_profile("vidseg")


def _folder(variable: str) -> Path:
    place = os.environ.get(variable)
    if not place:
        pytest.skip(f"{variable} is not set: its files are not part of the project")
    return Path(place)


@pytest.fixture(scope="session")
def goldens() -> Path:
    """Folder of values computed by the authors' code."""
    return _folder("VIDSEG_GOLDENS")


@pytest.fixture(scope="session")
def development_data() -> Path:
    """Folder of real videos."""
    return _folder("VIDSEG_DATA")


@pytest.fixture(scope="session")
def cases() -> Path:
    """Folder of small inputs that once failed."""
    return _folder("VIDSEG_CASES")


@pytest.fixture(autouse=True)
def _no_conversion_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "auto" is torch in tests: other runtimes convert the model for seconds, and are tested by name."""
    monkeypatch.setattr("vidseg.runtime.choose.PREFERENCE", {})
