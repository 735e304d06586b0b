"""The error for a request that makes no sense."""

from __future__ import annotations


class Invalid(ValueError):
    """What a person or a program asked for makes no sense; the message says what is allowed."""
