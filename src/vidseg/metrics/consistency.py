"""Video consistency VC_n and correct consistency of one video, in one pass over its frames.

In a window of n consecutive frames let G be the pixels whose ground truth is the same in all of them, and P
the same for the prediction. VC = |G ∧ P| / |G| (VSPW paper, Miao et al. 2021, Sec. 4). A constant prediction
scores 1, so correct consistency stands beside it: the share of G that is right in all n frames.

The run length of "same label as in the frame before" says for every pixel which windows ending here it is
constant in, whatever their n: a pixel is in G exactly if its run is n or longer. A video of N frames costs
O(N), and memory is three run lengths a pixel and the last frame's labels.

Shape letters: H, W the frame's height and width; P protocols; V values of n; a last axis of 3 holds the sum
of VC, the sum of correct consistency, and the number of windows summed.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.metrics.protocols import PROTOCOLS


class ConsistencyWindows:
    """Sums over the windows of one video, for every protocol and every n at once.

    Args:
        windows: the values of n, frames.
    """

    def __init__(self, windows: Sequence[int]) -> None:
        self.windows = tuple(windows)
        self.frames = 0
        # Whether the latest windows are the video's last is only known when no frame follows.
        self._before_latest_PV3 = torch.zeros(len(PROTOCOLS), len(self.windows), 3, dtype=torch.float64)
        self._latest_PV3 = torch.zeros_like(self._before_latest_PV3)
        self._previous: tuple[Tensor, Tensor] | None = None
        self._runs: tuple[Tensor, Tensor, Tensor] | None = None

    def update(self, prediction_HW: Tensor, target_HW: Tensor) -> None:
        """Takes the next frame. The tensors are kept until the one after.

        Args:
            prediction_HW: class ids.
            target_HW: class ids, -1 without ground truth.

        Raises:
            InputError: if the size changes.
        """
        right_HW = (prediction_HW == target_HW) & (target_HW >= 0)
        if self._previous is None or self._runs is None:
            ones_HW = torch.ones_like(target_HW)
            self._runs = ones_HW, ones_HW.clone(), right_HW.to(torch.int32)
        else:
            before_HW, before_target_HW = self._previous
            if before_HW.shape != prediction_HW.shape:
                raise InputError(
                    f"got a frame of {tuple(prediction_HW.shape)} after one of {tuple(before_HW.shape)}; expected "
                    "one size within a video; begin a new video where the size changes"
                )
            target_runs_HW, prediction_runs_HW, right_runs_HW = self._runs
            target_runs_HW.mul_(target_HW == before_target_HW).add_(1)
            prediction_runs_HW.mul_(prediction_HW == before_HW).add_(1)
            right_runs_HW.add_(1).mul_(right_HW)
        self._previous = prediction_HW, target_HW
        self.frames += 1
        self._before_latest_PV3 += self._latest_PV3
        self._latest_PV3 = self._windows_ending_here(target_HW >= 0)

    def skip(self) -> None:
        """Takes note that the next frame has no ground truth: no window reaches over it."""
        self._previous = self._runs = None
        self.frames += 1
        self._before_latest_PV3 += self._latest_PV3
        self._latest_PV3 = torch.zeros_like(self._latest_PV3)

    def since_previous(self) -> float | None:
        """VC_2 of the window that ends with the latest frame, 0–1, by the definition.

        None where there is no such window or no pixel in it has the same class twice.
        """
        if self._previous is None or self._runs is None:
            return None
        target_runs_HW, prediction_runs_HW, _ = self._runs
        constant_HW = (target_runs_HW >= 2) & (self._previous[1] >= 0)
        area = int(constant_HW.count_nonzero())
        return int((constant_HW & (prediction_runs_HW >= 2)).count_nonzero()) / area if area else None

    def sums(self) -> Tensor:
        """PxVx3 float64: what the video contributes under each protocol, if no frame follows.

        Windows without a constant ground-truth pixel are not counted.
        """
        last_P11 = torch.tensor([protocol.last_window for protocol in PROTOCOLS])[:, None, None]
        return self._before_latest_PV3 + self._latest_PV3 * last_P11

    def _windows_ending_here(self, known_HW: Tensor) -> Tensor:
        assert self._runs is not None
        sums_PV3 = torch.zeros_like(self._latest_PV3)
        target_runs_HW, prediction_runs_HW, right_runs_HW = self._runs
        for v, n in enumerate(self.windows):
            if n > self.frames:
                continue
            constant_HW = target_runs_HW >= n
            consistent_HW, right_HW = prediction_runs_HW >= n, right_runs_HW >= n
            for p, protocol in enumerate(PROTOCOLS):
                ground_HW = constant_HW if protocol.ignored_can_agree else constant_HW & known_HW
                area = int(ground_HW.count_nonzero())
                if area:
                    both = int((ground_HW & consistent_HW).count_nonzero())
                    right = int((ground_HW & right_HW).count_nonzero())
                    sums_PV3[p, v] = torch.tensor([both / area, right / area, 1.0], dtype=torch.float64)
        return sums_PV3
