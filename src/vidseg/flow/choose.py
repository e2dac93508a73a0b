"""Flow estimators by the names that users know them by."""

from collections.abc import Callable, Mapping

from vidseg.errors import InputError
from vidseg.flow.contract import FlowEstimator
from vidseg.flow.dis import DISFlow

ESTIMATORS: Mapping[str, Callable[[], FlowEstimator]] = {"dis": DISFlow}


def flow_estimator(name: str) -> FlowEstimator:
    """Makes an estimator.

    Raises:
        InputError: for an unknown name.
        MissingExtraError: if a package that it needs is not installed.
    """
    if name not in ESTIMATORS:
        raise InputError(f"got flow {name!r}; expected one of {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name]()
