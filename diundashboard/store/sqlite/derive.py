"""Derive everything that follows from the facts again, if a release with other rules wrote it or none did."""

from __future__ import annotations

import json
import logging
import sqlite3

from diundashboard.notification import TEST_IMAGE, Refused, container_id, derive, parse
from diundashboard.series import RULES
from diundashboard.store.names import metadata_tag
from diundashboard.store.sqlite.reported import shorten
from diundashboard.store.sqlite.states import refold
from diundashboard.store.sqlite.tags import repositories, retag
from diundashboard.text import searchable

logger = logging.getLogger("diundashboard")


def derive_anew(cursor: sqlite3.Cursor) -> None:
    """Read every update and fold every series again, unless a release with the same rules did so already."""
    filled = cursor.execute("SELECT number FROM version_rules").fetchone()
    if filled and filled["number"] == RULES:
        return
    _remove_tests(cursor)
    shorten(cursor, "TRUE")
    _derive_updates(cursor)
    _derive_notifications(cursor)
    cursor.execute("UPDATE days SET opened = 0, closed = 0")
    series = [series_id for (series_id,) in cursor.execute("SELECT id FROM series ORDER BY id").fetchall()]
    for done in refold(cursor, series):
        logger.info("Derived the state of %d of %d series from their history", done, len(series))
    retag(cursor, repositories(cursor))
    cursor.execute("DELETE FROM version_rules")
    cursor.execute("INSERT INTO version_rules (number) VALUES (?)", (RULES,))


def _remove_tests(cursor: sqlite3.Cursor) -> None:
    """Remove the updates of `diun notif test`; their notifications stay in the history."""
    cursor.execute("DELETE FROM updates WHERE image = ?", (TEST_IMAGE,))


def _derive_updates(cursor: sqlite3.Cursor) -> None:
    """The series of each update, and the columns that come from reading its names and metadata."""
    rows = cursor.execute(
        """
        SELECT u.id, h.id AS host_id, u.hostname, u.registry, u.repository, u.version, u.metadata, u.containers,
               u.series_id
          FROM updates AS u
          JOIN hosts AS h ON h.hostname = u.hostname
         ORDER BY u.id
        """
    ).fetchall()
    tags = dict(cursor.execute("SELECT name, id FROM tags").fetchall())
    moved: set[tuple[int, int]] = set()
    for row in rows:
        of_containers = json.loads(row["metadata"]).values()
        metadata = {key: value for each in of_containers for key, value in each.items()}
        name = f"{row['registry']}/{row['repository']}"
        derived = derive(row["hostname"], name, row["version"], metadata, json.loads(row["containers"]))
        series_id: int = cursor.execute(
            """
            INSERT INTO series (host_id, registry, repository, variant)
            VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE
               SET variant = excluded.variant
            RETURNING id
            """,
            (row["host_id"], row["registry"], row["repository"], derived.variant),
        ).fetchone()[0]
        if row["series_id"] not in (None, series_id):
            moved.add((series_id, row["series_id"]))
        cursor.execute(
            """
            UPDATE updates
               SET series_id = ?, name = ?, version_key = ?, prerelease = ?, stack = ?, search = ?, ctn_id = ?,
                   label_tag_id = ?
             WHERE id = ?
            """,
            (
                series_id,
                derived.name,
                derived.version_key,
                derived.prerelease,
                derived.stack,
                derived.search,
                container_id(metadata),
                tags.get(metadata_tag(metadata)),
                row["id"],
            ),
        )
    # An action on a whole series applies to each series into which it is split.
    cursor.executemany(
        """
        INSERT INTO action_items (action_id, series_id, reference, before)
        SELECT action_id, ?, reference, before
          FROM action_items
         WHERE series_id = ? AND update_id IS NULL
        """,
        sorted(moved),
    )
    cursor.execute(
        """
        UPDATE action_items
           SET series_id = u.series_id
          FROM updates AS u
         WHERE u.id = action_items.update_id AND action_items.series_id IS NOT u.series_id
        """
    )
    cursor.execute("DELETE FROM series WHERE id NOT IN (SELECT series_id FROM updates)")
    cursor.execute(
        "UPDATE series SET heard = (SELECT sum(u.notifications) FROM updates AS u WHERE u.series_id = series.id)"
    )


def _derive_notifications(cursor: sqlite3.Cursor) -> None:
    """Fill in the search text of the history, and the running versions in the payloads of earlier releases."""
    names = cursor.execute(
        """
        SELECT DISTINCT n.image, n.host_id, h.hostname
          FROM notifications AS n
          JOIN hosts AS h ON h.id = n.host_id
        """
    ).fetchall()
    found = {(row["image"], row["host_id"]): searchable(f"{row['image']} {row['hostname']}") for row in names}
    stale = cursor.execute("SELECT id, image, host_id FROM notifications WHERE search = ''").fetchall()
    cursor.executemany(
        "UPDATE notifications SET search = ? WHERE id = ?",
        [(found[row["image"], row["host_id"]], row["id"]) for row in stale],
    )
    unread = cursor.execute(
        "SELECT id FROM notifications WHERE current IS NULL AND spoke AND update_id IS NOT NULL ORDER BY id"
    ).fetchall()
    for (notification_id,) in unread:
        row = cursor.execute("SELECT update_id, payload FROM notifications WHERE id = ?", (notification_id,)).fetchone()
        try:
            notification = parse(row["payload"])
        except Refused:
            continue
        if notification.current:
            cursor.execute("UPDATE notifications SET current = ? WHERE id = ?", (notification.current, notification_id))
        if notification.pinned and notification.reference.version:
            cursor.execute("UPDATE updates SET pinned = ? WHERE id = ?", (notification.pinned, row["update_id"]))
