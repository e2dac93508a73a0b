"""What learns: model, optimiser and average, one iteration at a time."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vidseg.checkpoints import load
from vidseg.data import VideoRecord
from vidseg.data.clip_dataset import ClipSample
from vidseg.errors import InputError, extra
from vidseg.flow import FlowEstimator, flow_estimator
from vidseg.models import State, VideoModel
from vidseg.train.batchnorm import synchronise_batchnorm
from vidseg.train.config import TrainConfig
from vidseg.train.distillation import Distiller
from vidseg.train.losses import clip_loss
from vidseg.train.optimizer import build_optimizer, learning_rate_factor, set_learning_rate
from vidseg.train.priors import VideoPriors
from vidseg.train.temporal_loss import estimate_motion

with extra("train"):
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricOptimizer


class Learner:
    """A model in training on the devices of a `Fabric`.

    Args:
        fabric: launched.
        model: the same on every process, with its class map.
        config: of the run.
        videos: that the batches come from; of use where whole videos are known to a model.

    Raises:
        InputError: if motion is needed and every frame is distorted in another way, or for an unsuitable teacher.
        CheckpointError: if the teacher cannot be read.
        MissingExtraError: if the flow estimator needs a package that is not installed.
    """

    def __init__(
        self, fabric: Fabric, model: VideoModel, config: TrainConfig, videos: Sequence[VideoRecord] = ()
    ) -> None:
        assert model.class_map is not None
        self._ignore = model.class_map.ignore
        self._fabric = fabric
        self._config = config
        self._model = model
        self._frozen = _freeze(model, config.frozen)
        self._flow = _estimator(model, config)
        self._distiller: Distiller | None = None
        if config.distillation is not None:
            teacher = load(config.distillation.teacher)
            self._distiller = Distiller(teacher, config.distillation, model.num_classes).to(fabric.device)
        self._priors: VideoPriors | None = None
        if VideoPriors.can_be_kept(model, config.frozen):
            self._priors = VideoPriors(model, videos, config.preprocessing, fabric.device)
        if config.runtime.activation_checkpointing:
            model.recompute_in_backward()
        if fabric.world_size > 1:
            synchronise_batchnorm(model, device=fabric.device)
        # Weights with their channels last have all convolutions compute so: those of convolutional encoders are a
        # quarter faster on CPUs, and on GPUs with matrix units; transformers as fast as before.
        model.to(memory_format=torch.channels_last)
        self._module = fabric.setup_module(model)
        optimizer = fabric.setup_optimizers(build_optimizer(model, config.optimizer))
        self._optimizer = cast(_FabricOptimizer, optimizer)  # one in, one out
        decay = config.runtime.ema_decay
        # Normalisation statistics are averages already: the average takes the model's as they are.
        self._average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay)) if decay else None

    @property
    def result(self) -> VideoModel:
        """The model to measure and keep: the average of the weights if there is one."""
        return self._model if self._average is None else cast(VideoModel, self._average.module)

    def compute_gradients(self, batches: Sequence[ClipSample], iteration: int) -> Tensor:
        """Forward and backward over the batches of an iteration; returns their mean loss, detached."""
        self._model.train()
        for part in self._frozen:
            part.eval()
        self._optimizer.zero_grad()
        torch.manual_seed(_seed(self._config.runtime.seed, iteration, self._fabric.global_rank))
        total = torch.zeros((), device=self._fabric.device)
        for turn, batch in enumerate(batches, start=1):
            clip, labels = (part.to(self._fabric.device, non_blocking=True) for part in (batch.clip, batch.labels))
            prior = None if self._priors is None else self._priors.of(batch.video)
            with self._fabric.no_backward_sync(self._module, enabled=turn < len(batches)):
                loss = self._loss(clip, labels, prior) / len(batches)
                self._fabric.backward(loss)
            total += loss.detach()
        return total

    def _loss(self, clip: Tensor, labels: Tensor, prior: State | None) -> Tensor:
        motion = None if self._flow is None else estimate_motion(clip, self._flow)
        given: dict[str, Any] = {} if prior is None else {"prior": prior}
        if motion is not None and self._model.needs_flow:
            given["flow"] = motion.flow
        logits = self._module(clip, **given)
        loss = clip_loss(logits, labels, self._config.loss, ignore=self._ignore, motion=motion)
        return loss if self._distiller is None else loss + self._distiller(clip, logits.frames)

    def update(self, iteration: int) -> None:
        """Steps along the gradients."""
        set_learning_rate(self._optimizer.optimizer, learning_rate_factor(self._config.schedule, iteration))
        if self._config.runtime.clip_norm is not None:
            self._fabric.clip_gradients(self._module, self._optimizer, max_norm=self._config.runtime.clip_norm)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._model)

    def state(self) -> dict[str, Any]:
        """All that `load_state` needs to go on to the bit."""
        return {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            # The loss scale of fp16; empty otherwise.
            "precision": self._fabric.strategy.precision.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores what `state` returned."""
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])


def _freeze(model: VideoModel, names: Sequence[str]) -> list[nn.Module]:
    """Stops parts from learning.

    Raises:
        InputError: for a name that the model has not, or if nothing would be left to learn.
    """
    parts = dict(model.named_children())
    unknown = next((name for name in names if name not in parts), None)
    if unknown is not None:
        raise InputError(f"got a part {unknown!r} to freeze; expected some of {', '.join(parts)}; change --frozen")
    for name in names:
        parts[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(f"got all parts to freeze ({', '.join(names)}); expected one left to learn; change --frozen")
    return [parts[name] for name in names]


def _estimator(model: VideoModel, config: TrainConfig) -> FlowEstimator | None:
    """What estimates motion, where the model or the loss needs it."""
    if not model.needs_flow and config.loss.temporal is None:
        return None
    if config.augmentation.photometric == "frame":
        raise InputError(
            "got augmentation.photometric 'frame', which gives every frame colours of its own, where motion is "
            "estimated; expected 'clip' or 'off'"
        )
    return flow_estimator(config.data.flow)


def _seed(seed: int, iteration: int, rank: int) -> int:
    """Of the dropout of an iteration, another one on every process."""
    return int(np.random.SeedSequence((seed, iteration, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1))
