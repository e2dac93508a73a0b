"""Processes that tests interrupt."""

import signal
from functools import partial

obey_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
"""For `preexec_fn`: shells have background jobs ignore SIGINT, and their children inherit that."""
