"""Flow estimators by the names that users know them by."""

from collections.abc import Callable, Mapping

from vidseg.errors import InputError
from vidseg.flow.contract import FlowEstimator
from vidseg.flow.dis import DISFlow
from vidseg.flow.raft import RAFTFlow

ESTIMATORS: Mapping[str, Callable[[], FlowEstimator]] = {
    "dis": DISFlow,
    "raft-small": lambda: RAFTFlow("small"),
    "raft-large": lambda: RAFTFlow("large"),
}


def flow_estimator(name: str) -> FlowEstimator:
    """Makes an estimator.

    Args:
        name: "dis" (on the CPU, without weights), "raft-small" or "raft-large"; those with a file of weights, too:
            ``raft-small=raft_small_C_T_V2.pth``.

    Raises:
        InputError: for an unknown name, or weights for an estimator that has none.
        MissingExtraError: if a package that it needs is not installed.
        CheckpointError: if its weights are not to be had.
    """
    name, _, weights = name.partition("=")
    if name not in ESTIMATORS:
        raise InputError(f"got flow {name!r}; expected one of {', '.join(ESTIMATORS)}")
    if not weights:
        return ESTIMATORS[name]()
    if name == "dis":
        raise InputError(f"got weights {weights} for the flow 'dis', which has none; expected raft-small or raft-large")
    return RAFTFlow("small" if name == "raft-small" else "large", weights)
