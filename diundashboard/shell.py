"""Text that interactive and other shells read alike: POSIX's sh, dash, bash, zsh and fish. Pure.

The differences between them: zsh takes `#` for a command if interactivecomments is off, and `=ls` for a path. fish
takes `%self` for a number, and a backslash before a quote or another backslash for less than itself, also between
single quotes. bash and zsh take `!` for a line of the history, and bash `^` where a line of a quoted word begins so.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[\w@+:,./-][\w@+:,./=-]*", re.ASCII)
_SPECIAL = re.compile(r"['!^]|\\(?=[\\'!^]|\Z)")


def word(text: str) -> str:
    """The text as one word; as it is where no shell acts on it."""
    return text if _PLAIN.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """The text as one word in quotes; it may have several lines."""
    return "'" + _SPECIAL.sub(r"'\\\g<0>'", text) + "'"


def note(text: str) -> str:
    """A line for the person who reads it. It does nothing."""
    return f": {quoted(text)}"


def to_sh(command: str, *lines: str) -> str:
    """Lines that only POSIX's sh reads, as the last word of a command that starts one."""
    return f"{command} " + quoted("\n".join(["", *lines, ""]))
