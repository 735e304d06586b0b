"""Where notifications, updates and tags are stored: the interface, and the choice between the two stores."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.store.accounts import Accounts
from diundashboard.store.actions import Actions
from diundashboard.store.audit import Audit
from diundashboard.store.carry import Carry
from diundashboard.store.database import Database
from diundashboard.store.errors import Conflict, Declined, NotFound, StoreError, Unavailable, Unusable
from diundashboard.store.history import History
from diundashboard.store.hosts import Hosts
from diundashboard.store.insights import Insights
from diundashboard.store.intake import Intake
from diundashboard.store.runs import Runs
from diundashboard.store.secrets import Secrets
from diundashboard.store.sessions import Sessions
from diundashboard.store.tags import Tags
from diundashboard.store.tokens import Tokens
from diundashboard.store.updates import Updates
from diundashboard.store.upkeep import Upkeep
from diundashboard.store.views import Views

__all__ = [
    "Conflict",
    "Declined",
    "NotFound",
    "Store",
    "StoreError",
    "Unavailable",
    "Unusable",
    "open_store",
    "opener",
    "place_of",
]

logger = logging.getLogger("diundashboard")


class Store(
    Intake,
    Updates,
    Actions,
    Tags,
    Hosts,
    Runs,
    History,
    Insights,
    Views,
    Accounts,
    Sessions,
    Secrets,
    Tokens,
    Audit,
    Upkeep,
    Carry,
    Database,
):
    """What the dashboard stores, on either database.

    Both stores promise the same, and the contract test checks it. Every operation is one transaction: it happens as a
    whole, or not at all. Operations can run in any number of threads and processes at the same time. A store connects
    at its first operation, so that it can be opened before a server forks its workers. Text is compared by code point,
    case-sensitively. Each operation raises Unavailable when the database does not answer.
    """


def opener(config: Config, clock: Callable[[], datetime] = now) -> Callable[[], Store]:
    """What opens the store that the settings choose, which the log names.

    The stores are imported here, so that a process loads only one database driver.

    Raises:
        Unusable: DATABASE_URL is nothing that libpq understands.
    """
    if config.database_url:
        logger.info("Using PostgreSQL database")
        place_of(config)
        from diundashboard.store.postgres import PostgresStore

        return partial(PostgresStore, config.database_url, clock)
    logger.info("Using SQLite database at %s", config.db_path)
    return partial(_open_sqlite, config, clock)


def _open_sqlite(config: Config, clock: Callable[[], datetime]) -> Store:
    from diundashboard.store.sqlite import SQLiteStore

    new = not (os.path.exists(config.db_path) and os.path.getsize(config.db_path))
    store = SQLiteStore(config.db_path, clock)
    if new and (waiting := config.spool_folder / "waiting").exists():
        logger.warning(
            "there was no SQLite database at %s, and notifications wait in %s: they go into a new, empty database",
            config.db_path,
            waiting,
        )
    return store


def open_store(config: Config, clock: Callable[[], datetime] = now) -> Store:
    """Open the store that the settings choose, and bring its schema up to date.

    Raises:
        Unusable: this program cannot use the database; the message says why in one line.
        Unavailable: the database does not answer; the message says why in one line.
    """
    return opener(config, clock)()


def place_of(config: Config) -> str:
    """Where the settings say that the database is, in words that messages can show, without secrets.

    Raises:
        Unusable: DATABASE_URL is nothing that libpq understands.
    """
    if config.database_url:
        from diundashboard.store.postgres.database import conninfo_of

        return conninfo_of(config.database_url)[1]
    return f"SQLite at {Path(config.db_path).absolute()}"
