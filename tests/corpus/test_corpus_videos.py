"""The names of a corpus's videos, by which their outputs are found: never outside, never one within another."""

from pathlib import Path

import pytest

from corpora import write_videos
from stores import emptied_memory, upload
from vidseg.corpus import find_videos
from vidseg.corpus.identity import identity_of
from vidseg.places import place_of


def named(tmp_path: Path, *addresses: str) -> list[str]:
    (tmp_path / "list.txt").write_text("\n".join(addresses))
    return [video.name for video in find_videos([str(tmp_path / "list.txt")])]


@pytest.mark.parametrize(
    ("addresses", "names"),
    [
        (("memory://a/x.mp4", "memory://b/c/x.mp4"), ["a/x", "b/c/x"]),
        (("memory://one/x.mp4",), ["x"]),
        (("memory://one/x.mp4", "memory://one/../../../y.mp4"), ["x", "y"]),
        (("http://127.0.0.1/a/x.mp4?k=1", "http://127.0.0.1/a/../../../../y.mp4"), ["x", "y"]),
        (("http://127.0.0.1/a/..", "http://127.0.0.1/a/b/"), ["video", "b"]),
    ],
)
def test_listed_videos_are_named_by_their_paths_in_the_store(
    tmp_path: Path, addresses: tuple[str, ...], names: list[str]
) -> None:
    with emptied_memory():
        assert named(tmp_path, *addresses) == names


def test_names_are_the_same_on_disk_and_in_a_store(tmp_path: Path) -> None:
    write_videos(tmp_path / "in", 3, frames=1)
    with emptied_memory():
        found = find_videos([upload(tmp_path / "in", "memory://deep/in")])
        assert [video.name for video in found] == ["even/v00", "even/v02", "v01"]
    assert [video.name for video in find_videos([str(tmp_path / "in")])] == ["even/v00", "even/v02", "v01"]


def test_a_new_video_does_not_lie_in_the_outputs_of_a_known_one(tmp_path: Path) -> None:
    for name in ("a/b.mp4", "a/b/c.mp4", "a/b/d/e.mp4"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"")
    found = find_videos([str(tmp_path / "in")], names={str(tmp_path / "in/a/b.mp4"): "a/b"})
    names = {video.place.name: video.name for video in found}
    assert names["b.mp4"] == "a/b"
    for name, below in (("c.mp4", "c"), ("e.mp4", "d/e")):
        folder, _, rest = names[name].removeprefix("a/").partition("/")
        assert (folder[:2], len(folder), rest) == ("b-", 10, below)


def test_an_output_of_equal_sizes_but_other_content_is_another() -> None:
    with emptied_memory():
        place = place_of("memory://out/masks")
        place.child("0.png").write(b"one")
        before = identity_of(place)
        assert identity_of(place) == before
        place.child("0.png").write(b"two")
        assert identity_of(place) != before
