"""``python -m vidseg`` is the same as ``vidseg``."""

from vidseg.cli.main import entry

if __name__ == "__main__":
    entry()
