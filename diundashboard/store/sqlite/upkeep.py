"""Compare the stored state with the history, and prune old history."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta

from diundashboard.fold import Move, counted, differences, fold
from diundashboard.model import Difference, Pruned
from diundashboard.series import Series
from diundashboard.store import upkeep
from diundashboard.store.events import batches
from diundashboard.store.sqlite.database import EPOCH, Database, microseconds
from diundashboard.store.sqlite.states import load, refold_host, tell
from diundashboard.store.sqlite.tags import mistagged, retag
from diundashboard.store.upkeep import PRUNED_AT_ONCE

_FAULTS = (
    """
    SELECT 'series ' || s.id || ' (' || s.repository || ') has no update'
      FROM series AS s
     WHERE NOT EXISTS (SELECT 1 FROM updates AS u WHERE u.series_id = s.id)
     ORDER BY s.id
     LIMIT 20
    """,
    """
    SELECT 'update ' || id || ' (' || image || ') has no series'
      FROM updates
     WHERE series_id IS NULL
     ORDER BY id
     LIMIT 20
    """,
    """
    SELECT 'update ' || u.id || ' (' || u.image || ') counts ' || u.notifications || ' notifications, the history has '
           || count(*)
      FROM updates AS u
      JOIN notifications AS n ON n.update_id = u.id
     GROUP BY u.id
    HAVING count(*) > u.notifications
     ORDER BY u.id
     LIMIT 20
    """,
)
"""Sentences about faults that the schema does not prevent. Pruning removes notifications; their counts stay."""


class Upkeep(upkeep.Upkeep, Database):
    def check(self, repair: bool = False) -> tuple[Difference, ...]:
        with self._transaction("IMMEDIATE" if repair else "DEFERRED") as cursor:
            found = []
            hosts = cursor.execute("SELECT id, hostname FROM hosts WHERE merged_into IS NULL ORDER BY id").fetchall()
            for host_id, hostname in hosts:
                wrong = _check_host(cursor, host_id, hostname)
                if wrong and repair:
                    refold_host(cursor, host_id)
                found += wrong
            tags = _check_tags(cursor)
            if repair and tags:
                retag(cursor, {difference.repository for difference in tags})
            if repair and (found or tags):
                cursor.execute("UPDATE edits SET number = number + 1")
        return (*found, *tags)

    def faults(self) -> tuple[str, ...]:
        with self._transaction("DEFERRED") as cursor:
            found = [
                f"the file is damaged: {row[0]}"
                for row in cursor.execute("PRAGMA integrity_check(20)")
                if row[0] != "ok"
            ]
            found += [
                f"row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there"
                for row in cursor.execute("SELECT * FROM pragma_foreign_key_check LIMIT 20")
            ]
            found += [row[0] for query in _FAULTS for row in cursor.execute(query)]
        return tuple(found)

    def prune(self, before: datetime, dry_run: bool = False) -> Pruned:
        with self._transaction("DEFERRED") as cursor:
            last: int = cursor.execute("SELECT coalesce(max(id), 0) FROM notifications").fetchone()[0]
        pruned = Pruned()
        for after in range(0, last, PRUNED_AT_ONCE):
            with self._transaction("DEFERRED" if dry_run else "IMMEDIATE") as cursor:
                pruned += _prune(cursor, after, microseconds(before), dry_run)
        return pruned


def _prune(cursor: sqlite3.Cursor, after: int, before: int, dry_run: bool) -> Pruned:
    """Prune the next notifications after an id, of those that arrived before a time."""
    rows = cursor.execute(
        """
        SELECT n.id, n.spoke, length(n.payload) AS size
          FROM notifications AS n
          LEFT JOIN updates AS u ON u.id = n.update_id
         WHERE n.id > ? AND n.id <= ? AND n.received_at < ?
           AND (u.id IS NULL OR u.acknowledged_at IS NOT NULL OR u.superseded)
           AND n.id <> (SELECT min(id) FROM notifications WHERE host_id = n.host_id)
           AND n.id <> (SELECT max(id) FROM notifications WHERE host_id = n.host_id)
        """,
        (after, after + PRUNED_AT_ONCE, before),
    ).fetchall()
    repeats = [row["id"] for row in rows if not row["spoke"]]
    payloads = [row["id"] for row in rows if row["spoke"] and row["size"]]
    if not dry_run:
        cursor.execute("DELETE FROM notifications WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(repeats),))
        cursor.execute(
            "UPDATE notifications SET payload = x'' WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(payloads),),
        )
    return Pruned(len(repeats), len(payloads), sum(row["size"] for row in rows))


def _check_tags(cursor: sqlite3.Cursor) -> list[Difference]:
    return [
        Difference(row["hostname"], row["name"], "", f"{row['version']}: tag_id", row["stored"], row["assigned"])
        for row in mistagged(cursor)
    ]


def _check_host(cursor: sqlite3.Cursor, host_id: int, hostname: str) -> list[Difference]:
    rows = cursor.execute(
        """
        SELECT id, registry || '/' || repository AS name, variant, open, done, rows, versions
          FROM series
         WHERE host_id = ?
         ORDER BY id
        """,
        (host_id,),
    ).fetchall()
    series = {row["id"]: row for row in rows}
    found: list[Difference] = []
    moves: list[Move] = []
    for batch in batches(series):
        states = load(cursor, batch)
        for series_id, (_, variant, events) in tell(cursor, batch).items():
            row, stored = series[series_id], states[series_id].series
            folded = fold(Series(variant), events, moves)
            wrong = list(differences(stored, folded))
            counts = folded.counts._asdict().items()
            wrong += [(name, row[name], count) for name, count in counts if row[name] != count]
            found += [Difference(hostname, row["name"], variant, *each) for each in wrong]
    return found + _check_days(cursor, host_id, hostname, moves)


def _check_days(cursor: sqlite3.Cursor, host_id: int, hostname: str, moves: list[Move]) -> list[Difference]:
    forgotten = cursor.execute(
        "SELECT 1 FROM notifications WHERE host_id = ? AND update_id IS NULL AND spoke LIMIT 1", (host_id,)
    ).fetchone()
    if forgotten:
        return []
    folded = counted(moves)
    stored = {
        EPOCH.date() + timedelta(days=row["day"]): (row["opened"], row["closed"])
        for row in cursor.execute(
            """
            SELECT day, sum(opened) AS opened, sum(closed) AS closed
              FROM days
             WHERE host_id = ?
             GROUP BY day
            HAVING sum(opened) <> 0 OR sum(closed) <> 0
            """,
            (host_id,),
        )
    }
    return [
        Difference(hostname, "", "", f"{day}: opened, closed", stored.get(day), folded.get(day))
        for day in sorted(stored.keys() | folded.keys())
        if stored.get(day) != folded.get(day)
    ]
