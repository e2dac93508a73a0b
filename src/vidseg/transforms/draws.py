"""Random draws from an explicit generator, so that no transform ever touches the global state."""

import torch


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """One number, uniform in [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def chance(generator: torch.Generator, probability: float) -> bool:
    """True with the given probability; always draws, so later draws don't depend on `probability`."""
    return uniform(generator, 0, 1) < probability


def integer(generator: torch.Generator, low: int, high: int) -> int:
    """One whole number, uniform in [low, high]."""
    return int(torch.randint(low, high + 1, (), generator=generator))
