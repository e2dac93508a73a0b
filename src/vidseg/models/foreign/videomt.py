"""VidEoMT, one frame at a time: the queries that a frame leaves are the stream's state.

The network of ``transformers`` (an EoMT for video, tue-mps/videomt-… on the hub) takes a whole clip and forgets it.
Here its own layers are called frame by frame, and what it carries inside a clip, the queries after the last layer,
goes from step to step. So a video may be of any length.

Shape letters: B batch, Q queries, C width, N tokens, K classes, H, W image size, h, w size of the masks.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vidseg.models.contract import FrameInputs, FrameOutputs, Size, Step
from vidseg.models.foreign.config import ForeignConfig
from vidseg.models.foreign.model import ForeignInput
from vidseg.models.foreign.scores import merged_masks
from vidseg.models.schedules import Cycle
from vidseg.models.stateful_model import StatefulModel

QUERIES = "queries"


class VidEoMT(StatefulModel):
    """A class for every pixel of a video, by queries that follow its things from frame to frame.

    Args:
        config: what the network is and how it is fed.
        network: a ``VideomtForUniversalSegmentation``.
    """

    schedule = Cycle(steps=("step",), first="start")
    score_kind = "mass"
    always_traceable = False

    def __init__(self, config: ForeignConfig, network: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.prepare = ForeignInput(config)
        self.network: Any = network

    @property
    def encoder(self) -> Any:  # the whole network: its last layers see frame and queries
        """The network."""
        return self.network

    def steps(self) -> Mapping[str, Step]:
        """A "start" with the learned queries, and a "step" with those that the frame before left as well."""
        return {
            "start": Step(self._start, writes=(QUERIES,)),
            "step": Step(self._step, reads=(QUERIES,), writes=(QUERIES,)),
        }

    def blank_state(self, batch_size: int, image_size: Size) -> dict[str, Tensor]:
        """Zeros [B,Q,C]."""
        learned = self.network.query.weight
        return {QUERIES: learned.new_zeros(batch_size, *learned.shape)}

    def recompute_in_backward(self) -> None:
        """See `VideoModel.recompute_in_backward`."""
        self.network.gradient_checkpointing_enable()

    def _start(self, inputs: FrameInputs) -> FrameOutputs:
        learned_QC = self.network.query.weight
        return self._look(inputs.frame, learned_QC.expand(len(inputs.frame), -1, -1))

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        carried_BQC = self.network.query_updater(inputs.state[QUERIES])
        return self._look(inputs.frame, carried_BQC + self.network.query.weight)

    def _look(self, frame_B3HW: Tensor, queries_BQC: Tensor) -> FrameOutputs:
        """The first layers see the frame alone, the last ones the frame and the queries."""
        network, Q = self.network, queries_BQC.shape[1]
        joint = len(network.layers) - network.config.num_blocks
        tokens_BNC = network.embeddings(self.prepare(frame_B3HW))
        for layer in network.layers[:joint]:
            tokens_BNC = layer(tokens_BNC)
        tokens_BNC = torch.cat((queries_BQC, tokens_BNC), dim=1)
        for layer in network.layers[joint:]:
            tokens_BNC = layer(tokens_BNC)
        masks, classes = network.predict(network.layernorm(tokens_BNC))
        return FrameOutputs(
            merged_masks(classes, masks, self.config.masks_size), state={QUERIES: tokens_BNC[:, :Q].contiguous()}
        )
