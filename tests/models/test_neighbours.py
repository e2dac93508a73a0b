"""LMANet and STT against twins that walk over pixels one by one, and what their memories and selections mean."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny
import toys
from vidseg.errors import InputError
from vidseg.models import STT, LMANet, LMANetConfig, PerFrame, PerFrameConfig, STTConfig
from vidseg.models.heads import AllMLPConfig, OCRConfig, PSPConfig, auxiliary_fcn
from vidseg.models.neighbours.regions import Region, attend_to_regions, select_changed
from vidseg.models.neighbours.softmax import attend
from vidseg.models.neighbours.tiles import NeighbourhoodAttention
from vidseg.models.stateful_model import loop_clip

SIZE = (64, 96)
SIZES: dict[str, Any] = {"encoder": tiny.ENCODER, "num_classes": 5}


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def clip(frames: int, height: int = 64, width: int = 96) -> Tensor:
    return torch.rand(1, frames, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255


def fresh(kind: str) -> LMANet | STT:
    """With the weights that it starts with."""
    torch.manual_seed(0)
    model = toys.KINDS[kind]().eval()
    assert isinstance(model, LMANet | STT)
    return model


def image_model(model: LMANet | STT) -> PerFrame:
    """The one inside, with its weights."""
    names = [field.name for field in fields(PerFrameConfig)]
    plain = PerFrame(PerFrameConfig(**{name: getattr(model.config, name) for name in names})).eval()
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if key in plain.state_dict()})
    return plain


def slow_neighbourhood(query: Tensor, keys: Tensor, values: Tensor, radius: int) -> Tensor:
    """[V,h,w] of a query [C,h,w], keys [M,C,h,w] and values [M,V,h,w], pixel by pixel."""
    h, w = query.shape[1:]
    read = torch.empty(values.shape[1], h, w)
    for y in range(h):
        for x in range(w):
            scores, seen = [], []
            for key, value in zip(keys, values, strict=True):
                for v in range(y - radius, y + radius + 1):
                    for u in range(x - radius, x + radius + 1):
                        inside = 0 <= v < h and 0 <= u < w
                        scores.append(query[:, y, x] @ key[:, v, u] if inside else torch.tensor(0.0))
                        seen.append(value[:, v, u] if inside else torch.zeros(len(value)))
            read[:, y, x] = torch.stack(scores).softmax(dim=0) @ torch.stack(seen)
    return read


@pytest.mark.parametrize(("window", "size"), [(3, (4, 5)), (5, (4, 7)), (7, (7, 5)), (9, (2, 3))])
def test_tiles_are_their_slow_twin(window: int, size: tuple[int, int]) -> None:
    """Maps of whole tiles and not, smaller than a tile, and memories that are not full."""
    query, keys, values = randn(3, 4, *size), randn(3, 3, 4, *size, seed=1), randn(3, 3, 6, *size, seed=2)
    filled = (3, 1, 2)
    for clip_index, count in enumerate(filled):
        keys[clip_index, : 3 - count] = values[clip_index, : 3 - count] = 0
    read = NeighbourhoodAttention(window)(query, keys, values, torch.tensor(filled).float().unsqueeze(1))
    for index, count in enumerate(filled):
        slow = slow_neighbourhood(query[index], keys[index, -count:], values[index, -count:], window // 2)
        torch.testing.assert_close(read[index], slow, rtol=0, atol=1e-5)


def test_softmax_in_parts_is_softmax_and_so_is_its_gradient() -> None:
    # Large scores come last: what was there before must fade to nothing and not overflow.
    scores = (randn(2, 4, 9) * torch.linspace(1, 60, 9)).requires_grad_()
    values = randn(2, 9, 3, seed=1).requires_grad_()
    whole = scores.softmax(dim=-1) @ values
    attended = None
    for part in (slice(0, 2), slice(2, 3), slice(3, 9)):
        attended = attend(attended, scores[..., part], values[:, part])
    assert attended is not None
    torch.testing.assert_close(attended.mean(), whole)
    weight = randn(2, 4, 3, seed=2)
    expected = torch.autograd.grad((whole * weight).sum(), (scores, values))
    torch.testing.assert_close(torch.autograd.grad((attended.mean() * weight).sum(), (scores, values)), expected)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 96), (65, 99)])
@pytest.mark.parametrize("kind", ["lmanet", "lmanet ocr"])
def test_an_empty_memory_is_the_image_model_to_the_bit(kind: str, size: tuple[int, int]) -> None:
    model, images = toys.toy(kind), clip(1, *size)
    assert isinstance(model, LMANet)
    assert torch.equal(model(images).final, image_model(model)(images).final)
    assert not torch.equal(model(clip(2, *size)).final, image_model(model)(clip(2, *size)).final)


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["lmanet", "lmanet ocr", "stt"])
def test_at_first_it_is_the_image_model(kind: str) -> None:
    """Its weights are a start that predicts as they do."""
    model, images = fresh(kind), clip(3)
    expected = image_model(model)(images).final
    torch.testing.assert_close(model(images).final, expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_the_memory_holds_the_last_frames() -> None:
    model, images = toys.toy("lmanet"), clip(6)
    changed = images.clone()
    changed[:, 1] = 255 - changed[:, 1]
    differs = [bool((model(changed).frames - model(images).frames)[0, t].abs().max() > 1e-6) for t in range(6)]
    assert differs == [False, True, True, True, False, False]
    assert model.blank_state(2, (65, 97))["keys"].shape == (2, 2, 4, 3, 4)


@torch.inference_mode()
def test_a_frame_written_out_as_the_figure_has_it() -> None:
    model, images = toys.toy("lmanet"), clip(3)
    assert isinstance(model, LMANet)
    stages = [model.encoder(model.normalization(images[:, t])) for t in range(3)]
    keys, values = ([part(stage[-1])[0] for stage in stages] for part in (model.key, model.value))
    read = slow_neighbourhood(keys[2], torch.stack(keys[:2]), torch.stack(values[:2]), 1)
    gate = torch.sigmoid(model.fusion.gate(torch.cat([values[2], read])[None]))
    fused = stages[2][-1] + model.fusion.projection(gate * read)
    expected = model.classifier(model.head((*stages[2][:-1], fused)))
    torch.testing.assert_close(model(images).final, expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_whole_clip_is_its_frames_one_by_one_with_their_auxiliary_logits() -> None:
    model, images = toys.toy("lmanet ocr"), clip(4).repeat(2, 1, 1, 1, 1)
    images[1] = 255 - images[1]
    # In training its auxiliary logits are made; its parts do not draw, nor does BatchNorm look at the batch.
    model.training = True
    whole, looped = model(images), loop_clip(model, images)
    torch.testing.assert_close(whole.frames, looped.frames, rtol=0, atol=1e-5)
    assert len(whole.auxiliary) == 1
    torch.testing.assert_close(whole.auxiliary, looped.auxiliary, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["lmanet", "lmanet ocr", "stt"])
def test_training_reaches_every_parameter(kind: str) -> None:
    model = toys.toy(kind).train()
    logits = model(clip(3).repeat(2, 1, 1, 1, 1))
    sum(part.square().mean() for part in (logits.final, logits.frames, *logits.auxiliary)).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def slow_selection(change: list[float], share: float) -> list[int]:
    """Sorting keeps the order of equals."""
    order = sorted(range(len(change)), key=lambda place: -change[place])
    return sorted(order[: max(1, int(len(change) * share))])


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_what_changed_most_is_selected_and_ties_go_in_raster_order(share: float, levels: int) -> None:
    change = torch.randint(levels, (3, 37), generator=torch.Generator().manual_seed(levels)).float()
    expected = [slow_selection(row, share) for row in change.tolist()]
    assert select_changed(change, share).tolist() == expected


def slow_regions(query: Tensor, place: int, regions: list[Region], heads: int) -> Tensor:
    """[C] of a query [C] of the first clip, key by key."""
    parts = []
    for part in range(heads):
        d = len(query) // heads
        own = slice(part * d, (part + 1) * d)
        scores, seen = [], []
        for key, value, radius in regions:
            h, w = key.shape[1:3]
            y, x = divmod(place, w)
            for v in range(y - radius, y + radius + 1):
                for u in range(x - radius, x + radius + 1):
                    v_inside, u_inside = min(max(v, 0), h - 1), min(max(u, 0), w - 1)
                    scores.append(query[own] @ key[0, v_inside, u_inside, own] / d**0.5)
                    seen.append(value[0, v_inside, u_inside, own])
        parts.append(torch.stack(scores).softmax(dim=0) @ torch.stack(seen))
    return torch.cat(parts)


@pytest.mark.parametrize("size", [(4, 5), (2, 3)])
def test_regions_are_their_slow_twin(size: tuple[int, int]) -> None:
    regions = [
        Region(randn(2, *size, 6, seed=seed), randn(2, *size, 6, seed=seed + 10), radius)
        for seed, radius in ((1, 3), (2, 1))
    ]
    places = torch.tensor([[0, 2, 5], [1, 3, 4]])
    query = randn(2, 3, 6)
    seen = attend_to_regions(query, places, regions, 2)
    for clip_index in range(2):
        own = [Region(key[clip_index, None], value[clip_index, None], radius) for key, value, radius in regions]
        for index, place in enumerate(places[clip_index].tolist()):
            expected = slow_regions(query[clip_index, index], place, own, 2)
            torch.testing.assert_close(seen[clip_index, index], expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_half_of_the_positions_look_back_and_the_others_keep_what_they_have() -> None:
    model, images = toys.toy("stt"), clip(3)
    assert isinstance(model, STT)
    features = [model.encode(images[:, t]) for t in range(3)]
    logits = model(images)
    before, after = logits.frames[0, 2].flatten(1), logits.final[0].flatten(1)
    change = (features[2].key - features[1].key).abs().mean(dim=-1).flatten()
    expected = slow_selection(change.tolist(), 0.5)
    touched = (after - before).abs().amax(dim=0) > 1e-5
    assert touched.nonzero().flatten().tolist() == expected
    assert len(expected) == len(change) // 2


@torch.inference_mode()
def test_regions_grow_with_the_distance_of_the_frame() -> None:
    """One pixel of a reference's values changed: so far away it is seen, one a frame back."""
    model = toys.KINDS["stt"]()
    assert isinstance(model, STT)
    layer, seen = model.layer, []
    torch.nn.init.eye_(layer.projection.weight)
    feature, key = randn(1, 8, 9, 9), torch.arange(81.0).view(1, 9, 9, 1).expand(1, 9, 9, 8)
    layer.share = 1.0
    for frame in (0, 1):
        values = [torch.zeros(1, 9, 9, 8) for _ in range(2)]
        values[frame][0, 4, 4] = 1
        radii = [model.config.reach * offset for offset in model.config.offsets]
        regions = [Region(torch.zeros_like(key), value, radius) for value, radius in zip(values, radii, strict=True)]
        rows = (layer(feature, key, regions) - feature)[0].abs().amax(dim=0).amax(dim=1) > 1e-6
        seen.append(rows.nonzero().flatten().tolist())
    assert seen == [[2, 3, 4, 5, 6], [3, 4, 5]]


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["lmanet", "stt"])
@pytest.mark.parametrize("size", [(65, 97), (75, 130), (33, 61)])
def test_sides_need_not_be_multiples(kind: str, size: tuple[int, int]) -> None:
    model, images = toys.toy(kind), clip(3, *size)
    logits = model(images)
    assert logits.final.isfinite().all()
    assert logits.final.shape == model(clip(1, *size)).final.shape
    if isinstance(model, STT):
        blank = model.blank_context(1, size)
        assert [part.shape for part in model.context(model.encode(images[:, 0]))] == [part.shape for part in blank]
    else:
        blank = model.blank_state(1, size)
        pushed = model.push(model.encode(images[:, 0]), blank)
        assert {name: part.shape for name, part in pushed.items()} == {n: part.shape for n, part in blank.items()}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LMANetConfig(head=PSPConfig(), window=20, **SIZES), "got window=20; expected an odd number of pixels"),
        (lambda: LMANetConfig(head=PSPConfig(), window=1, **SIZES), "got window=1; expected an odd number of pixels"),
        (lambda: LMANetConfig(head=PSPConfig(), memory_size=0, **SIZES), "got memory_size=0, key_channels=64"),
        (lambda: LMANetConfig(head=OCRConfig(), **SIZES), "got an OCR head without an auxiliary head"),
        (lambda: STTConfig(head=OCRConfig(), **SIZES), "got an OCR head without an auxiliary head"),
        (lambda: STTConfig(head=PSPConfig(), offsets=(1, 2), **SIZES), r"got offsets \[1, 2\]; expected one or more"),
        (lambda: STTConfig(head=PSPConfig(), share=0.0, **SIZES), "got share=0.0"),
        (lambda: STTConfig(head=PSPConfig(), reach=0, **SIZES), "got reach=0; expected 1 or more"),
        (lambda: STTConfig(head=AllMLPConfig(channels=9), heads=2, **SIZES), "got heads=2; expected a divisor of the"),
    ],
)
def test_wrong_configurations_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


@torch.inference_mode()
def test_what_they_do_not_take_is_refused() -> None:
    model, images = toys.toy("lmanet"), clip(2)
    with pytest.raises(InputError, match="got flow for a LMANet; expected None"):
        model(images, flow=torch.zeros(1, 2, 2, *SIZE))
    with pytest.raises(InputError, match="expected None: this model has no use for one"):
        model(images, prior=torch.zeros(1, 8))
    with pytest.raises(InputError, match=r"expected \[B,T,3,H,W\] with T of 1 or more"):
        model(images[0])
    other = toys.toy("stt")
    assert isinstance(other, STT)
    features = other.encode(images[:, 0])
    with pytest.raises(InputError, match="got 1 references; expected none or 2"):
        other.decode(features, [other.context(features)])


def test_an_auxiliary_head_learns_besides_an_stt() -> None:
    model = STT(STTConfig(head=PSPConfig(channels=8), auxiliary=auxiliary_fcn(8), **SIZES))
    (auxiliary,) = model(clip(4).repeat(2, 1, 1, 1, 1)).auxiliary
    assert auxiliary.shape == (2, 4, 5, 4, 6)
