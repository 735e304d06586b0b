"""Open files safely, even if somebody has replaced them with something else, and make names durable."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from pathlib import Path

LOCK_TIMEOUT = 2
"""Seconds to wait for a lock that other processes hold for microseconds."""

_RETRY = 0.0005
"""Seconds between two attempts."""


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of a regular file, mode 0600 if it is created. Follows no link, and never waits.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def lock(descriptor: int, kind: int = fcntl.LOCK_EX, timeout: float = LOCK_TIMEOUT) -> None:
    """Lock a file until its descriptor is closed, or its process ends.

    Raises:
        TimeoutError: another process holds the lock for longer than `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock") from None
        time.sleep(_RETRY)


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
