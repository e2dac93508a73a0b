"""Every layout from a miniature tree, and the damage that listing survives or refuses."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from trees import (
    camvid_tree,
    cityscapes_tree,
    folder_tree,
    freedoom_tree,
    kitti_step_tree,
    stripes,
    vspw_tree,
    write_image,
)
from vidseg.data.clip_dataset import ClipDataset
from vidseg.data.clips import ClipConfig
from vidseg.data.layouts import LAYOUTS, open_dataset
from vidseg.data.reading import frames_with_labels, read_frames
from vidseg.data.trees import open_tree
from vidseg.errors import DataError, InputError, VidsegWarning

TREES: dict[str, Callable[[Path], Path]] = {
    "vspw": vspw_tree,
    "camvid": camvid_tree,
    "cityscapes": cityscapes_tree,
    "kitti-step": kitti_step_tree,
    "freedoom": freedoom_tree,
    "folder": folder_tree,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_and_labels_belong_together_in_every_layout(layout: str, tmp_path: Path) -> None:
    dataset = open_dataset(TREES[layout](tmp_path), layout, "train")
    assert dataset.layout == layout
    video = dataset.videos[0]
    seen = 0
    for frame, labels in frames_with_labels(video, dataset.spec):
        assert frame.name == video.frames[frame.index].name
        if labels is None:
            continue
        seen += 1
        image, classes = stripes(frame.index)
        if layout == "cityscapes":
            assert labels.shape == classes.shape
        assert np.array_equal(labels, classes)
        assert np.abs(frame.image.astype(int) - image).mean() < 20
    assert seen == (1 if layout == "cityscapes" else 12)
    numbers = [frame.number for frame in video.frames]
    assert numbers == sorted(numbers)
    sample = ClipDataset(dataset, ClipConfig())[0]
    assert sample.clip.shape == (4, 3, 24, 32)
    assert (sample.labels[-1] != 255).all()


def test_splits_are_found(tmp_path: Path) -> None:
    for layout, build in TREES.items():
        expected = ("all",) if layout == "folder" else ("train", "val")
        assert LAYOUTS[layout].splits(open_tree(build(tmp_path / layout))) == expected


def test_unknown_layouts_and_roots_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got layout 'coco'; expected one of vspw, cityscapes"):
        open_dataset(tmp_path, "coco", "train")
    with pytest.raises(DataError, match="got no folder"):
        open_dataset(tmp_path / "nowhere", "vspw", "train")
    for layout in LAYOUTS:
        with pytest.raises(DataError, match="expected"):
            open_dataset(tmp_path, layout, "train")


def test_a_missing_list_names_the_lists_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"test\.txt.*lists there: train\.txt, val\.txt"):
        open_dataset(vspw_tree(tmp_path), "vspw", "test")


def test_lists_may_have_odd_line_ends(tmp_path: Path) -> None:
    root = vspw_tree(tmp_path)
    (root / "train.txt").write_bytes(b"\xef\xbb\xbfvideo_b\r\n\r\n video_a \r\nvideo_b")
    dataset = open_dataset(root, "vspw", "train")
    assert [video.name for video in dataset.videos] == ["video_b", "video_a"]
    assert [damage.what for damage in dataset.damage] == ["lists video_b more than once; it counts once"]


def test_a_list_of_something_else_is_refused(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path)
    (root / "train.txt").write_bytes(b"video_a\nvideo\0b\n")
    with pytest.raises(DataError, match=r"no readable list .*train\.txt"):
        open_dataset(root, "camvid", "train")


def test_a_vspw_root_with_classes_is_of_our_own_layout(tmp_path: Path) -> None:
    dataset = open_dataset(camvid_tree(tmp_path, fps=5), "vspw", "train")
    assert dataset.class_map.names == ("red", "green", "blue")
    assert dataset.videos[0].rate == 5


def test_empty_files_are_left_out_with_a_warning_and_dot_files_without(tmp_path: Path) -> None:
    root = vspw_tree(tmp_path)
    folder = root / "data/video_a"
    (folder / "origin/00000103.jpg").write_bytes(b"")
    (folder / "mask/00000105.png").write_bytes(b"")
    (folder / "origin/.00000100.jpg").write_bytes(b"x")
    (folder / "mask/._00000100.png").write_bytes(b"x")
    (folder / "origin/Thumbs.db").write_bytes(b"x")
    with pytest.warns(VidsegWarning, match=r"damaged file.*is empty.*doctor"):
        dataset = open_dataset(root, "vspw", "train")
    video = dataset.videos[0]
    assert len(video.frames) == 11
    assert "00000103" not in {frame.name for frame in video.frames}
    assert [frame.name for frame in video.frames if frame.label is None] == ["00000105"]


def test_listed_videos_without_images_are_left_out_with_a_warning(tmp_path: Path) -> None:
    root = vspw_tree(tmp_path)
    (root / "train.txt").write_text("video_a\nghost\n")
    with pytest.warns(VidsegWarning, match="ghost has no images in origin/, but train.txt lists it"):
        assert len(open_dataset(root, "vspw", "train").videos) == 1
    (root / "val.txt").write_text("ghost")
    with pytest.raises(DataError, match=r"no video in split 'val'.*ghost"):
        open_dataset(root, "vspw", "val")


def test_a_split_without_any_mask_is_no_damage(tmp_path: Path) -> None:
    root = vspw_tree(tmp_path)
    for path in (root / "data/video_c/mask").iterdir():
        path.unlink()
    dataset = open_dataset(root, "vspw", "val")
    assert not dataset.damage
    assert not list(dataset.labelled_frames())
    with pytest.raises(DataError, match="no clip"):
        ClipDataset(dataset, ClipConfig())


def test_cityscapes_maps_label_ids_like_train_ids(tmp_path: Path) -> None:
    by_train_id, by_label_id = (
        open_dataset(cityscapes_tree(tmp_path / str(kind), train_ids=kind), "cityscapes", "val")
        for kind in (True, False)
    )
    for one, other in zip(by_train_id.videos, by_label_id.videos, strict=True):
        labels, twins = (
            [labels for _, labels in frames_with_labels(video, dataset.spec) if labels is not None]
            for video, dataset in ((one, by_train_id), (other, by_label_id))
        )
        assert np.array_equal(labels, twins)


def test_cityscapes_references_go_by_frame_number_and_an_absent_one_is_named(tmp_path: Path) -> None:
    root = cityscapes_tree(tmp_path / "with {braces}")
    dataset = open_dataset(root, "cityscapes", "train")
    assert [video.name for video in dataset.videos] == [
        "aachen/aachen_000000_000019",
        "aachen/aachen_000001_000019",
    ]
    missing = root / "leftImg8bit_sequence/train/aachen/aachen_000001_000010_leftImg8bit.png"
    missing.unlink()
    with pytest.raises(DataError) as caught:
        ClipDataset(open_dataset(root, "cityscapes", "train"), ClipConfig())
    assert str(missing) in str(caught.value)
    # By place in the list, or without references, the same data set can be used.
    ClipDataset(open_dataset(root, "cityscapes", "train"), ClipConfig(unit="list"))
    ClipDataset(open_dataset(root, "cityscapes", "train"), ClipConfig(reference_offsets=()))


def test_cityscapes_without_sequences_serves_single_frames(tmp_path: Path) -> None:
    root = cityscapes_tree(tmp_path)
    (root / "leftImg8bit_sequence").rename(tmp_path / "elsewhere")
    dataset = open_dataset(root, "cityscapes", "val")
    assert ClipDataset(dataset, ClipConfig(reference_offsets=()))[0].clip.shape == (1, 3, 24, 32)
    with pytest.raises(DataError, match=r"leftImg8bit_sequence.*ulm_000000_000010"):
        ClipDataset(dataset, ClipConfig())


def test_folder_frames_are_in_natural_order_and_lists_select(tmp_path: Path) -> None:
    root = folder_tree(tmp_path)
    dataset = open_dataset(root, "folder", "val")
    assert [video.name for video in dataset.videos] == ["one", "two"]
    assert [frame.name for frame in dataset.videos[0].frames][9:] == ["frame_9", "frame_10", "frame_11"]
    (root / "val.txt").write_text("two\nthree")
    with pytest.warns(VidsegWarning, match=r"three is no video, but val\.txt lists it"):
        assert [video.name for video in open_dataset(root, "folder", "val").videos] == ["two"]


def test_a_folder_of_images_alone_is_one_video(tmp_path: Path) -> None:
    root = folder_tree(tmp_path / "mine", videos=())
    for index in range(3):
        image, labels = stripes(index)
        write_image(root / "images" / f"{index}.png", image)
        write_image(root / "masks" / f"{index}.png", labels)
    (video,) = open_dataset(root, "folder", "val").videos
    assert video.name == "mine"
    assert all(frame.label for frame in video.frames)


@pytest.fixture
def video_file(tmp_path: Path) -> Path:
    """A root with one video file of 40 frames and masks for three of them."""
    root = folder_tree(tmp_path / "filmed", videos=())
    with av.open(str(root / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=32, height=24, pix_fmt="yuv420p")
        stream.gop_size = 8
        stream.bit_rate = 2_000_000
        for index in range(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stripes(index)[0])))
        container.mux(stream.encode())
    for index in (12, 25, 39):
        write_image(root / "masks" / f"{index:06d}.png", stripes(index)[1])
    return root


def test_a_video_file_with_sparse_masks(video_file: Path) -> None:
    dataset = open_dataset(video_file, "folder", "val")
    (video,) = dataset.videos
    assert (video.name, video.rate, len(video.frames)) == ("film", 10, 40)
    frames = list(frames_with_labels(video, dataset.spec))
    assert [frame.index for frame, labels in frames if labels is not None] == [12, 25, 39]
    for wanted in ((3, 6, 9, 12), (39, 16), (0,)):
        for position, image in zip(wanted, read_frames(video, wanted), strict=True):
            assert np.array_equal(image, frames[position][0].image)
    clips = ClipDataset(dataset, ClipConfig(per="frame", reverse_probability=0))
    assert [clips[index].frame for index in range(len(clips))] == ["00000012", "00000025", "00000039"]


def test_masks_that_name_no_frame_of_a_video_file_are_damage(video_file: Path) -> None:
    (video_file / "masks/000012.png").rename(video_file / "masks/000040.png")
    (video_file / "masks/000025.png").rename(video_file / "masks/last.png")
    with pytest.warns(VidsegWarning, match=r"2 damaged.*names none of the 40 frames"):
        dataset = open_dataset(video_file, "folder", "val")
    assert len(list(dataset.labelled_frames())) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no readable class list"),
        ('{"names": []}', "without classes"),
        ('{"classes": ["a"], "fps": -1}', "fps -1"),
        ('{"classes": ["a"], "fps": Infinity}', "no readable class list"),
        ('{"classes": ["a"], "fps": 2147483648}', "fps 2147483648"),
        ('{"classes": ["a"], "fps": true}', "fps True"),
        ('{"classes": ["a", "b", "a"]}', "class 'a' more than once"),
        ('{"classes": ["a"], "palette": [[1, 2]]}', "class map that cannot be read"),
    ],
)
def test_class_lists_that_say_something_else_are_refused(tmp_path: Path, text: str, message: str) -> None:
    root = camvid_tree(tmp_path)
    (root / "classes.json").write_text(text)
    with pytest.raises(DataError, match=message):
        open_dataset(root, "camvid", "train")


@pytest.mark.parametrize(("name", "train", "val"), [("camvid", 367, 62), ("davis16", None, None)])
def test_the_development_data_is_read(development_data: Path, name: str, train: int, val: int) -> None:
    for split, count in (("train", train), ("val", val)):
        dataset = open_dataset(development_data / name, "camvid", split)
        assert count is None or sum(len(video.frames) for video in dataset.videos) == count
        sample = ClipDataset(dataset, ClipConfig())[0]
        assert sample.labels[sample.labels != 255].max() < dataset.class_map.num_classes
