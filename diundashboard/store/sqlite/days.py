"""The counts of updates opened and closed on each day, which the statistics add up."""

from __future__ import annotations

import sqlite3

from diundashboard.store.sqlite.database import DAY


def count_opened(cursor: sqlite3.Cursor, at: int, host_id: int, kind: str) -> None:
    """Count an update that has become pending, on the day of the notification just stored."""
    cursor.execute(
        "UPDATE days SET opened = opened + 1 WHERE day = ? AND host_id = ? AND kind = ?",
        (at // DAY, host_id, kind),
    )


def count_closed(cursor: sqlite3.Cursor, ids: str, sign: int) -> None:
    """Count the acknowledged ones among these updates, each on its day; a sign of -1 uncounts them."""
    cursor.execute(
        f"""
        INSERT INTO days (day, host_id, kind, closed)
        SELECT u.acknowledged_at / {DAY}, s.host_id, u.kind, :sign * count(*)
          FROM updates AS u
          JOIN series AS s ON s.id = u.series_id
         WHERE u.id IN (SELECT value FROM json_each(:ids)) AND u.acknowledged_at IS NOT NULL
         GROUP BY 1, 2, 3
        ON CONFLICT DO UPDATE
           SET closed = closed + excluded.closed
        """,
        {"ids": ids, "sign": sign},
    )


def count_gone(cursor: sqlite3.Cursor, gone: str, *values: str) -> None:
    """Before updates are deleted: uncount the open ones, which nobody will close.

    `gone` selects their `id` and `opened_at`.
    """
    cursor.execute(
        f"""
        INSERT INTO days (day, host_id, kind, opened)
        SELECT gone.opened_at / {DAY}, s.host_id, u.kind, -count(*)
          FROM ({gone}) AS gone
          JOIN updates AS u ON u.id = gone.id
          JOIN series AS s ON s.id = u.series_id
         WHERE u.acknowledged_at IS NULL
         GROUP BY 1, 2, 3
        ON CONFLICT DO UPDATE
           SET opened = opened + excluded.opened
        """,
        values,
    )
