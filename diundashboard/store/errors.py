"""The errors that a store raises."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot do this; the message is fit to show to a person."""


class NotFound(StoreError):
    """Nothing has this id."""


class Conflict(StoreError):
    """Something else has this name."""


class Unavailable(StoreError):
    """The database cannot be used; the message says why, without secrets."""


class Declined(Unavailable):
    """The database cannot do this operation now, but can do others: a lock, a full disk, too many operations."""


class Unusable(Unavailable):
    """The database cannot be used until the settings or its files are changed; waiting does not help."""
