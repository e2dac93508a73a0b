"""Addresses without their secrets, for messages, names and representations."""

import re

_USER = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"\?[^#\s]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def redacted(text: str) -> str:
    """`text` with user, password and query string of every URL in it replaced by ``***``.

    Query strings go as a whole: cameras carry tokens there under names nobody can list.
    """
    return _URL.sub(lambda match: _QUERY.sub("?***", _USER.sub("***@", match[0])), text)
