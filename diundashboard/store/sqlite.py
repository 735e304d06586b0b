"""The store on one SQLite file: one connection, guarded by one lock."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from diundashboard.model import Page, Received, State, Tag, Update, UpdateQuery, assignable, now, storable, tag_name
from diundashboard.notification import Notification
from diundashboard.store import Conflict, NotFound, Store, Unavailable
from diundashboard.store.migrations import FIRST, LOCK_TIMEOUT, TABLE, SQLiteMigrations, migrate

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_UPDATE = """
    SELECT u.id, u.hostname, u.image, u.registry, u.repository, u.version, u.digest, u.status, u.kind, u.provider,
           u.platform, u.mime_type, u.hub_link, u.diun_version, u.created, u.metadata, u.containers, u.notifications,
           u.first_seen_at, u.received_at, u.acknowledged_at, u.acknowledged_by, t.id, t.name
      FROM updates AS u
      LEFT JOIN tag_assignments AS own ON own.reference = u.image
      LEFT JOIN tag_assignments AS shared ON shared.reference = u.registry || '/' || u.repository
      LEFT JOIN tags AS t ON t.id = coalesce(own.tag_id, shared.tag_id)
"""

_IN_STATE = {
    None: "TRUE",
    State.PENDING: "u.acknowledged_at IS NULL",
    State.SNOOZED: "FALSE",
    State.ACKNOWLEDGED: "u.acknowledged_at IS NOT NULL",
    State.MUTED: "FALSE",
}


@dataclass(slots=True)
class _Arrival:
    """A notification that waits for its transaction, and what became of it."""

    notification: Notification
    at: int
    settled: bool = False
    update_id: int = 0
    error: Exception | None = None


class SQLiteStore(Store):
    """Raises Unavailable where `path` is no file that this program can use; it is then as it was."""

    def __init__(self, path: str, clock: Callable[[], datetime] = now) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._arrivals: deque[_Arrival] = deque()
        self._prepare()

    def record(self, notification: Notification) -> int:
        """As the interface says. What arrives while another transaction runs is stored together, in the next one.

        One wait for the disk then serves all of them; each is still stored whole or not at all, and durable on return.
        """
        arrival = _Arrival(notification, _microseconds(self._clock()))
        self._arrivals.append(arrival)
        with self._lock:
            if not arrival.settled:
                self._record_arrivals()
        if arrival.error:
            raise arrival.error
        return arrival.update_id

    def _record_arrivals(self) -> None:
        """Store everything that waits, and tell each whether that worked. The caller holds the lock."""
        batch = [self._arrivals.popleft() for _ in range(len(self._arrivals))]
        try:
            with self._locked_transaction() as cursor:
                for arrival in batch:
                    arrival.update_id = self._record(cursor, arrival.notification, arrival.at)
        except Exception as error:
            for arrival in batch:
                arrival.error = error
        for arrival in batch:
            arrival.settled = True

    def _record(self, cursor: sqlite3.Cursor, notification: Notification, at: int) -> int:
        reference, metadata = notification.reference, json.dumps(notification.metadata)
        cursor.execute(
            """
            INSERT INTO updates (
                hostname, image, registry, repository, version, digest, status, kind, provider, platform,
                mime_type, hub_link, diun_version, created, metadata, containers, notifications, first_seen_at,
                received_at
            )
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', 0, ?, ?)
            ON CONFLICT (hostname, image) DO UPDATE
               SET digest = excluded.digest,
                   status = excluded.status,
                   kind = 'rebuild',
                   provider = excluded.provider,
                   platform = excluded.platform,
                   mime_type = excluded.mime_type,
                   hub_link = excluded.hub_link,
                   diun_version = excluded.diun_version,
                   created = excluded.created,
                   metadata = excluded.metadata,
                   received_at = excluded.received_at,
                   acknowledged_at = NULL,
                   acknowledged_by = ''
             WHERE updates.digest <> excluded.digest
            """,
            (
                notification.hostname,
                reference.image,
                reference.registry,
                reference.repository,
                reference.version,
                notification.digest,
                notification.status,
                "rebuild" if notification.status == "update" else "new",
                notification.provider,
                notification.platform,
                notification.mime_type,
                notification.hub_link,
                notification.diun_version,
                None if notification.created is None else _microseconds(notification.created),
                metadata,
                at,
                at,
            ),
        )
        cursor.execute(
            """
            UPDATE updates
               SET notifications = notifications + 1,
                   metadata = json_patch(metadata, ?),
                   containers = (
                       SELECT json_group_array(value)
                         FROM (SELECT value FROM json_each(containers) UNION SELECT value FROM json_each(?))
                   )
             WHERE hostname = ? AND image = ?
            RETURNING id
            """,
            (metadata, json.dumps(notification.containers), notification.hostname, reference.image),
        )
        update_id: int = cursor.fetchone()[0]
        cursor.execute(
            """
            INSERT INTO notifications (update_id, received_at, status, digest, payload)
            VALUES (?, ?, ?, ?, ?)
            """,
            (update_id, at, notification.status, notification.digest, notification.payload),
        )
        return update_id

    def updates(self, query: UpdateQuery) -> Page:
        condition = _IN_STATE[query.state]
        with self._transaction("DEFERRED") as cursor:
            total: int = cursor.execute(f"SELECT count(*) FROM updates AS u WHERE {condition}").fetchone()[0]
            rows = cursor.execute(
                f"{_UPDATE} WHERE {condition} ORDER BY u.received_at DESC, u.id DESC LIMIT ? OFFSET ?",
                (query.per_page, (query.page - 1) * query.per_page),
            ).fetchall()
        return Page(tuple(map(_update, rows)), total, query.page, query.per_page)

    def update(self, update_id: int) -> Update:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(f"{_UPDATE} WHERE u.id = ?", (update_id,)).fetchone()
        if row is None:
            raise NotFound(f"no update has the id {update_id}")
        return _update(row)

    def history(self, update_id: int) -> tuple[Received, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                """
                SELECT id, received_at, status, digest, payload
                  FROM notifications
                 WHERE update_id = ?
                 ORDER BY id DESC
                """,
                (update_id,),
            ).fetchall()
        if not rows:
            raise NotFound(f"no update has the id {update_id}")
        return tuple(Received(row[0], _time(row[1]), *row[2:]) for row in rows)

    def acknowledge(self, update_ids: Collection[int], by: str) -> int:
        at = _microseconds(self._clock())
        with self._transaction() as cursor:
            self._check_updates(cursor, set(update_ids))
            return cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = ?, acknowledged_by = ?
                 WHERE id IN (SELECT value FROM json_each(?)) AND acknowledged_at IS NULL
                """,
                (at, storable(by), json.dumps(list(update_ids))),
            ).rowcount

    def reopen(self, update_ids: Collection[int]) -> int:
        with self._transaction() as cursor:
            self._check_updates(cursor, set(update_ids))
            return cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = NULL, acknowledged_by = ''
                 WHERE id IN (SELECT value FROM json_each(?)) AND acknowledged_at IS NOT NULL
                """,
                (json.dumps(list(update_ids)),),
            ).rowcount

    def tags(self) -> tuple[Tag, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                """
                SELECT t.id, t.name, count(u.tag_id)
                  FROM tags AS t
                  LEFT JOIN (
                      SELECT coalesce(own.tag_id, shared.tag_id) AS tag_id
                        FROM updates AS u
                        LEFT JOIN tag_assignments AS own ON own.reference = u.image
                        LEFT JOIN tag_assignments AS shared ON shared.reference = u.registry || '/' || u.repository
                  ) AS u ON u.tag_id = t.id
                 GROUP BY t.id, t.name
                 ORDER BY lower(t.name), t.name
                """
            ).fetchall()
        return tuple(Tag(*row) for row in rows)

    def create_tag(self, name: str) -> Tag:
        name = tag_name(name)
        with self._transaction() as cursor:
            row = cursor.execute(
                "INSERT INTO tags (name) VALUES (?) ON CONFLICT DO NOTHING RETURNING id", (name,)
            ).fetchone()
        if row is None:
            raise Conflict(f"a tag has the name {name!r} already")
        return Tag(row[0], name)

    def rename_tag(self, tag_id: int, name: str) -> Tag:
        name = tag_name(name)
        with self._transaction() as cursor:
            self._check_tag(cursor, tag_id)
            if cursor.execute("UPDATE OR IGNORE tags SET name = ? WHERE id = ?", (name, tag_id)).rowcount == 0:
                raise Conflict(f"a tag has the name {name!r} already")
        return Tag(tag_id, name)

    def delete_tag(self, tag_id: int) -> None:
        with self._transaction() as cursor:
            self._check_tag(cursor, tag_id)
            cursor.execute("DELETE FROM tags WHERE id = ?", (tag_id,))

    def has_tag(self, tag_id: int) -> bool:
        with self._transaction("DEFERRED") as cursor:
            return cursor.execute("SELECT 1 FROM tags WHERE id = ?", (tag_id,)).fetchone() is not None

    def assign_tag(self, reference: str, tag_id: int) -> str:
        key = assignable(reference)
        with self._transaction() as cursor:
            self._check_tag(cursor, tag_id)
            self._assign(cursor, key, tag_id)
        return key

    def unassign_tag(self, reference: str) -> None:
        key = assignable(reference)
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM tag_assignments WHERE reference = ?", (key,))

    def tag_update(self, update_id: int, name: str | None) -> Tag | None:
        name = None if name is None else tag_name(name)
        with self._transaction() as cursor:
            row = cursor.execute(
                "SELECT image, registry || '/' || repository FROM updates WHERE id = ?", (update_id,)
            ).fetchone()
            if row is None:
                raise NotFound(f"no update has the id {update_id}")
            cursor.execute("DELETE FROM tag_assignments WHERE reference IN (?, ?)", row)
            if name is None:
                return None
            cursor.execute("INSERT INTO tags (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
            tag_id: int = cursor.execute("SELECT id FROM tags WHERE name = ?", (name,)).fetchone()[0]
            self._assign(cursor, row[1], tag_id)
        return Tag(tag_id, name)

    def ping(self) -> None:
        with self._transaction("DEFERRED") as cursor:
            cursor.execute("SELECT id FROM updates LIMIT 1")

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Cursor]:
        with self._lock, self._locked_transaction(mode) as cursor:
            yield cursor

    @contextmanager
    def _locked_transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Cursor]:
        """A transaction of the thread that holds the lock. IMMEDIATE takes the file's write lock before it reads."""
        with _answering(self._path):
            if self._connection is None:
                self._connection = _connect(self._path)
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(f"BEGIN {mode}")
                try:
                    yield cursor
                except BaseException:
                    cursor.execute("ROLLBACK")
                    raise
                cursor.execute("COMMIT")

    def _check_updates(self, cursor: sqlite3.Cursor, update_ids: set[int]) -> None:
        missing = cursor.execute(
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM updates) ORDER BY value LIMIT 1",
            (json.dumps(list(update_ids)),),
        ).fetchone()
        if missing:
            raise NotFound(f"no update has the id {missing[0]}")

    def _check_tag(self, cursor: sqlite3.Cursor, tag_id: int) -> None:
        if cursor.execute("SELECT 1 FROM tags WHERE id = ?", (tag_id,)).fetchone() is None:
            raise NotFound(f"no tag has the id {tag_id}")

    def _assign(self, cursor: sqlite3.Cursor, reference: str, tag_id: int) -> None:
        cursor.execute(
            """
            INSERT INTO tag_assignments (reference, tag_id)
            VALUES (?, ?)
            ON CONFLICT (reference) DO UPDATE
               SET tag_id = excluded.tag_id
            """,
            (reference, tag_id),
        )

    def _prepare(self) -> None:
        """Refuse what is no database of ours while it is untouched; bring the schema of what is one up to date."""
        path = Path(self._path)
        with _answering(self._path):
            if path.is_dir():
                raise Unavailable(f"the SQLite database at {path} cannot be used: it is a folder; name a file in it")
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size:
                _refuse_foreign(path)
            migrate(SQLiteMigrations(_connect(self._path)))


@contextmanager
def _answering(path: str) -> Iterator[None]:
    """Turn the driver's errors into the store's."""
    try:
        yield
    except OverflowError:
        raise NotFound("no id is that large") from None
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unavailable(f"the SQLite database at {path} cannot be used: {reason}") from error


def _connect(path: str) -> sqlite3.Connection:
    """A connection whose COMMIT survives a power cut, and that waits for the writers of other processes."""
    # An absolute path is always the name of a file; ":memory:" would be another database for each connection.
    connection = sqlite3.connect(
        Path(path).absolute(), timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Set the journal's mode, which stays with the file. SQLite does not wait for the lock that changing it needs."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _refuse_foreign(path: Path) -> None:
    """Raise Unavailable for a file that holds something else. It is opened for reading only, and so left as it is."""
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
    return all(set(columns.split()) <= tables.get(table, set()) for table, columns in _FIRST_RELEASE.items())


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _time_or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _time(microseconds)


def _update(row: tuple[Any, ...]) -> Update:
    (
        *plain,
        created,
        metadata,
        containers,
        notifications,
        first_seen,
        received,
        acknowledged,
        by,
        tag_id,
        tag,
    ) = row
    values = (
        *plain,
        _time_or_none(created),
        dict(sorted(json.loads(metadata).items())),
        tuple(sorted(json.loads(containers))),
        notifications,
        _time(first_seen),
        _time(received),
        _time_or_none(acknowledged),
        by,
        None if tag_id is None else Tag(tag_id, tag),
    )
    return Update(*values)
