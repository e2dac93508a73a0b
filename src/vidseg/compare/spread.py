"""Several seeds in one figure, and when a difference is more than their spread."""

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev


def mean_and_spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Their mean and their sample standard deviation, None of a single one."""
    return fmean(values), stdev(values) if len(values) > 1 else None


def is_beyond(differences: Sequence[float], first: Iterable[float], second: Iterable[float]) -> bool:
    """Whether a mean difference is larger than the larger standard deviation of both sides.

    Args:
        differences: seed by seed, of the seeds that both have.
        first: the values of one side, of all its seeds.
        second: those of the other.

    Returns:
        False where there are fewer than two differences: one seed has no spread to be beyond of.
    """
    spreads = (mean_and_spread(tuple(values))[1] or 0.0 for values in (first, second))
    return len(differences) > 1 and abs(fmean(differences)) > max(spreads)
