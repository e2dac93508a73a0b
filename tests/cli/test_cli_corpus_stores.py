"""``vidseg corpus`` from and to stores: the same as on disk, and what goes wrong is a line."""

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from corpora import contents, write_videos
from stores import emptied_memory, local_s3

pa = pytest.importorskip("pyarrow")
dataset = pytest.importorskip("pyarrow.dataset")
parquet = pytest.importorskip("pyarrow.parquet")

WORDS = ("--write", "masks,mp4")


@pytest.fixture
def memory() -> Iterator[Any]:
    with emptied_memory():
        yield fsspec.filesystem("memory")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with local_s3(monkeypatch):
        yield fsspec.filesystem("s3")


def check(corpus: Callable[..., Any], store: Any, root: str, tmp_path: Path) -> None:
    """A user's evening: some videos, one of them broken; once more; a mask is gone; all is mended."""
    videos = write_videos(tmp_path / "in", 2)
    corpus(*WORDS)
    for video in videos:
        store.pipe_file(f"{root}/videos/{video.relative_to(tmp_path / 'in').as_posix()}", video.read_bytes())
    store.pipe_file(f"{root}/videos/bad.mp4", b"no video")
    again = partial(corpus, *WORDS, inputs=(f"{root}/videos",), out=f"{root}/labels")
    code, summary, err = again()
    assert (code, summary["done"], summary["failed"]) == (1, 2, 1)
    assert "/videos/bad.mp4: got " in err
    made = contents(tmp_path / "out")
    expected = {name: content for name, content in made.items() if name.startswith(("masks", "mp4"))}
    for name, content in expected.items():
        assert store.cat_file(f"{root}/labels/{name}") == content
    assert len(store.find(f"{root}/labels/masks")) == 2 * 4  # nothing of the copies is left
    code, summary, _ = again()
    assert (code, summary["skipped"], summary["failed"]) == (1, 2, 1)
    store.rm(f"{root}/labels/masks/v01/00000000.png")
    store.pipe_file(f"{root}/videos/bad.mp4", videos[0].read_bytes())
    code, summary, err = again()
    assert (code, summary["skipped"], summary["done"]) == (0, 1, 2)
    assert "masks/v01 is not as it was written" in err
    assert store.cat_file(f"{root}/labels/masks/v01/00000000.png") == expected["masks/v01/00000000.png"]


def test_memory(corpus, memory: Any, tmp_path: Path) -> None:
    check(corpus, memory, "memory://bucket", tmp_path)


def test_an_s3_compatible_server(corpus, s3: Any, tmp_path: Path) -> None:
    check(corpus, s3, "s3://bucket", tmp_path)
    table = dataset.dataset("bucket/labels/frames", filesystem=s3, partitioning="hive").to_table()
    assert (table.num_rows, set(table["folder"].to_pylist())) == (12, {"even", "-"})
    # A list in one store of videos in it and on disk.
    addresses = ["s3://bucket/videos/v01.mp4", str(tmp_path / "in/even/v00.mp4")]
    parquet.write_table(pa.table({"uri": addresses}), tmp_path / "list.parquet")
    s3.put_file(str(tmp_path / "list.parquet"), "bucket/list.parquet")
    code, summary, _ = corpus(inputs=("s3://bucket/list.parquet",), out="s3://bucket/labels")
    assert (code, summary["skipped"], summary["done"]) == (0, 1, 1)


def test_what_a_store_refuses_is_one_line(corpus, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_videos(tmp_path / "in", 1)
    assert "got input s3://bucket/gone, which does not exist" in corpus(inputs=("s3://bucket/gone",))[2]
    code, summary, err = corpus(out="s3://absent/labels")
    assert (code, summary["left"], summary["frames"]) == (2, 1, 0)  # told before any work
    assert re.search(
        r"^vidseg: error: s3://absent/labels/_manifest/\S+: The specified bucket does not exist$", err, re.M
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3.clear_instance_cache()
    code, _, err = corpus(inputs=("s3://bucket/videos",))
    assert (code, err.count("\n")) == (2, 1), err
    assert "error: s3://bucket/videos: EndpointConnectionError: Could not connect to the endpoint URL" in err


def test_addresses_of_the_web(corpus, tmp_path: Path) -> None:
    """Videos are told apart by their paths; what follows a question mark may be a secret, and is nowhere."""
    pytest.importorskip("aiohttp")
    write_videos(tmp_path / "in", 2)
    handler = partial(_Silent, directory=str(tmp_path / "in"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        lines = [f"{root}/even/v00.mp4?token=abc", f"{root}/v01.mp4?token=abc", f"{root}/gone.mp4"]
        (tmp_path / "list.txt").write_text("\n".join(lines))
        code, summary, err = corpus(inputs=(tmp_path / "list.txt",))
        assert (code, summary["done"], summary["failed"]) == (1, 2, 1)
        assert sorted(path.name for path in (tmp_path / "out/masks").rglob("v*")) == ["v00", "v01"]
        (tmp_path / "list.txt").write_text(f"{root}/v?id=1\n{root}/v?id=2")
        code, _, err = corpus(inputs=(tmp_path / "list.txt",))
        assert code == 2
        assert f"got {root}/v?*** twice" in err
        server.shutdown()
    assert b"abc" not in b"".join(contents(tmp_path / "out").values())


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass
