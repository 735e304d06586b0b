"""Series: the columns that are derived from the updates in a series."""

from __future__ import annotations

from datetime import datetime

from diundashboard import image
from diundashboard.image import update_kind
from diundashboard.store.postgres.database import Cursor, firsts


def refresh(cursor: Cursor, series_ids: list[int]) -> None:
    """Derive again what runs in series, which updates are folded and since when they wait, and their kinds.

    The caller holds the locks on the rows of the series.
    """
    stale = cursor.execute(
        """
        WITH held AS (
            SELECT chosen.id, count(u.id) FILTER (WHERE u.acknowledged_at IS NULL) AS open,
                   count(u.id) FILTER (WHERE u.acknowledged_at IS NOT NULL) AS done
              FROM unnest(%(ids)s::bigint[]) AS chosen (id)
              LEFT JOIN updates AS u ON u.series_id = chosen.id
             GROUP BY chosen.id
        ),
        counted AS (
            UPDATE series AS s
               SET open = held.open,
                   done = held.done,
                   running_version = coalesce(
                       (
                           SELECT u.version
                             FROM updates AS u
                            WHERE u.series_id = s.id AND u.done_at > coalesce(s.said_at, '-infinity')
                              AND u.version_key > s.said_key
                            ORDER BY u.version_key DESC, u.id DESC
                            LIMIT 1
                       ),
                       s.said_version
                   )
              FROM held
             WHERE s.id = held.id
            RETURNING s.id, s.running_version
        ),
        placed AS (
            SELECT id, place > 1 AS folded,
                   CASE WHEN place = 1 AND acknowledged_at IS NULL THEN first_opened_at ELSE opened_at END
                   AS waiting_since
              FROM (
                  SELECT id, acknowledged_at, opened_at,
                         min(opened_at) OVER (PARTITION BY series_id, acknowledged_at IS NULL) AS first_opened_at,
                         row_number() OVER (
                             PARTITION BY series_id
                             ORDER BY acknowledged_at IS NOT NULL, version_key DESC, received_at DESC, id DESC
                         ) AS place
                    FROM updates
                   WHERE series_id = ANY(%(ids)s)
              ) AS numbered
        ),
        folding AS (
            UPDATE updates AS u
               SET folded = placed.folded, waiting_since = placed.waiting_since
              FROM placed
             WHERE u.id = placed.id AND (u.folded, u.waiting_since) <> (placed.folded, placed.waiting_since)
        )
        SELECT u.id, u.version, u.rebuilt, counted.running_version
          FROM counted
          JOIN updates AS u ON u.series_id = counted.id
         WHERE u.acknowledged_at IS NULL AND u.from_version <> counted.running_version
        """,
        {"ids": series_ids},
    ).fetchall()
    if stale:
        kinds = [update_kind(running, version, rebuilt) for _, version, rebuilt, running in stale]
        cursor.execute(
            """
            UPDATE updates AS u
               SET kind = k.kind, from_version = k.running
              FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS k (id, kind, running)
             WHERE u.id = k.id
            """,
            ([id for id, *_ in stale], kinds, [running for *_, running in stale]),
        )


def say(cursor: Cursor, series_id: int, version: str, at: datetime) -> bool:
    """Set which version of a series runs, as a person or a label says; False if it cannot be compared."""
    said = image.version(version)
    return (
        said.numbers
        and cursor.execute(
            """
            UPDATE series
               SET said_version = %s, said_key = %s, said_at = %s
             WHERE id = %s AND variant = %s
            """,
            (said.text, said.sort_key, at, series_id, said.variant),
        ).rowcount
        == 1
    )


def series_in(cursor: Cursor, action: int) -> list[int]:
    """The ids of the series that an action changed."""
    rows = cursor.execute("SELECT DISTINCT series_id FROM action_items WHERE action_id = %s", (action,))
    return firsts(rows.fetchall())
