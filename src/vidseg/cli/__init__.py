"""The command line: the one room that prints. Each command is a file with `build_parser` and `run`."""
