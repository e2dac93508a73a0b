"""Models whose frames depend on what the frame before left: recurrent ones, and those that lean on key frames.

A clip is the loop over its frames, and so is a stream: what training sees is what a stream computes.

Shape letters: B batch, T frames, K classes, H, W image size, h, w size of the logits.
"""

import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.models.advance import advance, own_steps
from vidseg.models.contract import ClipLogits, Context, FrameInputs, FrameOutputs, State, VideoModel, prepare_state


class StatefulModel(VideoModel):
    """A model given by its `steps`, its `schedule` and its `blank_state`."""

    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """Logits of clips of any number of frames; see `VideoModel.forward`."""
        return loop_clip(self, clip_BT3HW, flow=flow, prior=prior)


def loop_clip(
    model: VideoModel, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
) -> ClipLogits:
    """Runs whole clips frame by frame.

    A frame has references once all of them lie in the clip; the frames before have none.

    Args:
        model: any video model.
        clip_BT3HW: float RGB, 0–255, in order of time; any T.
        flow: float [B,T,2,H,W]; see `VideoModel.forward`.
        prior: see `VideoModel.forward`.

    Raises:
        InputError: for other dimensions, or without a flow that the model needs.
    """
    check_clip(model, clip_BT3HW, flow)
    B, T, _, H, W = clip_BT3HW.shape
    state = prepare_state(model, model.blank_state(B, (H, W)), prior)
    run_step = own_steps(model)
    contexts: list[Context] = []
    outputs: list[FrameOutputs] = []
    for t in range(T):
        past = [t - offset for offset in model.reference_offsets]
        references = [contexts[index] for index in past] if past and min(past) >= 0 else []
        given = FrameInputs(clip_BT3HW[:, t], None if flow is None else flow[:, t], references, state)
        output, state = advance(model, run_step, given, t)
        contexts.append(output.context)
        outputs.append(output)
    frames = torch.stack([output.logits for output in outputs if output.logits is not None], dim=1)
    auxiliary = tuple(torch.stack(parts, dim=1) for parts in zip(*(o.auxiliary for o in outputs), strict=True))
    return ClipLogits(final=frames[:, -1], frames=frames, auxiliary=auxiliary)


def check_clip(model: VideoModel, clip_BT3HW: Tensor, flow: Tensor | None) -> None:
    """Checks what a model is given of a clip.

    Raises:
        InputError: for other dimensions than `loop_clip` takes, without a flow that the model needs, or with one that
            it has no use for.
    """
    if clip_BT3HW.ndim != 5 or clip_BT3HW.shape[2] != 3 or not clip_BT3HW.shape[1]:
        raise InputError(f"got a clip of shape {tuple(clip_BT3HW.shape)}; expected [B,T,3,H,W] with T of 1 or more")
    B, T, _, H, W = clip_BT3HW.shape
    if (flow is None) == model.needs_flow and (T > 1 or flow is not None):
        raise InputError(
            f"got {'no flow' if flow is None else 'flow'} for a {type(model).__name__}; expected "
            + ("float [B,T,2,H,W], frame t's to frame t - 1" if model.needs_flow else "None: it has no use for it")
        )
    if flow is not None and flow.shape != (B, T, 2, H, W):
        raise InputError(f"got flow of shape {tuple(flow.shape)}; expected {(B, T, 2, H, W)}")
