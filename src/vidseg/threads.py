"""How the threads of a process share its cores: who waits sleeps.

Reader, decoder, network, labels and encoder work at once. Each has threads of its own, and each is a library that
believes to be alone on the machine. What keeps them from starving one another:

- OpenMP's threads, which compute torch's share (all of the network, or with OpenVINO the network's input and the
  labels), sleep while they wait for each other; see `share_cores`.
- OpenVINO's threads are not tied to cores, see `vidseg.runtime.openvino`.
- A live source is decoded without threads for whole frames, see `vidseg.video.live`; they would hold frames back.
- FFmpeg's other threads, decoding files and encoding, sleep while they wait and take what is left.
"""

import os
from collections.abc import MutableMapping

# About 10 µs by GNU's own estimate: threads of one step wait for each other for about so long, and nobody else notices.
# (With more OpenMP threads than cores it takes 100 by itself, but of the threads of decoders it does not know.)
_SPINS = "1000"


def share_cores(environment: MutableMapping[str, str] = os.environ) -> None:
    """Has OpenMP's threads sleep while they wait for each other; nothing if the user said otherwise.

    By default GNU's OpenMP has them spin for 3 ms and more at every barrier, LLVM's and Intel's for 200 ms, of which a
    step has some hundred. On a core that somebody else needs, a decoder say, two threads then wait in turn for the
    other to be given a core: a step of 15 ms takes up to 1.5 s.

    To be called before torch is imported: the setting is read once, when OpenMP is loaded.

    Args:
        environment: where it is set, for child processes, too.
    """
    if "OMP_WAIT_POLICY" in environment or "GOMP_SPINCOUNT" in environment or "KMP_BLOCKTIME" in environment:
        return
    environment["OMP_WAIT_POLICY"] = "PASSIVE"  # every OpenMP's
    environment["GOMP_SPINCOUNT"] = _SPINS  # GNU's, on Linux
