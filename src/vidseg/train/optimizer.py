"""The optimiser with the paper's parameter groups, and its learning rate at any iteration (cffm.md §6)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from vidseg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW, whose defaults are the paper's, or SGD with momentum.

    Attributes:
        learning_rate: of the encoder, before warm-up and decay.
        head_factor: everything outside the encoder learns so many times faster.
        betas: AdamW's decay of the two running moments.
        weight_decay: of everything but the encoder's norms. (The head's norms, all biases and bias tables *are*
            decayed in the released configuration.)
        kind: which optimiser.
        momentum: SGD's.
        decay_vectors: whether biases and norms outside the encoder, and biases inside it, are decayed, too.
    """

    learning_rate: float = 6e-5
    head_factor: float = 10.0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    kind: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    decay_vectors: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ("adamw", "sgd") or not 0 <= self.momentum < 1:
            raise InputError(
                f"got kind={self.kind!r}, momentum={self.momentum}; expected 'adamw' or 'sgd', and 0 <= momentum < 1"
            )
        if self.learning_rate <= 0 or self.head_factor <= 0 or self.weight_decay < 0:
            raise InputError(
                f"got learning_rate={self.learning_rate}, head_factor={self.head_factor}, "
                f"weight_decay={self.weight_decay}; expected positive rates and a decay of 0 or more"
            )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How long to train and how the learning rate goes; the defaults are the paper's for VSPW.

    Attributes:
        iterations: optimiser steps in all.
        warmup: over so many first iterations a factor rises linearly from `warmup_start` to 1.
        warmup_start: that factor at iteration 0.
        power: the rate falls as (1 - iteration / iterations) to this power, warm-up included.
    """

    iterations: int = 160_000
    warmup: int = 1500
    warmup_start: float = 1e-6
    power: float = 1.0

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.warmup < 0:
            raise InputError(f"got iterations={self.iterations}, warmup={self.warmup}; expected 1 or more, 0 or more")
        if not 0 <= self.warmup_start <= 1 or self.power < 0:
            raise InputError(
                f"got warmup_start={self.warmup_start}, power={self.power}; expected a factor 0–1 and 0 or more"
            )


def learning_rate_factor(schedule: ScheduleConfig, iteration: int) -> float:
    """What multiplies every group's learning rate at an iteration, counted from 0."""
    decay = (1 - iteration / schedule.iterations) ** schedule.power
    if iteration >= schedule.warmup:
        return decay
    return decay * (1 - (1 - iteration / schedule.warmup) * (1 - schedule.warmup_start))


# What has one weight and one bias a channel. Instance norm is a batch norm to torch.
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """An optimiser over the model's parameters, in three groups: encoder, what is not decayed in it, everything else.

    Without `decay_vectors` a fourth holds what is not decayed of everything else. Each group has its rate before the
    schedule under "base_lr". Parameters outside the submodule called "encoder" count as head; frozen ones are left out.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    encoder = {name for name in parameters if name.startswith("encoder.")}
    undecayed = parameters.keys() & {
        f"{module_name}.{name}"
        for module_name, module in model.named_modules()
        if isinstance(module, _NORMS) and module_name.startswith("encoder.")
        for name, _ in module.named_parameters(recurse=False)
    }
    if not config.decay_vectors:
        undecayed |= {name for name, parameter in parameters.items() if parameter.ndim <= 1}
    head_rate = config.learning_rate * config.head_factor
    # Order matters: optimiser states are saved by position.
    settings = [
        (encoder - undecayed, config.learning_rate, config.weight_decay),
        (encoder & undecayed, config.learning_rate, 0.0),
        (parameters.keys() - encoder - undecayed, head_rate, config.weight_decay),
    ]
    if not config.decay_vectors:
        settings.append((undecayed - encoder, head_rate, 0.0))
    groups = [
        {
            "params": [parameter for name, parameter in parameters.items() if name in names],
            "base_lr": rate,
            "weight_decay": decay,
        }
        for names, rate, decay in settings
    ]
    if config.kind == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas)


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Sets every group's rate to its base rate times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
