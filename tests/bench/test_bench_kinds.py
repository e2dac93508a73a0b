"""The benchmark on models that it knows nothing of but their contract."""

import pytest
import torch

import tiny
import toys
from vidseg.bench.complexity import complexity
from vidseg.bench.contenders import Setup, assemble
from vidseg.bench.methods import without_context
from vidseg.bench.stages import StageClock
from vidseg.bench.subject import subject
from vidseg.errors import InputError
from vidseg.models import ARCHITECTURES, Architecture, Cycle

SIZE = (64, 96)


def test_multiply_adds_of_a_cycle_are_the_mean_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "toy", Architecture(config=toys.ToyConfig, build=toys.KeyFrames))
    counted = complexity(toys.ToyConfig(), SIZE)
    key, between = (sum(counted.steps[name].values()) for name in ("key", "between"))
    assert key > 10 * between
    assert isinstance(toys.KeyFrames.schedule, Cycle)
    assert sum(counted.accelerated.values()) == pytest.approx((key + 2 * between) / 3, abs=3)
    assert counted.attention is None
    assert set(counted.to_dict()["steps"]) == {"key", "between"}


def test_an_adaptive_model_must_be_ready_for_its_larger_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "toy", Architecture(config=toys.ToyConfig, build=toys.AdaptiveKeyFrames))
    counted = complexity(toys.ToyConfig(), SIZE)
    totals = {name: sum(parts.values()) for name, parts in counted.steps.items()}
    assert sum(counted.accelerated.values()) == totals["probe"] + max(totals["key"], totals["between"])


@pytest.mark.parametrize("kind", ["tcb ppm", "netwarp psp"])
def test_pyramids_are_counted_without_data(kind: str) -> None:
    counted = complexity(toys.KINDS[kind]().config, SIZE)
    assert sum(counted.accelerated.values()) > 0


KIND_NAMES = [
    "tcb ppm",
    "tcb recent",
    "mrcfa",
    "key frames",
    "flow",
    "netwarp psp",
    "dff",
    "clockwork",
    "lmanet",
    "stt",
    "dvsnet",
]


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_stages_and_contenders(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "toy", Architecture(config=toys.ToyConfig, build=toys.KINDS[kind]))
    setup = Setup(model=subject(toys.toy(kind), SIZE, 7), size=SIZE, threads=1)
    clock = StageClock(setup)
    frames = [frame.image for frame in tiny.video(6, *SIZE)]
    for image in frames:
        assert clock.step(image).shape[1] == 7
    assert {"resize", "encoder", "labels"} <= set(clock.timings())
    field = assemble(setup, ("naive", "ours_torch", "segformer_torch", "hf_torch"))
    assert {contender.name for contender in field.entered} >= {"naive", "ours_torch"}
    # These have a model of single frames inside.
    assert ("segformer_torch" in field.absent) == (kind not in ("mrcfa", "lmanet", "stt"))
    naive, ours = (next(c for c in field.entered if c.name == name) for name in ("naive", "ours_torch"))
    for image in frames:
        expected, got = naive.run(image), ours.run(image)
    # The naive way replicates missing references, so only the last frame has all of its own.
    assert (expected == got).mean() > 0.99
    assert expected.max() < 5


def test_a_model_that_may_repeat_a_step_must_be_ready_for_all_repetitions() -> None:
    model = toys.toy("dvsnet")
    counted = complexity(model.config, SIZE)
    decide, renew, settle = (sum(counted.steps[name].values()) for name in ("decide", "renew", "settle"))
    assert sum(counted.accelerated.values()) == decide + 4 * renew + settle
    # The first frame takes all four regions, whose overlap is left out before the classifier.
    assert counted.steps["key"]["encoder"] == 4 * counted.steps["renew"]["encoder"]
    assert sum(counted.steps["key"].values()) < 4 * renew


def test_a_model_that_fuses_scores_keeps_its_number_of_classes() -> None:
    with pytest.raises(InputError, match=r"correction\.weight sees every class; expected its own 5"):
        subject(toys.toy("accel"), SIZE, 7)
    with pytest.raises(InputError, match=r"unit\.past\.weight sees every class; expected its own 5"):
        subject(toys.toy("grfp"), SIZE, 7)
    assert subject(toys.toy("accel"), SIZE).num_classes == 5


def test_a_model_without_a_per_frame_model_inside_says_so() -> None:
    with pytest.raises(InputError, match="expected a model with a per-frame model inside"):
        without_context(toys.toy("recurrent"))
    segformer = tiny.segformer()
    assert without_context(segformer) is segformer
    assert torch.equal(without_context(tiny.cffm()).classifier.weight, tiny.cffm().classifier.weight)
