"""The counts of updates opened and closed on each day, which the statistics add up."""

from __future__ import annotations

from datetime import date
from typing import LiteralString

from diundashboard.store.postgres.database import Cursor


def closed_days(cursor: Cursor, ids: list[int]) -> list[tuple[date, int, str, int]]:
    """How many of these updates were acknowledged, by day, host and kind."""
    rows: list[tuple[date, int, str, int]] = cursor.execute(
        """
        SELECT (u.acknowledged_at AT TIME ZONE 'UTC')::date, s.host_id, u.kind, count(*)
          FROM updates AS u
          JOIN series AS s ON s.id = u.series_id
         WHERE u.id = ANY(%s) AND u.acknowledged_at IS NOT NULL
         GROUP BY 1, 2, 3
        """,
        (ids,),
    ).fetchall()
    return rows


def count_closed(cursor: Cursor, closed: list[tuple[date, int, str, int]], sign: int) -> None:
    """Count acknowledged updates on their days; a sign of -1 uncounts them. The last locks of an action."""
    cursor.executemany(
        """
        INSERT INTO days AS d (day, host_id, kind, closed)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (day, host_id, kind) DO UPDATE
           SET closed = d.closed + excluded.closed
        """,
        [(day, host_id, kind, sign * count) for day, host_id, kind, count in sorted(closed)],
    )


def count_gone(cursor: Cursor, gone: LiteralString, *values: list[int]) -> None:
    """Before updates are deleted: uncount the open ones, which nobody will close.

    `gone` selects their `id` and `opened_at`.
    """
    cursor.execute(
        f"""
        INSERT INTO days AS d (day, host_id, kind, opened)
        SELECT (gone.opened_at AT TIME ZONE 'UTC')::date, s.host_id, u.kind, -count(*)
          FROM ({gone}) AS gone
          JOIN updates AS u ON u.id = gone.id
          JOIN series AS s ON s.id = u.series_id
         WHERE u.acknowledged_at IS NULL
         GROUP BY 1, 2, 3
        ON CONFLICT (day, host_id, kind) DO UPDATE
           SET opened = d.opened + excluded.opened
        """,
        values,
    )
