"""Distillation over time: a small model learns from a large one's clips (Liu et al., ECCV 2020, §3.3, of ETC).

Three terms ask the student to say what the teacher says of every pixel, to find the same things alike in neighbouring
frames, and to have that change alike over a clip.

Two things are ours. Likeness is measured on logits, which every model has, and not on the feature in front of the
classifier. And the recurrent network that sums up a clip is a fixed, random one: the paper trains it beside the student
and must keep its weights from falling to zero, where every clip is like every other.

Shape letters: B clips, T frames of a clip, K classes, h, w logit size, G side of the grid, N = G² its cells, E
channels of the embedding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models import VideoModel
from vidseg.models.layers import resize_bilinear

_CHANNELS = 8


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """From whom to learn, and how much; the paper's weights are all 0.1.

    Attributes:
        teacher: a trained model of the same classes, as for `vidseg.load`; one that needs no flow.
        pixel_weight: of the divergence of the teacher's and the student's classes, pixel by pixel.
        pair_weight: of the difference of their affinities between neighbouring frames.
        sequence_weight: of the difference of what a ConvLSTM makes of a clip's affinities.
        grid: G; affinities are those of the cells of a grid of G x G over the frame.
    """

    teacher: str
    pixel_weight: float = 0.1
    pair_weight: float = 0.1
    sequence_weight: float = 0.1
    grid: int = 12

    def __post_init__(self) -> None:
        weights = (self.pixel_weight, self.pair_weight, self.sequence_weight)
        if min(weights) < 0 or not any(weights) or self.grid < 1:
            raise InputError(
                f"got pixel_weight={weights[0]}, pair_weight={weights[1]}, sequence_weight={weights[2]}, "
                f"grid={self.grid}; expected weights of 0 or more, one of them above 0, and a grid of 1 cell or more"
            )

    @property
    def needs_clips(self) -> bool:
        """Whether it compares neighbouring frames."""
        return self.pair_weight > 0 or self.sequence_weight > 0


class ConvLSTM(nn.Module):
    """A convolutional LSTM (Shi et al., NIPS 2015) that turns a sequence of maps into one embedding.

    Its weights are random and stay so; they are the same in every run.
    """

    def __init__(self, channels: int = _CHANNELS) -> None:
        super().__init__()
        self.channels = channels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.gates = nn.Conv2d(1 + channels, 4 * channels, 3, padding=1)
        self.requires_grad_(False)

    def forward(self, maps_BTNN: Tensor) -> Tensor:
        """Returns the last hidden state [B,E,N,N]."""
        B, T, N, _ = maps_BTNN.shape
        hidden = cell = maps_BTNN.new_zeros(B, self.channels, N, N)
        for t in range(T):
            gates = self.gates(torch.cat([maps_BTNN[:, t : t + 1], hidden], dim=1))
            admit, forget, show, candidate = gates.chunk(4, dim=1)
            cell = forget.sigmoid() * cell + admit.sigmoid() * candidate.tanh()
            hidden = show.sigmoid() * cell.tanh()
        return hidden


class Distiller(nn.Module):
    """What a student is measured by.

    Args:
        teacher: changed to eval mode and frozen.
        config: the weights of the terms.
        num_classes: the student's.

    Raises:
        InputError: for a teacher of other classes, or one that needs flow.
    """

    def __init__(self, teacher: VideoModel, config: DistillationConfig, num_classes: int) -> None:
        super().__init__()
        if teacher.num_classes != num_classes or teacher.needs_flow:
            raise InputError(
                f"got a teacher of {teacher.num_classes} classes, {'with' if teacher.needs_flow else 'without'} flow; "
                f"expected one of {num_classes}, as the student has, without flow"
            )
        self.config = config
        self.teacher = teacher.eval().requires_grad_(False)
        self.embedding = ConvLSTM()

    def forward(self, clip_BT3HW: Tensor, student_BTKhw: Tensor) -> Tensor:
        """The weighted sum of the terms, a scalar.

        Args:
            clip_BT3HW: float RGB, 0–255.
            student_BTKhw: the student's logits of every frame.

        Raises:
            InputError: for a clip of another length than the teacher takes.
        """
        with torch.no_grad():
            teacher_BTKhw = self.teacher(clip_BT3HW).frames.float()
        student_BTKhw = student_BTKhw.float()
        config, total = self.config, student_BTKhw.new_zeros(())
        if config.pixel_weight:
            total = total + config.pixel_weight * pixel_divergence(teacher_BTKhw, student_BTKhw)
        if not config.needs_clips:
            return total
        theirs, own = (neighbour_affinities(logits, config.grid) for logits in (teacher_BTKhw, student_BTKhw))
        if config.pair_weight:
            total = total + config.pair_weight * F.mse_loss(own, theirs)
        if config.sequence_weight:
            total = total + config.sequence_weight * F.mse_loss(self.embedding(own), self.embedding(theirs))
        return total


def pixel_divergence(teacher_BTKhw: Tensor, student_BTKhw: Tensor) -> Tensor:
    """Mean over pixels of the Kullback–Leibler divergence of the student's classes from the teacher's, a scalar.

    The teacher's logits are resized to the student's size.
    """
    size = (student_BTKhw.shape[-2], student_BTKhw.shape[-1])
    expected = resize_bilinear(teacher_BTKhw.flatten(0, 1), size).log_softmax(dim=1)
    got = student_BTKhw.flatten(0, 1).log_softmax(dim=1)
    return F.kl_div(got, expected, reduction="none", log_target=True).sum(dim=1).mean()


def neighbour_affinities(frames_BTKhw: Tensor, grid: int) -> Tensor:
    """Cosine similarities of all cells of a frame with all cells of the frame before it (§3.3, Eq. 4).

    Args:
        frames_BTKhw: maps of the frames, T of 2 or more.
        grid: G; a cell's vector is the mean over it.

    Returns:
        [B,T-1,N,N], rows being cells of the later frame.
    """
    cells_BTKN = F.adaptive_avg_pool2d(frames_BTKhw.flatten(0, 1), grid).unflatten(0, frames_BTKhw.shape[:2]).flatten(3)
    cells_BTKN = F.normalize(cells_BTKN, dim=2)
    return cells_BTKN[:, 1:].transpose(2, 3) @ cells_BTKN[:, :-1]
