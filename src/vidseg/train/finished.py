"""Whether a run has come to its end, read off the disk: nothing else remembers how far it is."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidseg.errors import InputError
from vidseg.train.comparison import FREE, differences
from vidseg.train.config import TrainConfig

# A finished run is asked how it started, too.
_FREE = tuple(name for name in FREE if name != "warm_start")


def is_finished(config: TrainConfig) -> bool:
    """Whether the model "last" in the output folder is that of the last iteration.

    Raises:
        InputError: if it is, but of another configuration.
    """
    record = stored(Path(config.output.folder) / "last").get("training", {"iteration": 0})
    if record["iteration"] < config.schedule.iterations:
        return False
    expected = json.loads(json.dumps(asdict(config)))
    for name, (before, now) in differences(record["config"], expected, free=_FREE).items():
        raise InputError(
            f"got a model of another configuration in {config.output.folder} ({name}={before}); expected that of the "
            f"recipe as it is now ({now}); move the folder away, and those of runs that start from it"
        )
    return True


def stored(model: str | Path) -> dict[str, Any]:
    """What a stored model says of itself; nothing where there is none."""
    path = Path(model) / "config.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found
