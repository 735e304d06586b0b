"""The runs that DIUN reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from diundashboard.model import NOBODY, REPORT_LENGTH, RUNS_KEPT, STRANGERS_KEPT, Actor, Pulse, Run, RunEvent
from diundashboard.pulse import pulse_of, scan_of
from diundashboard.store import runs
from diundashboard.store.errors import NotFound
from diundashboard.store.names import pulse_name
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Cursor, Database, one
from diundashboard.text import storable

_HOST = """
    coalesce(
        (
            SELECT h.id
              FROM hosts AS named
              JOIN hosts AS h ON h.id = coalesce(named.merged_into, named.id)
             WHERE named.host_key = name_key(p.name) AND h.forgotten_at IS NULL
        ),
        (
            SELECT min(h.id)
              FROM hosts AS h
             WHERE h.display_name = p.name AND h.merged_into IS NULL AND h.forgotten_at IS NULL
        )
    )
"""
"""The id of the host that has the name of a pulse; null if none has."""


class Runs(runs.Runs, Database):
    def report_run(self, name: str, event: RunEvent, report: str) -> None:
        name, report, now = pulse_name(name), storable(report)[:REPORT_LENGTH], self._clock()
        with self._transaction() as cursor:
            pulse_id = _pulse(cursor, name, now)
            last = cursor.execute(
                "SELECT id, ended_at FROM runs WHERE pulse_id = %s ORDER BY id DESC LIMIT 1", (pulse_id,)
            ).fetchone()
            if event == RunEvent.START:
                cursor.execute(
                    """
                    INSERT INTO runs (pulse_id, started_at, told)
                    VALUES (%s, %s, (SELECT coalesce(max(id), 0) FROM notifications))
                    """,
                    (pulse_id, now),
                )
            elif last and last.ended_at is None:
                cursor.execute(
                    "UPDATE runs SET ended_at = %s, stopped = %s, report = %s WHERE id = %s",
                    (now, event == RunEvent.FAIL, report, last.id),
                )
            else:
                cursor.execute(
                    "INSERT INTO runs (pulse_id, ended_at, stopped, report, told) VALUES (%s, %s, %s, %s, 0)",
                    (pulse_id, now, event == RunEvent.FAIL, report),
                )
            cursor.execute(
                """
                DELETE FROM runs
                 WHERE pulse_id = %(pulse)s
                   AND id <= (SELECT id FROM runs WHERE pulse_id = %(pulse)s ORDER BY id DESC LIMIT 1 OFFSET %(kept)s)
                """,
                {"pulse": pulse_id, "kept": RUNS_KEPT},
            )

    def pulses(self) -> tuple[Pulse, ...]:
        now = self._clock()
        with self._snapshot() as cursor:
            named = cursor.execute(
                f"""
                SELECT p.id, p.name, p.host_id,
                       EXISTS (
                           SELECT
                             FROM hosts AS h
                             JOIN updates AS u ON u.host_key = h.host_key AND u.status = 'update'
                            WHERE h.id = p.host_id
                       ) AS reports_updates
                  FROM (SELECT p.id, p.name, {_HOST} AS host_id FROM pulses AS p) AS p
                 ORDER BY lower(p.name), p.name
                """
            ).fetchall()
            found: dict[int, list[Run]] = {row.id: [] for row in named}
            for row in cursor.execute(
                f"""
                WITH during AS MATERIALIZED (
                    SELECT r.id, r.told,
                           CASE WHEN r.started_at IS NOT NULL AND r.ended_at IS NOT NULL THEN p.host_id END AS host_id,
                           r.started_at - %(within)s AS since,
                           CASE
                               WHEN r.ended_at IS NOT NULL
                               THEN least(r.ended_at + %(within)s, lead(r.started_at) OVER following)
                           END AS until
                      FROM runs AS r
                      JOIN (SELECT p.id, {_HOST} AS host_id FROM pulses AS p) AS p ON p.id = r.pulse_id
                    WINDOW following AS (PARTITION BY r.pulse_id ORDER BY r.id)
                )
                SELECT r.pulse_id, r.started_at, r.ended_at, r.stopped, r.report, n.arrived, n.updates_arrived
                  FROM runs AS r
                  JOIN during AS d ON d.id = r.id
                 CROSS JOIN LATERAL (
                     SELECT count(*) AS arrived, count(*) FILTER (WHERE n.status = 'update') AS updates_arrived
                       FROM (
                           SELECT status, received_at, update_id
                             FROM notifications
                            WHERE host_id = d.host_id AND id > d.told
                            ORDER BY id
                            LIMIT %(looked_at)s
                       ) AS n
                      WHERE n.update_id IS NOT NULL AND n.received_at BETWEEN d.since AND d.until
                 ) AS n
                 ORDER BY r.id DESC
                """,
                {"within": runs.ARRIVES_WITHIN, "looked_at": runs.LOOKED_AT},
            ):
                found[row.pulse_id].append(_run(row))
        return tuple(pulse_of(row.id, row.name, row.host_id, found[row.id], row.reports_updates, now) for row in named)

    def forget_pulse(self, pulse_id: int, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            row = cursor.execute("DELETE FROM pulses WHERE id = %s RETURNING name", (pulse_id,)).fetchone()
            if row is None:
                raise NotFound(f"no run has a name with the id {pulse_id}")
            noted(cursor, self._clock(), by, "runs forgotten", row.name)


def _pulse(cursor: Cursor, name: str, now: datetime) -> int:
    """The id of a name that reports now; a new one replaces the one without a host that is silent the longest."""
    known = cursor.execute("UPDATE pulses SET heard_at = %s WHERE name = %s RETURNING id", (now, name)).fetchone()
    if known:
        return int(known.id)
    # Two processes can receive a new name at the same time.
    new = one(
        cursor.execute(
            """
            INSERT INTO pulses (name, heard_at)
            VALUES (%s, %s)
            ON CONFLICT (name) DO UPDATE
               SET heard_at = excluded.heard_at
            RETURNING id
            """,
            (name, now),
        )
    )
    # Do not wait for rows that another process is deleting.
    cursor.execute(
        f"""
        DELETE FROM pulses
         WHERE id IN (
                   SELECT p.id
                     FROM pulses AS p
                    WHERE {_HOST} IS NULL
                    ORDER BY p.heard_at DESC, p.id DESC
                   OFFSET %s
                      FOR UPDATE OF p SKIP LOCKED
               )
        """,
        (STRANGERS_KEPT,),
    )
    return int(new.id)


def _run(row: Any) -> Run:
    return Run(
        started_at=row.started_at,
        ended_at=row.ended_at,
        stopped=row.stopped,
        report=row.report,
        scan=scan_of(row.report),
        arrived=row.arrived,
        updates_arrived=row.updates_arrived,
    )
