"""Text in the form that databases can store, and in the form that searches compare. Pure."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with U+FFFD for what a database cannot hold: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("\ufffd", text)


def searchable(text: str) -> str:
    """Text as searches compare it: without regard to case, in any language."""
    return storable(text).casefold()
