"""Files that are small on disk and grow without end when they are read."""

import struct
import zlib

_MEGABYTE = 1 << 20


def zip_bomb(name: str, megabytes: int = 3500) -> bytes:
    """A zip archive of one file of zeros: some megabytes on disk, thousands when unpacked.

    Written by hand, because an archiver would have to compress all of it.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(_MEGABYTE)
    first = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = first + block * (megabytes - 1) + packer.flush(zlib.Z_FINISH)
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(zeros, crc)
    size, encoded = megabytes * _MEGABYTE, name.encode()
    # Version, flags, method 8 (deflate), time, date, checksum, sizes, length of the name, no extra field.
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, crc, len(packed), size, len(encoded), 0)
    local = b"PK\x03\x04" + common + encoded
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    return local + packed + central + b"PK\x05\x06" + end
