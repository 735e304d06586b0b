"""Keep the history from growing without end: once a day, old payloads and repeats are removed."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from threading import Thread

from diundashboard.access import Access
from diundashboard.clock import now
from diundashboard.store import Store, StoreError

logger = logging.getLogger("diundashboard")

FIRST = 60
"""Seconds from startup to the first pruning, and from a failure to the next attempt."""

DAILY = 24 * 60 * 60
"""Seconds between two prunings."""


def prune(store: Store, days: int, dry_run: bool = False) -> str:
    """Prune what is older than this many days, nothing if that is 0, and return a sentence about it.

    Raises:
        Unavailable: the database does not answer.
    """
    if not days:
        return "RETENTION_DAYS is 0: the history keeps everything"
    pruned = store.prune(now() - timedelta(days=days), dry_run)
    verb = "would remove" if dry_run else "removed"
    return (
        f"{verb} from the history, older than {days} days: {pruned.repeats} repeats and the payloads "
        f"of {pruned.payloads} other notifications, {pruned.size / 2**20:.1f} MiB"
    )


def start(access: Access, days: int, first: float = FIRST) -> None:
    """Prune after `first` seconds and then once a day, in a thread that ends with the process."""
    if days:
        Thread(target=_daily, args=(access, days, first), name="retention", daemon=True).start()


def _daily(access: Access, days: int, pause: float) -> None:
    while True:
        time.sleep(pause)
        try:
            logger.info("%s", prune(access.store, days))
            pause = DAILY
        except StoreError as error:
            logger.error("the history could not be pruned: %s", error)
            pause = FIRST
