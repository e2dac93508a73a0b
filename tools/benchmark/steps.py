"""What is left to do of a run, read off the disk, and the command lines that do it.

Nothing else remembers how far a run has come, so a queue that was killed finds its way again.
"""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from benchmark.plan import Run, Scoring
from vidseg.recipes import find_recipe, override
from vidseg.train import TrainConfig
from vidseg.train.finished import is_finished, stored

TRAINING = "training"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of a run.

    Attributes:
        name: TRAINING, or which scoring.
        words: of the command line, from the module's name on.
    """

    name: str
    words: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The command as a person would type it."""
        return shlex.join(self.words)


def folder_of(run: Run) -> Path:
    """Where a run trains."""
    return Path("runs") / run.name


def config_of(run: Run) -> TrainConfig:
    """The recipe with the run's fields, seed and folder."""
    return override(find_recipe(run.recipe), dict(_fields(run)))


def train_step(run: Run) -> Step:
    """Trains, from wherever the run is."""
    options = [word for name, value in _fields(run) for word in (f"--{name}", value)]
    words = ("vidseg", "train", "--recipe", run.recipe, *options, "--resume")
    return Step(name=TRAINING, words=words)


def scoring_step(run: Run, scoring: Scoring) -> Step:
    """Scores the model of the last iteration: none is chosen by its scores."""
    folder = folder_of(run)
    # Named, because "auto" is another runtime on another machine, and one thread, as in training.
    words = f"vidseg evaluate --data {scoring.data} --layout {scoring.layout} --split val --runtime torch --threads 1"
    steady = ("--steady",) if scoring.steady else ()
    size = ("--size", str(scoring.size)) if scoring.size is not None else ()
    rest = ("--model", str(folder / "last"), "--json", str(scores_path(run, scoring)))
    return Step(name=f"scoring {scoring.name}", words=(*words.split(), *steady, *size, *rest))


def scores_path(run: Run, scoring: Scoring) -> Path:
    """What the scoring leaves."""
    return folder_of(run) / f"scores-{scoring.name}.json"


def next_step(run: Run) -> Step | None:
    """The first command that is still to do; None for a finished run.

    Raises:
        InputError: if the run's folder holds a model of another configuration.
    """
    if not is_finished(config_of(run)):
        return train_step(run)
    sha256 = model_sha256(folder_of(run) / "last")
    for scoring in run.scorings:
        path = scores_path(run, scoring)
        if not path.exists() or json.loads(path.read_text())["model"]["weights_sha256"] != sha256:
            return scoring_step(run, scoring)
    return None


def model_sha256(model: Path) -> str | None:
    """The sha256 of a stored model's weights; None where there is none."""
    sha256: str | None = stored(model).get("weights_sha256")
    return sha256


def _fields(run: Run) -> tuple[tuple[str, str], ...]:
    seed = str(run.seed)
    seeds = (("runtime.seed", seed), ("data.clips.seed", seed))
    return (*run.fields, *seeds, ("output.folder", str(folder_of(run))), ("output.tensorboard", "false"))
