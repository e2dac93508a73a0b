"""A process that has used OpenVINO still survives signals; it once did not (docs/log.md, 2026-11-24)."""

import subprocess
import sys

SCRIPT = """
import gc, os, signal, threading
import openvino, torch
from vidseg.runtime.openvino import openvino_request

heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
model = openvino.convert_model(torch.nn.Linear(4, 4), example_input=torch.rand(1, 4))
requests = [openvino_request(model)]
# The last user of a request is often a thread of the pipeline, not the thread that made it.
last_user = threading.Thread(target=lambda: (requests.clear(), gc.collect()))
last_user.start()
last_user.join()
os.kill(os.getpid(), signal.SIGTERM)
assert heard
"""


def test_a_signal_after_a_request_was_freed_by_another_thread_is_heard() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stderr}"
