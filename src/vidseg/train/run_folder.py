"""What a run leaves on disk, and how it is found again.

```
FOLDER/states/00001000.pt   training states, the newest few: what --resume goes on from
FOLDER/last  FOLDER/best    models for `vidseg.load`
FOLDER/progress.csv  FOLDER/validation.csv  FOLDER/tensorboard
```
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidseg import __version__
from vidseg.checkpoints import save_checkpoint
from vidseg.errors import InputError, TrainingError
from vidseg.models import VideoModel
from vidseg.train.comparison import differences
from vidseg.train.config import TrainConfig
from vidseg.train.events import Events, Notice, unheard
from vidseg.train.states import newest_state, newest_whole_state, save_state
from vidseg.types import ClassMap


class RunFolder:
    """The folder of one run.

    Attributes:
        path: of the folder.
        best_score: of the model "best"; -inf while there is none.

    Args:
        config: of the run.
        class_map: stored with the models.
        world_size: number of processes.
    """

    def __init__(self, config: TrainConfig, class_map: ClassMap, world_size: int) -> None:
        self._config, self._class_map, self._world_size = config, class_map, world_size
        self.path = Path(config.output.folder)
        self.best_score = -math.inf

    @property
    def last(self) -> Path:
        """Where the newest model is."""
        return self.path / "last"

    @property
    def best(self) -> Path | None:
        """Where the best model is, if any was measured."""
        return self.path / "best" if self.best_score > -math.inf else None

    def require_new(self) -> None:
        """Refuses to overwrite another run.

        Raises:
            InputError: if there is a state.
        """
        state = newest_state(self.path / "states")
        if state is not None:
            raise InputError(
                f"got an output folder with states of an earlier run ({state}); expected a new one; "
                "go on with --resume or choose another --output.folder"
            )

    def restore(self, events: Events = unheard) -> dict[str, Any] | None:
        """The learner's state and, under "iteration", how many are done; None where there is no state yet.

        Args:
            events: is told of damaged states, in whose place the newest whole one is taken.

        Raises:
            InputError: if the run was started with another configuration.
            CheckpointError: if there are states, and all are damaged.
        """
        found = newest_whole_state(self.path / "states")
        if found is None:
            return None
        path, state = found.path, found.state
        for damaged in found.damaged:
            events(Notice(message=f"warning: got a damaged state {damaged}; going on from the one before, {path}"))
        _require_same(json.loads(state["config"]), _plain(self._config), path)
        if state["world_size"] != self._world_size:
            raise InputError(
                f"got {self._world_size} process(es) for a run of {state['world_size']}; expected as many as before"
            )
        # A run killed while it replaced its best model must find another.
        self.best_score = state["best_score"] if (self.path / "best").exists() else -math.inf
        return state

    def save(self, learner: dict[str, Any], model: VideoModel, iteration: int) -> Path:
        """Writes the model "last" and the training state; returns the state's path.

        In this order: who goes on from the last iteration's state has nothing left to do.
        """
        self._store(self.last, model, iteration, None)
        state = {
            "iteration": iteration,
            "best_score": self.best_score,
            "config": json.dumps(asdict(self._config)),
            "world_size": self._world_size,
            "learner": learner,
        }
        return save_state(self.path / "states", iteration, state, keep=self._config.output.keep_states)

    def offer(self, model: VideoModel, iteration: int, metrics: Mapping[str, float]) -> bool:
        """Keeps the model as "best" if it is; says whether it did."""
        if not metrics["mIoU"] > self.best_score:
            return False
        self._store(self.path / "best", model, iteration, metrics)
        self.best_score = metrics["mIoU"]
        return True

    def _store(self, path: Path, model: VideoModel, iteration: int, metrics: Mapping[str, float] | None) -> None:
        config = asdict(self._config)
        # Where files lay on the training machine is nobody's business.
        del config["output"], config["data"]["root"], config["data"]["cache"], config["initial_weights"]
        if self._config.distillation is not None:
            del config["distillation"]["teacher"]
        try:
            save_checkpoint(
                path,
                model,
                class_map=self._class_map,
                preprocessing=self._config.preprocessing,
                training={"vidseg": __version__, "iteration": iteration, "config": config},
                metrics=metrics,
            )
        except OSError as error:
            raise TrainingError(
                f"got an error writing {path} ({error}); the training states are intact; "
                "free some space and go on with --resume"
            ) from error


def _plain(config: TrainConfig) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return plain


def _require_same(stored: dict[str, Any], given: dict[str, Any], path: Path) -> None:
    for name, (before, now) in differences(stored, given).items():
        raise InputError(
            f"got {name}={now} for a run that was started with {before} ({path}); "
            "expected the same configuration; start a new run in another --output.folder"
        )
