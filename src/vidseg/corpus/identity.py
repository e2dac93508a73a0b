"""By what a corpus's videos and outputs are recognised, on disk as `vidseg.stream.ledger` does it, and in stores."""

import hashlib
import json

from vidseg.places import Place
from vidseg.stream.ledger import Identity, output_identity


def identity_of(output: Place) -> Identity:
    """By what an output is recognised as the one that was written.

    Raises:
        FileNotFoundError: if it is gone.
    """
    if output.local is not None:
        return output_identity(output.local)
    files = output.listing()
    if not files:
        raise FileNotFoundError(f"{output.uri} is gone")
    listing = hashlib.sha256(json.dumps(list(files.items())).encode()).hexdigest()
    return {"files": len(files), "bytes": sum(listed.size for listed in files.values()), "listing": listing}
