"""AdamW with the paper's parameter groups, and its learning rate at any iteration (cffm.md §6)."""

from dataclasses import dataclass

import torch
from torch import nn

from vidseg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW; the defaults are the paper's.

    Attributes:
        learning_rate: of the encoder, before warm-up and decay.
        head_factor: everything outside the encoder learns so many times faster.
        betas: decay of the two running moments.
        weight_decay: of everything but the encoder's norms. (The head's norms, all biases and bias tables *are*
            decayed in the released configuration.)
    """

    learning_rate: float = 6e-5
    head_factor: float = 10.0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
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


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the model's parameters, in three groups: encoder, the encoder's norms, everything else.

    Each group has its rate before the schedule under "base_lr". Parameters outside the submodule called "encoder"
    count as head.
    """
    encoder = {name for name, _ in model.named_parameters() if name.startswith("encoder.")}
    norms = {
        f"{module_name}.{name}"
        for module_name, module in model.named_modules()
        if isinstance(module, nn.LayerNorm)
        for name, _ in module.named_parameters()
    }
    # Order matters: optimiser states are saved by position.
    settings = [
        (encoder - norms, config.learning_rate, config.weight_decay),
        (encoder & norms, config.learning_rate, 0.0),
        ({name for name, _ in model.named_parameters()} - encoder, config.learning_rate * config.head_factor, None),
    ]
    groups = [
        {
            "params": [parameter for name, parameter in model.named_parameters() if name in names],
            "base_lr": rate,
            "weight_decay": config.weight_decay if decay is None else decay,
        }
        for names, rate, decay in settings
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas)


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Sets every group's rate to its base rate times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
