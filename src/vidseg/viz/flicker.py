"""Flicker: how often a pixel's label changed from one frame to the next where the ground truth did not.

Shape letters: H, W the frame's height and width.
"""

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError
from vidseg.types import RGB
from vidseg.viz.heat import grey, heat


class FlickerMap:
    """Counts label changes over one video, frame by frame, in memory that does not grow.

    Without ground truth every change counts. With it a change counts where the ground truth has the same
    class in both frames.

    Args:
        num_classes: ground-truth values outside 0…`num_classes` - 1 are no ground truth.

    Attributes:
        changes_HW: int64, how often each pixel's label changed; None before the first frame.
        chances_HW: int64, in how many transitions that would have counted.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.changes_HW: NDArray[np.int64] | None = None
        self.chances_HW: NDArray[np.int64] | None = None
        self._previous: tuple[NDArray[np.integer], NDArray[np.integer] | None] | None = None

    def update(self, prediction_HW: NDArray[np.integer], target_HW: NDArray[np.integer] | None = None) -> None:
        """Takes the next frame.

        Args:
            prediction_HW: class ids.
            target_HW: the ground truth, for all frames of the video or for none.

        Raises:
            InputError: if the size changes, or some frames have ground truth and some have not.
        """
        if target_HW is not None and target_HW.shape != prediction_HW.shape:
            raise InputError(
                f"got a prediction of {prediction_HW.shape} and a ground truth of {target_HW.shape}; expected one size"
            )
        # The caller may reuse its buffers for the next frame.
        current = prediction_HW.copy(), None if target_HW is None else target_HW.copy()
        if self._previous is None or self.changes_HW is None or self.chances_HW is None:
            self.changes_HW = np.zeros(prediction_HW.shape, dtype=np.int64)
            self.chances_HW = np.zeros(prediction_HW.shape, dtype=np.int64)
        else:
            before_HW, before_target_HW = self._previous
            if before_HW.shape != prediction_HW.shape:
                raise InputError(
                    f"got a frame of {prediction_HW.shape} after one of {before_HW.shape}; expected one size a "
                    "video; start a new FlickerMap for another video"
                )
            counts_HW = np.ones(prediction_HW.shape, dtype=np.bool_)
            if (target_HW is None) != (before_target_HW is None):
                raise InputError("got ground truth for some frames only; expected it for all frames or for none")
            if target_HW is not None and before_target_HW is not None:
                counts_HW = (target_HW == before_target_HW) & (target_HW >= 0) & (target_HW < self.num_classes)
            self.chances_HW += counts_HW
            self.changes_HW += counts_HW & (prediction_HW != before_HW)
        self._previous = current

    def rates(self) -> NDArray[np.float64]:
        """HxW float64, 0–1: changes per chance; 0 where there was no chance.

        Raises:
            InputError: before the first frame.
        """
        if self.changes_HW is None or self.chances_HW is None:
            raise InputError("got no frame yet; expected one or more; call update first")
        return self.changes_HW / np.maximum(self.chances_HW, 1)

    def picture(self, image_HW3: RGB | None = None, *, full_scale: float = 0.25) -> RGB:
        """The rates as heat, over a darkened frame in grey if one is given.

        Args:
            image_HW3: uint8 RGB of the video's size.
            full_scale: the rate that gets the brightest colour; a pixel that changes in every fourth frame
                already looks broken.

        Returns:
            HxWx3 uint8.

        Raises:
            InputError: before the first frame, or if the image has another size.
        """
        scaled_HW = np.minimum(self.rates() / full_scale, 1)
        coloured_HW3 = heat(scaled_HW)
        if image_HW3 is None:
            return coloured_HW3
        if image_HW3.shape[:2] != scaled_HW.shape:
            raise InputError(
                f"got an image of {image_HW3.shape[:2]} for a video of {scaled_HW.shape}; expected one size"
            )
        return np.maximum(grey(image_HW3) // 3, coloured_HW3)
