"""Where a model's step is computed, behind one interface; and its export to other programs."""

from vidseg.runtime.choose import RUNTIMES, available_runtimes, build_runtime
from vidseg.runtime.contract import Runtime
from vidseg.runtime.devices import resolve_device, set_threads
from vidseg.runtime.eager import EagerRuntime
from vidseg.runtime.exporting import FORMATS, Export, export_model

__all__ = [
    "FORMATS",
    "RUNTIMES",
    "EagerRuntime",
    "Export",
    "Runtime",
    "available_runtimes",
    "build_runtime",
    "export_model",
    "resolve_device",
    "set_threads",
]
