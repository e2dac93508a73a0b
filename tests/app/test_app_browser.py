"""The page in a real browser, driven by Playwright."""

import io
import json
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from browser import open_browser
from vidseg.checkpoints import load
from vidseg.stream import Segmenter
from vidseg.video import read_video

pytestmark = pytest.mark.slow

_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser(*_CAMERA) as opened:
        yield opened


@pytest.fixture
def address(tiny_model: Path) -> Iterator[str]:
    """Where a server with a tiny model and the bundled one listens."""
    command = ["app", "--port", "0", "--runtime", "torch", "--model", str(tiny_model), "--model", "cffm-b0-freedoom"]
    with subprocess.Popen([sys.executable, "-m", "vidseg", *command], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found
        yield found[0]
        process.terminate()
        said = process.stderr.read()
        assert process.wait(timeout=60) == 143
    assert "Traceback" not in said


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens pages; in the end none may have complained or asked another server."""
    complaints: list[str] = []
    contexts = []

    def opened(**options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)  # other work may run on the machine
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _note_foreign(request.url, address, complaints))
        page.goto(address)
        page.wait_for_selector("#connection.good")
        return page

    yield opened
    for context in contexts:
        context.close()
    # That an upload was refused is logged by the browser itself.
    assert [text for text in complaints if "422" not in text] == []


def _note_foreign(url: str, address: str, complaints: list[str]) -> None:
    if not url.startswith((address, address.replace("http", "ws"), "blob:", "data:")):
        complaints.append(url)


def _upload(page: Any, path: Path) -> None:
    page.set_input_files("#file", path)
    page.wait_for_selector("#start:enabled")


def _shown(page: Any) -> int:
    return int(page.get_attribute("#picture", "data-index") or -1)


def _wait_for_frame(page: Any, index: int) -> None:
    deadline = time.monotonic() + 120
    while _shown(page) < index:
        assert time.monotonic() < deadline, page.inner_text("#stage")
        page.wait_for_timeout(20)


def _masks(page: Any) -> list[np.ndarray]:
    page.wait_for_selector("#downloads:not([hidden])", timeout=120_000)
    with page.expect_download() as download:
        page.click("#masks")
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert json.loads(archive.read("classes.json"))["classes"]
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        return [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]


def _expected(model: Path, video: Path) -> list[np.ndarray]:
    return [seg.labels for seg in Segmenter(load(model), "cpu", "torch").segment(read_video(video))]


def _equal(masks: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return len(masks) == len(expected) and all(map(np.array_equal, masks, expected))


def test_an_uploaded_file_is_segmented_and_can_be_downloaded(open_page, make_video, tiny_model: Path, tmp_path) -> None:
    video = make_video(12)
    page = open_page()
    _upload(page, video)
    assert "56×40, 15 frames/s" in page.inner_text("#file-facts")
    page.click("#start")
    masks = _masks(page)
    assert _equal(masks, _expected(tiny_model, video))
    assert "Done: 12 frames" in page.inner_text("#message")
    assert "torch" in page.inner_text("#figures")
    assert page.locator("#legend li").count() >= 1
    with page.expect_download() as download:
        page.click("#overlay")
    assert download.value.suggested_filename.endswith("-overlay.mp4")
    download.value.save_as(tmp_path / "overlay.mp4")
    assert len(list(read_video(tmp_path / "overlay.mp4"))) == 12


def test_a_long_file_shows_progress_and_can_be_cancelled(open_page, make_video) -> None:
    page = open_page()
    _upload(page, make_video(3000))
    page.click("#start")
    _wait_for_frame(page, 10)
    assert re.fullmatch(r"\d+ %, .* left", page.inner_text("#progress-text"))
    assert re.search(r"\d+\.\d", page.inner_text("#fps"))
    assert re.fullmatch(r"\d+ ms", page.inner_text("#latency"))
    page.click("#stop")
    page.wait_for_selector("#start:enabled")
    assert "Cancelled" in page.inner_text("#message")
    assert _shown(page) < 2999
    assert page.is_hidden("#downloads")


def test_a_corrupt_file_gets_a_message_and_the_next_one_works(open_page, make_video, tiny_model, tmp_path) -> None:
    bad = tmp_path / "holiday.mp4"
    bad.write_bytes(make_video(12).read_bytes()[:300] + b"\0" * 1000)
    page = open_page(viewport={"width": 390, "height": 800})
    page.set_input_files("#file", bad)
    page.wait_for_selector("#message:not([hidden])")
    box, buttons = page.locator("#message").bounding_box(), page.locator(".actions").bounding_box()
    assert 0 <= box["y"] < box["y"] + box["height"] <= buttons["y"]  # seen without scrolling
    message = page.inner_text("#message")
    assert message.startswith("got holiday.mp4")
    assert "Traceback" not in message
    assert page.is_disabled("#start")
    video = make_video(5)
    _upload(page, video)
    assert page.is_hidden("#message")
    page.click("#start")
    assert _equal(_masks(page), _expected(tiny_model, video))


def test_two_clients_at_once_have_separate_states(open_page, make_video, tiny_model: Path) -> None:
    videos = [make_video(60, seed=1), make_video(50, seed=2)]
    pages = [open_page(), open_page()]
    for page, video in zip(pages, videos, strict=True):
        _upload(page, video)
    for page in pages:
        page.click("#start")
    for page, video in zip(pages, videos, strict=True):
        assert _equal(_masks(page), _expected(tiny_model, video))


def test_the_webcam_is_shown_live_and_recorded(open_page) -> None:
    page = open_page()
    page.get_by_label("Webcam").check(force=True)
    page.click("#start")
    _wait_for_frame(page, 5)
    assert "live" in page.inner_text("#progress-text")
    assert page.inner_text("#stop") == "Stop"
    page.click("#stop")
    assert len(_masks(page)) >= 6


def test_an_address_that_may_not_be_read_gets_a_message(open_page) -> None:
    page = open_page()
    page.get_by_label("Address", exact=True).check(force=True)
    page.fill("#url", "file:///etc/passwd")
    page.click("#start")
    page.wait_for_selector("#message:not([hidden])")
    assert "expected an address that begins with rtsp://" in page.inner_text("#message")


def test_the_keyboard_is_enough(open_page, make_video) -> None:
    page = open_page()
    _upload(page, make_video(5))
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.name"))
        if page.evaluate("() => document.activeElement.id") == "start":
            break
    assert {"source", "file", "model", "runtime", "size", "opacity", "outlines", "keep", "start"} <= reached
    page.keyboard.press("Enter")
    page.wait_for_selector("#downloads:not([hidden])", timeout=60_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits(open_page, make_video, width: int, scheme: str) -> None:
    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    _upload(page, make_video(5))
    page.click("#start")
    page.wait_for_selector("#downloads:not([hidden])", timeout=60_000)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
    assert (brightness > 128) == (scheme == "light")
