"""Damage to bytes, as disks, networks and hostile hands do it.

Every mutation is drawn from the random numbers that it is given and from nothing else: a case can be made again.
"""

from collections.abc import Callable, Sequence
from random import Random

from fuzzing.containers import Parts, parts_of

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]

# Where most of what a decoder believes stands.
_HEADER = 1024
_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 2**62, 2**63, 2**64 - 1)


def mutate(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> tuple[bytes, str]:
    """One to three mutations, one after the other.

    Args:
        rng: the source of all choices.
        data: a valid input; not empty.
        others: what may be spliced in.

    Returns:
        The damaged input, which differs from `data`, and the names of what was done to it.
    """
    original, names = data, []
    wanted = rng.choice((1, 1, 1, 2, 3))
    while len(names) < wanted or data == original:
        mutation = rng.choice(MUTATIONS)
        data = mutation(rng, data, others)
        names.append(mutation.__name__)
        if not data:
            break
    return data, "+".join(names)


def truncate(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Only the beginning: an aborted download, a full disk."""
    return data[: rng.randrange(len(data))]


def flip(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Some bits are others."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        changed[_position(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def splice(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A piece of another file, or of another place, instead of one's own."""
    source = rng.choice([*others, data])
    begin = rng.randrange(len(source))
    piece = source[begin : begin + rng.choice((4, 64, 1024, len(source)))]
    at = _position(rng, data)
    return data[:at] + piece + data[at + rng.choice((0, len(piece))) :]


def blank(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A block of zeros: a hole in a file that was copied in pieces."""
    at, length = _position(rng, data), rng.choice((8, 64, 512, 4096))
    return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]


def cut(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A block is missing, so that all behind it has moved."""
    at = _position(rng, data)
    return data[:at] + data[at + rng.choice((1, 4, 32, 512)) :]


def exaggerate(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A number is an extreme one: sizes, counts, offsets."""
    width = rng.choice((1, 2, 4, 4, 4, 8))
    value = rng.choice(_EXTREMES) & (256**width - 1)
    at = _position(rng, data)
    return (data[:at] + value.to_bytes(width, rng.choice(("big", "little"))) + data[at + width :])[: len(data)]


def swap_boxes(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Two boxes of a container have changed places; of anything else, two blocks."""
    first, second = sorted(_two(rng, _parts(rng, data)))
    return (
        data[: first.start]
        + data[second.start : second.stop]
        + data[first.stop : second.start]
        + data[first.start : first.stop]
        + data[second.stop :]
    )


def drop_box(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A box of a container is missing."""
    box = rng.choice(_parts(rng, data))
    return data[: box.start] + data[box.stop :]


def repeat_box(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A box of a container is there twice."""
    box = rng.choice(_parts(rng, data))
    return data[: box.stop] + data[box.start :]


MUTATIONS: tuple[Mutation, ...] = (
    truncate,
    flip,
    splice,
    blank,
    cut,
    exaggerate,
    swap_boxes,
    drop_box,
    repeat_box,
)


def _position(rng: Random, data: bytes) -> int:
    """Anywhere, but as often in the first or last kilobyte, where headers and indices are."""
    place = rng.choice(("anywhere", "anywhere", "begin", "end"))
    reach = min(_HEADER, len(data))
    if place == "begin":
        return rng.randrange(reach)
    return rng.randrange(len(data)) if place == "anywhere" else len(data) - 1 - rng.randrange(reach)


def _parts(rng: Random, data: bytes) -> Parts:
    """The boxes of one level of a container, or blocks of bytes where there are none."""
    levels = [level for level in parts_of(data) if len(level) > 1]
    if levels:
        return rng.choice(levels)
    size = max(1, len(data) // rng.choice((2, 8, 64)))
    blocks = [slice(at, min(at + size, len(data))) for at in range(0, len(data), size)]
    return blocks if len(blocks) > 1 else [slice(0, 0), *blocks]


def _two(rng: Random, parts: Parts) -> list[slice]:
    return sorted(rng.sample(parts, 2), key=lambda part: (part.start, part.stop))
