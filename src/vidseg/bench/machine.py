"""What a figure was measured with: a time says nothing without its machine."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("vidseg", "torch", "openvino", "transformers", "numpy")


def environment(threads: int | None) -> dict[str, Any]:
    """A JSON-able description of machine, packages, command and date.

    Args:
        threads: CPU threads that were asked for; None for each runtime's own choice.
    """
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "threads": threads,
        "torch_threads": torch.get_num_threads(),
        "precision": "float32",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        # The program's own place says nothing to others.
        "command": " ".join([Path(sys.argv[0]).name.replace("__main__.py", "vidseg"), *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
