"""DVSNet: regions, which of them are segmented anew, and what the decision net learns from."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import tiny
import toys
from vidseg.errors import InputError
from vidseg.flow import resize_flow, warp
from vidseg.models import DVSNet, DVSNetConfig, FrameInputs, FrameOutputs, PerFrame, PerFrameConfig
from vidseg.models.advance import advance, own_steps
from vidseg.models.heads import OCRConfig, PSPConfig
from vidseg.models.key_frames.regions import NUM_REGIONS, join, own_regions, split

SIZE = (64, 96)
SIZES = pytest.mark.parametrize("size", [(64, 96), (65, 99), (37, 130), (9, 8)])


def clip(frames: int, height: int = 64, width: int = 96, batch: int = 1) -> Tensor:
    return torch.rand(batch, frames, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255


def flow_of(images: Tensor, scale: float = 4) -> Tensor:
    B, T, _, H, W = images.shape
    return scale * torch.randn(B, T, 2, H, W, generator=torch.Generator().manual_seed(1))


def at(threshold: float) -> DVSNet:
    """The toy with another target."""
    toy = toys.toy("dvsnet")
    model = DVSNet(replace(toy.config, threshold=threshold)).eval()
    model.load_state_dict(toy.state_dict())
    return model


@SIZES
def test_regions_put_together_are_the_map(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size)
    regions = split(image)
    assert regions.shape[1] == NUM_REGIONS
    assert torch.equal(join(regions, size), image)
    # Of four different maps each gives a quarter.
    maps = torch.rand(2, NUM_REGIONS, 3, *size)
    joined = join(own_regions(maps), size)
    y, x = (side // 2 for side in size)
    quarters = ((slice(y), slice(x)), (slice(y), slice(x, None)), (slice(y, None), slice(x)), (slice(y, None),) * 2)
    for region, (rows, columns) in enumerate(quarters):
        if region == NUM_REGIONS - 1:
            columns = slice(x, None)
        assert torch.equal(joined[..., rows, columns], maps[:, region, :, rows, columns])


@SIZES
@pytest.mark.parametrize("unit", [4, 8])
def test_cells_of_a_frames_regions_are_the_regions_of_its_cells(size: tuple[int, int], unit: int) -> None:
    rows, columns = (torch.arange(side) // unit for side in size)
    cells_HW = rows[:, None] * 1000 + columns
    cells_hw = cells_HW[::unit, ::unit]
    frame, small = (split(cells[None, None].float(), step) for cells, step in ((cells_HW, unit), (cells_hw, 1)))
    assert torch.equal(frame[..., ::unit, ::unit], small)


def counted(model: DVSNet, images: Tensor, flow: Tensor) -> tuple[Tensor, list[list[str]], list[int]]:
    """Logits [B,T,K,h,w], the steps of each frame, and how many regions the encoder saw in it."""
    own, state, logits = own_steps(model), model.blank_state(len(images), SIZE), []
    steps: list[list[str]] = []
    seen: list[int] = []
    hook = model.encoder.register_forward_pre_hook(lambda _, given: seen.append(seen.pop() + len(given[0])))

    def run(name: str, inputs: FrameInputs) -> FrameOutputs:
        steps[-1].append(name)
        return own(name, inputs)

    for t in range(images.shape[1]):
        steps.append([])
        seen.append(0)
        outputs, state = advance(model, run, FrameInputs(images[:, t], flow[:, t], (), state), t)
        logits.append(outputs.logits)
    hook.remove()
    return torch.stack(logits, dim=1), steps, seen


@torch.inference_mode()
def test_at_a_target_of_100_every_region_is_segmented_by_itself() -> None:
    model, images = at(100), clip(3)
    plain = PerFrame(PerFrameConfig(encoder=tiny.ENCODER, head=model.config.head, num_classes=5)).eval()
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if key in plain.state_dict()})
    logits, steps, seen = counted(model, images, flow_of(images))
    assert seen == [4, 4, 4]
    assert steps[1] == ["decide", *["renew"] * 4, "settle"]
    for t in range(3):
        # 16 x 24 cells of 4 pixels: regions of 10 x 15.
        frame = images[:, t]
        regions = [
            frame[..., rows, columns]
            for rows in (slice(40), slice(24, None))
            for columns in (slice(60), slice(36, None))
        ]
        upper_left, upper_right, lower_left, lower_right = (plain(region[:, None]).final for region in regions)
        upper = torch.cat([upper_left[..., :8, :12], upper_right[..., :8, 3:]], dim=3)
        lower = torch.cat([lower_left[..., 2:, :12], lower_right[..., 2:, 3:]], dim=3)
        torch.testing.assert_close(logits[:, t], torch.cat([upper, lower], dim=2), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_at_a_target_of_0_the_first_frame_follows_the_flow() -> None:
    model, images = at(0), clip(4)
    flow = flow_of(images)
    logits, steps, seen = counted(model, images, flow)
    assert seen == [4, 0, 0, 0]
    assert steps == [["key"], *[["decide", "settle"]] * 3]
    way = torch.zeros(1, 2, 16, 24)
    for t in range(1, 4):
        small = resize_flow(flow[:, t], (16, 24))
        way = small + warp(way, small)
        torch.testing.assert_close(logits[:, t], warp(logits[:, 0], way), rtol=0, atol=1e-4)


def expected_change(model: DVSNet, frame: Tensor, flow: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Of every stream's regions, per cent."""
    reads = model.steps()["decide"].reads
    given = FrameInputs(frame, flow, (), {name: state[name] for name in reads})
    return own_steps(model)("decide", given).state["due"]


def at_the_middle(images: Tensor, flow: Tensor, t: int) -> DVSNet:
    """The toy with a target between what it expects of frame t's regions after a first key frame."""
    model = at(0)
    _, state = advance(
        model, own_steps(model), FrameInputs(images[:, 0], state=model.blank_state(len(images), SIZE)), 0
    )
    due = expected_change(model, images[:, t], flow[:, t], state)
    return at(100 - float(due.max() + due.min()) / 2)


@torch.inference_mode()
def test_regions_are_renewed_one_by_one_as_decided() -> None:
    """Half of the frame changes; each region has the scores of its last renewal, the others stay as they were."""
    images = clip(5) * 0.2
    images[:, 2:, :, :, :40] += 150
    flow = torch.zeros(1, 5, 2, *SIZE)
    model = at_the_middle(images, flow, 2)
    logits, steps, seen = counted(model, images, flow)
    whole = torch.stack([at(100)(images[:, t : t + 1]).final for t in range(5)], dim=1)
    own, state, key, renewed = own_steps(model), model.blank_state(1, SIZE), [0] * NUM_REGIONS, 0
    for t in range(5):
        if t:
            due = expected_change(model, images[:, t], flow[:, t], state)[0] > model.tolerated
            assert seen[t] == steps[t].count("renew") == int(due.sum())
            key = [t if anew else last for anew, last in zip(due.tolist(), key, strict=True)]
            renewed += int(due.sum())
        _, state = advance(model, own, FrameInputs(images[:, t], flow[:, t], (), state), t)
        expected = join(own_regions(torch.stack([whole[:, last] for last in key], dim=1)), (16, 24))
        torch.testing.assert_close(logits[:, t], expected, rtol=0, atol=1e-5)
    assert 0 < renewed < 4 * NUM_REGIONS


@torch.inference_mode()
def test_streams_that_go_in_step_do_not_renew_each_others_regions() -> None:
    images = clip(4, batch=2) * 0.2
    images[0, 2:] += 150
    flow = flow_of(images)
    model = at_the_middle(images, flow, 2)
    together, _, _ = counted(model, images, flow)
    renewals = []
    for index in range(2):
        alone, _, own = counted(model, images[index : index + 1], flow[index : index + 1])
        torch.testing.assert_close(together[index], alone[0], rtol=0, atol=1e-5)
        renewals.append(sum(own) - NUM_REGIONS)
    assert max(renewals) > 0
    assert renewals[0] != renewals[1]


def test_in_training_every_frame_is_segmented_and_the_decision_net_learns_what_warped_labels_change() -> None:
    model, images = toys.toy("dvsnet"), clip(3, batch=2)
    flow = flow_of(images)
    model.train()
    model.dropout.eval()
    logits = model(images, flow=flow)
    assert logits.decisions is not None
    expected, true = logits.decisions
    assert expected.shape == true.shape == (2, 2 * NUM_REGIONS)
    labels = logits.frames.argmax(dim=2)  # without dropout
    for b in range(2):
        way = torch.zeros(1, 2, 16, 24)
        for t in (1, 2):
            small = resize_flow(flow[b : b + 1, t], (16, 24))
            way = small + warp(way, small)
            changed = warp(logits.frames[b : b + 1, 0], way).argmax(dim=1)[0] != labels[b, t]
            for region, (rows, columns) in enumerate(
                [(r, c) for r in (slice(10), slice(6, None)) for c in (slice(15), slice(9, None))]
            ):
                share = changed[rows, columns].float().mean()
                torch.testing.assert_close(true[b, (t - 1) * NUM_REGIONS + region], share)
    # The decision's error does not reach the network whose labels it is about.
    torch.nn.functional.mse_loss(expected, true).backward()
    learning = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learning == {"decision_net"}
    model(images, flow=flow).final.square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_nothing_changes_in_a_still_picture_and_one_frame_decides_nothing() -> None:
    model = toys.toy("dvsnet").train()
    model.encoder.eval()  # it drops paths
    images = clip(1, batch=2).expand(-1, 3, -1, -1, -1)
    decisions = model(images, flow=torch.zeros(2, 3, 2, *SIZE)).decisions
    assert decisions is not None
    assert decisions.true.abs().max() == 0
    assert model(clip(1)).decisions is None


def test_the_decision_net_can_tell_what_changed() -> None:
    torch.manual_seed(0)
    model, images = toys.toy("dvsnet").train(), clip(2, batch=4)
    images[2:, 1] = images[2:, 0]  # still, and still the same
    flow = torch.zeros(4, 2, 2, *SIZE)
    for part in (model.encoder, model.head, model.classifier, model.dropout):
        part.eval().requires_grad_(False)
    optimizer = torch.optim.Adam(model.decision_net.parameters(), lr=0.05)
    for _ in range(20):
        decisions = model(images, flow=flow).decisions
        assert decisions is not None
        loss = torch.nn.functional.mse_loss(*decisions)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert decisions.expected[:2].min() > decisions.expected[2:].max()


def test_unsuitable_clips_and_configurations_are_refused() -> None:
    sizes = {"encoder": tiny.ENCODER, "num_classes": 5}
    with pytest.raises(InputError, match="got an OCR head"):
        DVSNetConfig(head=OCRConfig(), **sizes)
    with pytest.raises(InputError, match="per cent of labels that agree"):
        DVSNetConfig(head=PSPConfig(), threshold=101, **sizes)
    model = toys.toy("dvsnet").train()
    with pytest.raises(InputError, match="got no flow for a DVSNet"):
        model(clip(2))
    with pytest.raises(InputError, match="no use for one"):
        model(clip(1), prior=torch.zeros(1, 8))
