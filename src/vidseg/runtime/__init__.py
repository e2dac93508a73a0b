"""Where a model's step is computed, behind one interface."""

from vidseg.runtime.contract import Context, Runtime
from vidseg.runtime.devices import resolve_device, set_threads
from vidseg.runtime.eager import EagerRuntime

__all__ = ["Context", "EagerRuntime", "Runtime", "resolve_device", "set_threads"]
