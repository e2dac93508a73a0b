"""The training loop: the same for one CPU process and many GPUs, resumable to the bit.

Whatever is random follows from (seed, iteration, process) alone: weights from the seed, the order of samples and
their augmentation from their number, dropout from a stream started anew every iteration. So a run that goes on from
a stored state does exactly what it would have done uninterrupted, and no random state needs storing. (On a GPU some
of torch's backward passes add up in no fixed order; there "exactly" holds up to rounding.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, distributed

from vidseg.checkpoints import load_initial_weights
from vidseg.data import ClipDataset, VideoDataset, open_dataset
from vidseg.data.unseen_classes import judge_sample
from vidseg.errors import DataError, InputError, extra
from vidseg.evaluate import EngineConfig, validate
from vidseg.models import VideoModel, build_model
from vidseg.train.config import TrainConfig
from vidseg.train.devices import launch, slow_precision
from vidseg.train.events import Event, Events, Notice, Progress, Saved, Validated, unheard
from vidseg.train.failures import memory_errors_explained, require_finite
from vidseg.train.figures import Figures
from vidseg.train.interruption import caught_signals
from vidseg.train.learner import Learner
from vidseg.train.meter import Meter
from vidseg.train.optimizer import learning_rate_factor
from vidseg.train.run_folder import RunFolder
from vidseg.train.sampling import Plan, load_batches

with extra("train"):
    from lightning_fabric import Fabric

    from vidseg.transforms.pipeline import ClipAugmentation

Measure = Callable[[VideoModel], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a run ended.

    Attributes:
        iteration: how many iterations are done.
        interrupted_by: the signal that stopped it; 0 if it ran to its end.
        last: the model as it is now, a folder for `vidseg.load`.
        best: the best one measured; None where nothing was measured, and in processes other than rank 0.
    """

    iteration: int
    interrupted_by: int
    last: Path
    best: Path | None


def train(
    config: TrainConfig, *, resume: bool = False, events: Events = unheard, measure: Measure | None = None
) -> TrainResult:
    """Trains a model, from the beginning or from the newest state in the output folder.

    On SIGINT or SIGTERM it finishes the iteration, stores everything and returns.

    Args:
        config: the run.
        resume: go on from the newest state; start if there is none.
        events: is told what happens, in the process of rank 0.
        measure: scores a model; its "mIoU" decides which one is the best. Called in every process at the same time,
            and rank 0's scores count. By default the model is streamed over `config.data.val_split` by the engine of
            `vidseg evaluate`; the processes share the videos.

    Raises:
        InputError: if the configuration does not fit the data or the stored state.
        DataError: if a sample cannot be read; everything up to it is stored.
        TrainingError: if training cannot go on; what was stored before is intact.
    """
    fabric = launch(config)
    events = events if fabric.is_global_zero else unheard
    dataset = open_dataset(config.data.root, config.data.layout, config.data.train_split)
    _require_classes(config, dataset)
    _require_seen_classes(dataset, events)
    if slow := slow_precision(config, fabric.device):
        events(Notice(message=f"warning: {slow}"))
    if measure is None and config.data.val_split is not None:
        measure = _measure(config, fabric)
    folder = RunFolder(config, dataset.class_map, fabric.world_size)
    state = folder.restore() if resume else None
    if not resume:
        folder.require_new()
    learner = Learner(fabric, _new_model(config, dataset, events, resumed=state is not None), config, dataset.videos)
    iteration = 0
    if state is not None:
        learner.load_state(state["learner"])
        iteration = state["iteration"]
    run = _Run(fabric, config, learner, folder, events, measure, iteration)
    with caught_signals() as interruption:
        try:
            signal = run.work(dataset, lambda: interruption.signal)
        finally:
            run.close()
    return TrainResult(iteration=run.iteration, interrupted_by=signal, last=folder.last, best=folder.best)


class _Run:
    """A run on its way: learns, reports, measures and saves when it is time."""

    def __init__(
        self,
        fabric: Fabric,
        config: TrainConfig,
        learner: Learner,
        folder: RunFolder,
        events: Events,
        measure: Measure | None,
        iteration: int,
    ) -> None:
        self.iteration = iteration
        self._fabric, self._config, self._learner, self._folder = fabric, config, learner, folder
        self._events, self._measure = events, measure
        self._figures = (
            Figures(folder.path, iteration=iteration, tensorboard=config.output.tensorboard)
            if fabric.is_global_zero
            else None
        )

    def work(self, dataset: VideoDataset, asked_to_stop: Callable[[], int]) -> int:
        """Iterates to the end or until a signal, which is returned."""
        config = self._config
        clips, plan = self._clips(dataset)
        meter = Meter(config.schedule.iterations, plan.samples_per_iteration)
        batches = meter.timed(
            load_batches(
                clips,
                plan,
                start=self.iteration,
                stop=config.schedule.iterations,
                workers=config.runtime.workers,
                pin_memory=self._fabric.device.type == "cuda",
            )
        )
        signal = 0
        while self.iteration < config.schedule.iterations and not signal:
            try:
                inputs = [next(batches) for _ in range(config.runtime.accumulation)]
            except DataError:
                self._save()
                raise
            with memory_errors_explained(self._folder.path):
                own_loss = self._learner.compute_gradients(inputs, self.iteration)
                # One exchange an iteration: all processes see the same loss and stop together.
                loss, signal = _agree(own_loss, asked_to_stop(), self._fabric.world_size)
                require_finite(loss, self.iteration, self._folder.path)
                self._learner.update(self.iteration)
            self.iteration += 1
            meter.add(loss)
            self._after_iteration(meter, stopping=bool(signal))
        return signal

    def close(self) -> None:
        """Closes the logs."""
        if self._figures is not None:
            self._figures.close()

    def _clips(self, dataset: VideoDataset) -> tuple[ClipDataset, Plan]:
        augmentation = ClipAugmentation(self._config.augmentation, ignore=dataset.class_map.ignore)
        clips = ClipDataset(dataset, self._config.data.clips, augmentation)
        plan = Plan(
            num_samples=len(clips),
            batch_size=self._config.runtime.batch_size,
            accumulation=self._config.runtime.accumulation,
            world_size=self._fabric.world_size,
            rank=self._fabric.global_rank,
            seed=self._config.runtime.seed,
        )
        return clips, plan

    def _after_iteration(self, meter: Meter, *, stopping: bool) -> None:
        output = self._config.output
        ended = self.iteration == self._config.schedule.iterations
        if self.iteration % output.log_every == 0 or ended:
            factor = learning_rate_factor(self._config.schedule, self.iteration - 1)
            self._tell(meter.report(self.iteration, self._config.optimizer.learning_rate * factor))
        if self.iteration % output.validate_every == 0 or ended:
            self._validate()
        if self.iteration % output.save_every == 0 or ended or stopping:
            self._save()
            self._fabric.barrier()

    def _validate(self) -> None:
        if self._measure is None:
            return
        model = self._learner.result
        metrics = self._measure(model)
        if self._fabric.is_global_zero:
            best = self._folder.offer(model, self.iteration, metrics)
            self._tell(Validated(iteration=self.iteration, metrics=metrics, best=best))
        self._fabric.barrier()

    def _save(self) -> None:
        if self._fabric.is_global_zero:
            path = self._folder.save(self._learner.state(), self._learner.result, self.iteration)
            self._events(Saved(iteration=self.iteration, path=path))

    def _tell(self, event: Progress | Validated) -> None:
        if self._figures is not None:
            self._figures.add(event)
        self._events(event)


def _agree(loss: Tensor, signal: int, world_size: int) -> tuple[float, int]:
    """The mean of the processes' losses, and the largest signal that any of them got."""
    if world_size == 1:
        return loss.item(), signal
    own = torch.stack([loss.float(), torch.tensor(float(signal), device=loss.device)])
    everyones = [torch.empty_like(own) for _ in range(world_size)]
    distributed.all_gather(everyones, own)
    losses, signals = torch.stack(everyones).unbind(dim=1)
    return losses.mean().item(), int(signals.max())


def _new_model(
    config: TrainConfig, dataset: VideoDataset, events: Callable[[Event], None], *, resumed: bool
) -> VideoModel:
    """The same on every process."""
    torch.manual_seed(config.runtime.seed)
    model = build_model(config.model)
    model.class_map = dataset.class_map
    model.preprocessing = config.preprocessing
    if config.initial_weights is not None and not resumed:
        found = load_initial_weights(model, config.initial_weights, warm_start=config.warm_start)
        events(Notice(message=str(found)))
    return model


def _measure(config: TrainConfig, fabric: Fabric) -> Measure:
    assert config.data.val_split is not None
    dataset = open_dataset(config.data.root, config.data.layout, config.data.val_split)
    # Weights that are measured once are not worth compiling, and other runtimes take threads that training has.
    engine = EngineConfig(device=str(fabric.device), runtime="torch")
    return partial(validate, dataset=dataset, config=engine, together=fabric.world_size > 1)


def _require_seen_classes(dataset: VideoDataset, events: Events) -> None:
    """Refuses a split of which at most one class could be learned; says where classes seem to be ignored unseen."""
    unseen = judge_sample(dataset)
    if unseen is None:
        return
    message = f"{dataset.root} (split {dataset.split}) {unseen.what}; do: {unseen.remedy}"
    if unseen.hopeless:
        raise DataError(f"got masks that show fewer than two classes: {message}")
    events(Notice(message=f"warning: {message}"))


def _require_classes(config: TrainConfig, dataset: VideoDataset) -> None:
    count = dataset.class_map.num_classes
    if config.model.num_classes != count:
        raise InputError(
            f"got a model of {config.model.num_classes} classes for a data set of {count} ({dataset.root}); "
            f"expected as many; use --model.num_classes {count}"
        )
    weights = config.loss.class_weights
    if weights is not None and len(weights) != count:
        raise InputError(
            f"got {len(weights)} class weights for {count} classes; expected one a class, or --loss.class_weights null"
        )
