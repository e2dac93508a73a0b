"""The cache of decoded frames: the same clips with and without it, never above its limit, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import stores
import trees
from vidseg.data import CacheConfig, ClipConfig, ClipDataset, FrameCache, open_dataset
from vidseg.data import clip_reading as reading
from vidseg.data.packing import pack
from vidseg.errors import DataError, InputError, VidsegWarning

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the cache needs POSIX locks")

KB = 1000


def on_disk(folder: Path) -> int:
    """The space that the files of a folder take, as the disk counts it or as their length does, whichever is more."""
    found = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(max(stat.st_size, 512 * stat.st_blocks) for stat in found)


def image(seed: int, side: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "array",
    [image(0), np.zeros((3, 5), np.uint8), np.full((2, 2), 65535, np.uint16)],
    ids=["image", "labels", "labels of 16 bits"],
)
def test_what_comes_out_is_what_went_in(array: np.ndarray, tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 100 * KB)
    assert cache.get("a") is None
    cache.put("a", array)
    found = FrameCache(tmp_path, 100 * KB).get("a")  # as another process sees it
    assert found is not None
    assert found.dtype == array.dtype
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 60 * KB),
    uses=st.lists(st.tuples(st.booleans(), st.integers(0, 11), st.integers(1, 90)), max_size=40),
)
def test_it_never_grows_above_its_limit(
    limit: int, uses: list[tuple[bool, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache = FrameCache(folder, limit)
    least = on_disk(folder)  # the file of the count itself
    for write, key, side in uses:
        if write:
            cache.put(str(key), image(key, side))
        elif (found := cache.get(str(key))) is not None:
            np.testing.assert_array_equal(found, image(key, len(found)))
        assert on_disk(folder) <= max(limit, least)


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 50 * KB)
    for key in range(5):  # 8 KiB each
        cache.put(str(key), image(key))
        os.utime(cache._path(str(key)), (key, key))
    assert cache.get("0") is not None
    cache.put("5", image(5))
    assert [key for key in "012345" if cache.get(key) is not None] == ["0", "3", "4", "5"]


def test_a_lower_limit_holds_from_the_next_write_on(tmp_path: Path) -> None:
    for key in range(20):
        FrameCache(tmp_path, 500 * KB).put(str(key), image(key))
    FrameCache(tmp_path, 50 * KB).put("new", image(20))
    assert on_disk(tmp_path) <= 50 * KB
    assert FrameCache(tmp_path, 50 * KB).get("new") is not None


@pytest.mark.parametrize("damage", [b"", b"abc", b"0123" + b"\x93NUMPY garbage"])
def test_a_damaged_entry_is_none_and_can_be_stored_again(damage: bytes, tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 100 * KB)
    cache.put("a", image(0))
    cache._path("a").write_bytes(damage)
    assert cache.get("a") is None
    cache.put("a", image(0))
    np.testing.assert_array_equal(cache.get("a"), image(0))


def test_a_lost_count_is_counted_anew(tmp_path: Path) -> None:
    for key in range(5):
        FrameCache(tmp_path, 500 * KB).put(str(key), image(key))
    (tmp_path / "lock").write_bytes(b"")
    FrameCache(tmp_path, 30 * KB).put("new", image(20))
    assert on_disk(tmp_path) <= 30 * KB


def test_a_folder_that_cannot_be_one_is_refused_and_a_full_disk_costs_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"choose another --data\.cache"):
        FrameCache(tmp_path / "file", 100 * KB)
    with pytest.raises(InputError, match="more than 0"):
        CacheConfig(folder="x", limit_gb=0)
    cache = FrameCache(tmp_path / "cache", 100 * KB)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(VidsegWarning, match="No space left"):
        cache.put("a", image(0))
    assert cache.get("a") is None


WRITER = """
import sys
import numpy as np
from vidseg.data.frame_cache import FrameCache

cache = FrameCache(sys.argv[1], int(sys.argv[2]))
rng = np.random.default_rng(int(sys.argv[3]))
while True:
    seed = int(rng.integers(0, 30))
    found = cache.get(str(seed))
    expected = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert found is None or (found == expected).all()
    cache.put(str(seed), expected)
"""


@pytest.mark.slow
def test_processes_share_it_and_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    folder, limit = tmp_path / "cache", 100 * KB
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def start(seed: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(limit), str(seed)], env=environment)

    rng = np.random.default_rng(0)
    workers = [start(seed) for seed in range(2)]
    try:
        while not list(folder.glob("??/*.frame")):
            time.sleep(0.05)
        for kill in range(4):
            until = time.monotonic() + float(rng.uniform(0.2, 1.0))
            while time.monotonic() < until:
                # Files come and go between the listing and the look at each; what is seen of them is below the limit.
                sizes = []
                for path in folder.rglob("*"):
                    try:
                        sizes.append(path.stat().st_size if path.is_file() else 0)
                    except FileNotFoundError:
                        continue
                assert sum(sizes) <= limit
            victim = workers.pop(0)
            assert victim.poll() is None  # it has found nothing that it had not stored
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            workers.append(start(10 + kill))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert on_disk(folder) <= limit
    FrameCache(folder, limit).put("after", image(99))  # nobody holds the lock any more
    np.testing.assert_array_equal(FrameCache(folder, limit).get("after"), image(99))


@pytest.fixture
def memory() -> Iterator[None]:
    with stores.emptied_memory():
        yield


def folder_of_videos(root: Path) -> Path:
    """The same labels for a folder of images and for a video file."""
    from fractions import Fraction

    from vidseg.types import Frame
    from vidseg.video import OverlayWriter, VideoInfo

    (root / "images" / "frames").mkdir(parents=True)
    info = VideoInfo(name="film.mp4", width=48, height=32, fps=Fraction(10), time_base=Fraction(1, 10))
    rng = np.random.default_rng(0)
    with OverlayWriter(root / "images" / "film.mp4", info) as writer:
        for index in range(12):
            pixels = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
            writer.write(pixels, Frame(image=pixels, index=index, time=index / 10, duration=0.1))
            Image.fromarray(pixels).save(root / "images" / "frames" / f"{index:08d}.jpg")
            for name in ("frames", "film"):
                (root / "masks" / name).mkdir(parents=True, exist_ok=True)
                mask = rng.integers(0, 3, (32, 48), dtype=np.uint8)
                Image.fromarray(mask).save(root / "masks" / name / f"{index:08d}.png")
    (root / "train.txt").write_text("frames\nfilm\n")
    (root / "classes.json").write_text('{"classes": ["a", "b", "c"], "fps": 10}')
    return root


def samples(root: Path | str, cache: FrameCache | None) -> list[object]:
    dataset = open_dataset(root, "folder", "train")
    clips = ClipDataset(dataset, ClipConfig(reference_offsets=(3, 1), per="frame"), cache=cache)
    return [clips[epoch, number] for epoch in range(2) for number in range(len(clips))]


@pytest.mark.parametrize("place", ["folder", "store", "shards"])
def test_clips_are_the_same_with_and_without_it(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    root: Path | str = folder_of_videos(tmp_path / "data")
    expected = samples(root, None)
    if place == "store":
        request.getfixturevalue("memory")
        root = stores.upload(Path(root), "memory://data")
    elif place == "shards":
        pack(root, "folder", tmp_path / "shards")
        root = tmp_path / "shards"
    assert {sample.video for sample in expected} == {"frames", "film"}

    def equal(found: list[object]) -> bool:
        pairs = zip(found, expected, strict=True)
        return all((a.clip == b.clip).all() and (a.labels == b.labels).all() and a[2:] == b[2:] for a, b in pairs)

    cache = FrameCache(tmp_path / "cache", 10**7)
    assert equal(samples(root, cache))
    small = FrameCache(tmp_path / "small", 60 * KB)  # in which little stays
    assert equal(samples(root, small))

    def undecoded(*_: object) -> None:
        raise AssertionError("it was decoded again")

    monkeypatch.setattr(reading, "read_frames", undecoded)
    monkeypatch.setattr(reading, "read_labels", undecoded)
    assert equal(samples(root, cache))


def test_a_changed_object_of_a_store_is_decoded_anew(tmp_path: Path, memory: None) -> None:
    root = folder_of_videos(tmp_path / "data")
    (root / "train.txt").write_text("frames\n")
    address = stores.upload(root, "memory://data")
    cache = FrameCache(tmp_path / "cache", 10**7)
    before = samples(address, cache)
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(root / "images" / "frames" / "00000004.jpg")
    stores.upload(root, address)
    after = samples(address, cache)
    assert any(not bool((a.clip == b.clip).all()) for a, b in zip(before, after, strict=True))
    assert all((a.clip == b.clip).all() for a, b in zip(samples(address, None), after, strict=True))


def test_a_changed_file_is_decoded_anew_and_a_missing_one_is_said(tmp_path: Path) -> None:
    root = folder_of_videos(tmp_path / "data")
    (root / "train.txt").write_text("frames\n")
    cache = FrameCache(tmp_path / "cache", 10**7)
    before = samples(root, cache)
    path = root / "images" / "frames" / "00000004.jpg"
    stamp = path.stat().st_mtime_ns
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(path)
    os.utime(path, ns=(stamp + 10**9, stamp + 10**9))
    changed = [not bool((a.clip == b.clip).all()) for a, b in zip(before, samples(root, cache), strict=True)]
    assert any(changed)
    assert all((a.clip == b.clip).all() for a, b in zip(samples(root, None), samples(root, cache), strict=True))
    dataset = open_dataset(root, "folder", "train")
    path.unlink()
    clips = ClipDataset(dataset, ClipConfig(reference_offsets=(1,), per="frame"), cache=cache)
    with pytest.raises(DataError, match=r"00000004\.jpg"):
        [clips[0, number] for number in range(len(clips))]


def test_labels_of_other_classes_and_other_sizes_are_not_mixed_up(tmp_path: Path) -> None:
    root = trees.camvid_tree(tmp_path / "data")
    cache = FrameCache(tmp_path / "cache", 10**7)
    dataset = open_dataset(root, "camvid", "train")
    reader = reading.ClipReader(spec=dataset.spec, cache=cache)
    video, record = next(iter(dataset.labelled_frames()))
    size = reader.images(video, [0])[0].shape[:2]
    for _ in range(2):
        assert reader.labels(video, record, size) is not None
        with pytest.raises(DataError, match="expected equal sizes"):
            reader.labels(video, record, (size[0] + 1, size[1]))


def test_an_entry_that_cannot_be_read_is_none_with_a_warning(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 10**6)
    cache.put("a", np.zeros(3))
    (entry,) = tmp_path.glob("??/*.frame")
    entry.unlink()
    entry.mkdir()
    with pytest.warns(VidsegWarning, match="got an error reading from the cache"):
        assert cache.get("a") is None


@pytest.mark.parametrize("limit", [0.0, float("inf"), float("nan")])
def test_a_limit_is_a_number_above_0(limit: float) -> None:
    with pytest.raises(InputError, match="expected a folder and more than 0"):
        CacheConfig(folder="cache", limit_gb=limit)
