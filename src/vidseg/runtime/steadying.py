"""What steadies a model's scores as a graph beside its steps, for programs that have a flow estimator of their own.

Inputs, all at the size of the logits: `logits` [1,K,h,w]; `state_steady` [1,K,h,w] and `state_evidence` [1,1,h,w], what
the graph gave for the frame before; `present`, `previous` [1,3,h,w], the two frames, RGB 0–255, averaged over areas;
`flow_there`, `flow_back` [1,2,h,w], from the present to the previous frame and back, pixels, x then y; `strength`, one
number. Outputs: `next_steady` [1,K,h,w], which takes the place of the logits, and `next_evidence`. The first frame of a
stream has no graph: its `next_steady` are its logits, its `next_evidence` is 1 everywhere.

Shape letters: K classes, h, w size of the logits.
"""

import torch
from torch import Tensor

from vidseg.models import VideoModel
from vidseg.models.contract import Size
from vidseg.runtime.graph import Graph
from vidseg.steady import Steady, SteadyBlend


class SteadyGraph(Graph):
    """One step of the average along the motion.

    Args:
        model: asked for its classes only.
        steady: how; its strength is an input, and its flow is the program's.
    """

    name = "steady"

    def __init__(self, model: VideoModel, steady: Steady) -> None:
        super().__init__()
        self.origin = type(model).__name__
        self.num_classes = model.num_classes
        self.blend = SteadyBlend(photometric=steady.photometric, round_trip=steady.round_trip)

    def forward(self, logits: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        """Arguments in the order of `input_names`, results in that of `output_names`."""
        return tuple(self.blend(logits, *parts))

    @property
    def input_names(self) -> list[str]:
        """In the order of `forward`."""
        return [
            "logits",
            "state_steady",
            "state_evidence",
            "present",
            "previous",
            "flow_there",
            "flow_back",
            "strength",
        ]

    @property
    def output_names(self) -> list[str]:
        """In the order of `forward`."""
        return ["next_steady", "next_evidence"]

    def example(self, batch_size: int, size: Size) -> tuple[Tensor, ...]:
        """Arguments of the right shapes, for logits of (height, width)."""
        channels = (self.num_classes, self.num_classes, 1, 3, 3, 2, 2)
        return (*(torch.rand(batch_size, count, *size) for count in channels), torch.tensor(0.9))
