"""Bring a database's schema up to date with yoyo: once, however many processes start, and whatever killed the last.

yoyo marks a migration as applied in another transaction than the one that applies it, on another connection, and keeps
others away with a row that a killed process leaves behind. Here the whole run is one transaction on one connection,
and the lock is that transaction's own: it ends with the process, and then nothing has happened yet.
"""

from __future__ import annotations

import glob
import socket
import uuid
from importlib import resources
from typing import Any

from yoyo import internalmigrations, read_migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.backends.core.sqlite3 import SQLiteBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList

from diundashboard.clock import now
from diundashboard.model import Invalid
from diundashboard.store.errors import Unusable

TABLE = "_yoyo_migration"
"""Where yoyo stores which migrations were applied."""

FIRST = "0001.initial-schema"
"""The id of the first migration: a database that has applied it is ours."""

LOCK_TIMEOUT = 60
"""How long a starting process waits for another one that migrates, in seconds."""

ADVISORY_LOCK = int.from_bytes(b"diundash")
"""The key of PostgreSQL's lock."""


class _Backend(DatabaseBackend):  # type: ignore[misc]
    """A yoyo backend on a connection that was made elsewhere, all of whose work is one transaction."""

    _is_locked = True

    def __init__(self, connection: Any) -> None:
        self.given = connection
        super().__init__(DatabaseURI("", None, None, None, None, "", {}), TABLE)

    def connect(self, dburi: DatabaseURI) -> Any:
        return self.given

    def ensure_internal_schema_updated(self) -> None:
        if internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        migration.process_steps(self, "apply", force)
        self.mark_one(migration)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        migration.process_steps(self, "rollback", force)
        self.unmark_one(migration)

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, Any]:
        """yoyo's own asks for the user's name and the full host name, which a container need not have."""
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration and migration.id,
            "migration_hash": migration and migration.hash,
            "username": "",
            "hostname": socket.gethostname(),
            "created_at_utc": now().replace(tzinfo=None),
            "operation": operation,
        }


class SQLiteMigrations(_Backend, SQLiteBackend):  # type: ignore[misc]
    """For a connection of sqlite3 in autocommit mode, which waits for a lock as long as its timeout says."""

    folder = "sqlite"

    def begin(self) -> None:
        self._in_transaction = True
        self.execute("BEGIN IMMEDIATE")


class PostgresMigrations(_Backend, PostgresqlPsycopgBackend):  # type: ignore[misc]
    """For a connection of psycopg in autocommit mode."""

    folder = "postgres"

    def begin(self) -> None:
        super().begin()
        self.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
        self.execute(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def migrations_of(backend: SQLiteMigrations | PostgresMigrations) -> MigrationList:
    """Every migration of the backend's folder, with its rollback."""
    folder = resources.files("diundashboard.migrations") / backend.folder
    migrations: MigrationList = read_migrations(glob.escape(str(folder)))
    return migrations


def migrate(backend: SQLiteMigrations | PostgresMigrations) -> None:
    """Apply the missing migrations, then close the backend's connection. Waits while another process does the same.

    Raises:
        Unusable: a later version of this program has written to the database.
        backend.DatabaseError: the database refused; nothing has changed.
    """
    with backend:
        migrations = migrations_of(backend)
        with backend.transaction():
            applied = set(backend.get_applied_migration_hashes())
            if unknown := applied - {migration.hash for migration in migrations}:
                raise Unusable(
                    f"the database was written by a later version of DIUN Dashboard: it has {len(unknown)} "
                    "migrations that this version does not know"
                )
            backend.apply_migrations(backend.to_apply(migrations))


def roll_back(backend: SQLiteMigrations | PostgresMigrations, schema: str) -> None:
    """Roll back every migration after this one, in the transaction of the backend.

    Raises:
        Invalid: this version does not know that migration.
    """
    migrations = migrations_of(backend)
    if schema not in {migration.id for migration in migrations}:
        raise Invalid(
            f"it was written by a later version of DIUN Dashboard (its schema is {schema}): update this one first"
        )
    backend.rollback_migrations(backend.to_rollback(migrations).filter(lambda migration: migration.id > schema))


def apply(backend: SQLiteMigrations | PostgresMigrations) -> None:
    """Apply the missing migrations, in the transaction of the backend."""
    backend.apply_migrations(backend.to_apply(migrations_of(backend)))
