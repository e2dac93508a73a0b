"""What the documentation shows runs as it stands: the notebook, and the Python of the page on streaming."""

import re
import shutil
from importlib import resources
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def _sample() -> Path:
    return Path(str(resources.files("vidseg"))) / "assets" / "sample" / "images" / "e1m3_00.mp4"


def test_the_notebook_runs(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    notebook = nbformat.read(ROOT / "examples" / "streaming.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # they would be of another version some day
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    said = "".join(output.get("text", "") for output in outputs)
    assert "got a state that was stepped from before" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("page", ["index.md", "quick-start.md", "streaming.md"])
def test_the_python_of_the_pages_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(_sample(), tmp_path / "in.mp4")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)  # the pages are part of the project
