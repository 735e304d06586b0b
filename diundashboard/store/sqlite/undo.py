"""Undo: how each kind of action is reversed."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from diundashboard.store.sqlite.database import microseconds
from diundashboard.store.sqlite.days import count_closed
from diundashboard.store.sqlite.rows import json_of
from diundashboard.store.sqlite.tags import assign, knows_tag, retag


def reverse(cursor: sqlite3.Cursor, action_id: int, verb: str, detail: str, at: int) -> None:
    """Restore what an action changed, where that is still as the action left it. The caller refreshes the series."""
    match verb:
        case "acknowledge":
            _reverse_acknowledge(cursor, action_id, at)
        case "reopen":
            _reverse_reopen(cursor, action_id, at)
        case "note":
            _set_back(cursor, action_id, "note", detail)
        case "snooze":
            _set_back(cursor, action_id, "snoozed_until", microseconds(datetime.fromisoformat(detail)))
        case "wake":
            _set_back(cursor, action_id, "snoozed_until", 0)
        case "mute" | "unmute":
            _set_back(cursor, action_id, "muted_at", at if verb == "mute" else None)
        case "running":
            _reverse_running(cursor, action_id, at if detail else None)
        case _:
            _reverse_tag(cursor, action_id)


def clear_acknowledgement(cursor: sqlite3.Cursor, ids: str) -> None:
    """Make updates pending again, and uncount them on the days on which they were acknowledged."""
    count_closed(cursor, ids, -1)
    cursor.execute(
        """
        UPDATE updates
           SET acknowledged_at = NULL, acknowledged_by = ''
         WHERE id IN (SELECT value FROM json_each(?))
        """,
        (ids,),
    )


def _reverse_acknowledge(cursor: sqlite3.Cursor, action_id: int, at: int) -> None:
    still = cursor.execute(
        """
        SELECT u.id
          FROM action_items AS i
          JOIN updates AS u ON u.id = i.update_id
         WHERE i.action_id = ? AND u.acknowledged_at = ?
        """,
        (action_id, at),
    )
    clear_acknowledgement(cursor, json_of(still))
    cursor.execute(
        """
        UPDATE updates
           SET done_at = coalesce(i.before, updates.acknowledged_at)
          FROM (
              SELECT update_id, max(json_extract(before, '$')) AS before
                FROM action_items
               WHERE action_id = ?
               GROUP BY update_id
          ) AS i
         WHERE i.update_id = updates.id AND updates.done_at = ?
        """,
        (action_id, at),
    )
    _open_again(cursor, action_id)
    # A later action on the same updates must restore the state before this one, should it be undone too.
    cursor.execute(
        """
        UPDATE action_items
           SET before = iif(
                   json_type(action_items.before) = 'array',
                   json_array(NULL, '', json(i.before)),
                   i.before
               )
          FROM action_items AS i
         WHERE i.action_id = :action AND i.update_id = action_items.update_id
           AND :at IN (
               json_extract(action_items.before, '$'), json_extract(action_items.before, '$[0]')
           )
        """,
        {"action": action_id, "at": at},
    )


def _reverse_reopen(cursor: sqlite3.Cursor, action_id: int, at: int) -> None:
    closed = cursor.execute(
        """
        UPDATE updates
           SET acknowledged_at = json_extract(i.before, '$[0]'),
               acknowledged_by = json_extract(i.before, '$[1]'),
               kind = coalesce(json_extract(i.before, '$[3]'), kind),
               from_version = coalesce(json_extract(i.before, '$[4]'), from_version)
          FROM action_items AS i
         WHERE i.action_id = ? AND i.update_id = updates.id AND updates.acknowledged_at IS NULL
           AND updates.received_at <= ?
        RETURNING id
        """,
        (action_id, at),
    )
    count_closed(cursor, json_of(closed), 1)
    # An update with another digest since is not acknowledged again, but its version counts as running.
    cursor.execute(
        """
        UPDATE updates
           SET done_at = json_extract(i.before, '$[2]')
          FROM action_items AS i
         WHERE i.action_id = ? AND i.update_id = updates.id AND updates.done_at IS NULL
        """,
        (action_id,),
    )
    _open_again(cursor, action_id)


def _reverse_running(cursor: sqlite3.Cursor, action_id: int, said_at: int | None) -> None:
    """Restore the version that was set as running, if the action's is still set (since `said_at`)."""
    cursor.execute(
        """
        UPDATE series
           SET said_version = json_extract(i.before, '$[0]'),
               said_key = json_extract(i.before, '$[1]'),
               said_at = json_extract(i.before, '$[2]')
          FROM action_items AS i
         WHERE i.action_id = ? AND i.series_id = series.id AND series.said_at IS ?
        """,
        (action_id, said_at),
    )


def _set_back(cursor: sqlite3.Cursor, action: int, column: str, left: int | str | None) -> None:
    """Restore one column of an action's series, where it is still as the action left it."""
    cursor.execute(
        f"""
        UPDATE series
           SET {column} = json_extract(i.before, '$')
          FROM action_items AS i
         WHERE i.action_id = ? AND i.series_id = series.id AND series.{column} IS ?
        """,
        (action, left),
    )


def _open_again(cursor: sqlite3.Cursor, action: int) -> None:
    """Set when an action's updates became pending: at the arrival of the first digest that is not done."""
    cursor.execute(
        """
        UPDATE updates
           SET opened_at = found.opened_at
          FROM (
              SELECT u.id,
                     (
                         SELECT min(n.received_at)
                           FROM notifications AS n
                          WHERE n.update_id = u.id AND n.received_at > coalesce(u.done_at, -1)
                            AND n.digest IS NOT (
                                SELECT done.digest
                                  FROM notifications AS done
                                 WHERE done.update_id = u.id AND done.received_at <= u.done_at
                                 ORDER BY done.id DESC
                                 LIMIT 1
                            )
                     ) AS opened_at
                FROM updates AS u
               WHERE u.id IN (SELECT update_id FROM action_items WHERE action_id = ?)
          ) AS found
         WHERE updates.id = found.id AND updates.opened_at <> found.opened_at
        """,
        (action,),
    )


def _reverse_tag(cursor: sqlite3.Cursor, action_id: int) -> None:
    """Restore the assignments that an action replaced, where they are still as the action left them.

    A tag that the action created is deleted, unless it is used elsewhere by now.
    """
    rows = cursor.execute(
        """
        SELECT DISTINCT i.reference, i.before, a.tag_id, a.source
          FROM action_items AS i
          LEFT JOIN tag_assignments AS a ON a.reference = i.reference
         WHERE i.action_id = ?
        """,
        (action_id,),
    ).fetchall()
    created: set[int] = set()
    for reference, before, *present in rows:
        tag_id, source, *given = json.loads(before)
        created.update(given[:1] if given[1:] == [1] else ())
        if present != ([given[0], "person"] if given else [None, None]):
            continue
        if source and (tag_id is None or knows_tag(cursor, tag_id)):
            assign(cursor, reference, tag_id, source)
        else:
            cursor.execute("DELETE FROM tag_assignments WHERE reference = ?", (reference,))
    names = cursor.execute(
        """
        SELECT DISTINCT s.registry || '/' || s.repository
          FROM action_items AS i
          JOIN series AS s ON s.id = i.series_id
         WHERE i.action_id = ?
        """,
        (action_id,),
    ).fetchall()
    retag(cursor, [name for (name,) in names])
    cursor.execute(
        """
        DELETE FROM tags
         WHERE id IN (SELECT value FROM json_each(?))
           AND id NOT IN (SELECT tag_id FROM tag_rules)
           AND NOT EXISTS (SELECT 1 FROM tag_assignments WHERE tag_id = tags.id)
        """,
        (json.dumps(sorted(created)),),
    )
