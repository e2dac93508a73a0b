"""One frame of a video model: the steps that its schedule chooses, whoever computes them."""

from collections.abc import Callable

from torch import Tensor

from vidseg.errors import InputError
from vidseg.models.contract import FrameInputs, FrameOutputs, VideoModel

RunStep = Callable[[str, FrameInputs], FrameOutputs]
"""Computes the step of a name."""


def advance(model: VideoModel, run_step: RunStep, given: FrameInputs, t: int) -> tuple[FrameOutputs, dict[str, Tensor]]:
    """Runs the steps of a frame, each with just the inputs that it takes.

    Args:
        model: asked for its schedule and what its steps take only.
        run_step: computes a step: the model itself (see `own_steps`), or a runtime.
        given: the frame, the flow if there is one, its references or none, and all of the state.
        t: number of the frame in its stream.

    Returns:
        (what the last step gave, the whole new state).

    Raises:
        InputError: if a step wants a flow and there is none.
    """
    steps, state = model.steps(), dict(given.state)

    def run(name: str) -> FrameOutputs:
        step = steps[name]
        if step.flow and given.flow is None:
            raise InputError(
                f"got no flow of frame {t} for a {type(model).__name__}; expected float [B,2,H,W] to the frame before"
            )
        outputs = run_step(
            name,
            FrameInputs(
                frame=given.frame,
                flow=given.flow if step.flow else None,
                references=given.references if step.references else (),
                state={name: state[name] for name in step.reads},
            ),
        )
        state.update(outputs.state)
        return outputs

    return model.schedule.run(t, bool(given.references), run), state


def own_steps(model: VideoModel) -> RunStep:
    """The model's own functions."""
    steps = model.steps()
    return lambda name, inputs: steps[name].function(inputs)
