"""The first step of a system: trained by its recipe, within the budget of all, from where the last attempt stopped."""

import shlex
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidseg import __version__
from vidseg.checkpoints import load, load_initial_weights, save_checkpoint
from vidseg.checkpoints.imagenet import installed_weights
from vidseg.checkpoints.pretrained import IMAGENET, is_pretrained_source
from vidseg.checkpoints.tensors import sha256_of
from vidseg.compare.plan import Job, Plan
from vidseg.compare.workplace import Workplace
from vidseg.data import VideoDataset
from vidseg.errors import InputError
from vidseg.evaluate import weights_sha256
from vidseg.files import read_json, write_json
from vidseg.models import build_model
from vidseg.recipes import find_recipe, override
from vidseg.train import Events, TrainConfig
from vidseg.train.finished import is_finished, stored

# A comparison sets these itself: on other data, or with other seeds, it would be none.
_OURS = ("data.root", "data.layout", "data.train_split", "model.num_classes", "runtime.seed", "data.clips.seed")


def fields_of(plan: Plan, work: Workplace, job: Job, num_classes: int) -> dict[str, str]:
    """The fields of the recipe that are changed, as text.

    Raises:
        InputError: for a field that the comparison sets itself.
    """
    given = {**plan.budget, **job.system.fields}
    for name in given:
        if name in _OURS or name == "output.folder":
            raise InputError(f"got field {name}; expected fields that the comparison does not set itself; leave it out")
    fields = {
        # Models are scored when they are finished, and none is chosen by its scores.
        "data.val_split": "null",
        "output.tensorboard": "false",
        **given,
        "data.root": plan.data.root,
        "data.layout": plan.data.layout,
        "data.train_split": plan.data.train_split,
        "model.num_classes": str(num_classes),
        "runtime.seed": str(job.seed),
        "data.clips.seed": str(job.seed),
        "output.folder": str(work.run(job)),
    }
    if job.system.after is not None:
        before = plan.job_before(job)
        assert before is not None
        fields["initial_weights"] = work.model(before)
    return fields


def config_of(plan: Plan, work: Workplace, job: Job, num_classes: int) -> TrainConfig:
    """The run of a model that is trained here.

    Raises:
        InputError: for an unknown recipe, or a field that it does not have or cannot take.
    """
    assert job.system.recipe is not None
    fields = fields_of(plan, work, job, num_classes)
    config = override(find_recipe(job.system.recipe), fields)
    if "output.save_every" in fields:
        return config
    # Ten times a run: what is killed loses little of a short budget.
    every = max(1, min(config.output.save_every, config.schedule.iterations // 10))
    return replace(config, output=replace(config.output, save_every=every))


def command(plan: Plan, work: Workplace, job: Job, num_classes: int) -> str:
    """The same run by hand."""
    options = [f"--{name}={text}" for name, text in fields_of(plan, work, job, num_classes).items()]
    return shlex.join(["vidseg", "train", "--recipe", str(job.system.recipe), *options, "--resume"])


def train_job(
    config: TrainConfig,
    work: Workplace,
    job: Job,
    dataset: VideoDataset,
    data: str,
    events: Events,
    say: Callable[[str], None],
) -> None:
    """Trains a model to its end, if it is not there yet.

    Args:
        config: what `config_of` gives.
        work: where.
        job: which model.
        dataset: the split that is learned from.
        data: its fingerprint.
        events: is told of the training's progress.
        say: is told that there is something to do.

    Raises:
        InputError: if there is a model of another configuration, of other data or from other weights in its place.
        VidsegError: as `vidseg.train.loop.train`.
    """
    if not job.system.train:
        _take_over(config, dataset)
        return
    _require_same_origin(work, job, {"training data": data, "initial weights": _initial_sha256(config)})
    if is_finished(config):
        return
    from vidseg.train.loop import train  # late: plans without recipes do not need the extra

    say(f"{job}: training")
    result = train(config, resume=True, events=events)
    if result.interrupted_by:
        # The loop has saved everything; who called this learns of the signal in the usual way.
        signal.raise_signal(result.interrupted_by)


def _require_same_origin(work: Workplace, job: Job, origin: dict[str, Any]) -> None:
    path = work.seed_folder(job) / "origin.json"
    if path.exists() and work.run(job).exists():
        before = read_json(path)
        for what, now in origin.items():
            if before.get(what) != now:
                raise InputError(
                    f"got a run in {work.run(job)} with other {what} than now; expected the same; "
                    "move the folder away to train anew"
                )
    else:
        write_json(path, origin)


def _initial_sha256(config: TrainConfig) -> str | None:
    """Of the weights that training starts from; None where it starts from none, or timm brings them itself."""
    source = config.initial_weights
    if source is None:
        return None
    if source == IMAGENET:
        installed = installed_weights(config.model.encoder.name)
        return sha256_of(installed) if installed else None
    if is_pretrained_source(source):
        return sha256_of(Path(source)) if Path(source).is_file() else None
    return weights_sha256(source)


def _take_over(config: TrainConfig, dataset: VideoDataset) -> None:
    """A model with another's weights as they are: all of its parts must find theirs."""
    assert config.initial_weights is not None
    last, sha256 = Path(config.output.folder) / "last", weights_sha256(config.initial_weights)
    if (stored(last).get("training") or {}).get("weights_of") == sha256:
        return
    model = build_model(config.model)
    found = load_initial_weights(model, config.initial_weights)
    if found.fresh:
        part, reason = found.fresh[0]
        raise InputError(
            f"got no weights for {part} ({reason}) in {config.initial_weights}; expected those of every part with "
            "train: false; leave it out, and the system is trained"
        )
    save_checkpoint(
        last,
        model.eval(),
        class_map=dataset.class_map,
        preprocessing=load(config.initial_weights).preprocessing or config.preprocessing,
        training={"vidseg": __version__, "weights_of": sha256, "iteration": 0},
    )
