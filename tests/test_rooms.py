"""The house rules: core modules import with no extra installed; every room has a docstring."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import vidseg

EXTRAS = (
    *("torchvision", "lightning_fabric", "tensorboard", "openvino", "onnx", "onnxscript", "onnxruntime", "vizdoom"),
    *("starlette", "uvicorn", "websockets", "cv2", "transformers", "scipy", "nncf", "s3fs", "pyarrow", "ray"),
)


def test_every_module_imports_without_extras() -> None:
    modules = [module.name for module in pkgutil.walk_packages([str(Path(vidseg.__file__).parent)], "vidseg.")]
    script = (
        # torchmetrics looks at the installed distributions, so it must not meet the blockade.
        "import sys, torchmetrics\n"
        f"for name in {EXTRAS!r}: sys.modules[name] = None\n"
        "from importlib import import_module\n"
        "from vidseg.errors import MissingExtraError\n"
        f"for name in {[name for name in modules if name != 'vidseg.__main__']!r}:\n"
        "    try: import_module(name)\n"
        "    except MissingExtraError as error: print(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Leaf modules that are nothing without their extra say so, and nobody else imports them at the top.
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert rooms <= {"transforms", "train", "runtime", "render", "app"}


def test_the_public_api_is_there() -> None:
    for name in vidseg.__all__:
        assert getattr(vidseg, name) is not None


def test_the_process_that_decodes_starts_without_torch() -> None:
    script = "import sys, vidseg.video.channel; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
