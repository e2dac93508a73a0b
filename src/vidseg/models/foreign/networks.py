"""The one place of the models that knows the package ``transformers``: it builds the networks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from vidseg.errors import InputError, extra
from vidseg.models.contract import VideoModel
from vidseg.models.foreign.config import KINDS, ForeignConfig
from vidseg.models.foreign.model import Foreign
from vidseg.models.foreign.videomt import VidEoMT


def build_foreign(config: ForeignConfig) -> VideoModel:
    """A model with a freshly initialised network.

    Raises:
        InputError: for settings that ``transformers`` does not take.
        MissingExtraError: if a package of the extra "hf" is missing.
    """
    with quiet_transformers():
        network = network_class(config.model_type).from_config(their_config(config))
    return wrap_network(config, network)


def wrap_network(config: ForeignConfig, network: nn.Module) -> VideoModel:
    """A network as a video model, in the network's mode."""
    model = VidEoMT(config, network) if config.model_type == "videomt" else Foreign(config, network)
    return model.train(network.training)


def network_class(model_type: str) -> Any:
    """The class of ``transformers`` that finds the network of a key of `KINDS`."""
    with extra("hf"):
        import transformers
    if KINDS[model_type] == "classes":
        return transformers.AutoModelForSemanticSegmentation
    return transformers.AutoModelForUniversalSegmentation


def their_config(config: ForeignConfig) -> Any:
    """Their configuration object of ours.

    Raises:
        InputError: for settings that ``transformers`` does not take.
        MissingExtraError: if it is not installed.
    """
    with extra("hf"):
        import transformers
    known = transformers.CONFIG_MAPPING
    if config.model_type not in known:
        raise InputError(
            f"got a {config.model_type}, which transformers {transformers.__version__} does not have; "
            "expected a newer one; do: pip install --upgrade transformers"
        )
    try:
        return known[config.model_type].from_dict(config.settings | {"num_labels": config.num_classes})
    # They answer what does not fit with whatever their checks or constructors happen to raise.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"got settings of a {config.model_type} that transformers does not take ({reason})") from error


@contextmanager
def their_packages() -> Iterator[None]:
    """Like ``extra("hf")``, also for packages that ``transformers`` itself finds missing only when it needs them."""
    with extra("hf"):
        try:
            yield
        except ImportError as error:
            # Theirs are messages of several lines that carry no name.
            name = error.name or next((name for name in ("scipy", "torchvision", "timm") if name in str(error)), None)
            raise ImportError(str(error), name=name or "transformers") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Without their progress bars and reports: what matters of these is an error here. Also `their_packages`."""
    with their_packages():
        from transformers.utils import logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with their_packages():
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
