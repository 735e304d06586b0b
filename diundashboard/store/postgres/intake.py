"""Store what DIUN sends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from diundashboard.image import update_kind
from diundashboard.model import REFUSALS_KEPT, Refusal
from diundashboard.notification import Notification
from diundashboard.store import intake
from diundashboard.store.postgres.database import NEWS_LOCK, Cursor, Database, day_of, one, time_of
from diundashboard.store.postgres.series import refresh, say
from diundashboard.store.postgres.tags import retag, tag_at_first_sight
from diundashboard.text import searchable, storable


class Intake(intake.Intake, Database):
    def record(self, notification: Notification, at: datetime | None = None) -> int:
        """Store a notification, as the interface promises. A repeated one takes one statement: one round trip."""
        at = at or self._clock()
        with self._connection() as connection, connection.cursor() as cursor:
            update_id = _repeat(cursor, notification, notification.hostname, at)
            if update_id is None:
                with connection.transaction():
                    update_id = _renew(cursor, notification, at)
        return update_id

    def refuse(self, refusal: Refusal) -> None:
        with self._connection() as connection:
            connection.execute(
                "INSERT INTO refusals (at, address, status, reason, excerpt) VALUES (%s, %s, %s, %s, %s)",
                (
                    refusal.at,
                    storable(refusal.address),
                    refusal.status,
                    storable(refusal.reason),
                    storable(refusal.excerpt),
                ),
            )
            # Do not wait for rows that another process is deleting.
            connection.execute(
                """
                DELETE FROM refusals
                 WHERE id IN (SELECT id FROM refusals ORDER BY id DESC OFFSET %s FOR UPDATE SKIP LOCKED)
                """,
                (REFUSALS_KEPT,),
            )

    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT at, address, status, reason, excerpt FROM refusals WHERE at >= %s ORDER BY id DESC", (since,)
            ).fetchall()
        return tuple(Refusal(**row._asdict() | {"at": time_of(row.at)}) for row in rows)


def _repeat(cursor: Cursor, notification: Notification, hostname: str, at: datetime) -> int | None:
    """Store a notification with the digest already known, and return the update's id; None if it is another digest.

    `hostname` is the host's own, not that of a host merged into it. The digest is compared again after waiting for the
    lock on the series: an update that was deleted or has another digest by then is not found.
    """
    row = cursor.execute(
        """
        WITH found AS (
            SELECT u.id, u.series_id, h.id AS host_id
              FROM hosts AS h
              JOIN updates AS u ON u.host_key = h.host_key
              JOIN series AS s ON s.id = u.series_id
             WHERE h.host_key = name_key(%(hostname)s) AND h.merged_into IS NULL AND h.forgotten_at IS NULL
               AND u.image_key = name_key(%(image)s) AND u.digest = %(digest)s
               FOR NO KEY UPDATE OF s
        ),
        known AS (
            UPDATE updates AS u
               SET notifications = u.notifications + 1,
                   metadata = u.metadata || %(metadata)s,
                   containers = ARRAY(SELECT unnest(u.containers) UNION SELECT unnest(%(containers)s::text[])),
                   search = CASE
                       WHEN strpos(u.search, %(search)s) > 0 THEN u.search
                       ELSE u.search || ' ' || %(search)s
                   END
              FROM found
             WHERE u.id = found.id AND u.digest = %(digest)s
            RETURNING u.id, u.kind, found.series_id, found.host_id
        ),
        heard AS (
            UPDATE series AS s
               SET heard = s.heard + 1
              FROM known
             WHERE s.id = known.series_id
        ),
        counted AS (
            INSERT INTO days AS d (day, host_id, kind, notifications)
            SELECT %(day)s, host_id, kind, 1
              FROM known
            ON CONFLICT (day, host_id, kind) DO UPDATE
               SET notifications = d.notifications + 1
        )
        INSERT INTO notifications (update_id, host_id, image, kind, received_at, status, digest, payload, search)
        SELECT id, host_id, %(image)s, kind, %(at)s, %(status)s, %(digest)s, %(payload)s, %(history_search)s
          FROM known
        RETURNING update_id
        """,
        _received_values(notification, hostname, at)
        | {
            "hostname": hostname,
            "metadata": Jsonb(notification.metadata),
            "containers": list(notification.containers),
            "search": notification.derived().search,
        },
    ).fetchone()
    return None if row is None else int(row.update_id)


def _renew(cursor: Cursor, notification: Notification, at: datetime) -> int:
    """Store the notification of a new image or digest, and return the id of its update."""
    reference, derived = notification.reference, notification.derived()
    cursor.execute(
        "SELECT pg_advisory_xact_lock_shared(%s), pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (NEWS_LOCK, reference.name),
    )
    host_id, hostname, known_id, digest = _heard(cursor, notification)
    if known_id is not None and digest == notification.digest:
        # Another process has stored this digest since `_repeat` looked.
        again = _repeat(cursor, notification, hostname, at)
        assert again is not None
        return again
    tagged = tag_at_first_sight(cursor, reference.name, notification.metadata)
    series_id, running = one(
        cursor.execute(
            """
            INSERT INTO series AS s (host_id, registry, repository, variant, heard)
            VALUES (%s, %s, %s, %s, 1)
            ON CONFLICT (host_id, repository_key, variant_key) DO UPDATE
               SET snoozed_until = 'epoch', heard = s.heard + 1
            RETURNING id, running_version
            """,
            (host_id, reference.registry, reference.repository, derived.variant),
        )
    )
    rebuilt = known_id is not None or notification.status == "update"
    update_id, opened = one(
        cursor.execute(
            """
            WITH before AS (
                SELECT acknowledged_at
                  FROM updates
                 WHERE id = %(known_id)s
            )
            INSERT INTO updates AS u (
                hostname, image, registry, repository, version, digest, status, kind, provider, platform, mime_type,
                hub_link, diun_version, created, metadata, containers, notifications, first_seen_at, received_at,
                opened_at, waiting_since, series_id, name, version_key, prerelease, rebuilt, from_version, stack,
                search, tag_id
            )
            VALUES (
                %(hostname)s, %(image)s, %(registry)s, %(repository)s, %(version)s, %(digest)s, %(status)s,
                %(kind)s, %(provider)s, %(platform)s, %(mime_type)s, %(hub_link)s, %(diun_version)s, %(created)s,
                %(metadata)s, %(containers)s, 1, %(at)s, %(at)s, %(at)s, %(at)s, %(series_id)s, %(name)s,
                %(version_key)s, %(prerelease)s, %(rebuilt)s, %(from_version)s, %(stack)s, %(search)s,
                coalesce(
                    (SELECT tag_id FROM tag_assignments WHERE reference_key = name_key(%(image)s)),
                    (SELECT tag_id FROM tag_assignments WHERE reference_key = name_key(%(reference)s))
                )
            )
            ON CONFLICT (host_key, image_key) DO UPDATE
               SET digest = excluded.digest,
                   status = excluded.status,
                   kind = excluded.kind,
                   provider = excluded.provider,
                   platform = excluded.platform,
                   mime_type = excluded.mime_type,
                   hub_link = excluded.hub_link,
                   diun_version = excluded.diun_version,
                   created = excluded.created,
                   metadata = excluded.metadata,
                   containers = ARRAY(SELECT unnest(u.containers) UNION SELECT unnest(excluded.containers)),
                   notifications = u.notifications + 1,
                   received_at = excluded.received_at,
                   first_seen_at = least(u.first_seen_at, excluded.first_seen_at),
                   opened_at = CASE
                       WHEN u.acknowledged_at IS NULL THEN least(u.opened_at, excluded.opened_at)
                       ELSE excluded.opened_at
                   END,
                   acknowledged_at = NULL,
                   acknowledged_by = '',
                   rebuilt = excluded.rebuilt,
                   from_version = excluded.from_version,
                   stack = excluded.stack,
                   search = excluded.search,
                   tag_id = excluded.tag_id
            RETURNING id, NOT EXISTS (SELECT FROM before WHERE acknowledged_at IS NULL)
            """,
            {
                "known_id": known_id,
                "hostname": hostname,
                "image": reference.image,
                "registry": reference.registry,
                "repository": reference.repository,
                "version": reference.version,
                "digest": notification.digest,
                "status": notification.status,
                "kind": update_kind(running, reference.version, rebuilt),
                "provider": notification.provider,
                "platform": notification.platform,
                "mime_type": notification.mime_type,
                "hub_link": notification.hub_link,
                "diun_version": notification.diun_version,
                "created": notification.created,
                "metadata": Jsonb(notification.metadata),
                "containers": list(notification.containers),
                "at": at,
                "series_id": series_id,
                "name": derived.name,
                "version_key": derived.version_key,
                "prerelease": derived.prerelease,
                "rebuilt": rebuilt,
                "from_version": running,
                "stack": derived.stack,
                "search": derived.search,
                "reference": reference.name,
            },
        )
    )
    if tagged:
        retag(cursor, [reference.name])
    if current := notification.metadata.get("current", "").strip():
        say(cursor, series_id, current, at)
    refresh(cursor, [series_id])
    cursor.execute(
        """
        WITH spoken AS (
            SELECT id, kind
              FROM updates
             WHERE id = %(update_id)s
        ),
        counted AS (
            INSERT INTO days AS d (day, host_id, kind, notifications, opened)
            SELECT %(day)s, %(host_id)s, kind, 1, %(opened)s
              FROM spoken
            ON CONFLICT (day, host_id, kind) DO UPDATE
               SET notifications = d.notifications + 1, opened = d.opened + excluded.opened
        )
        INSERT INTO notifications (update_id, host_id, image, kind, received_at, status, digest, payload, search)
        SELECT id, %(host_id)s, %(image)s, kind, %(at)s, %(status)s, %(digest)s, %(payload)s, %(history_search)s
          FROM spoken
        """,
        _received_values(notification, hostname, at)
        | {"update_id": update_id, "host_id": host_id, "opened": int(opened)},
    )
    return int(update_id)


def _heard(cursor: Cursor, notification: Notification) -> tuple[int, str, int | None, str | None]:
    """The id and name of the host that sent a notification, created if it is new, and the id and digest of the update.

    It looks before it inserts, because an INSERT that finds the row there still uses up a number of the sequence.
    """

    def look() -> Any:
        return cursor.execute(
            """
            SELECT h.id AS host_id, h.hostname, u.id, u.digest, h.forgotten_at
              FROM hosts AS named
              JOIN hosts AS h ON h.id = coalesce(named.merged_into, named.id)
              LEFT JOIN updates AS u ON u.host_key = h.host_key AND u.image_key = name_key(%s)
             WHERE named.host_key = name_key(%s)
            """,
            (notification.reference.image, notification.hostname),
        ).fetchone()

    found = look()
    if found is None:
        cursor.execute(
            "INSERT INTO hosts (hostname) VALUES (%s) ON CONFLICT (host_key) DO NOTHING", (notification.hostname,)
        )
        found = look()
    if found.forgotten_at is not None:
        cursor.execute("UPDATE hosts SET forgotten_at = NULL WHERE id = %s", (found.host_id,))
    return found.host_id, found.hostname, found.id, found.digest


def _received_values(notification: Notification, hostname: str, at: datetime) -> dict[str, Any]:
    """The values that a notification adds to the history and to the counts of its day."""
    name = notification.reference.image
    return {
        "image": name,
        "status": notification.status,
        "digest": notification.digest,
        "payload": notification.payload,
        "at": at,
        "day": day_of(at),
        "history_search": searchable(f"{name} {hostname}"),
    }
