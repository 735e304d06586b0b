"""Disk space that the spool releases when the disk is full, so that notifications can still be kept."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger("diundashboard")

RESERVE = 16 * 1024**2
"""Bytes on disk."""

_FREED = 0.02
"""Seconds to wait until space that another thread or process releases can be used."""


class Reserve:
    """The file at `path`, which `opened` opens."""

    def __init__(self, path: Path, opened: Callable[[], int]) -> None:
        self._path = path
        self._opened = opened

    def hold(self) -> None:
        """Create the reserve, if there is room for two.

        Raises:
            OSError: it cannot be created.
        """
        with suppress(FileNotFoundError):
            if self._path.lstat().st_size == RESERVE:
                return
        room = os.statvfs(self._path.parent)
        if room.f_bavail * room.f_frsize < 2 * RESERVE:
            return
        descriptor = self._opened()
        try:
            os.posix_fallocate(descriptor, 0, RESERVE)
        except OSError:
            self._path.unlink()
            raise
        finally:
            os.close(descriptor)

    def give(self) -> None:
        """Release the reserve, or wait a little if there is none."""
        try:
            self._path.unlink()
        except OSError:
            time.sleep(_FREED)
        else:
            logger.error("the disk is full: released the reserve %s", self._path)
