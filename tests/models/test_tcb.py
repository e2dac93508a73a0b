"""TCB: what blending means, what is remembered, and which sizes are refused."""

import pytest
import torch

import tiny
import toys
from vidseg.errors import InputError
from vidseg.models import TCB, TCBConfig
from vidseg.models.heads import OCRConfig, PSPConfig


def clip(frames: int) -> torch.Tensor:
    return torch.rand(1, frames, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 255


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["tcb ppm", "tcb ocr"])
def test_references_like_the_target_change_nothing(kind: str) -> None:
    model, frame = toys.toy(kind), clip(1)
    logits = model(frame.expand(-1, 3, -1, -1, -1))
    torch.testing.assert_close(logits.final, logits.frames[:, 0], rtol=0, atol=1e-5)
    assert logits.final.shape == (1, 5, 2, 3)
    (auxiliary,) = logits.auxiliary
    assert auxiliary.shape == (1, 3, 5, 4, 6)


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["tcb ppm", "tcb ocr"])
def test_the_mean_does_not_know_the_order_of_references(kind: str) -> None:
    model, images = toys.toy(kind), clip(3)
    swapped = images[:, [1, 0, 2]]
    torch.testing.assert_close(model(images).final, model(swapped).final, rtol=0, atol=1e-5)
    assert (model(images).final - model(images).frames[:, -1]).abs().max() > 1e-4


@torch.inference_mode()
def test_the_recent_memory_forgets_and_the_released_one_does_not() -> None:
    images = clip(7)
    changed = images.clone()
    changed[:, 2] = 255 - changed[:, 2]
    recent, released = toys.toy("tcb recent"), toys.toy("tcb released")
    differs = [(recent(changed).frames - recent(images).frames)[0, t].abs().max() > 1e-5 for t in range(7)]
    assert differs == [False, False, True, True, True, False, False]
    # Frame 2 is the first with references: it stores its own regions and theirs, for good.
    differs = [(released(changed).frames - released(images).frames)[0, t].abs().max() > 1e-6 for t in range(7)]
    assert differs == [False, False, *[True] * 5]


@torch.inference_mode()
def test_the_released_memory_is_empty_for_a_clip_of_its_references() -> None:
    released, plain = toys.toy("tcb released"), toys.toy("tcb ocr")
    plain.load_state_dict(released.state_dict())
    images = clip(3)
    assert torch.equal(released(images).final, plain(images).final)


def test_unsuitable_configurations_are_refused() -> None:
    sizes = {"encoder": tiny.ENCODER, "num_classes": 5}
    with pytest.raises(InputError, match="expected an ocr head"):
        TCBConfig(head=PSPConfig(), memory="recent", **sizes)
    with pytest.raises(InputError, match=r"got offsets \[3, 6\]"):
        TCBConfig(head=PSPConfig(), offsets=(3, 6), **sizes)
    with pytest.raises(InputError, match="expected none, recent or released"):
        TCBConfig(head=OCRConfig(), memory="all", **sizes)  # type: ignore[arg-type]
    assert TCB(TCBConfig(head=OCRConfig(), memory="recent", **sizes)).reference_offsets == ()
