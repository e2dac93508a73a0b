"""Stores to test with: one in memory, and an S3 of this machine."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest


def upload(root: Path, address: str) -> str:
    """Copies a folder into a store."""
    fs, path = fsspec.core.url_to_fs(address)
    for file in sorted(root.rglob("*")):
        if file.is_file():
            fs.pipe_file(f"{path}/{file.relative_to(root).as_posix()}", file.read_bytes())
    return address


@contextmanager
def emptied_memory() -> Iterator[None]:
    """The store in memory, empty before and after."""
    store = fsspec.filesystem("memory")

    def clear() -> None:
        store.store.clear()
        store.pseudo_dirs[:] = [""]

    clear()
    yield
    clear()


@contextmanager
def local_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3 on 127.0.0.1 with a bucket named "bucket", which the environment names as users would."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # What servers of this process keep outlives them.
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    values = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    try:
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("bucket")
        yield
    finally:
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        server.stop()
