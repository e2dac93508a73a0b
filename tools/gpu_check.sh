#!/usr/bin/env bash
# Measures vidseg on this machine's GPU, in at most eight minutes; docs/gpu.md says what it writes.
#
#   tools/gpu_check.sh OUT          on a GPU
#   tools/gpu_check.sh OUT --dry    the same on the CPU, with tiny sizes: whether it all runs
#
# PYTHON names the interpreter (default: python3). Nothing is installed, nothing is fetched.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root/src:$root/tools${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" -m gpu_check "$@"
