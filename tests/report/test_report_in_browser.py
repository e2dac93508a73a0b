"""A report in a real browser: opened from disk, without network, in step to the pixel, by mouse and by keys alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from browser import open_browser
from moving_shapes import class_map, read_ids, shapes_predictions, shapes_tree
from report_entries import scored
from vidseg.data import VideoDataset, open_dataset
from vidseg.report import Entry, write_report
from vidseg.viz import generate_palette

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

WRONG, CHANGED = (235, 40, 40), (120, 255, 255)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with open_browser() as found:
        yield found


@contextmanager
def page_of(
    browser: "Browser", path: Path, *, width: int = 1440, scheme: str = "light", touch: bool = False
) -> Iterator["Page"]:
    """An open report; at its end nothing may have gone to the network or been complained of."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, has_touch=touch
    )
    page = context.new_page()
    page.set_default_timeout(60_000)  # other work may run on the machine
    complaints: list[str] = []
    # That reading pictures back is slow concerns these tests alone: the page never does.
    page.on("console", lambda m: None if "getImageData" in m.text else complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    yield page
    assert complaints == []
    assert [url for url in requests if not url.startswith("blob:")] == [path.as_uri()]
    assert not page.locator("#trouble").is_visible()
    context.close()


@pytest.fixture(scope="module")
def report(entries: list[Entry], dataset: VideoDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report of two.html"
    write_report(path, entries, dataset)
    return path


def go(page: "Page", frame: int) -> None:
    """Waits until a frame is shown."""
    page.wait_for_selector(f'#player[data-frame="{frame}"]')


def until(page: "Page", condition: str) -> None:
    """Waits until a condition holds. Playwright's own way needs eval in the page, which the page forbids."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never became true: {condition}")


def canvas(page: "Page", label: str) -> np.ndarray:
    """What is drawn in one of the pictures: HxWx3."""
    found: Any = page.locator(f'canvas[aria-label="{label}"]').evaluate(
        "c => [c.height, c.width, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]"
    )
    height, width, values = found
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def check_pictures(page: "Page", shapes: Path, video: str, frame: int, palette: Any) -> None:
    """Every picture against the masks of that frame; opacity is 100 %."""

    def ids(folder: str, t: int) -> np.ndarray:
        return read_ids(shapes / folder / f"{t:08d}.png")

    truth, before = (ids(f"data/data/{video}/mask", t) for t in (frame, max(0, frame - 1)))
    colours = np.zeros((256, 3), np.uint8)
    colours[:5] = palette
    known = truth < 5
    np.testing.assert_array_equal(canvas(page, "Ground truth")[known], colours[truth[known]])
    own = read_image_of(page)
    np.testing.assert_array_equal(canvas(page, "Ground truth")[~known], own[~known])
    for model in ("first", "second"):
        labels, previous = ids(f"{model}/{video}", frame), ids(f"{model}/{video}", max(0, frame - 1))
        np.testing.assert_array_equal(canvas(page, f"{model}: labels"), colours[labels])
        red = (canvas(page, f"{model}: errors") == WRONG).all(axis=-1)
        np.testing.assert_array_equal(red, known & (labels != truth))
        now = (canvas(page, f"{model}: flicker") == CHANGED).all(axis=-1)
        changed = known & (truth == before) & (labels != previous) if frame else np.zeros_like(known)
        np.testing.assert_array_equal(now, changed)
    drawn = page.eval_on_selector_all("#panels canvas", "all => all.map(c => c.dataset.frame)")
    assert set(drawn) == {str(frame)}


def read_image_of(page: "Page") -> np.ndarray:
    return canvas(page, "Frame")


def test_all_pictures_are_in_step_to_the_pixel(browser: "Browser", report: Path, shapes: Path) -> None:
    palette = class_map(5).palette
    with page_of(browser, report) as page:
        page.locator("#opacity").fill("100")
        page.select_option("#clip", label="video_01")
        go(page, 0)
        check_pictures(page, shapes, "video_01", 0, palette)
        frames = [canvas(page, "Frame")]
        for frame in (1, 2):
            page.get_by_role("button", name="One frame forward").click()
            go(page, frame)
            check_pictures(page, shapes, "video_01", frame, palette)
            frames.append(canvas(page, "Frame"))
        assert (frames[0] != frames[1]).any()
        assert (frames[1] != frames[2]).any()
        page.locator("#scrub").fill("13")
        go(page, 13)
        check_pictures(page, shapes, "video_01", 13, palette)
        page.select_option("#palette", "safe")
        check_pictures(page, shapes, "video_01", 13, generate_palette(5, colour_blind_safe=True))
        page.select_option("#palette", "")
        # Another video under way, several steps at once: the last wish counts, for all pictures.
        page.select_option("#clip", label="video_02")
        for _ in range(4):
            page.keyboard.press("]")
        page.select_option("#clip", label="video_00")
        go(page, 0)
        until(page, "document.getElementById('position').textContent.includes('1 of 20')")
        check_pictures(page, shapes, "video_00", 0, palette)


def test_playing_stays_in_step(browser: "Browser", report: Path, shapes: Path) -> None:
    with page_of(browser, report) as page:
        page.locator("#opacity").fill("100")
        page.select_option("#clip", label="video_00")
        go(page, 0)
        page.select_option("#speed", "4")
        page.get_by_role("button", name="Play").click()
        until(page, "Number(document.getElementById('player').dataset.frame) > 3")
        page.get_by_role("button", name="Pause").click()
        page.wait_for_timeout(200)
        frame = int(page.locator("#player").get_attribute("data-frame") or -1)
        check_pictures(page, shapes, "video_00", frame, class_map(5).palette)


def test_a_click_on_the_timeline_jumps(browser: "Browser", report: Path) -> None:
    with page_of(browser, report) as page:
        lane = page.locator(".lane").nth(1)
        lane.scroll_into_view_if_needed()
        box = lane.bounding_box()
        assert box is not None
        for share, frame in ((0.0, 0), (1.0, 19), (7 / 19, 7)):
            page.mouse.click(box["x"] + max(1, min(box["width"] - 1, share * box["width"])), box["y"] + 20)
            go(page, frame)
        moment = page.locator("#moments button").first
        frame = int(moment.locator("b").inner_text()) - 1
        moment.click()
        go(page, frame)


def test_the_timeline_and_the_tables_show_temporal_consistency(
    browser: "Browser", report: Path, entries: list[Entry]
) -> None:
    pytest.importorskip("cv2")
    with page_of(browser, report) as page:
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        go(page, 1)
        lane = page.locator(".lane-head").nth(2)
        assert "TC, flow dis" in lane.inner_text()
        name = page.locator("#clip option").first.inner_text()
        for entry in entries:
            assert f"{entry.result['per_frame'][name]['TC'][1]:.3f}" in lane.inner_text()
        assert page.locator(".lane").nth(2).locator("polyline").count() == 2
        page.get_by_role("radio", name="exact").check()
        row = page.locator("#scores tbody tr").last
        assert row.locator("th").inner_text() == "mTC (flow dis)"
        assert f"{entries[0].result['protocols']['exact']['mTC']:.3f}" in row.inner_text()


def test_keys_alone_do_everything(browser: "Browser", report: Path) -> None:
    with page_of(browser, report) as page:
        page.keyboard.press("Home")
        go(page, 0)
        for key, frame in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10), ("End", 19)):
            page.keyboard.press(key)
            go(page, frame)
        page.keyboard.press("p")
        until(page, "document.getElementById('player').dataset.frame !== '19'")
        page.keyboard.press("]")
        until(page, "document.getElementById('clip').value === '1'")
        go(page, 0)
        page.keyboard.press("k")
        page.wait_for_selector('button[aria-label="Pause"]')
        page.keyboard.press(" ")
        page.wait_for_selector('button[aria-label="Play"]')
        page.keyboard.press("-")
        assert page.locator("#opacity").input_value() == "60"
        page.keyboard.press(">")
        assert page.locator("#speed").input_value() == "2"
        page.keyboard.press("?")
        assert page.locator("#shortcuts").is_visible()
        # From the top of the page every control is reached with Tab, and is named.
        names = []
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        for _ in range(300):
            page.keyboard.press("Tab")
            name = page.evaluate(
                "() => { const e = document.activeElement; return e === document.body ? null : "
                "[e.tagName, e.getAttribute('aria-label') || e.textContent.trim() || "
                "(e.labels?.length ? e.labels[0].textContent.trim() : '')] }"
            )
            if name is None:
                break
            names.append(name)
        assert all(text for _, text in names), names
        reached = {text for _, text in names}
        assert {"Skip to the player", "Play", "One frame back", "All scores", "Most frequent confusions"} <= reached
        assert sum(tag == "DIV" and "Enter: point at pixels" in text for tag, text in names) == 8


def test_the_layers_are_read_at_a_pixel(browser: "Browser", report: Path, shapes: Path) -> None:
    with page_of(browser, report) as page:
        page.select_option("#clip", label="video_02")
        go(page, 0)
        truth, first, second = (
            read_ids(shapes / folder / "00000000.png")
            for folder in ("data/data/video_02/mask", "first/video_02", "second/video_02")
        )
        names = class_map(5).names
        stage = page.locator(".stage").nth(2)
        stage.scroll_into_view_if_needed()
        box = stage.bounding_box()
        assert box is not None
        for y, x in ((30, 40), (2, 3), (45, 10)):
            page.mouse.move(box["x"] + (x + 0.5) * box["width"] / 64, box["y"] + (y + 0.5) * box["height"] / 48)
            told = page.locator("#tip tr").all_inner_texts()
            for line, ids in zip(told, (truth, first, second), strict=True):
                assert (names[ids[y, x]] if ids[y, x] < 5 else "no label") in line
            if truth[y, x] < 5:
                assert ("✓" in told[1]) == (first[y, x] == truth[y, x])
        page.mouse.move(5, 5)
        assert not page.locator("#tip").is_visible()
        # The same without a mouse.
        stage.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowUp")
        assert page.locator("#spoken").inner_text().startswith("x 33, y 14. ground truth: ")
        go(page, 0)  # the arrow keys moved the pointer, not the video
        page.keyboard.press("Escape")
        assert not page.locator("#tip").is_visible()
        page.keyboard.press("ArrowRight")
        go(page, 1)


def test_tables_sort_and_the_protocol_changes_all_of_them(
    browser: "Browser", report: Path, entries: list[Entry]
) -> None:
    with page_of(browser, report) as page:
        gaps = {
            mine["name"]: abs(mine["mIoU"] - theirs["mIoU"])
            for mine, theirs in zip(*(entry.result["per_video"] for entry in entries), strict=True)
        }
        rows = page.locator("#videos tbody th")
        names = [text.removeprefix("▸ ") for text in rows.all_inner_texts()]
        assert names == sorted(gaps, key=lambda name: -gaps[name])
        page.locator("#videos thead button").first.click()
        assert rows.first.inner_text() == "▸ video_00"
        rows.nth(2).locator("button").click()
        until(page, "document.querySelector('#clip').selectedOptions[0].text === 'video_02'")

        page.select_option("#class-order", "iou1")
        shown = [int(row) for row in page.eval_on_selector_all("#classes li", "all => all.map(e => e.dataset.class)")]
        ious = [row["vspw"]["IoU"] for row in entries[1].result["per_class"]]
        assert shown == sorted(range(5), key=lambda c: ious[c])
        for protocol in ("exact", "vspw"):
            page.get_by_role("radio", name=protocol).check()
            assert f"Protocol {protocol}." in page.locator("#protocol-note").inner_text()
            expected = entries[0].result["protocols"][protocol]["mVC4"]
            assert f"{expected:.3f}" in page.locator("#cards").inner_text()

        page.locator("#matrix").focus()
        page.keyboard.press("ArrowRight")
        counts = np.array(entries[0].result["confusion"]["vspw"])
        assert counts[0, 1] > 1e-4 * counts[0].sum()
        share = counts[0, 1] / counts[0].sum()
        shown_share = f"{100 * share:.{2 if share < 0.01 else 1}f} %"
        assert page.locator("#cell").inner_text().startswith(shown_share)


def test_a_class_alone(browser: "Browser", report: Path, shapes: Path) -> None:
    with page_of(browser, report) as page:
        page.locator("#opacity").fill("100")
        page.select_option("#clip", label="video_00")
        go(page, 0)
        page.locator('#legend button[data-class="2"]').click()
        page.wait_for_timeout(200)
        truth = read_ids(shapes / "data/data/video_00/mask/00000000.png")
        shown, frame = canvas(page, "Ground truth"), canvas(page, "Frame")
        np.testing.assert_array_equal(shown[truth != 2], frame[truth != 2])
        assert (shown[truth == 2] == class_map(5).palette[2]).all()


@pytest.mark.parametrize("num_classes", [1, 124])
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_one_class_and_many_on_any_screen(
    num_classes: int, width: int, scheme: str, browser: "Browser", tmp_path: Path
) -> None:
    shape = {"num_classes": num_classes, "videos": 2, "frames": 18, "size": (40, 64)}
    dataset = open_dataset(shapes_tree(tmp_path / "data", **shape), "camvid", "val")
    folders = [shapes_predictions(tmp_path / f"a-rather-long-name-{k}", **shape, seed=k) for k in (1, 2, 3)]
    write_report(tmp_path / "report.html", scored(dataset, folders[: 1 if num_classes == 1 else 3]), dataset)
    with page_of(browser, tmp_path / "report.html", width=width, scheme=scheme, touch=width < 500) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#classes li").count() == num_classes
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, background[4:-1].split(","))) > 382) == (scheme == "light")
        page.select_option("#theme", "dark" if scheme == "light" else "light")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background
        assert contrast_failures(page) == []
        page.keyboard.press("ArrowRight")


def contrast_failures(page: "Page") -> list[str]:
    """Texts whose contrast with the nearest painted background is below 4.5 (WCAG 2, level AA), in both themes."""
    script = """() => {
      const linear = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
      const parse = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
      const failures = [];
      for (const element of document.querySelectorAll("main *, header *")) {
        const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!own || !element.checkVisibility() || element.tagName === "OPTION") continue;
        let under = element;
        let paint = null;
        while (under && !paint) {
          const colour = parse(getComputedStyle(under).backgroundColor);
          if (colour.length < 4 || colour[3] === 1) paint = colour;
          under = under.parentElement;
        }
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(paint ?? [255, 255, 255])];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) failures.push(`${element.tagName} ${element.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
      }
      return failures;
    }"""
    failures: list[str] = []
    for theme in ("light", "dark"):
        page.select_option("#theme", theme)
        failures += [f"{theme}: {text}" for text in page.evaluate(script)]
    return failures
