"""BatchNorm folded into the convolution before it: in inference both are one convolution, exactly."""

from typing import Any

import torch
from torch import fx, nn

from vidseg.models.layers import ConvBNReLU


@torch.no_grad()
def fold_blocks(module: nn.Module) -> None:
    """Folds the norms of all `ConvBNReLU` inside a module, in place."""
    for block in module.modules():
        if isinstance(block, ConvBNReLU):
            _fold(block.convolution, block.norm)
            block.norm = nn.Identity()  # type: ignore[assignment]  # it takes the norm's place in `forward`


@torch.no_grad()
def fold_traced(network: nn.Module) -> None:
    """Folds norms that directly follow a convolution, found by symbolic tracing, in place.

    A norm is folded where it alone reads the convolution's result and both run once. A network that cannot be traced
    stays as it is.
    """
    for convolution, norm in _pairs(network):
        _fold(network.get_submodule(convolution), network.get_submodule(norm))
        parent, _, name = norm.rpartition(".")
        # timm's norms have their dropout and activation inside.
        setattr(network.get_submodule(parent), name, nn.Sequential(*network.get_submodule(norm).children()))


class _Tracer(fx.Tracer):
    """Looks into everything but convolutions and norms, whatever class of them."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, nn.Conv2d | nn.BatchNorm2d) or super().is_leaf_module(module, qualified_name)


def _pairs(network: nn.Module) -> list[tuple[str, str]]:
    """The names of convolutions and of the norms that follow them."""
    try:
        graph = _Tracer().trace(network)
    # Control flow that depends on sizes (a ValueError), and whatever else tracing does not know.
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return []
    calls = [node for node in graph.nodes if node.op == "call_module"]
    runs = [node.target for node in calls]
    modules: dict[str, Any] = dict(network.named_modules())
    pairs = []
    for node in calls:
        source: Any = node.args[0] if node.args else None
        if not isinstance(modules[node.target], nn.BatchNorm2d) or source not in calls:
            continue
        alone = len(source.users) == 1 and runs.count(source.target) == runs.count(node.target) == 1
        if alone and isinstance(modules[source.target], nn.Conv2d):
            pairs.append((source.target, node.target))
    return pairs


def _fold(convolution: Any, norm: Any) -> None:
    """Changes a convolution into what it and the norm compute together."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - scale * norm.running_mean.double()
    if convolution.bias is not None:
        bias = bias + scale * convolution.bias.double()
    weight = convolution.weight
    convolution.weight = nn.Parameter((scale[:, None, None, None] * weight.double()).to(weight.dtype))
    convolution.bias = nn.Parameter(bias.to(weight.dtype))
