"""A video model as a step over a value: built once for all models from a runtime and a reference policy.

Shape letters: B batch, H, W network input size, K classes, h, w size of the logits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from vidseg.errors import InputError, StateError
from vidseg.models import Context, FrameInputs, State, VideoModel
from vidseg.models.advance import advance
from vidseg.models.contract import prepare_state
from vidseg.runtime import Runtime
from vidseg.stream.policy import Policy


@dataclass(frozen=True, kw_only=True, eq=False)
class Memory:
    """What a stream carries from frame to frame. Its size is fixed from the start.

    Attributes:
        contexts: what each of the last frames left, newest last; frames before the start left zeros.
        state: what the last frame left, by name; empty for most models.
        frames_seen: how many frames went in.
        batch_size: B.
        image_size: (H, W) of the network's input.
    """

    contexts: tuple[Context, ...]
    state: Mapping[str, Tensor]
    frames_seen: int
    batch_size: int
    image_size: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        contexts = sum(part.nbytes for context in self.contexts for part in context)
        return contexts + sum(tensor.nbytes for tensor in self.state.values())


class Stepper:
    """`start` and `step` of a video model under a policy.

    Args:
        model: asked for its schedule and for the sizes of what it keeps only.
        runtime: computes the model's steps.
        policy: chooses the references.

    Raises:
        InputError: if the policy's number of references is not the model's.
    """

    def __init__(self, model: VideoModel, runtime: Runtime, policy: Policy) -> None:
        if policy.num_references not in (0, len(model.reference_offsets)):
            raise InputError(
                f"got a policy with {policy.num_references} references; expected none or "
                f"{len(model.reference_offsets)}, as many as the model was trained with"
            )
        self._model = model
        self._runtime = runtime
        self.policy = policy

    def start(self, batch_size: int, image_size: tuple[int, int], prior: Tensor | State | None = None) -> Memory:
        """The memory of streams that have seen nothing.

        Args:
            batch_size: number of streams that go in step.
            image_size: (H, W) of the network's input.
            prior: knowledge about the whole video, for models that use some; see `VideoModel.prior_names`.

        Raises:
            InputError: for a prior that the model does not take.
        """
        device = self._runtime.device
        blank = tuple(part.to(device) for part in self._model.blank_context(batch_size, image_size))
        state = prepare_state(self._model, self._model.blank_state(batch_size, image_size), prior)
        return Memory(
            contexts=(blank,) * self.policy.capacity,
            state={name: tensor.to(device) for name, tensor in state.items()},
            frames_seen=0,
            batch_size=batch_size,
            image_size=image_size,
        )

    def step(self, memory: Memory, frame_B3HW: Tensor, flow_B2HW: Tensor | None = None) -> tuple[Memory, Tensor]:
        """Takes one frame of each stream.

        Args:
            memory: what `start` or the step before returned; it stays as it is.
            frame_B3HW: float32 RGB, 0–255.
            flow_B2HW: float32, to the frame before, pixels, x then y; for models that need it, from the second frame.

        Returns:
            (the new memory, logits float [B,K,h,w]).

        Raises:
            StateError: if the frame's size is not the memory's.
            InputError: if the model needs a flow and there is none.
        """
        B, _, H, W = frame_B3HW.shape
        if (memory.batch_size, memory.image_size) != (B, (H, W)):
            raise StateError(
                f"got {B} frame(s) of {H}x{W} for a memory of {memory.batch_size} of "
                f"{memory.image_size[0]}x{memory.image_size[1]}; start a new stream for another size"
            )
        given = FrameInputs(frame_B3HW, flow_B2HW, self._references(memory), memory.state)
        outputs, state = advance(self._model, self._runtime.run, given, memory.frames_seen)
        contexts = (*memory.contexts, outputs.context)[1:] if memory.contexts else ()
        assert outputs.logits is not None
        return (
            replace(memory, contexts=contexts, state=state, frames_seen=memory.frames_seen + 1),
            outputs.logits,
        )

    def _references(self, memory: Memory) -> Sequence[Context]:
        t = memory.frames_seen
        return [memory.contexts[index - t] for index in self.policy.references(t)]
