"""A path of this site, rebuilt from what anybody may have sent, so that it cannot lead to another site."""

from __future__ import annotations

from urllib.parse import quote, unquote

_LONGEST = 4096
"""Characters of a path with its query; what is longer is no address of ours."""

_PATH = "/:@!$&'()*+,;=~%-._"
_QUERY = f"{_PATH}?"


def local_path(text: str, otherwise: str = "/") -> str:
    """The path and the query in `text`, percent-encoded, if it is a path of this site; `otherwise` if not.

    It begins with a single slash and has no empty part, no `.` or `..`, no backslash and no control character, nor
    percent-encoded ones: what lies between might decode them. A fragment is left out.
    """
    if not (text.startswith("/") and len(text) <= _LONGEST and text.isprintable()):
        return otherwise
    path, mark, query = text.partition("#")[0].partition("?")
    plain = _decoded(path)
    parts = plain[1:].split("/")
    if "\\" in plain or not plain.isprintable() or {".", ".."} & set(parts) or "" in parts[:-1]:
        return otherwise
    return quote(path, safe=_PATH, errors="replace") + mark + quote(query, safe=_QUERY, errors="replace")


def _decoded(path: str) -> str:
    """The path without percent-encoding, however often it was encoded."""
    while (plain := unquote(path, errors="replace")) != path:
        path = plain
    return path
