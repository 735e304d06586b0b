"""Statistics over the history."""

from __future__ import annotations

from datetime import timedelta
from typing import LiteralString

from diundashboard import model
from diundashboard.model import INSIGHT_DAYS, WAITS, Noise, Sort, UpdateQuery, Wait
from diundashboard.store import insights
from diundashboard.store.days import insight_days
from diundashboard.store.postgres.database import Cursor, Database, day_of
from diundashboard.store.postgres.rows import FROM
from diundashboard.store.postgres.updates import page


class Insights(insights.Insights, Database):
    def insights(self) -> model.Insights:
        now = self._clock()
        today = day_of(now)
        with self._snapshot() as cursor:
            counted = cursor.execute(
                """
                SELECT day, kind, sum(notifications) AS notifications, sum(opened) AS opened, sum(closed) AS closed
                  FROM days
                 WHERE day > %s AND day <= %s
                 GROUP BY day, kind
                """,
                (today - timedelta(days=INSIGHT_DAYS), today),
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
        notifications, open_at = insight_days(today, oldest.total, counted)
        return model.Insights(
            notifications=notifications,
            pending=open_at,
            waits_by_tag=by_tag,
            waits_by_host=by_host,
            noisiest=tuple(Noise(name=row.name, notifications=row.total) for row in noisiest),
            oldest=oldest.updates,
        )


def _waits(cursor: Cursor, label: LiteralString) -> tuple[Wait, ...]:
    """How long the updates done last had waited, by label; the ten labels with the most updates."""
    rows = cursor.execute(
        f"""
        SELECT label, count(*) AS total, percentile_disc(0.5) WITHIN GROUP (ORDER BY wait) AS median,
               percentile_disc(0.9) WITHIN GROUP (ORDER BY wait) AS percentile_90
          FROM (
              SELECT {label} AS label, u.acknowledged_at - u.received_at AS wait
              {FROM}
               WHERE u.acknowledged_at IS NOT NULL
               ORDER BY u.acknowledged_at DESC, u.id DESC
               LIMIT %s
          ) AS done
         GROUP BY label
         ORDER BY total DESC, label
         LIMIT 10
        """,
        (WAITS,),
    ).fetchall()
    return tuple(
        Wait(label=row.label, count=row.total, median=row.median, percentile_90=row.percentile_90) for row in rows
    )
