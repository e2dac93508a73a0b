"""What the page's engines are made with."""

from pathlib import Path

import pytest

from vidseg.app.engines import Engines
from vidseg.errors import InputError


def test_a_lower_precision_is_for_one_model_and_needs_its_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got precision 'int8=x' for 2 models; expected one; do: --model M once"):
        Engines(("cffm-b0-freedoom", "segformer-b0-freedoom"), "cpu", precision="int8=x")
    with pytest.raises(InputError, match="which is no export"):
        Engines(("cffm-b0-freedoom",), "cpu", precision=f"int8={tmp_path}")
