"""What every flow estimator offers."""

from typing import Protocol

from torch import Tensor


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
