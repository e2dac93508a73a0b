"""RAFT (Teed and Deng, ECCV 2020) by torchvision: exact, and for a GPU.

Shape letters: B batch, H, W size of the frames.
"""

import os
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.errors import CheckpointError, InputError, extra
from vidseg.flow.contract import require_same_shape

Variant = Literal["small", "large"]

# Its correlation pyramid has four levels of eighths: smaller frames leave the coarsest empty.
_MIN_SIDE = 128
_MULTIPLE = 8


class RAFTFlow:
    """See `FlowEstimator`.

    Args:
        variant: "small" (1 million parameters) or "large" (5 million).
        weights: a file of torchvision's weights for it; None downloads torchvision's newest to torch's cache. Theirs
            were trained on FlyingChairs, FlyingThings3D and, for "large", Sintel, KITTI and HD1K.
        updates: how often the flow is refined; fewer are faster.
        device: where to compute: "cpu", "cuda", …; None: where the frames lie.

    Raises:
        MissingExtraError: if torchvision is not installed.
        InputError: for an unknown variant or no updates.
        CheckpointError: if there are no such weights, or they cannot be downloaded.
    """

    def __init__(
        self,
        variant: Variant = "small",
        weights: str | os.PathLike[str] | None = None,
        *,
        updates: int = 12,
        device: str | None = None,
    ) -> None:
        with extra("train"):
            from torchvision.models import optical_flow
        makers = {
            "small": (optical_flow.raft_small, optical_flow.Raft_Small_Weights.DEFAULT),
            "large": (optical_flow.raft_large, optical_flow.Raft_Large_Weights.DEFAULT),
        }
        if variant not in makers:
            raise InputError(f"got RAFT variant {variant!r}; expected one of {', '.join(makers)}")
        if updates < 1:
            raise InputError(f"got {updates} updates of RAFT; expected 1 or more")
        make, newest = makers[variant]
        self.name = f"raft-{variant}"
        self._updates = updates
        self._device = None if device is None else torch.device(device)
        self._network: Any = make(weights=None).eval().requires_grad_(False)
        try:
            state = (
                newest.get_state_dict(progress=False, check_hash=True)
                if weights is None
                else torch.load(weights, map_location="cpu", weights_only=True)
            )
            self._network.load_state_dict(state)
        except Exception as error:  # of the network, the file system, unpickling, or of tensors that do not fit
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CheckpointError(
                f"got no weights for {self.name} from {'torchvision' if weights is None else weights} ({reason}); "
                f"expected those of {newest.url}; download them elsewhere and name the file, or use the flow 'dis'"
            ) from error

    @torch.no_grad()
    def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        """See `FlowEstimator.__call__`.

        Raises:
            InputError: for frames of different sizes.
        """
        require_same_shape(present_B3HW, previous_B3HW)
        home = present_B3HW.device
        device = self._device or home
        self._network.to(device)
        H, W = present_B3HW.shape[-2:]
        # To the next multiple by repeating the border, which nothing moves across.
        bottom, right = (max(_MIN_SIDE, -(-side // _MULTIPLE) * _MULTIPLE) - side for side in (H, W))
        frames = [
            F.pad(frame.to(device) / 127.5 - 1, (0, right, 0, bottom), mode="replicate")
            for frame in (present_B3HW, previous_B3HW)
        ]
        flow_B2HW: Tensor = self._network(*frames, num_flow_updates=self._updates)[-1]
        return flow_B2HW[..., :H, :W].float().to(home)
