"""A video model as a step over a value: built once for all reference models from a runtime and a policy.

Shape letters: B batch, H, W network input size, K classes, h, w size of the logits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from vidseg.errors import InputError, StateError
from vidseg.models import ReferenceModel
from vidseg.runtime import Context, Runtime
from vidseg.stream.policy import Policy


@dataclass(frozen=True, kw_only=True, eq=False)
class Memory:
    """What a stream carries from frame to frame. Its size is fixed from the start.

    Attributes:
        contexts: what each of the last frames left, newest last; frames before the start left zeros.
        frames_seen: how many frames went in.
        batch_size: B.
        image_size: (H, W) of the network's input.
    """

    contexts: tuple[Context, ...]
    frames_seen: int
    batch_size: int
    image_size: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(part.nbytes for context in self.contexts for part in context)


class Stepper:
    """`start` and `step` of a reference model under a policy.

    Args:
        model: the reference model; asked for the size of its contexts only.
        runtime: computes the model's step.
        policy: chooses the references.

    Raises:
        InputError: if the policy's number of references is not the model's.
    """

    def __init__(self, model: ReferenceModel, runtime: Runtime, policy: Policy) -> None:
        if policy.num_references not in (0, len(model.reference_offsets)):
            raise InputError(
                f"got a policy with {policy.num_references} references; expected none or "
                f"{len(model.reference_offsets)}, as many as the model was trained with"
            )
        self._model = model
        self._runtime = runtime
        self.policy = policy

    def start(self, batch_size: int, image_size: tuple[int, int], prior: object = None) -> Memory:
        """The memory of streams that have seen nothing.

        Args:
            batch_size: number of streams that go in step.
            image_size: (H, W) of the network's input.
            prior: knowledge about the whole video, for models that use some.

        Raises:
            InputError: if a prior is given; no model of today takes one.
        """
        if prior is not None:
            raise InputError("got a prior; expected None: this model has no use for one")
        blank = self._model.blank_context(batch_size, image_size)
        blank = tuple(part.to(self._runtime.device) for part in blank)
        return Memory(
            contexts=(blank,) * self.policy.capacity, frames_seen=0, batch_size=batch_size, image_size=image_size
        )

    def step(self, memory: Memory, frame_B3HW: Tensor) -> tuple[Memory, Tensor]:
        """Takes one frame of each stream.

        Args:
            memory: what `start` or the step before returned; it stays as it is.
            frame_B3HW: float32 RGB, 0–255.

        Returns:
            (the new memory, logits float [B,K,h,w]).

        Raises:
            StateError: if the frame's size is not the memory's.
        """
        B, _, H, W = frame_B3HW.shape
        if (memory.batch_size, memory.image_size) != (B, (H, W)):
            raise StateError(
                f"got {B} frame(s) of {H}x{W} for a memory of {memory.batch_size} of "
                f"{memory.image_size[0]}x{memory.image_size[1]}; start a new stream for another size"
            )
        references = self._references(memory)
        logits, context = self._runtime.step(frame_B3HW, references)
        contexts = (*memory.contexts, context)[1:] if memory.contexts else ()
        successor = Memory(
            contexts=contexts,
            frames_seen=memory.frames_seen + 1,
            batch_size=memory.batch_size,
            image_size=memory.image_size,
        )
        return successor, logits

    def _references(self, memory: Memory) -> Sequence[Context]:
        t = memory.frames_seen
        return [memory.contexts[index - t] for index in self.policy.references(t)]
