"""Derive everything that follows from the facts again, if a release with other rules wrote it or none did."""

from __future__ import annotations

import logging
from typing import LiteralString

from diundashboard.notification import TEST_IMAGE, Refused, container_id, derive, parse
from diundashboard.series import RULES
from diundashboard.store.events import batches
from diundashboard.store.names import metadata_tag
from diundashboard.store.postgres.database import Cursor, firsts
from diundashboard.store.postgres.locks import lock_alone
from diundashboard.store.postgres.reported import shorten
from diundashboard.store.postgres.states import refold
from diundashboard.store.postgres.tags import repositories, retag
from diundashboard.text import searchable

logger = logging.getLogger("diundashboard")


def derive_anew(cursor: Cursor) -> None:
    """Read every update and fold every series again, unless a release with the same rules did so already."""
    if _is_current(cursor):
        return
    # Only one process does this, and writers wait meanwhile. Like them, it locks series before updates.
    lock_alone(cursor)
    cursor.execute("LOCK TABLE version_rules, series, updates IN EXCLUSIVE MODE")
    if _is_current(cursor):
        return
    _remove_tests(cursor)
    shorten(cursor, "TRUE")
    _derive_updates(cursor)
    _derive_notifications(cursor)
    cursor.execute("UPDATE days SET opened = 0, closed = 0")
    series = firsts(cursor.execute("SELECT id FROM series ORDER BY id").fetchall())
    for done in refold(cursor, series):
        logger.info("Derived the state of %d of %d series from their history", done, len(series))
    retag(cursor, repositories(cursor))
    cursor.execute("DELETE FROM version_rules")
    cursor.execute("INSERT INTO version_rules (number) VALUES (%s)", (RULES,))


def _is_current(cursor: Cursor) -> bool:
    filled = cursor.execute("SELECT number FROM version_rules").fetchone()
    return filled is not None and filled.number == RULES


def _remove_tests(cursor: Cursor) -> None:
    """Remove the updates of `diun notif test`; their notifications stay in the history."""
    cursor.execute("DELETE FROM updates WHERE image_key = name_key(%s)", (TEST_IMAGE,))


_DERIVED: LiteralString = """
    update_id, host_id, old_id, variant, name, version_key, prerelease, stack, search, ctn_id, label_tag_id
"""


def _derive_updates(cursor: Cursor) -> None:
    """The series of each update, and the columns that come from reading its names and metadata."""
    rows = cursor.execute(
        """
        SELECT u.id, h.id AS host_id, u.hostname, u.registry, u.repository, u.version, u.metadata, u.containers,
               u.series_id
          FROM updates AS u
          JOIN hosts AS h ON h.host_key = u.host_key
         ORDER BY u.id
        """
    ).fetchall()
    tags: dict[str, int] = dict(cursor.execute("SELECT name, id FROM tags").fetchall())
    cursor.execute(
        """
        CREATE TEMPORARY TABLE derived (
            update_id bigint,
            host_id bigint,
            old_id bigint,
            variant text,
            name text,
            version_key text,
            prerelease boolean,
            stack text,
            search text,
            ctn_id text,
            label_tag_id bigint,
            series_id bigint
        ) ON COMMIT DROP
        """
    )
    with cursor.copy(f"COPY derived ({_DERIVED}) FROM STDIN") as copy:
        for row in rows:
            metadata = {key: value for _, each in sorted(row.metadata.items()) for key, value in each.items()}
            derived = derive(row.hostname, f"{row.registry}/{row.repository}", row.version, metadata, row.containers)
            copy.write_row(
                (
                    row.id,
                    row.host_id,
                    row.series_id,
                    derived.variant,
                    derived.name,
                    derived.version_key,
                    derived.prerelease,
                    derived.stack,
                    derived.search,
                    container_id(metadata),
                    tags.get(metadata_tag(metadata)),
                )
            )
    cursor.execute("ANALYZE derived")
    cursor.execute(
        """
        INSERT INTO series (host_id, registry, repository, variant)
        SELECT DISTINCT d.host_id, u.registry, u.repository, d.variant
          FROM derived AS d
          JOIN updates AS u ON u.id = d.update_id
        ON CONFLICT (host_id, repository_key, variant_key) DO NOTHING
        """
    )
    cursor.execute(
        """
        UPDATE derived AS d
           SET series_id = s.id
          FROM updates AS u
          JOIN series AS s ON s.repository_key = u.repository_key
         WHERE u.id = d.update_id AND s.host_id = d.host_id AND s.variant_key = name_key(d.variant)
        """
    )
    # An action on a whole series applies to each series into which it is split.
    cursor.execute(
        """
        INSERT INTO action_items (action_id, series_id, reference, before)
        SELECT i.action_id, d.series_id, i.reference, i.before
          FROM (SELECT DISTINCT old_id, series_id FROM derived WHERE old_id <> series_id) AS d
          JOIN action_items AS i ON i.series_id = d.old_id AND i.update_id IS NULL
        """
    )
    cursor.execute(
        """
        UPDATE action_items AS i
           SET series_id = d.series_id
          FROM derived AS d
         WHERE d.update_id = i.update_id AND i.series_id IS DISTINCT FROM d.series_id
        """
    )
    cursor.execute(
        """
        UPDATE updates AS u
           SET series_id = d.series_id,
               name = d.name,
               version_key = d.version_key,
               prerelease = d.prerelease,
               stack = d.stack,
               search = d.search,
               ctn_id = d.ctn_id,
               label_tag_id = d.label_tag_id
          FROM derived AS d
         WHERE u.id = d.update_id
        """
    )
    cursor.execute("DELETE FROM series AS s WHERE NOT EXISTS (SELECT FROM updates AS u WHERE u.series_id = s.id)")
    cursor.execute(
        """
        UPDATE series AS s
           SET heard = counted.heard
          FROM (SELECT series_id, sum(notifications) AS heard FROM updates GROUP BY series_id) AS counted
         WHERE s.id = counted.series_id AND s.heard <> counted.heard
        """
    )
    cursor.execute("DROP TABLE derived")


def _derive_notifications(cursor: Cursor) -> None:
    """Fill in the search text of the history, and the running versions in the payloads of earlier releases."""
    names = cursor.execute(
        """
        SELECT DISTINCT n.image, n.host_id, h.hostname
          FROM notifications AS n
          JOIN hosts AS h ON h.id = n.host_id
         WHERE n.search = ''
        """
    ).fetchall()
    cursor.execute("CREATE TEMPORARY TABLE found (image text, host_id bigint, search text) ON COMMIT DROP")
    with cursor.copy("COPY found (image, host_id, search) FROM STDIN") as copy:
        for row in names:
            copy.write_row((row.image, row.host_id, searchable(f"{row.image} {row.hostname}")))
    cursor.execute(
        """
        UPDATE notifications AS n
           SET search = found.search
          FROM found
         WHERE n.search = '' AND n.image = found.image AND n.host_id = found.host_id
        """
    )
    cursor.execute("DROP TABLE found")
    unread = cursor.execute(
        "SELECT id FROM notifications WHERE current IS NULL AND spoke AND update_id IS NOT NULL ORDER BY id"
    ).fetchall()
    for batch in batches(firsts(unread)):
        _read_payloads(cursor, batch)


def _read_payloads(cursor: Cursor, notification_ids: list[int]) -> None:
    rows = cursor.execute(
        "SELECT id, update_id, payload FROM notifications WHERE id = ANY(%s::bigint[]) ORDER BY id", (notification_ids,)
    ).fetchall()
    current: dict[int, str] = {}
    pinned: dict[int, str] = {}
    for row in rows:
        try:
            notification = parse(row.payload)
        except Refused:
            continue
        if notification.current:
            current[row.id] = notification.current
        if notification.pinned and notification.reference.version:
            pinned[row.update_id] = notification.pinned
    cursor.execute(
        """
        UPDATE notifications AS n
           SET current = read.current
          FROM unnest(%s::bigint[], %s::text[]) AS read (id, current)
         WHERE n.id = read.id
        """,
        (list(current), list(current.values())),
    )
    cursor.execute(
        """
        UPDATE updates AS u
           SET pinned = read.pinned
          FROM unnest(%s::bigint[], %s::text[]) AS read (id, pinned)
         WHERE u.id = read.id
        """,
        (list(pinned), list(pinned.values())),
    )
