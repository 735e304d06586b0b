"""The errors that a store raises."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot do what was asked; the message can be shown to a person."""


class NotFound(StoreError):
    """Nothing has this id."""


class Conflict(StoreError):
    """Something else has this name."""


class Unavailable(StoreError):
    """The database cannot be used; the message says why, without secrets."""
