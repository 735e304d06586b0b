"""Series: the columns that are derived from the updates in a series."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from diundashboard import image
from diundashboard.image import update_kind


def refresh(cursor: sqlite3.Cursor, series_ids: Iterable[int]) -> None:
    """Derive again what runs in series, which updates are folded and since when they wait, and their kinds."""
    ids = json.dumps(list(series_ids))
    cursor.execute(
        """
        UPDATE series
           SET open = (
                   SELECT count(*)
                     FROM updates AS u
                    WHERE u.series_id = series.id AND u.acknowledged_at IS NULL
               ),
               done = (
                   SELECT count(*)
                     FROM updates AS u
                    WHERE u.series_id = series.id AND u.acknowledged_at IS NOT NULL
               ),
               running_version = coalesce(
                   (
                       SELECT u.version
                         FROM updates AS u
                        WHERE u.series_id = series.id AND u.done_at > coalesce(series.said_at, -1)
                          AND u.version_key > series.said_key
                        ORDER BY u.version_key DESC, u.id DESC
                        LIMIT 1
                   ),
                   said_version
               )
         WHERE id IN (SELECT value FROM json_each(?))
        """,
        (ids,),
    )
    cursor.execute(
        """
        UPDATE updates
           SET folded = placed.folded, waiting_since = placed.waiting_since
          FROM (
              SELECT id, place > 1 AS folded,
                     iif(place = 1 AND acknowledged_at IS NULL, first_opened_at, opened_at) AS waiting_since
                FROM (
                    SELECT id, acknowledged_at, opened_at,
                           min(opened_at) OVER (PARTITION BY series_id, acknowledged_at IS NULL) AS first_opened_at,
                           row_number() OVER (
                               PARTITION BY series_id
                               ORDER BY acknowledged_at IS NOT NULL, version_key DESC, received_at DESC, id DESC
                           ) AS place
                      FROM updates
                     WHERE series_id IN (SELECT value FROM json_each(?))
                )
          ) AS placed
         WHERE updates.id = placed.id
           AND (updates.folded, updates.waiting_since) <> (placed.folded, placed.waiting_since)
        """,
        (ids,),
    )
    stale = cursor.execute(
        """
        SELECT u.id, u.version, u.rebuilt, s.running_version
          FROM series AS s
          JOIN updates AS u ON u.series_id = s.id
         WHERE s.id IN (SELECT value FROM json_each(?)) AND u.acknowledged_at IS NULL
           AND u.from_version <> s.running_version
        """,
        (ids,),
    ).fetchall()
    cursor.executemany(
        "UPDATE updates SET kind = ?, from_version = ? WHERE id = ?",
        [(update_kind(running, version, rebuilt), running, id) for id, version, rebuilt, running in stale],
    )


def say(cursor: sqlite3.Cursor, series_id: int, version: str, at: int) -> bool:
    """Set which version of a series runs, as a person or a label says; False if it cannot be compared."""
    said = image.version(version)
    return (
        said.numbers
        and cursor.execute(
            """
            UPDATE series
               SET said_version = ?, said_key = ?, said_at = ?
             WHERE id = ? AND variant = ?
            """,
            (said.text, said.sort_key, at, series_id, said.variant),
        ).rowcount
        == 1
    )
