"""What `tools/gpu_check.sh` runs: steps in processes of their own, each with its time, and a summary."""
