"""What the figures come from, and an FFmpeg for torchcodec where the machine has none."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from vidseg.bench.machine import environment

_PACKAGES = ("torchcodec", "triton", "timm", "lightning-fabric", "av")
_LIBRARY = re.compile(r"(lib(?:av\w+|sw\w+))-\w+\.so\.(\d+)")


def described(device: torch.device) -> dict[str, Any]:
    """Card, driver, versions and the rest of the machine."""
    found = environment(None)
    # The one is a column of the figures; the other's folders say nothing to others.
    del found["precision"], found["command"]
    found["versions"] |= {name: _version(name) for name in _PACKAGES}
    if device.type != "cuda":
        return found | {"card": None, "driver": None}
    properties = torch.cuda.get_device_properties(device)
    return found | {
        "card": properties.name,
        "card_mebibytes": properties.total_memory // 2**20,
        "driver": _driver(),
        "cuda": torch.version.cuda,
    }


def _driver() -> str | None:
    """As `nvidia-smi` says; it only reads."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@contextmanager
def with_ffmpeg() -> Iterator[dict[str, str]]:
    """An environment in which torchcodec finds FFmpeg: the one inside PyAV's wheel, by the names that it looks for.

    The system's, where there is one, comes first.
    """
    with tempfile.TemporaryDirectory(prefix="vidseg-ffmpeg-") as name:
        bundled = _bundled_libraries()
        for library in bundled:
            match = _LIBRARY.match(library.name)
            if match is not None:
                (Path(name) / f"{match[1]}.so.{match[2]}").symlink_to(library)
        # They look for each other, under their own names, beside themselves.
        places = [os.environ.get("LD_LIBRARY_PATH", ""), name, *{str(library.parent) for library in bundled}]
        yield dict(os.environ) | {"LD_LIBRARY_PATH": ":".join(place for place in places if place)}


def _bundled_libraries() -> list[Path]:
    found = find_spec("av")
    if found is None or found.origin is None:
        return []
    return sorted(Path(found.origin).parents[1].glob("av.libs/*.so.*"))
