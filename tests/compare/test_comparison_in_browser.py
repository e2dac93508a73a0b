"""The page of a comparison in a real browser: from disk, without network, by mouse and by keys."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from browser import open_browser
from comparisons import record, system
from vidseg.compare.page import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Page"]:
    path = tmp_path_factory.mktemp("compare") / "compare.html"
    slow = system("slow", 0.40, 0.44, report="slow/report.html")
    fast = system("fast", 0.30, 0.31)
    fast["timing"] = fast["timing"] | {"seconds_per_frame": 0.05}
    write_page(path, record(slow, fast, system("untimed", 0.9, timing=None)))
    with open_browser() as browser:
        page = browser.new_context(viewport={"width": 1300, "height": 900}, offline=True).new_page()
        page.set_default_timeout(60_000)  # other work may run on the machine
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        yield page
        assert complaints == []
        assert not page.locator("#trouble").is_visible()


def test_each_timed_system_is_a_dot_that_tells_of_it_and_leads_to_its_report(page: "Page") -> None:
    dots = page.locator("#accuracy-plot .point")
    assert dots.count() == 2
    assert page.locator("#consistency-plot .point").count() == 2
    assert page.locator("#accuracy-plot .spread").count() == 2
    dots.nth(0).hover()
    assert page.locator("#tip").is_visible()
    assert "42.00 ± 2.83" in page.locator("#tip").inner_text()
    assert page.locator("#table tr.lit").count() == 1
    page.mouse.move(0, 0)
    assert not page.locator("#tip").is_visible()
    assert dots.nth(0).get_attribute("href") == "slow/report.html"
    assert page.locator("#table a").get_attribute("href") == "slow/report.html"


def test_by_keys_alone(page: "Page") -> None:
    page.locator("#accuracy").focus()
    page.keyboard.press("Tab")
    assert "slow" in page.locator("#tip").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()


def test_the_table_sorts_and_goes_back_to_the_plan_s_order(page: "Page") -> None:
    def names() -> list[str]:
        return page.locator("#table tbody th").all_inner_texts()

    head = page.locator("#table thead button", has_text="mIoU").first
    for expected in (["untimed", "slow", "fast"], ["fast", "slow", "untimed"], ["slow", "fast", "untimed"]):
        head.click()
        assert names() == expected


def test_other_axes_and_themes(page: "Page") -> None:
    page.select_option("#across", "parameters")
    assert page.locator("#accuracy-plot .point").count() == 3
    page.select_option("#across", "fps")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.select_option("#theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
