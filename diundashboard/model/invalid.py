"""The error for an invalid request."""

from __future__ import annotations


class Invalid(ValueError):
    """The request of a person or a program is invalid; the message says what is allowed."""
