"""Flow estimators by name."""

from collections.abc import Callable

from vidseg.errors import InputError
from vidseg.flow.contract import FlowEstimator
from vidseg.flow.dis import DISFlow
from vidseg.flow.raft import RAFTFlow

ESTIMATORS: dict[str, Callable[[], FlowEstimator]] = {
    "dis": DISFlow,
    "raft-small": lambda: RAFTFlow("small"),
    "raft-large": lambda: RAFTFlow("large"),
}


def build_flow(name: str) -> FlowEstimator:
    """The estimator of a name: "dis" (on the CPU, without weights), "raft-small" or "raft-large".

    RAFT's take a file of weights, too: ``raft-small=raft_small_C_T_V2.pth``.

    Raises:
        InputError: for an unknown name, or a file for an estimator without weights.
        MissingExtraError: if its package is not installed.
        CheckpointError: if it has no weights.
    """
    name, _, weights = name.partition("=")
    if name not in ESTIMATORS:
        raise InputError(f"got flow {name!r}; expected one of {', '.join(ESTIMATORS)}")
    if not weights:
        return ESTIMATORS[name]()
    if name == "dis":
        raise InputError(f"got weights {weights} for the flow 'dis', which has none; expected raft-small or raft-large")
    return RAFTFlow("small" if name == "raft-small" else "large", weights)
