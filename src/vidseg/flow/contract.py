"""What every flow estimator offers."""

from typing import Protocol

from torch import Tensor

from vidseg.errors import InputError


class FlowEstimator(Protocol):
    """Computes the flow between two frames.

    Attributes:
        name: as the user chooses it.
    """

    name: str

    def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        """The flow from the present to the previous frames.

        Args:
            present_B3HW: float RGB, 0–255.
            previous_B3HW: of the same size.

        Returns:
            float32 [B,2,H,W], pixels, x then y, on the device of the frames.
        """


def require_same_shape(present_B3HW: Tensor, previous_B3HW: Tensor) -> None:
    """Checks what every estimator asks of its frames.

    Raises:
        InputError: for frames of different sizes, or a different number of them.
    """
    if present_B3HW.shape != previous_B3HW.shape:
        raise InputError(
            f"got frames of shapes {tuple(present_B3HW.shape)} and {tuple(previous_B3HW.shape)}; expected the same"
        )
