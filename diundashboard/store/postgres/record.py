"""Store one notification: its host, its update, its history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from diundashboard import image
from diundashboard.fold import moved
from diundashboard.limits import CONTAINERS, METADATA_KEYS, METADATA_TEXT, SEARCH
from diundashboard.notification import Notification, derive, size_of
from diundashboard.series import Reported, Series
from diundashboard.store.growth import more_containers, more_metadata, more_search
from diundashboard.store.names import metadata_tag
from diundashboard.store.postgres.database import Cursor, day_of, firsts, one
from diundashboard.store.postgres.locks import lock_alone, lock_hosts, lock_news, lock_series
from diundashboard.store.postgres.reported import NEW, Host, insert_series, metadata_of, write_version
from diundashboard.store.postgres.states import Days, altered, load_one, refold_host, update_series, write_versions
from diundashboard.store.postgres.tags import retag, tag_of_image
from diundashboard.text import searchable


class MetadataShared(Exception):
    """The container's id has arrived under another repository, so that `drop_metadata` has to come first."""


# An update of `found` gathers a notification with the digest already known, as `growth` says, where that is within all
# limits. What may have changed while this waited for the lock on the series is compared again.
_GATHERED: LiteralString = """
    known AS (
        UPDATE updates AS u
           SET notifications = u.notifications + 1,
               metadata = u.metadata || %(metadata)s,
               named = u.named
                       || ARRAY(SELECT name FROM unnest(%(containers)s::text[]) AS name WHERE name <> ALL(u.named)),
               containers = u.containers
                   || ARRAY(SELECT name FROM unnest(%(containers)s::text[]) AS name WHERE name <> ALL(u.containers)),
               search = CASE
                   WHEN strpos(u.search, %(search)s) > 0 THEN u.search
                   ELSE u.search || ' ' || %(search)s
               END
          FROM found
         WHERE u.id = found.id AND u.digest = %(digest)s
           AND cardinality(u.containers) + cardinality(%(containers)s::text[]) <= %(containers_limit)s
           AND octet_length(u.search) + octet_length(%(search)s) < %(search_limit)s
           AND (
               u.metadata @> %(metadata)s
               OR (
                   SELECT count(*) <= %(keys_left)s
                          AND coalesce(sum(length(each.key) + length(each.value)), 0) <= %(text_left)s
                     FROM jsonb_each(u.metadata) AS container, jsonb_each_text(container.value) AS each
               )
           )
        RETURNING u.id, u.kind, found.series_id, found.host_id
    )
"""

# One more notification for the update and the host of `known`, in the history and all counts.
_REPEATED: LiteralString = """
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
    INSERT INTO notifications (
        update_id, host_id, image, kind, received_at, status, digest, payload, search, spoke, current
    )
    SELECT id, host_id, %(image)s, kind, %(at)s, %(status)s, %(digest)s, %(payload)s, %(history_search)s, FALSE, ''
      FROM known
    RETURNING update_id
"""


def repeat(cursor: Cursor, notification: Notification, at: datetime, until: datetime) -> int | None:
    """Store a notification that repeats itself in one statement, and return the id of its update.

    None if it does not, or needs a closer look: see `record`. A statement that reaches the server after `until`, by the
    server's clock, does nothing: this process no longer waits for it, and `is_stored` cannot wait for its locks.
    """
    if notification.is_test or not notification.reference.version:
        return None
    row = cursor.execute(
        f"""
        WITH found AS (
            SELECT u.id, u.series_id, h.id AS host_id
              FROM hosts AS h
              JOIN updates AS u ON u.host_key = h.host_key
              JOIN series AS s ON s.id = u.series_id
             WHERE h.host_key = name_key(%(hostname)s) AND h.merged_into IS NULL AND h.forgotten_at IS NULL
               AND h.metadata_shared_at IS NULL
               AND u.image_key = name_key(%(image)s) AND u.digest = %(digest)s
               AND clock_timestamp() < %(until)s
               AND NOT EXISTS (
                   SELECT
                     FROM updates AS other
                    WHERE other.ctn_id = %(ctn_id)s AND other.ctn_id <> ''
                      AND other.hostname = h.hostname AND other.repository_key <> u.repository_key
               )
               FOR SHARE OF h
               FOR NO KEY UPDATE OF s
        ),
        {_GATHERED},
        {_REPEATED}
        """,
        _repeated_values(notification, notification.hostname, at)
        | {"hostname": notification.hostname, "ctn_id": notification.ctn_id, "until": until},
    ).fetchone()
    return None if row is None else int(row.update_id)


def record(cursor: Cursor, notification: Notification, at: datetime, again: datetime | None = None) -> int | None:
    """Store a notification, and return the id of its update; None for DIUN's own test.

    With `again`, nothing changes if it is stored already.

    Raises:
        MetadataShared: the container's id has arrived under another repository; nothing is stored.
    """
    lock_news(cursor, notification)
    found = _find(cursor, notification)
    host = Host(found.host_id, found.hostname)
    if again is not None:
        known = found if notification.is_test else _known(cursor, notification, host, found)
        if _is_stored(cursor, notification, host, known, (at, again)):
            return None if known.id is None else int(known.id)
    if found.forgotten_at is not None:
        cursor.execute("UPDATE hosts SET forgotten_at = NULL WHERE id = %s", (host.id,))
    if notification.is_test:
        _remember(cursor, notification, host, at, None, image.Kind.NEW, Days())
        return None
    if found.metadata_shared_at is not None:
        notification = notification.without_container_metadata()
    elif found.shares:
        raise MetadataShared
    known = _known(cursor, notification, host, found)
    if known.id is None:
        return _news(cursor, notification, host, None, at)
    if known.digest == notification.digest:
        _repeat(cursor, known, notification, host, at)
    elif again is None or at >= known.received_at:
        # The first try follows the arrival: if the notification seems older, the clock was set back.
        return _news(cursor, notification, host, known, max(at, known.received_at))
    else:
        lock_series(cursor, [known.series_id])
        _remember(cursor, notification, host, at, known.id, known.kind, Days())
    return int(known.id)


_KNOWN: LiteralString = "u.id, u.series_id, u.kind, u.digest, u.received_at, u.named"


def _find(cursor: Cursor, notification: Notification) -> Any:
    """The host that sends it, created if it is new, and the image's update there, or nulls.

    `shares` is whether the container's id has arrived under another repository. The host is looked for first, since an
    INSERT that finds its row there takes a number from the sequence too.
    """
    find: LiteralString = f"""
        SELECT h.id AS host_id, h.hostname, h.forgotten_at, h.metadata_shared_at, {_KNOWN},
               EXISTS (
                   SELECT
                     FROM updates AS other
                    WHERE other.ctn_id = %(ctn_id)s AND other.ctn_id <> ''
                      AND other.hostname = h.hostname AND other.repository_key <> name_key(%(name)s)
               ) AS shares
          FROM hosts AS sender
          JOIN hosts AS h ON h.id = coalesce(sender.merged_into, sender.id)
          LEFT JOIN updates AS u ON u.host_key = h.host_key AND u.image_key = name_key(%(image)s)
         WHERE sender.host_key = name_key(%(hostname)s)
    """
    values = {
        "hostname": notification.hostname,
        "image": notification.reference.image,
        "name": notification.reference.name,
        "ctn_id": notification.ctn_id,
    }
    found = cursor.execute(find, values).fetchone()
    if found is None:
        cursor.execute(
            "INSERT INTO hosts (hostname) VALUES (%s) ON CONFLICT (host_key) DO NOTHING", (notification.hostname,)
        )
        found = one(cursor.execute(find, values))
    return found


def _known(cursor: Cursor, notification: Notification, host: Host, found: Any) -> Any:
    """The update that the notification is about, or nulls."""
    return (_row_of_digest(cursor, notification, host) if not notification.reference.version else None) or found


def _is_stored(cursor: Cursor, notification: Notification, host: Host, known: Any, times: Sequence[datetime]) -> bool:
    """Whether the history has it, of one of these times. Waits for the locks of a first try that still runs."""
    if known.id is not None:
        lock_series(cursor, [known.series_id])
        times = (*times, max(*times, known.received_at))  # If the clock was set back: see `record`.
    about = "update_id IS NULL AND host_id = %(host_id)s" if known.id is None else "update_id = %(update_id)s"
    values = {"host_id": host.id, "update_id": known.id, "times": list(times), "payload": notification.payload}
    query = (
        f"SELECT FROM notifications WHERE {about} AND received_at = ANY(%(times)s) AND payload = %(payload)s LIMIT 1"
    )
    return cursor.execute(query, values).fetchone() is not None


def _row_of_digest(cursor: Cursor, notification: Notification, host: Host) -> Any:
    """The update of the tag that has this digest: after a pull, what still runs is reported without its tag."""
    return cursor.execute(
        f"""
        SELECT {_KNOWN}
          FROM updates AS u
         WHERE u.host_key = name_key(%s) AND u.repository_key = name_key(%s) AND u.digest = %s AND u.version <> ''
         ORDER BY u.received_at DESC, u.id DESC
         LIMIT 1
        """,
        (host.hostname, notification.reference.name, notification.digest),
    ).fetchone()


def drop_metadata(cursor: Cursor, notification: Notification, at: datetime) -> None:
    """One container's id arrives under two repositories: it says nothing, nor do those of the host's others.

    Everything derived from such metadata so far is dropped too. The payloads keep them.
    """
    lock_alone(cursor)
    found = _find(cursor, notification)
    if found.metadata_shared_at is not None or not found.shares:
        return
    lock_hosts(cursor, [found.host_id])
    cursor.execute("UPDATE hosts SET metadata_shared_at = %s WHERE id = %s", (at, found.host_id))
    cursor.execute("UPDATE notifications SET current = '' WHERE host_id = %s AND spoke", (found.host_id,))
    rows = cursor.execute(
        "SELECT id, registry || '/' || repository AS name, version FROM updates WHERE host_key = name_key(%s)",
        (found.hostname,),
    ).fetchall()
    cursor.execute(
        """
        UPDATE updates AS u
           SET metadata = '{}', containers = '{}', named = '{}', stack = '', ctn_id = '', label_tag_id = NULL,
               search = bare.search
          FROM unnest(%s::bigint[], %s::text[]) AS bare (id, search)
         WHERE u.id = bare.id
        """,
        (firsts(rows), [derive(found.hostname, row.name, row.version, {}, ()).search for row in rows]),
    )
    retag(cursor, {row.name for row in rows})
    refold_host(cursor, found.host_id)


def _repeat(cursor: Cursor, known: Any, notification: Notification, host: Host, at: datetime) -> None:
    """Add the containers and the metadata of a notification with the digest already known, and the notification."""
    lock_series(cursor, [known.series_id])
    values = _repeated_values(notification, host.hostname, at)
    before = one(cursor.execute("SELECT metadata, named, containers, search FROM updates WHERE id = %s", (known.id,)))
    containers = more_containers(before.containers, notification.containers)
    metadata = more_metadata(before.metadata, notification.container_key, notification.metadata, containers)
    cursor.execute(
        f"""
        WITH known AS (
            UPDATE updates AS u
               SET notifications = u.notifications + 1, metadata = %(metadata)s, named = %(named)s,
                   containers = %(containers)s, search = %(search)s
              FROM series AS s
             WHERE u.id = %(known_id)s AND u.digest = %(digest)s AND s.id = u.series_id
            RETURNING u.id, u.kind, u.series_id, s.host_id
        ),
        {_REPEATED}
        """,
        values
        | {
            "known_id": known.id,
            "metadata": Jsonb(metadata),
            "named": more_containers(before.named, notification.containers),
            "containers": containers,
            "search": more_search(before.search, values["search"]),
        },
    )


def _news(cursor: Cursor, notification: Notification, host: Host, known: Any, at: datetime) -> int:
    """A new version, or another digest of a known one: one event in its series. Returns the update's id."""
    reference = notification.reference
    variant = image.variant(reference.version)
    tags = tag_of_image(cursor, reference, metadata_tag(notification.metadata))
    found = load_one(cursor, host.id, reference.registry, reference.repository, variant)
    series_id, before = found or (None, Series(variant))
    event = Reported(
        at,
        known.id if known else NEW,
        reference.version,
        notification.digest,
        notification.status == "update",
        notification.current,
    )
    after = event.on(before)
    reported = after.version(event.update)
    assert reported is not None  # noqa: S101 - it tells mypy what holds
    if series_id is None:
        series_id = insert_series(cursor, host, notification, after)
    else:
        update_series(cursor, [(series_id, before, after)])
    named = known.named if known else _named_before(cursor, series_id) if before.versions else []
    update_id = write_version(cursor, notification, host, series_id, reported, named, tags)
    write_versions(cursor, [(old, new) for old, new in altered(before, after) if new is not reported])
    days = Days()
    days.count(host.id, moved(before, after, at))
    _remember(cursor, notification, host, at, update_id, reported.kind, days, event)
    return update_id


def _named_before(cursor: Cursor, series_id: int) -> list[str]:
    """The containers that DIUN named for the version before: a new one has those too, as DIUN may name one alone."""
    cursor.execute(
        "SELECT named FROM updates WHERE series_id = %s ORDER BY received_at DESC, id DESC LIMIT 1", (series_id,)
    )
    return list(one(cursor).named)


def _remember(
    cursor: Cursor,
    notification: Notification,
    host: Host,
    at: datetime,
    update_id: int | None,
    kind: str,
    days: Days,
    news: Reported | None = None,
) -> None:
    """Add a notification to the history and to all counts, with the event that it is to its series if it is news."""
    cursor.execute(
        """
        WITH told AS (
            UPDATE updates
               SET notifications = notifications + 1
             WHERE id = %(update_id)s
            RETURNING series_id
        ),
        heard AS (
            UPDATE series AS s
               SET heard = s.heard + 1
              FROM told
             WHERE s.id = told.series_id
        )
        INSERT INTO notifications (
            update_id, host_id, image, kind, received_at, status, digest, payload, search, spoke, current
        )
        VALUES (
            %(update_id)s, %(host_id)s, %(image)s, %(kind)s, %(at)s, %(status)s, %(digest)s, %(payload)s,
            %(history_search)s, %(spoke)s, %(current)s
        )
        """,
        _received_values(notification, host.hostname, at)
        | {
            "update_id": update_id,
            "host_id": host.id,
            "kind": kind,
            "spoke": news is not None,
            "current": "" if news is None else news.current,
        },
    )
    days.hear(host.id, kind, at)
    days.write(cursor)


def _received_values(notification: Notification, hostname: str, at: datetime) -> dict[str, Any]:
    """What a notification leaves in the history."""
    name = notification.reference.image
    return {
        "image": name,
        "at": at,
        "status": notification.status,
        "digest": notification.digest,
        "payload": notification.payload,
        "history_search": searchable(f"{name} {hostname}"),
    }


def _repeated_values(notification: Notification, hostname: str, at: datetime) -> dict[str, Any]:
    """What a notification with the digest already known leaves in the history and in its update."""
    keys, text = size_of(notification.metadata)
    return _received_values(notification, hostname, at) | {
        "day": day_of(at),
        "metadata": metadata_of(notification),
        "containers": list(notification.containers),
        "search": notification.derived().search,
        "containers_limit": CONTAINERS,
        "search_limit": SEARCH,
        "keys_left": METADATA_KEYS - keys,
        "text_left": METADATA_TEXT - text,
    }
