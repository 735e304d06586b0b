"""Where notifications, updates and tags are stored: the interface, and the choice between the two stores."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import datetime

from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.store.actions import Actions
from diundashboard.store.database import Database
from diundashboard.store.errors import Conflict, NotFound, StoreError, Unavailable
from diundashboard.store.history import History
from diundashboard.store.hosts import Hosts
from diundashboard.store.insights import Insights
from diundashboard.store.intake import Intake
from diundashboard.store.tags import Tags
from diundashboard.store.updates import Updates
from diundashboard.store.upkeep import Upkeep
from diundashboard.store.views import Views

__all__ = ["Conflict", "NotFound", "Store", "StoreError", "Unavailable", "open_store"]

logger = logging.getLogger("diundashboard")


class Store(Intake, Updates, Actions, Tags, Hosts, History, Insights, Views, Upkeep, Database):
    """What the dashboard stores, on either database.

    Both stores promise the same, and the contract test holds them to it. Every operation is one transaction: done as a
    whole, or not at all. Operations can run in any number of threads and processes at once. A store connects at its
    first operation, so that it can be opened before a server forks its workers. Text is compared by code point,
    case-sensitively. Each operation raises Unavailable when the database does not answer.
    """


def open_store(config: Config, clock: Callable[[], datetime] = now) -> Store:
    """Open the store that the settings choose, and bring its schema up to date.

    The stores are imported here, so that a process loads only one database driver.

    Raises:
        Unavailable: the database does not answer, or this program cannot use it; the message says why in one line.
    """
    if config.database_url:
        logger.info("Using PostgreSQL database")
        from diundashboard.store.postgres import PostgresStore

        return PostgresStore(config.database_url, clock)
    logger.info("Using SQLite database at %s", config.db_path)
    from diundashboard.store.sqlite import SQLiteStore

    new = not (os.path.exists(config.db_path) and os.path.getsize(config.db_path))
    store = SQLiteStore(config.db_path, clock)
    if new and os.path.exists(waiting := os.path.join(config.spool_path, "waiting")):
        logger.warning(
            "there was no SQLite database at %s, and notifications wait in %s: they go into a new, empty database",
            config.db_path,
            waiting,
        )
    return store
