"""Compare the stored state with the history, and prune old history."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import LiteralString

from diundashboard.fold import Move, counted, differences, fold
from diundashboard.model import Difference, Pruned
from diundashboard.series import Series
from diundashboard.store import upkeep
from diundashboard.store.events import batches
from diundashboard.store.postgres.database import Cursor, Database, firsts, one
from diundashboard.store.postgres.locks import lock_alone, lock_hosts
from diundashboard.store.postgres.states import load, refold_host, tell
from diundashboard.store.postgres.tags import mistagged, retag
from diundashboard.store.upkeep import PRUNED_AT_ONCE

_FAULTS: tuple[LiteralString, ...] = (
    """
    SELECT 'the server read ' || checksum_failures || ' damaged pages of this database'
      FROM pg_stat_database
     WHERE datname = current_database() AND checksum_failures > 0
    """,
    """
    SELECT 'the index ' || indexrelid::regclass || ' is not valid'
      FROM pg_index
     WHERE NOT indisvalid AND indrelid::regclass::text IN (SELECT tablename FROM pg_tables WHERE schemaname = 'public')
    """,
    """
    SELECT 'series ' || s.id || ' (' || s.repository || ') has no update'
      FROM series AS s
     WHERE NOT EXISTS (SELECT FROM updates AS u WHERE u.series_id = s.id)
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
        if not repair:
            with self._snapshot(inf) as cursor:
                found = [difference for host in _hosts(cursor) for difference in _check_host(cursor, *host)]
                return (*found, *_check_tags(cursor))
        with self._transaction(inf) as cursor:
            lock_alone(cursor)
            hosts = _hosts(cursor)
            lock_hosts(cursor, firsts(hosts))
            found = []
            for host_id, hostname in hosts:
                wrong = _check_host(cursor, host_id, hostname)
                if wrong:
                    refold_host(cursor, host_id)
                found += wrong
            if tags := _check_tags(cursor):
                retag(cursor, {difference.repository for difference in tags})
            if found or tags:
                cursor.execute("UPDATE edits SET number = number + 1")
        return (*found, *tags)

    def faults(self) -> tuple[str, ...]:
        with self._snapshot(inf) as cursor:
            found = [sentence for query in _FAULTS for sentence in firsts(cursor.execute(query).fetchall())]
        return tuple(found)

    def prune(self, before: datetime, dry_run: bool = False) -> Pruned:
        with self._transaction() as cursor:
            last: int = one(cursor.execute("SELECT coalesce(max(id), 0) AS id FROM notifications")).id
        pruned = Pruned()
        for after in range(0, last, PRUNED_AT_ONCE):
            with self._transaction() as cursor:
                pruned += _prune(cursor, after, before, dry_run)
        return pruned


def _prune(cursor: Cursor, after: int, before: datetime, dry_run: bool) -> Pruned:
    """Prune the next notifications after an id, of those that arrived before a time."""
    rows = cursor.execute(
        """
        SELECT n.id, n.spoke, length(n.payload) AS size
          FROM notifications AS n
          LEFT JOIN updates AS u ON u.id = n.update_id
         WHERE n.id > %s AND n.id <= %s AND n.received_at < %s
           AND (u.id IS NULL OR u.acknowledged_at IS NOT NULL OR u.superseded)
           AND n.id <> (SELECT min(id) FROM notifications WHERE host_id = n.host_id)
           AND n.id <> (SELECT max(id) FROM notifications WHERE host_id = n.host_id)
        """,
        (after, after + PRUNED_AT_ONCE, before),
    ).fetchall()
    repeats = [row.id for row in rows if not row.spoke]
    payloads = [row.id for row in rows if row.spoke and row.size]
    if not dry_run:
        cursor.execute("DELETE FROM notifications WHERE id = ANY(%s::bigint[])", (repeats,))
        cursor.execute("UPDATE notifications SET payload = '' WHERE id = ANY(%s::bigint[])", (payloads,))
    return Pruned(len(repeats), len(payloads), sum(row.size for row in rows))


def _check_tags(cursor: Cursor) -> list[Difference]:
    return [
        Difference(row.hostname, row.name, "", f"{row.version}: tag_id", row.stored, row.assigned)
        for row in mistagged(cursor)
    ]


def _hosts(cursor: Cursor) -> list[tuple[int, str]]:
    return cursor.execute("SELECT id, hostname FROM hosts WHERE merged_into IS NULL ORDER BY id").fetchall()


def _check_host(cursor: Cursor, host_id: int, hostname: str) -> list[Difference]:
    rows = cursor.execute(
        """
        SELECT id, registry || '/' || repository AS name, variant, open, done, rows, versions
          FROM series
         WHERE host_id = %s
         ORDER BY id
        """,
        (host_id,),
    ).fetchall()
    series = {row.id: row for row in rows}
    found: list[Difference] = []
    moves: list[Move] = []
    for batch in batches(series):
        states = load(cursor, batch)
        for series_id, (_, variant, events) in tell(cursor, batch).items():
            row, stored = series[series_id], states[series_id].series
            folded = fold(Series(variant), events, moves)
            wrong = list(differences(stored, folded))
            counts = folded.counts._asdict().items()
            wrong += [(name, getattr(row, name), count) for name, count in counts if getattr(row, name) != count]
            found += [Difference(hostname, row.name, variant, *each) for each in wrong]
    return found + _check_days(cursor, host_id, hostname, moves)


def _check_days(cursor: Cursor, host_id: int, hostname: str, moves: list[Move]) -> list[Difference]:
    forgotten = cursor.execute(
        "SELECT id FROM notifications WHERE host_id = %s AND update_id IS NULL AND spoke LIMIT 1", (host_id,)
    ).fetchone()
    if forgotten:
        return []
    folded = counted(moves)
    stored = {
        row.day: (row.opened, row.closed)
        for row in cursor.execute(
            """
            SELECT day, sum(opened) AS opened, sum(closed) AS closed
              FROM days
             WHERE host_id = %s
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
