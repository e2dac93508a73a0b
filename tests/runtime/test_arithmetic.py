"""What "fp32" and the others mean: settings that are put back, and weights that are rounded once without a trace."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import tiny
import toys
from vidseg.acceleration import accelerate
from vidseg.models import FrameInputs, VideoModel
from vidseg.runtime import RUNTIMES, EagerRuntime
from vidseg.runtime.arithmetic import Arithmetic, computing_in, lower_weights

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def tensor_float() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(("arithmetic", "allowed"), [("fp32", False), ("tf32", True)])
def test_tensor_float_is_as_asked_for_and_then_as_it_was(arithmetic: Arithmetic, allowed: bool) -> None:
    before = tensor_float()
    with computing_in(arithmetic, CUDA):
        assert tensor_float() == (allowed, allowed)
    assert tensor_float() == before
    with pytest.raises(RuntimeError, match="stop"), computing_in(arithmetic, CUDA):
        raise RuntimeError("stop")
    assert tensor_float() == before
    with computing_in(arithmetic, CPU):
        assert tensor_float() == before


def test_threads_take_turns_so_that_none_computes_in_anothers_setting() -> None:
    before, inside = tensor_float(), threading.Event()

    def other() -> tuple[bool, bool]:
        inside.set()
        with computing_in("fp32", CUDA):
            return tensor_float()

    with ThreadPoolExecutor(1) as pool:
        with computing_in("tf32", CUDA):
            future = pool.submit(other)
            assert inside.wait(10)
            with pytest.raises(TimeoutError):
                future.result(0.1)
            assert tensor_float() == (True, True)
        assert future.result(10) == (False, False)
    assert tensor_float() == before


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="this torch has one way to set it")
def test_a_setting_of_the_newer_way_is_as_asked_for_and_then_as_it_was() -> None:
    products, convolutions, recurrent = (
        torch.backends.cuda.matmul,
        torch.backends.cudnn.conv,
        torch.backends.cudnn.rnn,
    )
    legacy = tensor_float()
    try:
        products.fp32_precision = convolutions.fp32_precision = "tf32"
        recurrent.fp32_precision = "ieee"
        for arithmetic, precision in (("fp32", "ieee"), ("tf32", "tf32")):
            with computing_in(arithmetic, CUDA):
                assert products.fp32_precision == convolutions.fp32_precision == precision
            assert products.fp32_precision == convolutions.fp32_precision == "tf32"
            assert recurrent.fp32_precision == "ieee"
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = legacy
    assert tensor_float() == legacy


def test_exact_inside_reduced_is_exact() -> None:
    layer, x = torch.nn.Linear(64, 8), torch.rand(4, 64)
    with computing_in("bf16", CPU):
        assert layer(x).dtype == torch.bfloat16
        with computing_in("fp32", CPU):
            torch.testing.assert_close(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
            assert layer(x).dtype == torch.float32


@pytest.mark.parametrize("make", [tiny.cffm, tiny.segformer, lambda: toys.toy("mrcfa")])
def test_weights_rounded_once_give_the_same_to_the_bit(make) -> None:
    model: VideoModel = accelerate(make())
    frame = FrameInputs(torch.rand(1, 3, 64, 96) * 255)
    expected = EagerRuntime(model, CPU, arithmetic="bf16").run("start", frame)
    lower_weights(model, "bf16")
    assert any(parameter.dtype == torch.bfloat16 for parameter in model.parameters())
    got = EagerRuntime(model, CPU, arithmetic="bf16").run("start", frame)
    for one, other in zip((got.logits, *got.context), (expected.logits, *expected.context), strict=True):
        assert torch.equal(one, other)


def test_float32_weights_stay() -> None:
    model = accelerate(tiny.segformer())
    for arithmetic in ("fp32", "tf32"):
        lower_weights(model, arithmetic)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_every_one_of_torchs_runtimes_says_what_it_computes_in() -> None:
    for name, kind in RUNTIMES.items():
        if name.startswith(("torch", "cuda-graphs", "compiled-graphs")):
            assert name.endswith(kind.arithmetic) or kind.arithmetic == "fp32"
            assert ("cpu" in kind.device_types) == (
                name in ("torch", "torch-bf16", "torch-compile", "torch-compile-bf16")
            )
