"""Amounts of bytes as people write them."""

import re

from vidseg.errors import InputError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(text: str, option: str) -> int:
    """Bytes of e.g. "500MB", "1.5 GB" or "1000000".

    Raises:
        InputError: if it is something else, or nothing.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B|)", text.strip().upper())
    amount = round(float(match[1]) * _UNITS[match[2]]) if match else 0
    if amount < 1:
        raise InputError(f"got {option} {text!r}; expected an amount of bytes, e.g. 500MB or 1GB")
    return amount
