"""Undo: how each kind of action is reversed."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from diundashboard.store.postgres.database import (
    EPOCH,
    Cursor,
    firsts,
    lock_alone,
    lock_repositories,
    lock_series,
    lock_shared,
)
from diundashboard.store.postgres.days import closed_days, count_closed
from diundashboard.store.postgres.series import refresh, series_in
from diundashboard.store.postgres.tags import assign, retag


def reverse(cursor: Cursor, action_id: int, verb: str, detail: str, at: datetime) -> None:
    """Restore what an action changed, where that is still as the action left it, and refresh the series."""
    if verb in ("tag", "untag"):
        _reverse_tag(cursor, action_id)
        return
    lock_shared(cursor)
    lock_series(cursor, series_in(cursor, action_id))
    match verb:
        case "acknowledge":
            _reverse_acknowledge(cursor, action_id, at)
        case "reopen":
            _reverse_reopen(cursor, action_id, at)
        case "note":
            _set_back(cursor, action_id, "note", "text", detail)
        case "snooze":
            _set_back(cursor, action_id, "snoozed_until", "timestamptz", datetime.fromisoformat(detail))
        case "wake":
            _set_back(cursor, action_id, "snoozed_until", "timestamptz", EPOCH)
        case "mute" | "unmute":
            _set_back(cursor, action_id, "muted_at", "timestamptz", at if verb == "mute" else None)
        case "running":
            _reverse_running(cursor, action_id, at if detail else None)


def _reverse_acknowledge(cursor: Cursor, action_id: int, at: datetime) -> None:
    # By ids: while the statistics say that nothing is acknowledged, a join starts with the index on
    # acknowledged_at, and reads the whole action again for each row.
    items = cursor.execute("SELECT update_id FROM action_items WHERE action_id = %s", (action_id,))
    rows = cursor.execute(
        "SELECT id FROM updates WHERE id = ANY(%s::bigint[]) AND acknowledged_at = %s",
        (firsts(items.fetchall()), at),
    ).fetchall()
    closed = closed_days(cursor, firsts(rows))
    # One statement for all columns, as each new version of a row is added to every index.
    cursor.execute(
        """
        UPDATE updates AS u
           SET done_at = CASE
                   WHEN u.done_at = %(at)s THEN coalesce(i.before, nullif(u.acknowledged_at, %(at)s))
                   ELSE u.done_at
               END,
               acknowledged_at = nullif(u.acknowledged_at, %(at)s),
               acknowledged_by = CASE WHEN u.acknowledged_at = %(at)s THEN '' ELSE u.acknowledged_by END
          FROM (
              SELECT update_id, max((before #>> '{}')::timestamptz) AS before
                FROM action_items
               WHERE action_id = %(action)s
               GROUP BY update_id
          ) AS i
         WHERE i.update_id = u.id AND %(at)s IN (u.done_at, u.acknowledged_at)
        """,
        {"action": action_id, "at": at},
    )
    _open_again(cursor, action_id)
    # A later action on the same updates must restore the state before this one, should it be undone too.
    cursor.execute(
        """
        UPDATE action_items AS later
           SET before = CASE jsonb_typeof(later.before)
                   WHEN 'array' THEN jsonb_build_array(NULL, '', i.before)
                   ELSE i.before
               END
          FROM action_items AS i
         WHERE i.action_id = %(action)s AND i.update_id = later.update_id
           AND to_jsonb(%(at)s) IN (later.before, later.before -> 0)
        """,
        {"action": action_id, "at": at},
    )
    refresh(cursor, series_in(cursor, action_id))
    count_closed(cursor, closed, -1)


def _reverse_reopen(cursor: Cursor, action_id: int, at: datetime) -> None:
    rows = cursor.execute(
        """
        UPDATE updates AS u
           SET acknowledged_at = (i.before ->> 0)::timestamptz,
               acknowledged_by = i.before ->> 1,
               kind = coalesce(i.before ->> 3, u.kind),
               from_version = coalesce(i.before ->> 4, u.from_version)
          FROM action_items AS i
         WHERE i.action_id = %s AND i.update_id = u.id AND u.acknowledged_at IS NULL
           AND u.received_at <= %s
        RETURNING u.id
        """,
        (action_id, at),
    ).fetchall()
    # An update with another digest since is not acknowledged again, but its version counts as running.
    cursor.execute(
        """
        UPDATE updates AS u
           SET done_at = (i.before ->> 2)::timestamptz
          FROM action_items AS i
         WHERE i.action_id = %s AND i.update_id = u.id AND u.done_at IS NULL
        """,
        (action_id,),
    )
    _open_again(cursor, action_id)
    refresh(cursor, series_in(cursor, action_id))
    count_closed(cursor, closed_days(cursor, firsts(rows)), 1)


def _reverse_running(cursor: Cursor, action_id: int, said_at: datetime | None) -> None:
    """Restore the version that was set as running, if the action's is still set (since `said_at`)."""
    cursor.execute(
        """
        UPDATE series AS s
           SET said_version = i.before ->> 0,
               said_key = i.before ->> 1,
               said_at = (i.before ->> 2)::timestamptz
          FROM action_items AS i
         WHERE i.action_id = %s AND i.series_id = s.id AND s.said_at IS NOT DISTINCT FROM %s
        """,
        (action_id, said_at),
    )
    refresh(cursor, series_in(cursor, action_id))


def _set_back(
    cursor: Cursor, action: int, column: LiteralString, type: LiteralString, left: datetime | str | None
) -> None:
    """Restore one column of an action's series, where it is still as the action left it."""
    cursor.execute(
        f"""
        UPDATE series AS s
           SET {column} = (i.before #>> '{{}}')::{type}
          FROM action_items AS i
         WHERE i.action_id = %s AND i.series_id = s.id AND s.{column} IS NOT DISTINCT FROM %s
        """,
        (action, left),
    )


def _open_again(cursor: Cursor, action: int) -> None:
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
                          WHERE n.update_id = u.id AND n.received_at > coalesce(u.done_at, '-infinity')
                            AND n.digest IS DISTINCT FROM (
                                SELECT done.digest
                                  FROM notifications AS done
                                 WHERE done.update_id = u.id AND done.received_at <= u.done_at
                                 ORDER BY done.id DESC
                                 LIMIT 1
                            )
                     ) AS opened_at
                FROM updates AS u
               WHERE u.id IN (SELECT update_id FROM action_items WHERE action_id = %s)
          ) AS found
         WHERE updates.id = found.id AND updates.opened_at <> found.opened_at
        """,
        (action,),
    )


def _reverse_tag(cursor: Cursor, action_id: int) -> None:
    """Restore the assignments that an action replaced, where they are still as the action left them.

    A tag that the action created is deleted, unless it is used elsewhere by now.
    """
    lock_alone(cursor)
    rows = cursor.execute(
        """
        SELECT s.registry || '/' || s.repository
          FROM action_items AS i
          JOIN series AS s ON s.id = i.series_id
         WHERE i.action_id = %s
        """,
        (action_id,),
    ).fetchall()
    names = sorted(set(firsts(rows)))
    lock_repositories(cursor, names)
    replaced = cursor.execute(
        """
        SELECT DISTINCT i.reference, i.before, a.tag_id, a.source, t.id AS old_tag_id
          FROM action_items AS i
          LEFT JOIN tag_assignments AS a ON a.reference_key = name_key(i.reference)
          LEFT JOIN tags AS t ON t.id = (i.before ->> 0)::bigint
         WHERE i.action_id = %s
        """,
        (action_id,),
    ).fetchall()
    created: set[int] = set()
    for reference, before, tag_id, source, old_tag_id in replaced:
        created.update(before[2:3] if before[3:] == [True] else ())
        left = (before[2], "person") if len(before) > 2 else (None, None)
        if (tag_id, source) != left:
            continue
        if before[1] and before[0] == old_tag_id:
            assign(cursor, [reference], old_tag_id, before[1])
        else:
            cursor.execute("DELETE FROM tag_assignments WHERE reference_key = name_key(%s)", (reference,))
    retag(cursor, names)
    cursor.execute(
        """
        DELETE FROM tags AS t
         WHERE t.id = ANY(%s)
           AND NOT EXISTS (SELECT FROM tag_rules AS r WHERE r.tag_id = t.id)
           AND NOT EXISTS (SELECT FROM tag_assignments AS a WHERE a.tag_id = t.id)
        """,
        (sorted(created),),
    )
