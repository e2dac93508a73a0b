"""How threads wait: set before OpenMP is loaded, and taken by it."""

import os
import subprocess
import sys

import pytest

from vidseg.threads import share_cores


def test_openmp_is_told_to_sleep_unless_the_user_said_otherwise() -> None:
    environment: dict[str, str] = {}
    share_cores(environment)
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
    for own in ({"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}, {"KMP_BLOCKTIME": "1"}):
        environment = dict(own)
        share_cores(environment)
        assert environment == own


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the words are those of GNU's OpenMP")
def test_the_command_line_sets_it_before_openmp_reads_it() -> None:
    # Whoever runs these tests may have settings of their own.
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    command = [sys.executable, "-m", "vidseg", "info", "segformer-b0-freedoom"]
    done = subprocess.run(
        command, env=mine | {"OMP_DISPLAY_ENV": "VERBOSE"}, capture_output=True, text=True, timeout=300, check=True
    )
    assert "GOMP_SPINCOUNT = '1000'" in done.stderr
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr
