"""Training samples from miniature trees: the right frames, the right labels, the same with any number of workers."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from trees import COLOURS, camvid_tree, vspw_tree
from vidseg.data.clip_dataset import ClipDataset, ClipSample
from vidseg.data.clips import ClipConfig
from vidseg.data.layouts import open_dataset
from vidseg.errors import DataError, VidsegWarning
from vidseg.transforms import AugmentationConfig
from vidseg.transforms.pipeline import ClipAugmentation

FORWARD = ClipConfig(reverse_probability=0)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_tree(tmp_path_factory.mktemp("camvid"))


def shift_of(labels_HW: torch.Tensor) -> int:
    """Which frame of `trees.stripes` a label map is, up to whole turns: the pattern moves a pixel a frame."""
    return int((labels_HW[0] == 0).int().diff().argmin())


def test_a_sample_is_the_references_and_the_target(tree: Path) -> None:
    dataset = ClipDataset(open_dataset(tree, "camvid", "train"), FORWARD)
    assert len(dataset) == 2
    sample = dataset[0]
    assert sample.clip.shape == (4, 3, 24, 32)
    assert sample.clip.dtype == torch.float32
    assert sample.labels.dtype == torch.int64
    assert sample.video == "video_a"
    target = int(sample.frame) - 100
    assert target in range(9, 12)
    assert [shift_of(labels) for labels in sample.labels] == [
        shift_of(dataset_labels(tree, target - offset)) for offset in (9, 6, 3, 0)
    ]
    colours = torch.from_numpy(COLOURS).float()[sample.labels].permute(0, 3, 1, 2)
    assert (sample.clip - colours).abs().mean() < 20  # JPEG


def dataset_labels(tree: Path, position: int) -> torch.Tensor:
    dataset = open_dataset(tree, "camvid", "train")
    single = ClipDataset(dataset, ClipConfig(reference_offsets=(), per="frame", reverse_probability=0))
    return single[position].labels[0]


def test_backwards_takes_later_frames(tree: Path) -> None:
    dataset = ClipDataset(open_dataset(tree, "camvid", "train"), ClipConfig(reverse_probability=1))
    targets = {int(dataset[epoch, 0].frame) - 100 for epoch in range(30)}
    assert targets == {0, 1, 2}
    sample = dataset[0]
    assert shift_of(sample.labels[0]) == shift_of(dataset_labels(tree, int(sample.frame) - 100 + 9))


def test_one_sample_a_frame_lists_every_possible_target(tree: Path) -> None:
    dataset = ClipDataset(open_dataset(tree, "camvid", "train"), ClipConfig(per="frame", reverse_probability=0))
    found = [(sample.video, sample.frame) for sample in (dataset[index] for index in range(len(dataset)))]
    assert found == [(video, f"{100 + target:08d}") for video in ("video_a", "video_b") for target in range(9, 12)]


def test_single_frames_of_the_same_clips(tree: Path) -> None:
    opened = open_dataset(tree, "camvid", "train")
    clips = ClipDataset(opened, ClipConfig(seed=5))
    targets = ClipDataset(opened, ClipConfig(seed=5, frames="target"))
    each = ClipDataset(opened, ClipConfig(seed=5, frames="each"))
    assert (len(targets), len(each)) == (2, 8)
    for index in range(2):
        assert torch.equal(targets[index].clip, clips[index].clip[-1:])
        assert targets[index].frame == clips[index].frame
        for part in range(4):
            assert torch.equal(each[4 * index + part].clip, clips[index].clip[part : part + 1])


def collect(dataset: ClipDataset, workers: int, indices: list[tuple[int, int]]) -> list[ClipSample]:
    loader = DataLoader(dataset, batch_size=2, sampler=indices, num_workers=workers)
    return list(loader)


def test_samples_are_the_same_with_any_number_of_workers(tree: Path) -> None:
    augment = ClipAugmentation(AugmentationConfig(crop_size=(16, 16), base_size=(32, 24)), ignore=255)
    dataset = ClipDataset(open_dataset(tree, "camvid", "train"), ClipConfig(), augment)
    indices = [(epoch, index) for epoch in range(2) for index in range(2)]
    alone, helped = collect(dataset, 0, indices), collect(dataset, 2, indices)
    for one, other in zip(alone, helped, strict=True):
        assert isinstance(one, ClipSample)
        assert one.clip.shape == (2, 4, 3, 16, 16)
        assert torch.equal(one.clip, other.clip)
        assert torch.equal(one.labels, other.labels)
        assert one.video == other.video
    assert not torch.equal(alone[0].clip, alone[1].clip)
    dataset.set_epoch(1)
    assert torch.equal(dataset[0].clip, alone[1].clip[0])


def test_frames_without_a_mask_are_all_ignore_and_never_targets(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"train": ("video_a",)})
    for number in (100, 103, 106, 110, 111):
        (root / "data/video_a/mask" / f"{number:08d}.png").unlink()
    dataset = ClipDataset(open_dataset(root, "camvid", "train"), FORWARD)
    for epoch in range(5):
        sample = dataset[epoch, 0]
        assert sample.frame == "00000109"
        assert (sample.labels[:3] == 255).all()
        assert (sample.labels[3] != 255).all()


def test_vspw_masks_are_shifted_by_one_and_void_is_ignored(tmp_path: Path) -> None:
    root = vspw_tree(tmp_path)
    dataset = ClipDataset(open_dataset(root, "vspw", "val"), FORWARD)
    assert dataset.dataset.class_map.num_classes == 124
    assert dataset.dataset.class_map.names[0] == "wall"
    assert dataset[0].labels.unique().tolist() == [0, 1, 2]


def test_short_videos_are_left_out_with_a_warning_and_alone_refused(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"train": ("video_a", "video_b"), "val": ("video_b",)})
    for folder in ("origin", "mask"):
        for path in sorted((root / "data/video_b" / folder).iterdir())[5:]:
            path.unlink()
    with pytest.warns(VidsegWarning, match=r"1 video.*video_b"):
        assert len(ClipDataset(open_dataset(root, "camvid", "train"), FORWARD)) == 1
    with pytest.raises(DataError, match="smaller reference_offsets"):
        ClipDataset(open_dataset(root, "camvid", "val"), FORWARD)


def test_a_broken_sample_is_refused_by_name(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"train": ("video_a",)}, frames=10)
    mask = root / "data/video_a/mask/00000109.png"
    mask.write_bytes(mask.read_bytes()[:60])
    dataset = ClipDataset(open_dataset(root, "camvid", "train"), FORWARD)
    with pytest.raises(DataError, match=r"mask .*00000109\.png, which cannot be read.*doctor"):
        dataset[0]
    with pytest.raises(IndexError):
        dataset[1]
