"""Statistics over the history."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from diundashboard import model
from diundashboard.model import INSIGHT_DAYS, WAITS, Noise, Sort, UpdateQuery, Wait
from diundashboard.store import insights
from diundashboard.store.days import insight_days
from diundashboard.store.sqlite.database import DAY, EPOCH, MICROSECOND, Database, time_of
from diundashboard.store.sqlite.rows import FROM
from diundashboard.store.sqlite.updates import page


class Insights(insights.Insights, Database):
    def insights(self) -> model.Insights:
        now = self._now()
        today = time_of(now).date()
        with self._transaction("DEFERRED") as cursor:
            counted = cursor.execute(
                """
                SELECT day, kind, sum(notifications), sum(opened), sum(closed)
                  FROM days
                 WHERE day > ? AND day <= ?
                 GROUP BY day, kind
                """,
                (now // DAY - INSIGHT_DAYS, now // DAY),
            ).fetchall()
            by_tag = _waits(cursor, "coalesce(t.name, 'no tag')")
            by_host = _waits(cursor, "coalesce(nullif(h.display_name, ''), h.hostname)")
            noisiest = cursor.execute(
                """
                SELECT registry || '/' || repository AS name, sum(heard) AS total
                  FROM series
                 GROUP BY registry, repository
                 ORDER BY total DESC, registry, repository
                 LIMIT 10
                """
            ).fetchall()
            oldest = page(cursor, UpdateQuery(sort=Sort.WAITING, per_page=10), now)
        days = [(EPOCH.date() + timedelta(days=day), *rest) for day, *rest in counted]
        notifications, open_at = insight_days(today, oldest.total, days)
        return model.Insights(
            notifications=notifications,
            pending=open_at,
            waits_by_tag=by_tag,
            waits_by_host=by_host,
            noisiest=tuple(Noise(name=row["name"], notifications=row["total"]) for row in noisiest),
            oldest=oldest.updates,
        )


def _waits(cursor: sqlite3.Cursor, label: str) -> tuple[Wait, ...]:
    """How long the updates done last had waited, by label; the ten labels with the most updates."""
    rows = cursor.execute(
        f"""
        SELECT label, total, min(iif(place * 2 >= total, wait, NULL)) AS median,
               min(iif(place * 10 >= total * 9, wait, NULL)) AS percentile_90
          FROM (
              SELECT label, wait, count(*) OVER (PARTITION BY label) AS total,
                     row_number() OVER (PARTITION BY label ORDER BY wait) AS place
                FROM (
                    SELECT {label} AS label, u.acknowledged_at - u.received_at AS wait
                    {FROM}
                     WHERE u.acknowledged_at IS NOT NULL
                     ORDER BY u.acknowledged_at DESC, u.id DESC
                     LIMIT {WAITS}
                )
          )
         GROUP BY label
         ORDER BY total DESC, label
         LIMIT 10
        """
    ).fetchall()
    return tuple(
        Wait(
            label=row["label"],
            count=row["total"],
            median=row["median"] * MICROSECOND,
            percentile_90=row["percentile_90"] * MICROSECOND,
        )
        for row in rows
    )
