"""Tables and the page, from records alone."""

import json
from pathlib import Path

import pytest

import results
import toys
from comparisons import SCORES, record, system
from vidseg.bench.timing import Timing
from vidseg.compare.page import write_page
from vidseg.compare.spread import is_beyond
from vidseg.compare.table import cells_of, columns_of, markdown, notes, values_of
from vidseg.compare.timing import cycle_of


def test_the_table_is_the_paper_s():
    theirs = {"published": {"mIoU": 35.4, "fps": 43.1}}
    lines = markdown(record(system("A", 0.3, **theirs), system("B", 0.4)))
    assert lines[0] == (
        "| method | backbone | parameters, M | mIoU | wIoU | mVC8 | mVC16 | mTC | frames/s | multiply-adds, G "
        "| *mIoU, theirs* | *frames/s, theirs* |"
    )
    assert lines[2] == (
        "| A | mit_b0 | 3.70 | 30.00 | 30.00 | 30.00 | 30.00 | 30.00 | **5.00** | **8.10** | 35.4 | 43.1 |"
    )
    assert lines[3].startswith("| B | mit_b0 | 3.70 | **40.00** |")
    assert "| A | 200.0 | 100.0 | 500.0 | 600.0 | 2.00 |" in lines


@pytest.mark.parametrize(
    ("other", "is_best"), [((0.40, 0.42, 0.44), True), ((0.38, 0.40, 0.42), True), ((0.34, 0.36, 0.38), False)]
)
def test_what_is_as_good_as_the_best_within_the_spread_is_marked_with_it(other, is_best):
    found = record(system("best", 0.40, 0.42, 0.44), system("other", *other))
    column = next(column for column in columns_of(found) if column.key == "mIoU")
    best, cell = cells_of(found, column, "vspw")
    assert best.best
    assert cell.best == is_best
    assert best.text(2) == "**42.00 ± 2.00**"


def test_differences_are_taken_seed_by_seed_and_bold_beyond_the_spread():
    base, close, far = system("base", 0.30, 0.34), system("close", 0.31, 0.35), system("far", 0.40, 0.44, 0.48)
    lines = markdown(record(base, close, far, system("loaded", 0.5), baseline="base"))
    start = next(index for index, line in enumerate(lines) if line.startswith("| minus base |"))
    assert lines[start + 2].startswith("| close | +1.00 ± 0.00 |")
    assert lines[start + 3].startswith("| far | **+10.00 ± 0.00** |")
    assert lines[start + 4].startswith("| loaded | +20.00 |")  # by the seed that it shares


def test_one_seed_is_beyond_nothing():
    assert not is_beyond([5.0], [6.0], [1.0])
    assert is_beyond([5.0, 5.0], [6.0, 6.1], [1.0, 1.1])


def test_what_is_missing_is_said():
    broken = system("broken", failure="got no weights") | {"described": None, "timing": None}
    short = system("short", 0.3)
    short["seeds"][0]["protocols"]["vspw"] = dict.fromkeys(SCORES)
    found = record(broken, short, system("slow", untimed="got no OpenVINO"))
    lines = markdown(found)
    assert "| broken | – | – | – | – | – | – | – | – | – |" in lines
    said = "\n".join(notes(found))
    assert "broken is not finished: got no weights" in said
    assert "slow has not been scored yet" in said
    assert "slow was not timed: got no OpenVINO" in said
    assert "say `protocol: exact`" in said
    assert values_of(short, "mIoU", "exact") == {0: 30}


def test_the_page_holds_everything_and_asks_for_nothing(tmp_path):
    write_page(tmp_path / "page.html", record(system("</script><b>A", 0.3, report="A/report.html"), system("B", 0.4)))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "default-src &#x27;none&#x27;" in page
    assert "</script><b>A" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    start = page.index('id="contents">') + len('id="contents">')
    said = json.loads(page[start : page.index("</script>", start)])
    assert [one["report"] for one in said["systems"]] == ["A/report.html", None]


def test_a_key_frame_model_s_time_is_that_of_its_cycle():
    runs = (0.9, 0.1, 0.1) * 4
    timing = Timing(runs=runs)
    assert timing.median == pytest.approx(0.1)
    assert timing.typical(3) == pytest.approx(1.1 / 3)
    assert (timing.worst, timing.typical(1)) == (0.9, timing.median)
    # What the machine does once does not count; a mean would have it.
    assert Timing(runs=(*runs, 60.0)).typical(3) == pytest.approx(1.1 / 3)
    assert Timing(runs=runs).typical(100) == pytest.approx(timing.mean)


@pytest.mark.parametrize(
    ("kind", "frames"), [("mrcfa", 1), ("clockwork", 2), ("clockwork adaptive", 40), ("dvsnet", 40)]
)
def test_what_decides_by_itself_is_timed_by_the_mean_of_all_its_frames(kind: str, frames: int):
    assert cycle_of(toys.toy(kind), rounds=40) == frames


def test_pages_of_docs_are_filled_from_kept_comparisons(tmp_path: Path):
    docs = tmp_path / "docs"
    (docs / "runs" / "compare").mkdir(parents=True)
    (docs / "runs" / "compare" / "davis.json").write_text(json.dumps(record(system("A", 0.3))))
    (docs / "systems.md").write_text("# Systems\n\n<!-- table: davis -->\n<!-- end -->\n\nMore.\n")
    results.fill(docs / "systems.md", results.comparisons(docs / "runs" / "compare"))
    page = (docs / "systems.md").read_text(encoding="utf-8")
    assert "| A | mit_b0 | 3.70 |" in page
    assert page.endswith("<!-- end -->\n\nMore.\n")
