"""Where a model's step is computed, behind one interface; and its export to other programs."""

from vidseg.devices import resolve_device, set_threads
from vidseg.runtime.batching import BatchedRuntime
from vidseg.runtime.choose import RUNTIMES, available_runtimes, build_runtime
from vidseg.runtime.contract import Runtime
from vidseg.runtime.eager import EagerRuntime
from vidseg.runtime.exporting import FORMATS, Export, export_model
from vidseg.runtime.guarantee import EXACT, PRECISIONS, Guarantee, describe_precision, read_export
from vidseg.runtime.lowering import Lowering, guarantee_of, parse_precision, require_precision

__all__ = [
    "EXACT",
    "FORMATS",
    "PRECISIONS",
    "RUNTIMES",
    "BatchedRuntime",
    "EagerRuntime",
    "Export",
    "Guarantee",
    "Lowering",
    "Runtime",
    "available_runtimes",
    "build_runtime",
    "describe_precision",
    "export_model",
    "guarantee_of",
    "parse_precision",
    "read_export",
    "require_precision",
    "resolve_device",
    "set_threads",
]
