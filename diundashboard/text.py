"""Text in the form that databases can store, and in the form that searches compare. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

from diundashboard.limits import NAME

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_FINGERPRINT = 32


def storable(text: str) -> str:
    """The text with U+FFFD for what a database cannot hold: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("\ufffd", text)


def searchable(text: str) -> str:
    """Text as searches compare it: without regard to case, in any language."""
    return storable(text).casefold()


def name_of(text: str, limit: int = NAME, end: str = "") -> str:
    """The name, or the form in which one is stored that has more bytes than the limit.

    This form is the beginning of the name, an ellipsis, a fingerprint of the whole, and `end`. Names that differ
    anywhere have different forms, and no name that a registry or a machine can have looks like one.
    """
    if len(text) <= limit and text.isascii():
        return text
    whole = text.encode(errors="replace")
    if len(whole) <= limit:
        return text
    rest = f"…{sha256(whole).hexdigest()[:_FINGERPRINT]}{end}"
    return beginning(text, limit - len(rest.encode())) + rest


def beginning(text: str, size: int) -> str:
    """As much of the beginning of a text as fits in a number of bytes."""
    return text[:size].encode(errors="replace")[:size].decode(errors="ignore")
