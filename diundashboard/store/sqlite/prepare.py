"""Prepare a file for the store: refuse it if it is not ours, else bring it up to date."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from diundashboard import image
from diundashboard.notification import DERIVED_RULES, derive
from diundashboard.store.errors import Unavailable
from diundashboard.store.migrations import FIRST, LOCK_TIMEOUT, TABLE, SQLiteMigrations, migrate
from diundashboard.store.sqlite.database import answering, connect, transaction
from diundashboard.store.sqlite.hosts import name_hosts
from diundashboard.store.sqlite.series import refresh
from diundashboard.store.sqlite.tags import repositories, retag
from diundashboard.text import searchable

# The hosts with other names that a search does not find yet.
_UNNAMED = """
    SELECT id
      FROM hosts
     WHERE search = '' AND (display_name <> '' OR id IN (SELECT merged_into FROM hosts))
"""


def prepare(path: str) -> None:
    """Migrate the file, created if there is none, to the present schema, and fill its derived columns.

    Raises:
        Unavailable: the file is not ours, or cannot be used. It is left as it was.
    """
    file = Path(path)
    with answering(path):
        if file.is_dir():
            raise Unavailable(f"the SQLite database at {file} cannot be used: it is a folder; name a file in it")
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size:
            _refuse_foreign(file)
        migrate(SQLiteMigrations(connect(path, LOCK_TIMEOUT)))
        with closing(connect(path, LOCK_TIMEOUT)) as connection, transaction(connection, path) as cursor:
            name_hosts(cursor, [host_id for (host_id,) in cursor.execute(_UNNAMED).fetchall()])
            _derive_anew(cursor)


def _derive_anew(cursor: sqlite3.Cursor) -> None:
    """Fill the derived columns, unless this version of the rules filled them."""
    filled = cursor.execute("SELECT number FROM version_rules").fetchone()
    if filled and filled["number"] == DERIVED_RULES:
        return
    rows = cursor.execute(
        """
        SELECT u.id, h.id, u.hostname, u.registry, u.repository, u.version, u.metadata, u.containers, u.series_id
          FROM updates AS u
          JOIN hosts AS h ON h.hostname = u.hostname
        """
    ).fetchall()
    for update_id, host_id, hostname, registry, repository, version, metadata, containers, before in rows:
        derived = derive(hostname, f"{registry}/{repository}", version, json.loads(metadata), json.loads(containers))
        series_id: int = cursor.execute(
            """
            INSERT INTO series (host_id, registry, repository, variant)
            VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE
               SET variant = excluded.variant
            RETURNING id
            """,
            (host_id, registry, repository, derived.variant),
        ).fetchone()[0]
        if before not in (None, series_id):
            cursor.execute(
                """
                UPDATE series
                   SET note = old.note,
                       snoozed_until = old.snoozed_until,
                       muted_at = old.muted_at,
                       said_version = old.said_version,
                       said_at = old.said_at
                  FROM series AS old
                 WHERE old.id = ? AND series.id = ? AND series.note = '' AND series.muted_at IS NULL
                """,
                (before, series_id),
            )
            cursor.execute(
                """
                UPDATE action_items
                   SET series_id = ?
                 WHERE series_id = ? AND (update_id = ? OR update_id IS NULL)
                """,
                (series_id, before, update_id),
            )
        cursor.execute(
            """
            UPDATE updates
               SET series_id = ?, name = ?, version_key = ?, prerelease = ?, stack = ?, search = ?
             WHERE id = ?
            """,
            (
                series_id,
                derived.name,
                derived.version_key,
                derived.prerelease,
                derived.stack,
                derived.search,
                update_id,
            ),
        )
    cursor.execute("DELETE FROM series WHERE id NOT IN (SELECT series_id FROM updates)")
    cursor.execute(
        "UPDATE series SET heard = (SELECT sum(u.notifications) FROM updates AS u WHERE u.series_id = series.id)"
    )
    said = cursor.execute("SELECT said_version, id FROM series WHERE said_version <> ''").fetchall()
    cursor.executemany(
        "UPDATE series SET said_key = ? WHERE id = ?",
        [(image.version(version).sort_key, series_id) for version, series_id in said],
    )
    for notification_id, name, hostname in cursor.execute(
        """
        SELECT n.id, n.image, h.hostname
          FROM notifications AS n
          JOIN hosts AS h ON h.id = n.host_id
        """
    ).fetchall():
        cursor.execute(
            "UPDATE notifications SET search = ? WHERE id = ?", (searchable(f"{name} {hostname}"), notification_id)
        )
    refresh(cursor, [id for (id,) in cursor.execute("SELECT id FROM series").fetchall()])
    retag(cursor, repositories(cursor))
    cursor.execute("DELETE FROM version_rules")
    cursor.execute("INSERT INTO version_rules (number) VALUES (?)", (DERIVED_RULES,))


def _refuse_foreign(path: Path) -> None:
    """Raise Unavailable if a file holds something else. It is opened read-only, and so left as it is."""
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
        tables = {
            name: {column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))}
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        }
        migrated = (
            TABLE in tables and connection.execute(f"SELECT 1 FROM {TABLE} WHERE migration_id = ?", (FIRST,)).fetchone()
        )
    held = sorted(name for name in tables if not name.startswith(("sqlite_", "_yoyo_", "yoyo_")))
    if held and not migrated and not _first_release(tables):
        names = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "")
        raise Unavailable(
            f"the SQLite database at {path} is not one of DIUN Dashboard: it holds the tables {names}. "
            "It was left as it is; name another file in DB_PATH"
        )


_FIRST_RELEASE = {
    "updates": "image diun_version hostname status provider hub_link mime_type digest created platform ctn_name ctn_id "
    "ctn_state ctn_status received_at acknowledged_at",
    "tags": "id name",
    "tag_assignments": "image tag_id",
}


def _first_release(tables: dict[str, set[str]]) -> bool:
    """Whether these tables, with their columns, can be those of the first release."""
    return all(set(columns.split()) <= tables.get(table, set()) for table, columns in _FIRST_RELEASE.items())
