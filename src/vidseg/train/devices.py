"""From a configuration to lightning-fabric: one process, or one of many, by the environment that `torchrun` gives."""

import atexit
import logging
import os
import warnings
from datetime import timedelta
from typing import Literal

import torch
from torch import distributed

from vidseg.errors import InputError, extra
from vidseg.train.config import TrainConfig
from vidseg.train.elastic import ElasticJob

with extra("train"):
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}
# Lightning, torch and its compiler disagree about each other's newest names; nothing a user could act on.
_NOISE = (
    r".*`?broadcast_buffers`? is deprecated",
    r"Grad strides do not match bucket view strides",
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated",
    r"The \.grad attribute of a Tensor that is not a leaf Tensor",  # torch.compile looks at it
)


def launch(config: TrainConfig) -> Fabric:
    """Joins this process to its group.

    Raises:
        InputError: if the device does not exist or cannot do the precision.
    """
    device = _device(config)
    # torchrun tells each process how many it started, and on how many machines.
    processes, machines = (int(os.environ.get(name, "1")) for name in ("LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE"))
    if device == "cuda" and processes > torch.cuda.device_count():
        raise InputError(
            f"got {processes} processes for {torch.cuda.device_count()} GPU(s); expected one each; start fewer, "
            "or use --runtime.device cpu"
        )
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    # Its log repeats the configuration.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if (job := ElasticJob.of_environment()) is not None and not distributed.is_initialized():
        rank = int(os.environ["LOCAL_RANK"])
        job.form_group(torch.device(device, rank) if device == "cuda" else torch.device(device), _patience(config))
        atexit.register(distributed.destroy_process_group)
    fabric = Fabric(
        accelerator=device,
        devices=processes,
        num_nodes=machines,
        strategy=_data_parallel(config, device, processes * machines) if processes * machines > 1 else "auto",
        precision=_PRECISIONS[config.runtime.precision],
    )
    fabric.launch()
    return fabric


def slow_precision(config: TrainConfig, device: torch.device) -> str | None:
    """What to do where a precision costs time instead of saving it; None where it does not."""
    # Kernels of oneDNN emulate bf16 where the CPU has no instructions for it; measured there: 8 times slower than fp32.
    if device.type != "cpu" or config.runtime.precision != "bf16" or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return None
    return "this CPU has no instructions for bf16 and is many times slower in it; do: --runtime.precision fp32"


def _device(config: TrainConfig) -> Literal["cpu", "cuda"]:
    available = torch.cuda.is_available()
    device = config.runtime.device
    if device == "auto":
        device = "cuda" if available else "cpu"
    if device == "cuda" and not available:
        raise InputError("got device 'cuda', but torch sees no GPU; use --runtime.device cpu")
    if device == "cpu" and config.runtime.precision == "fp16":
        raise InputError("got precision 'fp16' on the CPU; expected fp32 or bf16 there")
    return device


def _patience(config: TrainConfig) -> timedelta:
    return timedelta(minutes=config.runtime.timeout_minutes)


def _data_parallel(config: TrainConfig, device: str, processes: int) -> DDPStrategy:
    # Of a model with references, a part of the loss with weight 0 leaves a classifier without gradient.
    unused = bool(config.data.clips.reference_offsets) and 0 in (config.loss.final_weight, config.loss.frame_weight)
    # Where all are expected to be used, gradients lie in other buckets from the second iteration on. Of three processes
    # they are then added up in another order, which would keep a run from going on to the bit after a restart.
    unused = unused or (device == "cpu" and processes > 2)
    return DDPStrategy(
        # The only buffers are normalisation statistics, and those are synchronised already.
        broadcast_buffers=False,
        find_unused_parameters=unused,
        timeout=_patience(config),
    )
