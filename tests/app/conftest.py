"""A server under test, in this process, that must leave nothing behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from app_pages import ADDRESS, Server
from starlette.testclient import TestClient

import tiny
from vidseg.app.config import AppConfig
from vidseg.app.engines import Engines
from vidseg.app.routes import App
from vidseg.checkpoints import save_checkpoint
from vidseg.types import Frame
from vidseg.video import OverlayWriter, VideoInfo

ServerMaker = Callable[..., Server]


@pytest.fixture
def serve(tiny_model: Path, tmp_path: Path) -> Iterator[ServerMaker]:
    """Starts a server with limits as given; it ends with the test, and must leave no file and no thread."""
    folder = tmp_path / "server"
    folder.mkdir()
    with ExitStack() as stack:

        def start(engines: type[Engines] = Engines, **limits: Any) -> Server:
            config = AppConfig(models=(str(tiny_model),), **limits)
            app = App(config, engines(config.models, "cpu"), folder)
            manager: AbstractContextManager[TestClient] = TestClient(app.asgi(), base_url=ADDRESS)
            return Server(stack.enter_context(manager), folder)

        yield start
    assert list(folder.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidseg")]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of an untrained, tiny CFFM."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.cffm()
    save_checkpoint(folder, model, class_map=model.class_map, preprocessing=model.preprocessing)
    return folder


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes frames of `tiny.video` as an mp4."""

    def make(frames: int = 12, *, seed: int = 0, fps: int = 15) -> Path:
        path = tmp_path / f"walk{frames}-{seed}-{fps}.mp4"
        info = VideoInfo(name="walk", width=56, height=40, fps=Fraction(fps), time_base=Fraction(1, fps))
        base = tiny.video(min(frames, 12), seed=seed)
        with OverlayWriter(path, info) as writer:
            for index in range(frames):
                image = base[index % len(base)].image
                writer.write(image, Frame(image=image, index=index, time=index / fps, duration=1 / fps))
        return path

    return make
