"""One geometry per clip, the class-balanced crop, exact padding, and no randomness but the generator's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidseg.errors import InputError
from vidseg.transforms import AugmentationConfig
from vidseg.transforms.config import MEAN_COLOUR
from vidseg.transforms.geometric import draw_size, draw_window
from vidseg.transforms.pipeline import ClipAugmentation

IGNORE = 255
UNCHANGED = AugmentationConfig(
    crop_size=(24, 40), base_size=(40, 24), scale_range=(1, 1), flip_probability=0, photometric="off"
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quarters(frames: int = 3, height: int = 24, width: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """A clip whose red channel is 50 times its label, so that the two can be compared after any geometry."""
    rows = torch.arange(height)[:, None] >= height // 2
    columns = torch.arange(width)[None] >= width // 2
    labels = (2 * rows + columns).to(torch.uint8).expand(frames, -1, -1).clone()
    clip = torch.zeros(frames, 3, height, width, dtype=torch.uint8)
    clip[:, 0] = labels * 50
    return clip, labels


def test_nothing_drawn_changes_nothing_but_the_dtypes() -> None:
    clip, labels = quarters()
    out, out_labels = ClipAugmentation(UNCHANGED, ignore=IGNORE)(clip, labels, seeded())
    assert out.dtype == torch.float32
    assert out_labels.dtype == torch.int64
    assert torch.equal(out, clip.float())
    assert torch.equal(out_labels, labels.long())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_frames_and_labels_share_one_geometry(seed: int) -> None:
    config = AugmentationConfig(crop_size=(20, 20), base_size=(40, 24), photometric="off")
    out, labels = ClipAugmentation(config, ignore=IGNORE)(*quarters(), seeded(seed))
    assert out.shape == (3, 3, 20, 20)
    assert torch.equal(out, out[:1].expand_as(out))
    assert torch.equal(labels, labels[:1].expand_as(labels))
    # Bilinear colours and nearest labels agree but next to the borders between classes.
    inside = labels[0] != IGNORE
    agree = (out[0, 0] - 50 * labels[0]).abs() < 1
    assert agree[inside].float().mean() > 0.6


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_padding_is_the_mean_colour_and_ignore_exactly(seed: int) -> None:
    config = AugmentationConfig(crop_size=(64, 96), base_size=(40, 24))
    out, labels = ClipAugmentation(config, ignore=IGNORE)(*quarters(), seeded(seed))
    assert out.shape == (3, 3, 64, 96)
    assert (out[:, :, -1, -1] == torch.tensor(MEAN_COLOUR)).all()
    assert (out.amin() >= 0) & (out.amax() <= 255)
    padded = labels == IGNORE
    assert padded[:, -1, -1].all()
    assert (out.permute(0, 2, 3, 1)[padded] == torch.tensor(MEAN_COLOUR)).all()


def test_the_same_seed_gives_the_same_sample_and_leaves_the_global_state_alone() -> None:
    augment = ClipAugmentation(AugmentationConfig(crop_size=(20, 20), base_size=(40, 24)), ignore=IGNORE)
    before = torch.get_rng_state()
    first, second, other = (augment(*quarters(), seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize(("photometric", "same"), [("frame", False), ("clip", True)])
def test_photometric_distortion_is_drawn_per_frame_or_per_clip(photometric: str, same: bool) -> None:
    config = AugmentationConfig(crop_size=(24, 40), base_size=(40, 24), photometric=photometric)
    out, _ = ClipAugmentation(config, ignore=IGNORE)(*quarters(), seeded(3))
    assert torch.equal(out, out[:1].expand_as(out)) == same


def test_scale_is_the_largest_size_within_both_bounds() -> None:
    config = AugmentationConfig(scale_range=(1, 1))
    assert draw_size(1080, 1920, config, seeded()) == (480, 853)
    assert draw_size(480, 480, config, seeded()) == (480, 480)
    assert draw_size(1920, 1080, config, seeded()) == (853, 480)


def test_crop_is_redrawn_until_the_target_is_balanced() -> None:
    target = torch.zeros(10, 200, dtype=torch.uint8)
    target[:, 190:] = 1  # only the last ten columns bring a second class
    config = AugmentationConfig(crop_size=(10, 20), crop_redraws=500)
    for seed in range(5):
        _, left, height, width = draw_window(target, config, IGNORE, seeded(seed))
        share = float((target[:, left : left + 20] == 1).float().mean())
        assert (height, width) == (10, 20)
        assert 0.25 <= share <= 0.5


def test_the_last_draw_stands_where_no_crop_is_balanced() -> None:
    target = torch.full((30, 30), 4, dtype=torch.uint8)
    config = AugmentationConfig(crop_size=(10, 10), crop_redraws=10)
    generator, twin = seeded(5), seeded(5)
    top, left, _, _ = draw_window(target, config, IGNORE, generator)
    draws = [int(torch.randint(0, 21, (), generator=twin)) for _ in range(2 * 11)]
    assert [top, left] == draws[-2:]
    assert torch.equal(generator.get_state(), twin.get_state())


def test_more_than_255_classes_survive_the_resize() -> None:
    clip, labels = quarters()
    labels = labels.to(torch.int32) + 1000
    _, out = ClipAugmentation(AugmentationConfig(crop_size=(20, 20), base_size=(40, 24)), ignore=65535)(
        clip, labels, seeded()
    )
    assert set(out.unique().tolist()) <= {1000, 1001, 1002, 1003, 65535}


def test_wrong_input_and_settings_are_refused() -> None:
    clip, labels = quarters()
    augment = ClipAugmentation(UNCHANGED, ignore=IGNORE)
    with pytest.raises(InputError, match="expected T3HW uint8"):
        augment(clip.float(), labels, seeded())
    with pytest.raises(InputError, match="one label map of the same size"):
        augment(clip, labels[:2], seeded())
    for field, value in [
        ("crop_size", (0, 3)),
        ("base_size", (3, 5)),
        ("scale_range", (2, 1)),
        ("max_class_share", 0),
        ("crop_redraws", -1),
        ("flip_probability", 2),
        ("photometric", "always"),
        ("pad_colour", (0, 0, 256)),
    ]:
        with pytest.raises(InputError, match=field):
            AugmentationConfig(**{field: value})
