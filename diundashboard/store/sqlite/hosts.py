"""The machines that DIUN reports for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import timedelta

from diundashboard.fold import moved
from diundashboard.model import NOBODY, Actor, Host, Invalid, UpdateQuery
from diundashboard.series import Series
from diundashboard.store import hosts
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.events import batches
from diundashboard.store.names import host_name
from diundashboard.store.sqlite.audit import noted
from diundashboard.store.sqlite.database import DAY, MICROSECOND, Database, time_of, time_or_none
from diundashboard.store.sqlite.query import condition
from diundashboard.store.sqlite.reported import shorten
from diundashboard.store.sqlite.states import count, load, refold_host
from diundashboard.store.sqlite.tags import repositories, retag
from diundashboard.text import searchable


class Hosts(hosts.Hosts, Database):
    def hosts(self) -> tuple[Host, ...]:
        now = self._now()
        with self._transaction("DEFERRED") as cursor:
            where, values = condition(UpdateQuery(), now)
            kinds: dict[str, dict[str, int]] = {}
            for hostname, kind, count in cursor.execute(
                f"SELECT u.hostname, u.kind, count(*) FROM updates AS u WHERE {where} GROUP BY u.kind, u.hostname",
                values,
            ):
                kinds.setdefault(hostname, {})[kind] = count
            gaps = dict(
                cursor.execute(
                    """
                    SELECT host_id, max(gap)
                      FROM (
                          SELECT host_id, day - lag(day) OVER (PARTITION BY host_id ORDER BY day) AS gap
                            FROM (SELECT DISTINCT host_id, day FROM days WHERE day > ? AND notifications > 0)
                      )
                     GROUP BY host_id
                    HAVING count(*) >= 4
                    """,
                    (now // DAY - 90,),
                ).fetchall()
            )
            notifications = dict(
                cursor.execute("SELECT host_id, sum(notifications) FROM days GROUP BY host_id").fetchall()
            )
            merged: dict[int, list[str]] = {}
            for into, hostname in cursor.execute(
                "SELECT merged_into, hostname FROM hosts WHERE merged_into IS NOT NULL ORDER BY hostname"
            ):
                merged.setdefault(into, []).append(hostname)
            rows = cursor.execute(
                """
                SELECT h.id, h.hostname, h.metadata_shared_at, coalesce(nullif(h.display_name, ''), h.hostname) AS name,
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id LIMIT 1)
                           AS first_heard_at,
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id DESC LIMIT 1)
                           AS last_heard_at,
                       (
                           SELECT json_array(u.provider, u.diun_version)
                             FROM notifications AS n
                             JOIN updates AS u ON u.id = n.update_id
                            WHERE n.host_id = h.id
                            ORDER BY n.id DESC
                            LIMIT 1
                       ) AS latest
                  FROM hosts AS h
                 WHERE h.merged_into IS NULL AND h.forgotten_at IS NULL
                 ORDER BY lower(coalesce(nullif(h.display_name, ''), h.hostname)), h.hostname
                """
            ).fetchall()
        found = []
        for row in rows:
            provider, diun_version = json.loads(row["latest"]) if row["latest"] else ("", "")
            gap = None if gaps.get(row["id"]) is None else timedelta(days=gaps[row["id"]])
            found.append(
                Host(
                    id=row["id"],
                    hostname=row["hostname"],
                    name=row["name"],
                    merged=tuple(merged.get(row["id"], ())),
                    kinds=kinds.get(row["hostname"], {}),
                    first_heard_at=time_of(row["first_heard_at"]),
                    last_heard_at=time_of(row["last_heard_at"]),
                    notifications=notifications.get(row["id"], 0),
                    provider=provider,
                    diun_version=diun_version,
                    usual_gap=gap,
                    silent=gap is not None and (now - row["last_heard_at"]) * MICROSECOND > gap + timedelta(days=1),
                    metadata_shared_at=time_or_none(row["metadata_shared_at"]),
                )
            )
        return tuple(found)

    def rename_host(self, host_id: int, name: str, by: Actor = NOBODY) -> None:
        name = host_name(name)
        with self._editing() as cursor:
            taken = cursor.execute(
                """
                SELECT 1
                  FROM hosts
                 WHERE id <> ? AND ? IN (hostname, display_name) AND merged_into IS NULL AND forgotten_at IS NULL
                """,
                (host_id, name),
            ).fetchone()
            if name and taken:
                raise Conflict(f"another host is named {name}; merge the two if they are the same machine")
            hostname = _hostname(cursor, host_id)
            cursor.execute("UPDATE hosts SET display_name = ? WHERE id = ?", (name, host_id))
            name_hosts(cursor, [host_id])
            noted(cursor, self._now(), by, "host renamed", f"{hostname} to {name or hostname}")

    def merge_hosts(self, host_id: int, into_id: int, by: Actor = NOBODY) -> None:
        if host_id == into_id:
            raise Invalid("a host cannot be merged into itself")
        with self._editing() as cursor:
            hostname, into = _hostname(cursor, host_id), _hostname(cursor, into_id)
            pair = {"host": host_id, "into": into_id, "hostname": hostname, "into_hostname": into}
            _merge_updates(cursor, pair)
            _merge_series(cursor, pair)
            cursor.execute("UPDATE notifications SET host_id = :into WHERE host_id = :host", pair)
            _merge_days(cursor, pair)
            cursor.execute("UPDATE hosts SET merged_into = :into WHERE id = :host OR merged_into = :host", pair)
            name_hosts(cursor, [into_id])
            refold_host(cursor, into_id)
            retag(cursor, repositories(cursor))
            noted(cursor, self._now(), by, "host merged", f"{hostname} into {into}")

    def trust_metadata(self, host_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            hostname = _hostname(cursor, host_id)
            cursor.execute("UPDATE hosts SET metadata_shared_at = NULL WHERE id = ?", (host_id,))
            noted(cursor, self._now(), by, "metadata trusted", hostname)

    def forget_host(self, host_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            hostname = _hostname(cursor, host_id)
            rows = cursor.execute("SELECT id FROM series WHERE host_id = ?", (host_id,)).fetchall()
            for batch in batches([series_id for (series_id,) in rows]):
                states = load(cursor, batch).values()
                gone = (moved(state.series, Series(state.series.variant), self._clock()) for state in states)
                count(cursor, ((host_id, moves) for moves in gone))
            cursor.execute("DELETE FROM updates WHERE hostname = ?", (hostname,))
            cursor.execute("DELETE FROM series WHERE host_id = ?", (host_id,))
            cursor.execute(
                """
                DELETE FROM pulses
                 WHERE name IN (SELECT hostname FROM hosts WHERE :host IN (id, merged_into))
                    OR name = (SELECT display_name FROM hosts WHERE id = :host)
                """,
                {"host": host_id},
            )
            cursor.execute("UPDATE hosts SET forgotten_at = ? WHERE id = ?", (self._now(), host_id))
            noted(cursor, self._now(), by, "host forgotten", hostname)


def _hostname(cursor: sqlite3.Cursor, host_id: int) -> str:
    """The hostname of a host; NotFound if it is unknown, merged or forgotten."""
    row = cursor.execute(
        "SELECT hostname FROM hosts WHERE id = ? AND merged_into IS NULL AND forgotten_at IS NULL", (host_id,)
    ).fetchone()
    if row is None:
        raise NotFound(f"no host has the id {host_id}")
    return str(row[0])


def name_hosts(cursor: sqlite3.Cursor, host_ids: list[int]) -> None:
    """Store the other names that a search finds hosts by: the one a person gave, and those of merged hosts."""
    rows = cursor.execute(
        """
        SELECT h.display_name,
               (SELECT json_group_array(m.hostname) FROM hosts AS m WHERE m.merged_into = h.id),
               h.id
          FROM hosts AS h
         WHERE h.id IN (SELECT value FROM json_each(?))
        """,
        (json.dumps(host_ids),),
    ).fetchall()
    cursor.executemany(
        "UPDATE hosts SET search = ? WHERE id = ?",
        [
            (searchable(" ".join([name, *sorted(json.loads(merged))]).strip()), host_id)
            for name, merged, host_id in rows
        ],
    )


def _merge_updates(cursor: sqlite3.Cursor, pair: Mapping[str, object]) -> None:
    """Of two updates for one image, delete the one received earlier, and give its notifications to the other."""
    cursor.execute("CREATE TEMP TABLE same (loser INTEGER PRIMARY KEY, winner INTEGER)")
    cursor.execute(
        """
        INSERT INTO same
        SELECT iif((a.received_at, a.id) < (b.received_at, b.id), a.id, b.id),
               iif((a.received_at, a.id) < (b.received_at, b.id), b.id, a.id)
          FROM updates AS a
          JOIN updates AS b ON b.image = a.image AND b.hostname = :into_hostname
         WHERE a.hostname = :hostname
        """,
        pair,
    )
    cursor.execute(
        """
        UPDATE updates
           SET notifications = updates.notifications + loser.notifications,
               metadata = (SELECT json_group_object(key, json(value)) FROM (
                   SELECT key, value FROM json_each(updates.metadata)
                    UNION ALL
                   SELECT key, value FROM json_each(loser.metadata)
                    WHERE key NOT IN (SELECT key FROM json_each(updates.metadata))
               )),
               named = (SELECT json_group_array(value) FROM (
                   SELECT value FROM json_each(loser.named)
                    WHERE value NOT IN (SELECT value FROM json_each(updates.named))
                    UNION ALL
                   SELECT value FROM json_each(updates.named)
               )),
               containers = (SELECT json_group_array(value) FROM (
                   SELECT value FROM json_each(loser.containers)
                    WHERE value NOT IN (SELECT value FROM json_each(updates.containers))
                    UNION ALL
                   SELECT value FROM json_each(updates.containers)
               ))
          FROM same
          JOIN updates AS loser ON loser.id = same.loser
         WHERE updates.id = same.winner
        """
    )
    cursor.execute(
        """
        UPDATE notifications
           SET update_id = same.winner
          FROM same
         WHERE notifications.update_id = same.loser
        """
    )
    cursor.execute(
        """
        UPDATE action_items
           SET update_id = same.winner
          FROM same
         WHERE action_items.update_id = same.loser
        """
    )
    cursor.execute("DELETE FROM updates WHERE id IN (SELECT loser FROM same)")
    shorten(cursor, "id IN (SELECT winner FROM same)")
    cursor.execute("DROP TABLE same")


def _merge_series(cursor: sqlite3.Cursor, pair: Mapping[str, object]) -> None:
    """Move the series to the other host, with their updates and actions."""
    cursor.execute(
        """
        INSERT INTO series (host_id, registry, repository, variant, heard)
        SELECT :into, registry, repository, variant, heard
          FROM series
         WHERE host_id = :host
        ON CONFLICT DO UPDATE
           SET heard = heard + excluded.heard
        """,
        pair,
    )
    cursor.execute(
        """
        UPDATE updates
           SET hostname = :into_hostname,
               series_id = kept.id
          FROM series AS old
          JOIN series AS kept ON kept.host_id = :into AND kept.registry = old.registry
           AND kept.repository = old.repository AND kept.variant = old.variant
         WHERE old.host_id = :host AND updates.series_id = old.id
        """,
        pair,
    )
    # An action on both series as a whole must be undone only once.
    cursor.execute(
        """
        UPDATE action_items
           SET series_id = kept.id
          FROM series AS old
          JOIN series AS kept ON kept.host_id = :into AND kept.registry = old.registry
           AND kept.repository = old.repository AND kept.variant = old.variant
         WHERE old.host_id = :host AND action_items.series_id = old.id
           AND NOT EXISTS (
               SELECT 1
                 FROM action_items AS both
                WHERE both.action_id = action_items.action_id AND both.series_id = kept.id
                  AND both.update_id IS action_items.update_id AND both.digest IS action_items.digest
                  AND both.reference IS action_items.reference
           )
        """,
        pair,
    )
    cursor.execute("DELETE FROM series WHERE host_id = :host", pair)


def _merge_days(cursor: sqlite3.Cursor, pair: Mapping[str, object]) -> None:
    """Add up the notifications of the days. Their other numbers are folded again."""
    cursor.execute(
        """
        INSERT INTO days (day, host_id, kind, notifications)
        SELECT day, :into, kind, notifications
          FROM days
         WHERE host_id = :host
        ON CONFLICT DO UPDATE
           SET notifications = notifications + excluded.notifications
        """,
        pair,
    )
    cursor.execute("DELETE FROM days WHERE host_id = :host", pair)
