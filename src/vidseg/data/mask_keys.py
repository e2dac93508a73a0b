"""What stands for a class in a mask file: a colour or a value, as people and tools write it.

Both are one number, the code: a colour is red * 65536 + green * 256 + blue.
"""

import re
from typing import Any, Literal, NamedTuple

from vidseg.errors import InputError
from vidseg.types import IGNORE_16BIT

KeyKind = Literal["colour", "value"]

_TRIPLE = re.compile(r"(?:rgb)?\s*[(\[]?\s*(\d+)\s*[,; ]\s*(\d+)\s*[,; ]\s*(\d+)\s*[)\]]?", re.IGNORECASE)
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)


class Key(NamedTuple):
    """A colour or a value.

    Attributes:
        kind: which of the two.
        code: the value, 0–65535, or the colour's number.
    """

    kind: KeyKind
    code: int

    def __str__(self) -> str:
        return str(self.code) if self.kind == "value" else ",".join(map(str, rgb(self.code)))


def rgb(code: int) -> tuple[int, int, int]:
    """The colour of a code."""
    return code >> 16, code >> 8 & 255, code & 255


def colour(red: int, green: int, blue: int) -> Key:
    """The key of a colour.

    Raises:
        InputError: if a part is not 0–255.
    """
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise InputError(f"got colour {red},{green},{blue}; expected red,green,blue of 0–255 each")
    return Key("colour", red << 16 | green << 8 | blue)


def parse_key(given: Any) -> Key:
    """Reads a key as it stands in a JSON table or on the command line.

    Args:
        given: a value as int or digits; a colour as [r, g, b], "r,g,b", "#rrggbb" or "#rgb".

    Raises:
        InputError: if it is none of these.
    """
    if isinstance(given, str):
        text = given.strip()
        if text.isascii() and text.isdigit():
            given = int(text)
        elif match := _HEX.fullmatch(text):
            digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
            return Key("colour", int(digits, 16))
        elif match := _TRIPLE.fullmatch(text):
            return colour(int(match[1]), int(match[2]), int(match[3]))
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= IGNORE_16BIT:
        return Key("value", given)
    parts = given if isinstance(given, list) else ()
    if len(parts) == 3 and all(isinstance(part, int) and not isinstance(part, bool) for part in parts):
        return colour(*parts)
    raise InputError(
        f'got {given!r} for a class; expected a colour ([r, g, b], "r,g,b" or "#rrggbb") or a value from 0 to '
        f"{IGNORE_16BIT}"
    )
