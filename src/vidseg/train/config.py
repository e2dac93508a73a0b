"""Everything that a training run is told: one tree of frozen values."""

import math
from dataclasses import dataclass, field
from typing import Literal

from vidseg.data.clips import ClipConfig
from vidseg.data.frame_cache import CacheConfig
from vidseg.errors import InputError
from vidseg.models import ModelConfig
from vidseg.train.distillation import DistillationConfig
from vidseg.train.losses import LossConfig
from vidseg.train.optimizer import OptimizerConfig, ScheduleConfig
from vidseg.transforms import AugmentationConfig
from vidseg.types import Preprocessing


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the clips come from.

    Attributes:
        root: folder of the data set.
        layout: how it is laid out on disk, a name in `vidseg.data.LAYOUTS`.
        train_split: what is learned from.
        val_split: what the model is measured on; None for no validation.
        clips: how clips are cut.
        flow: what estimates the motion between a clip's frames, after they are augmented, where the model or the loss
            needs it: a name that `vidseg.flow.flow_estimator` knows. "dis" computes on the CPU, the others on the GPU
            if there is one.
        shard_by: how processes share the clips of an epoch. "clip": each takes its part of every batch of one common
            order, so any of them may read any video. "video": each has videos of its own, about as many clips as the
            others, and goes through them in an order of its own; so each machine reads, and caches, its share only.
            Either way what is computed follows from the number of processes, wherever they run.
        cache: a folder of decoded frames and labels on each machine; None for none. It changes nothing but the time
            that reading takes.
    """

    root: str
    layout: str
    train_split: str = "train"
    val_split: str | None = "val"
    clips: ClipConfig = field(default_factory=ClipConfig)
    flow: str = "dis"
    shard_by: Literal["clip", "video"] = "clip"
    cache: CacheConfig | None = None

    def __post_init__(self) -> None:
        if self.shard_by not in ("clip", "video"):
            raise InputError(f"got shard_by={self.shard_by!r}; expected 'clip' or 'video'")


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """How the machine is used. More processes come from ``vidseg train --processes`` or `torchrun`, not from here.

    Attributes:
        device: "cpu", "cuda", or "auto" for a GPU where there is one.
        precision: of forward and backward; weights and optimiser stay fp32.
        batch_size: clips of one forward pass of one process.
        accumulation: forward passes of an iteration.
        clip_norm: gradients are scaled down to this total norm; None to leave them.
        activation_checkpointing: recompute the encoder's blocks in the backward pass: less memory, about a third
            more time.
        ema_decay: of an exponential moving average of the weights, which is then validated and stored; None for none.
        workers: processes that read and augment.
        compile: make kernels for model and loss with `torch.compile`, which takes minutes at the start; for GPUs.
        timeout_minutes: how long processes wait for one of them, such as that with the longest share of a validation,
            before they give up. One that ended is noticed at once; this is for one that hangs, or its machine.
        seed: of initial weights, order of samples, dropout.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    batch_size: int = 2
    accumulation: int = 1
    clip_norm: float | None = None
    activation_checkpointing: bool = False
    ema_decay: float | None = None
    workers: int = 4
    compile: bool = False
    timeout_minutes: float = 720.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.accumulation < 1 or self.workers < 0 or self.seed < 0:
            raise InputError(
                f"got batch_size={self.batch_size}, accumulation={self.accumulation}, workers={self.workers}, "
                f"seed={self.seed}; expected at least 1, 1, 0 and 0"
            )
        if not 0 < self.timeout_minutes < math.inf:
            raise InputError(f"got timeout_minutes={self.timeout_minutes}; expected more than 0")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise InputError(f"got clip_norm={self.clip_norm}; expected a norm above 0, or null")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise InputError(f"got ema_decay={self.ema_decay}; expected a decay between 0 and 1, or null")
        if self.device not in ("auto", "cpu", "cuda") or self.precision not in ("fp32", "bf16", "fp16"):
            raise InputError(
                f"got device={self.device!r}, precision={self.precision!r}; "
                "expected auto, cpu or cuda, and fp32, bf16 or fp16"
            )


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """What a run writes, and how often, in iterations.

    Attributes:
        folder: of everything the run writes.
        log_every: a row of figures.
        save_every: the training state and the model "last".
        validate_every: measure the model, and keep it as "best" if it is.
        keep_states: so many of the newest training states stay.
        tensorboard: also write the figures for TensorBoard.
    """

    folder: str
    log_every: int = 50
    save_every: int = 1000
    validate_every: int = 8000
    keep_states: int = 2
    tensorboard: bool = True

    def __post_init__(self) -> None:
        if min(self.log_every, self.save_every, self.validate_every, self.keep_states) < 1:
            raise InputError(
                f"got log_every={self.log_every}, save_every={self.save_every}, "
                f"validate_every={self.validate_every}, keep_states={self.keep_states}; expected 1 or more each"
            )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run.

    Attributes:
        model: which model, with the data set's number of classes.
        data: which clips.
        augmentation: how they are varied.
        preprocessing: how frames are resized when the trained model is used; stored with its weights.
        loss: what is minimised.
        optimizer: by what.
        schedule: for how long.
        runtime: on what.
        output: what is written.
        distillation: a trained model to learn from besides; None for none.
        initial_weights: a model or encoder folder to start from; for encoders of timm also "timm", which downloads
            timm's own weights, "imagenet", which takes those of an installed package where there is one (extra
            ``lite``), or a file of them; None starts from scratch.
        warm_start: whether a CFFM that starts from a per-frame model of as many classes predicts like it at first, so
            that neither has a classifier to learn anew; without it, only its classifier of single frames does.
        frozen: parts of the model (its children, such as "encoder") that keep their weights and their statistics, and
            drop nothing.
    """

    model: ModelConfig
    data: DataConfig
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    output: OutputConfig
    distillation: DistillationConfig | None = None
    initial_weights: str | None = None
    warm_start: bool = True
    frozen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        clips, model = self.data.clips, self.model.reference_offsets
        # A clip's offsets in seconds are meant to differ. (Streaming then wants a policy in seconds as well.)
        same = (
            len(clips.reference_offsets) == len(model) if clips.unit == "seconds" else clips.reference_offsets == model
        )
        compared = {
            "a temporal loss": self.loss.temporal is not None,
            "a distillation of pairs": self.distillation is not None and self.distillation.needs_clips,
        }
        for what, needed in compared.items():
            if needed and (clips.frames != "clip" or not clips.reference_offsets):
                raise InputError(
                    f"got {what} on single frames; expected clips of two frames or more, "
                    "e.g. data.clips.reference_offsets [1] and data.clips.frames clip"
                )
        # A model without references learns the frames of any clip one by one.
        if model and clips.frames == "clip" and not same:
            raise InputError(
                f"got clips with references at {list(clips.reference_offsets)} for a model with references at "
                f"{list(model)}; expected the same; change data.clips.reference_offsets or model.references"
            )
