"""k-means over features: of a set of points, and of a stream of them.

Shape letters: B batch, M points, P points of one frame, N centres, C channels.
"""

import torch
from torch import Tensor

ITERATIONS = 10


def cluster(points_MC: Tensor, num_centres: int, *, seed: int = 0) -> Tensor:
    """Lloyd's k-means with Euclidean distances, for `ITERATIONS` iterations.

    Args:
        points_MC: float.
        num_centres: N; where there are fewer points, some are centres twice.
        seed: of the points that the centres start from.

    Returns:
        float [N,C]. A centre that no point is nearest to stays where it is.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(points_MC), generator=generator).to(points_MC.device)
    centres_NC = points_MC[order[torch.arange(num_centres, device=order.device) % len(order)]]
    for _ in range(ITERATIONS):
        sums_NC, counts_N = (part[0] for part in _sums(centres_NC[None], points_MC[None]))
        means_NC = sums_NC / counts_N.clamp(min=1)[:, None]
        centres_NC = torch.where(counts_N[:, None] > 0, means_NC, centres_NC)
    return centres_NC


def follow_centres(centres_BNC: Tensor, counts_BN: Tensor, points_BPC: Tensor) -> tuple[Tensor, Tensor]:
    """Takes the points of a frame into centres: k-means with frames as its batches (Sculley, WWW 2010).

    Every point goes to the centre nearest to it before the frame; a centre is the mean of all points that ever went to
    it. The centres of the first frame start from points of it at even distances.

    Args:
        centres_BNC: before the frame.
        counts_BN: float, how many points each is the mean of; all zero before the first frame.
        points_BPC: of the frame.

    Returns:
        (centres, counts) after it.
    """
    N, P = centres_BNC.shape[1], points_BPC.shape[1]
    places_N = (2 * torch.arange(N, device=points_BPC.device) + 1) * P // (2 * N)
    started_B11 = counts_BN.sum(dim=1)[:, None, None] > 0
    centres_BNC = torch.where(started_B11, centres_BNC, points_BPC[:, places_N])
    sums_BNC, new_BN = _sums(centres_BNC, points_BPC)
    total_BN = counts_BN + new_BN
    means_BNC = (counts_BN[..., None] * centres_BNC + sums_BNC) / total_BN.clamp(min=1)[..., None]
    return torch.where(new_BN[..., None] > 0, means_BNC, centres_BNC), total_BN


def _sums(centres_BNC: Tensor, points_BMC: Tensor) -> tuple[Tensor, Tensor]:
    """Of the points nearest to each centre the sum [B,N,C] and the number, float [B,N]."""
    # The points' own squares are the same for all centres.
    distances_BMN = centres_BNC.square().sum(dim=2).unsqueeze(1) - 2 * points_BMC @ centres_BNC.transpose(1, 2)
    nearest_BM1 = distances_BMN.argmin(dim=2, keepdim=True)
    own_BMN = (nearest_BM1 == torch.arange(centres_BNC.shape[1], device=centres_BNC.device)).to(points_BMC.dtype)
    return own_BMN.transpose(1, 2) @ points_BMC, own_BMN.sum(dim=1)
