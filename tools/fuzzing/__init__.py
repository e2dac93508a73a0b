"""The fuzzer: damaged and hostile inputs through vidseg's public entry points, see ``tools/fuzz.py``."""
