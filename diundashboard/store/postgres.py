"""The store on PostgreSQL: a pool of connections, and no lock of ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from diundashboard.model import (
    Page,
    Received,
    State,
    Tag,
    Update,
    UpdateQuery,
    assignable,
    now,
    storable,
    tag_name,
)
from diundashboard.notification import Notification
from diundashboard.store import Conflict, NotFound, Store, Unavailable
from diundashboard.store.migrations import PostgresMigrations, migrate

POOL_SIZE = 25
"""The most connections of one process."""

POOL_KEPT = 5
"""The connections that stay open while nothing happens."""

CONNECTION_LIFETIME = 300
"""Seconds after which a connection is replaced."""

CONNECT_TIMEOUT = 10
"""Seconds that PostgreSQL has to answer, where the URL sets no connect_timeout of its own."""

_UPDATE: LiteralString = """
    SELECT u.id, u.hostname, u.image, u.registry, u.repository, u.version, u.digest, u.status, u.kind, u.provider,
           u.platform, u.mime_type, u.hub_link, u.diun_version, u.created, u.metadata, u.containers, u.notifications,
           u.first_seen_at, u.received_at, u.acknowledged_at, u.acknowledged_by, t.id, t.name
      FROM updates AS u
      LEFT JOIN tag_assignments AS own ON own.reference_key = u.image_key
      LEFT JOIN tag_assignments AS shared ON shared.reference_key = u.repository_key
      LEFT JOIN tags AS t ON t.id = coalesce(own.tag_id, shared.tag_id)
"""

_IN_STATE: dict[State | None, LiteralString] = {
    None: "TRUE",
    State.PENDING: "u.acknowledged_at IS NULL",
    State.SNOOZED: "FALSE",
    State.ACKNOWLEDGED: "u.acknowledged_at IS NOT NULL",
    State.MUTED: "FALSE",
}

Cursor = psycopg.Cursor[tuple[Any, ...]]


class PostgresStore(Store):
    """Raises Unavailable where the server at `url`, a URI or conninfo string of libpq, does not answer."""

    def __init__(self, url: str, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        conninfo, self._place = _conninfo(url)
        self._pool = ConnectionPool(
            conninfo,
            kwargs={"autocommit": True},
            min_size=POOL_KEPT,
            max_size=POOL_SIZE,
            max_lifetime=CONNECTION_LIFETIME,
            timeout=CONNECT_TIMEOUT,
            configure=_configure,
            check=ConnectionPool.check_connection,
            open=False,
        )
        with _answering(self._place):
            connection = psycopg.connect(conninfo, autocommit=True)
            if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
                connection.close()
                raise Unavailable(f"{self._place} has the encoding {encoding}; create it with ENCODING 'UTF8'")
            _configure(connection)
            migrate(PostgresMigrations(connection))

    def record(self, notification: Notification) -> int:
        at = self._clock()
        reference, metadata = notification.reference, Jsonb(notification.metadata)
        with self._transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO updates (
                    hostname, image, registry, repository, version, digest, status, kind, provider, platform,
                    mime_type, hub_link, diun_version, created, metadata, containers, notifications, first_seen_at,
                    received_at
                )
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '{}', 0, %s, %s)
                ON CONFLICT (host_key, image_key) DO UPDATE
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
                    notification.created,
                    metadata,
                    at,
                    at,
                ),
            )
            cursor.execute(
                """
                UPDATE updates
                   SET notifications = notifications + 1,
                       metadata = metadata || %s,
                       containers = ARRAY(SELECT unnest(containers) UNION SELECT unnest(%s::text[]))
                 WHERE host_key = name_key(%s) AND image_key = name_key(%s)
                RETURNING id
                """,
                (metadata, list(notification.containers), notification.hostname, reference.image),
            )
            update_id: int = _one(cursor)[0]
            cursor.execute(
                """
                INSERT INTO notifications (update_id, received_at, status, digest, payload)
                VALUES (%s, %s, %s, %s, %s)
                """,
                (update_id, at, notification.status, notification.digest, notification.payload),
            )
        return update_id

    def updates(self, query: UpdateQuery) -> Page:
        condition = _IN_STATE[query.state]
        with self._snapshot() as cursor:
            total: int = _one(cursor.execute(f"SELECT count(*) FROM updates AS u WHERE {condition}"))[0]
            rows = cursor.execute(
                f"{_UPDATE} WHERE {condition} ORDER BY u.received_at DESC, u.id DESC LIMIT %s OFFSET %s",
                (query.per_page, (query.page - 1) * query.per_page),
            ).fetchall()
        return Page(tuple(map(_update, rows)), total, query.page, query.per_page)

    def update(self, update_id: int) -> Update:
        with self._transaction() as cursor:
            row = cursor.execute(f"{_UPDATE} WHERE u.id = %s", (update_id,)).fetchone()
        if row is None:
            raise NotFound(f"no update has the id {update_id}")
        return _update(row)

    def history(self, update_id: int) -> tuple[Received, ...]:
        with self._transaction() as cursor:
            rows = cursor.execute(
                """
                SELECT id, received_at, status, digest, payload
                  FROM notifications
                 WHERE update_id = %s
                 ORDER BY id DESC
                """,
                (update_id,),
            ).fetchall()
        if not rows:
            raise NotFound(f"no update has the id {update_id}")
        return tuple(Received(row[0], row[1].astimezone(UTC), *row[2:]) for row in rows)

    def acknowledge(self, update_ids: Collection[int], by: str) -> int:
        at = self._clock()
        with self._transaction() as cursor:
            self._lock_updates(cursor, set(update_ids))
            return cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = %s, acknowledged_by = %s
                 WHERE id = ANY(%s) AND acknowledged_at IS NULL
                """,
                (at, storable(by), list(update_ids)),
            ).rowcount

    def reopen(self, update_ids: Collection[int]) -> int:
        with self._transaction() as cursor:
            self._lock_updates(cursor, set(update_ids))
            return cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = NULL, acknowledged_by = ''
                 WHERE id = ANY(%s) AND acknowledged_at IS NOT NULL
                """,
                (list(update_ids),),
            ).rowcount

    def tags(self) -> tuple[Tag, ...]:
        with self._transaction() as cursor:
            rows = cursor.execute(
                """
                SELECT t.id, t.name, count(u.tag_id)
                  FROM tags AS t
                  LEFT JOIN (
                      SELECT coalesce(own.tag_id, shared.tag_id) AS tag_id
                        FROM updates AS u
                        LEFT JOIN tag_assignments AS own ON own.reference_key = u.image_key
                        LEFT JOIN tag_assignments AS shared ON shared.reference_key = u.repository_key
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
                "INSERT INTO tags (name) VALUES (%s) ON CONFLICT DO NOTHING RETURNING id", (name,)
            ).fetchone()
        if row is None:
            raise Conflict(f"a tag has the name {name!r} already")
        return Tag(row[0], name)

    def rename_tag(self, tag_id: int, name: str) -> Tag:
        name = tag_name(name)
        try:
            with self._transaction() as cursor:
                self._lock_tag(cursor, tag_id)
                cursor.execute("UPDATE tags SET name = %s WHERE id = %s", (name, tag_id))
        except errors.UniqueViolation:
            raise Conflict(f"a tag has the name {name!r} already") from None
        return Tag(tag_id, name)

    def delete_tag(self, tag_id: int) -> None:
        with self._transaction() as cursor:
            if cursor.execute("DELETE FROM tags WHERE id = %s", (tag_id,)).rowcount == 0:
                raise NotFound(f"no tag has the id {tag_id}")

    def has_tag(self, tag_id: int) -> bool:
        with self._transaction() as cursor:
            return cursor.execute("SELECT 1 FROM tags WHERE id = %s", (tag_id,)).fetchone() is not None

    def assign_tag(self, reference: str, tag_id: int) -> str:
        key = assignable(reference)
        with self._transaction() as cursor:
            self._lock_tag(cursor, tag_id)
            self._assign(cursor, key, tag_id)
        return key

    def unassign_tag(self, reference: str) -> None:
        key = assignable(reference)
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM tag_assignments WHERE reference_key = name_key(%s)", (key,))

    def tag_update(self, update_id: int, name: str | None) -> Tag | None:
        name = None if name is None else tag_name(name)
        with self._transaction() as cursor:
            row = cursor.execute(
                "SELECT image_key, repository_key, registry || '/' || repository FROM updates WHERE id = %s",
                (update_id,),
            ).fetchone()
            if row is None:
                raise NotFound(f"no update has the id {update_id}")
            if name is None:
                cursor.execute("DELETE FROM tag_assignments WHERE reference_key IN (%s, %s)", row[:2])
                return None
            # Setting the name to itself locks the tag and returns it, whether or not it was there.
            tag_id: int = _one(
                cursor.execute(
                    """
                    INSERT INTO tags (name)
                    VALUES (%s)
                    ON CONFLICT (name) DO UPDATE
                       SET name = excluded.name
                    RETURNING id
                    """,
                    (name,),
                )
            )[0]
            cursor.execute("DELETE FROM tag_assignments WHERE reference_key = %s", row[:1])
            self._assign(cursor, row[2], tag_id)
        return Tag(tag_id, name)

    def ping(self) -> None:
        with self._transaction() as cursor:
            cursor.execute("SELECT id FROM updates LIMIT 1")

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        with _answering(self._place):
            if self._pool.closed:
                self._pool.open()
            with (
                self._pool.connection() as connection,
                connection.transaction(),
                connection.cursor() as cursor,
            ):
                yield cursor

    @contextmanager
    def _snapshot(self) -> Iterator[Cursor]:
        """A transaction all of whose statements see the same moment."""
        with self._transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield cursor

    def _lock_updates(self, cursor: Cursor, update_ids: set[int]) -> None:
        """Lock rows in one order, whoever asks, so that two people who act on the same rows wait and never deadlock."""
        rows = cursor.execute("SELECT id FROM updates WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (list(update_ids),))
        if missing := update_ids - {row[0] for row in rows}:
            raise NotFound(f"no update has the id {min(missing)}")

    def _lock_tag(self, cursor: Cursor, tag_id: int) -> None:
        if cursor.execute("SELECT 1 FROM tags WHERE id = %s FOR UPDATE", (tag_id,)).fetchone() is None:
            raise NotFound(f"no tag has the id {tag_id}")

    def _assign(self, cursor: Cursor, reference: str, tag_id: int) -> None:
        cursor.execute(
            """
            INSERT INTO tag_assignments (reference, tag_id)
            VALUES (%s, %s)
            ON CONFLICT (reference_key) DO UPDATE
               SET tag_id = excluded.tag_id
            """,
            (reference, tag_id),
        )


def _conninfo(url: str) -> tuple[str, str]:
    """The conninfo string for psycopg, and where it leads, in words without its password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own message may quote a piece of the password.
        parts = {"host": "@"}
    host, port, name = (str(parts.get(key) or "") for key in ("host", "port", "dbname"))
    if "@" in host + name or (not port.replace(",", "").isdecimal() and port):
        raise Unavailable(
            "DATABASE_URL is no URI or conninfo string that libpq understands; special characters in a password "
            "must be percent-encoded, such as %40 for @"
        )
    place = (
        f'PostgreSQL at {host or "the local socket"}, port {port or 5432}, database "{name or parts.get("user", "")}"'
    )
    timeout = parts.get("connect_timeout") or CONNECT_TIMEOUT
    return make_conninfo(url, connect_timeout=timeout, client_encoding="UTF8"), place


def _configure(connection: psycopg.Connection[Any]) -> None:
    """What a server or a database may set otherwise, and psycopg reads times by."""
    connection.execute("SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false)")


@contextmanager
def _answering(place: str) -> Iterator[None]:
    """Turn the driver's errors into the store's, except for those that an operation expects."""
    try:
        yield
    except errors.UniqueViolation:
        raise
    except errors.NumericValueOutOfRange:
        raise NotFound("no id is that large") from None
    except PoolTimeout:
        raise Unavailable(f"{place}: no connection was free for {CONNECT_TIMEOUT} seconds") from None
    except psycopg.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unavailable(f"{place}: {reason}") from error


def _one(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None
    return row


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


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
        _utc(created),
        dict(sorted(metadata.items())),
        tuple(sorted(containers)),
        notifications,
        first_seen.astimezone(UTC),
        received.astimezone(UTC),
        _utc(acknowledged),
        by,
        None if tag_id is None else Tag(tag_id, tag),
    )
    return Update(*values)
