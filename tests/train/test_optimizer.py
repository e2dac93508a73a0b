import pytest
import torch
from tiny_training import tiny_config
from torch import nn

import image_models
from vidseg.errors import InputError
from vidseg.models import build_model
from vidseg.train.optimizer import (
    OptimizerConfig,
    ScheduleConfig,
    build_optimizer,
    learning_rate_factor,
    set_learning_rate,
)


def test_the_rate_falls_linearly_and_warm_up_multiplies_it():
    schedule = ScheduleConfig(iterations=160_000, warmup=1500, warmup_start=1e-6)
    assert learning_rate_factor(schedule, 0) == pytest.approx(1e-6)
    half_way = 1 - 0.5 * (1 - 1e-6)
    assert learning_rate_factor(schedule, 750) == pytest.approx((1 - 750 / 160_000) * half_way)
    assert learning_rate_factor(schedule, 1500) == pytest.approx(1 - 1500 / 160_000)
    assert learning_rate_factor(schedule, 159_999) == pytest.approx(1 / 160_000)


def test_it_is_torchs_product_of_a_linear_and_a_polynomial_schedule():
    schedule = ScheduleConfig(iterations=50, warmup=10, warmup_start=0.1, power=0.9)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.ChainedScheduler(
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=10),
            torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=50, power=0.9),
        ]
    )
    for iteration in range(50):
        assert learning_rate_factor(schedule, iteration) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        oracle.step()


@pytest.mark.parametrize("kind", ["cffm", "segformer"])
def test_only_the_encoders_norms_are_spared_decay_and_all_else_but_the_encoder_learns_faster(kind, tmp_path):
    model = build_model(tiny_config(tmp_path, tmp_path, kind=kind).model)
    optimizer = build_optimizer(model, OptimizerConfig(learning_rate=1e-3, head_factor=10, weight_decay=0.02))
    found = {
        id(parameter): (group["base_lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(found) == sum(len(group["params"]) for group in optimizer.param_groups)
    for name, parameter in model.named_parameters():
        if not name.startswith("encoder."):
            expected = (1e-2, 0.02)
        elif "norm" in name:
            expected = (1e-3, 0.0)
        else:
            expected = (1e-3, 0.02)
        assert found[id(parameter)] == pytest.approx(expected), name
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([5e-4, 5e-4, 5e-3])


def test_sgd_may_leave_vectors_undecayed_and_norms_of_any_kind_in_an_encoder_are():
    model = image_models.built(image_models.PSPNET_R18)
    for decay_vectors in (True, False):
        config = OptimizerConfig(
            kind="sgd", learning_rate=1e-3, weight_decay=0.02, momentum=0.8, decay_vectors=decay_vectors
        )
        optimizer = build_optimizer(model, config)
        assert isinstance(optimizer, torch.optim.SGD)
        found = {
            id(parameter): (group["base_lr"], group["weight_decay"], group["momentum"])
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        for name, parameter in model.named_parameters():
            inside, vector = name.startswith("encoder."), parameter.ndim == 1
            # The only vectors of a ResNet are its norms'.
            decayed = not vector or not (inside or not decay_vectors)
            assert found[id(parameter)] == (1e-3 if inside else 1e-2, 0.02 if decayed else 0.0, 0.8), name


def test_senseless_values_are_refused():
    with pytest.raises(InputError, match="positive rates"):
        OptimizerConfig(learning_rate=0)
    with pytest.raises(InputError, match="iterations=0"):
        ScheduleConfig(iterations=0)
