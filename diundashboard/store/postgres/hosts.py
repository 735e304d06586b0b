"""The machines that DIUN reports for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from diundashboard.fold import moved
from diundashboard.model import NOBODY, Actor, Host, Invalid, UpdateQuery
from diundashboard.series import Series
from diundashboard.store import hosts
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.events import batches
from diundashboard.store.names import host_name
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Cursor, Database, day_of, firsts
from diundashboard.store.postgres.locks import lock_alone, lock_hosts
from diundashboard.store.postgres.query import condition
from diundashboard.store.postgres.reported import shorten
from diundashboard.store.postgres.states import Days, load, refold_host
from diundashboard.text import searchable


class Hosts(hosts.Hosts, Database):
    def hosts(self) -> tuple[Host, ...]:
        now = self._clock()
        with self._snapshot() as cursor:
            where, values = condition(UpdateQuery(), now)
            kinds: dict[str, dict[str, int]] = {}
            for hostname, kind, count in cursor.execute(
                f"""
                SELECT u.hostname, u.kind, count(*) AS pending
                  FROM updates AS u
                 WHERE {where}
                 GROUP BY u.kind, u.hostname
                """,
                values,
            ):
                kinds.setdefault(hostname, {})[kind] = count
            gaps: dict[int, int] = dict(
                cursor.execute(
                    """
                    SELECT host_id, max(gap)
                      FROM (
                          SELECT host_id, day - lag(day) OVER (PARTITION BY host_id ORDER BY day) AS gap
                            FROM (SELECT DISTINCT host_id, day FROM days WHERE day > %s AND notifications > 0) AS heard
                      ) AS gaps
                     GROUP BY host_id
                    HAVING count(*) >= 4
                    """,
                    (day_of(now) - timedelta(days=90),),
                ).fetchall()
            )
            notifications: dict[int, int] = dict(
                cursor.execute("SELECT host_id, sum(notifications)::bigint FROM days GROUP BY host_id").fetchall()
            )
            merged: dict[int, list[str]] = {}
            for into, hostname in cursor.execute(
                'SELECT merged_into, hostname FROM hosts WHERE merged_into IS NOT NULL ORDER BY hostname COLLATE "C"'
            ):
                merged.setdefault(into, []).append(hostname)
            rows = cursor.execute(
                """
                SELECT h.id, h.hostname, h.metadata_shared_at, coalesce(nullif(h.display_name, ''), h.hostname) AS name,
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id LIMIT 1)
                           AS first_heard_at,
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id DESC LIMIT 1)
                           AS last_heard_at,
                       coalesce(latest.provider, '') AS provider, coalesce(latest.diun_version, '') AS diun_version
                  FROM hosts AS h
                  LEFT JOIN LATERAL (
                      SELECT u.provider, u.diun_version
                        FROM notifications AS n
                        JOIN updates AS u ON u.id = n.update_id
                       WHERE n.host_id = h.id
                       ORDER BY n.id DESC
                       LIMIT 1
                  ) AS latest ON TRUE
                 WHERE h.merged_into IS NULL AND h.forgotten_at IS NULL
                 ORDER BY lower(coalesce(nullif(h.display_name, ''), h.hostname)), h.hostname
                """
            ).fetchall()
        found = []
        for row in rows:
            gap = None if gaps.get(row.id) is None else timedelta(days=gaps[row.id])
            found.append(
                Host(
                    id=row.id,
                    hostname=row.hostname,
                    name=row.name,
                    merged=tuple(merged.get(row.id, ())),
                    kinds=kinds.get(row.hostname, {}),
                    first_heard_at=row.first_heard_at,
                    last_heard_at=row.last_heard_at,
                    notifications=notifications.get(row.id, 0),
                    provider=row.provider,
                    diun_version=row.diun_version,
                    usual_gap=gap,
                    silent=gap is not None and now - row.last_heard_at > gap + timedelta(days=1),
                    metadata_shared_at=row.metadata_shared_at,
                )
            )
        return tuple(found)

    def rename_host(self, host_id: int, name: str, by: Actor = NOBODY) -> None:
        name = host_name(name)
        with self._editing() as cursor:
            taken = cursor.execute(
                """
                SELECT id
                  FROM hosts
                 WHERE id <> %s AND %s IN (hostname, display_name) AND merged_into IS NULL AND forgotten_at IS NULL
                 LIMIT 1
                """,
                (host_id, name),
            ).fetchone()
            if name and taken:
                raise Conflict(f"another host is named {name}; merge the two if they are the same machine")
            hostname = _hostname(cursor, host_id)
            cursor.execute("UPDATE hosts SET display_name = %s WHERE id = %s", (name, host_id))
            name_hosts(cursor, [host_id])
            noted(cursor, self._clock(), by, "host renamed", f"{hostname} to {name or hostname}")

    def merge_hosts(self, host_id: int, into_id: int, by: Actor = NOBODY) -> None:
        if host_id == into_id:
            raise Invalid("a host cannot be merged into itself")
        with self._editing() as cursor:
            lock_alone(cursor)
            hostname, into = _hostname(cursor, host_id), _hostname(cursor, into_id)
            pair = {"host": host_id, "into": into_id, "into_hostname": into}
            lock_hosts(cursor, [host_id, into_id])
            _merge_updates(cursor, pair)
            _merge_series(cursor, pair)
            cursor.execute("UPDATE notifications SET host_id = %(into)s WHERE host_id = %(host)s", pair)
            cursor.execute(
                "UPDATE hosts SET merged_into = %(into)s WHERE id = %(host)s OR merged_into = %(host)s", pair
            )
            name_hosts(cursor, [into_id])
            _merge_days(cursor, pair)
            refold_host(cursor, into_id)
            noted(cursor, self._clock(), by, "host merged", f"{hostname} into {into}")

    def trust_metadata(self, host_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            lock_alone(cursor)
            hostname = _hostname(cursor, host_id)
            cursor.execute("UPDATE hosts SET metadata_shared_at = NULL WHERE id = %s", (host_id,))
            noted(cursor, self._clock(), by, "metadata trusted", hostname)

    def forget_host(self, host_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            lock_alone(cursor)
            hostname = _hostname(cursor, host_id)
            lock_hosts(cursor, [host_id])
            now, days = self._clock(), Days()
            rows = cursor.execute("SELECT id FROM series WHERE host_id = %s ORDER BY id", (host_id,)).fetchall()
            for batch in batches(firsts(rows)):
                for _, series in load(cursor, batch).values():
                    days.count(host_id, moved(series, Series(series.variant), now))
                cursor.execute("DELETE FROM updates WHERE series_id = ANY(%s::bigint[])", (batch,))
                cursor.execute("DELETE FROM series WHERE id = ANY(%s::bigint[])", (batch,))
            cursor.execute(
                """
                DELETE FROM pulses
                 WHERE name IN (SELECT hostname FROM hosts WHERE %(host)s IN (id, merged_into))
                    OR name = (SELECT display_name FROM hosts WHERE id = %(host)s)
                """,
                {"host": host_id},
            )
            cursor.execute("UPDATE hosts SET forgotten_at = %s WHERE id = %s", (now, host_id))
            days.write(cursor)
            noted(cursor, now, by, "host forgotten", hostname)


def _hostname(cursor: Cursor, host_id: int) -> str:
    """The hostname of a host; NotFound if it is unknown, merged or forgotten."""
    row = cursor.execute(
        "SELECT hostname FROM hosts WHERE id = %s AND merged_into IS NULL AND forgotten_at IS NULL", (host_id,)
    ).fetchone()
    if row is None:
        raise NotFound(f"no host has the id {host_id}")
    return str(row.hostname)


def name_hosts(cursor: Cursor, host_ids: list[int]) -> None:
    """Store the other names that a search finds hosts by: the one a person gave, and those of merged hosts."""
    rows = cursor.execute(
        """
        SELECT h.display_name, ARRAY(SELECT m.hostname FROM hosts AS m WHERE m.merged_into = h.id) AS merged, h.id
          FROM hosts AS h
         WHERE h.id = ANY(%s::bigint[])
         ORDER BY h.id
        """,
        (host_ids,),
    ).fetchall()
    cursor.executemany(
        "UPDATE hosts SET search = %s WHERE id = %s",
        [(searchable(" ".join([row.display_name, *sorted(row.merged)]).strip()), row.id) for row in rows],
    )


def _merge_updates(cursor: Cursor, pair: Mapping[str, object]) -> None:
    """Of two updates for one image, delete the one received earlier, and give its notifications to the other."""
    cursor.execute(
        """
        CREATE TEMPORARY TABLE same ON COMMIT DROP AS
        SELECT CASE WHEN later THEN b.id ELSE a.id END AS winner,
               CASE WHEN later THEN a.id ELSE b.id END AS loser
          FROM updates AS a
          JOIN series AS old ON old.id = a.series_id AND old.host_id = %(host)s
          JOIN updates AS b ON b.image_key = a.image_key
          JOIN series AS kept ON kept.id = b.series_id AND kept.host_id = %(into)s,
       LATERAL (SELECT (a.received_at, a.id) < (b.received_at, b.id)) AS compared (later)
        """,
        pair,
    )
    cursor.execute(
        """
        UPDATE updates AS u
           SET notifications = u.notifications + loser.notifications,
               metadata = loser.metadata || u.metadata,
               named = ARRAY(SELECT name FROM unnest(loser.named) AS name WHERE name <> ALL(u.named)) || u.named,
               containers = ARRAY(SELECT name FROM unnest(loser.containers) AS name WHERE name <> ALL(u.containers))
                            || u.containers
          FROM same
          JOIN updates AS loser ON loser.id = same.loser
         WHERE u.id = same.winner
        """
    )
    for table in ("notifications", "action_items"):
        cursor.execute(f"UPDATE {table} AS n SET update_id = same.winner FROM same WHERE n.update_id = same.loser")
    cursor.execute("DELETE FROM updates WHERE id IN (SELECT loser FROM same)")
    shorten(cursor, "id IN (SELECT winner FROM same)")
    cursor.execute("DROP TABLE same")


def _merge_series(cursor: Cursor, pair: Mapping[str, object]) -> None:
    """Move the series to the other host, with their updates and actions."""
    cursor.execute(
        """
        INSERT INTO series AS s (host_id, registry, repository, variant, heard)
        SELECT %(into)s, registry, repository, variant, heard
          FROM series
         WHERE host_id = %(host)s
        ON CONFLICT (host_id, repository_key, variant_key) DO UPDATE
           SET heard = s.heard + excluded.heard
        """,
        pair,
    )
    cursor.execute(
        """
        CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
        SELECT old.id AS old_id, kept.id AS kept_id
          FROM series AS old
          JOIN series AS kept ON kept.repository_key = old.repository_key AND kept.variant_key = old.variant_key
         WHERE old.host_id = %(host)s AND kept.host_id = %(into)s
        """,
        pair,
    )
    cursor.execute(
        """
        UPDATE updates AS u
           SET hostname = %(into_hostname)s, series_id = moved.kept_id
          FROM moved
         WHERE u.series_id = moved.old_id
        """,
        pair,
    )
    # An action on both series as a whole must be undone only once.
    cursor.execute(
        """
        UPDATE action_items AS i
           SET series_id = moved.kept_id
          FROM moved
         WHERE i.series_id = moved.old_id
           AND NOT EXISTS (
               SELECT
                 FROM action_items AS kept
                WHERE kept.action_id = i.action_id AND kept.series_id = moved.kept_id
                  AND (kept.update_id, kept.digest, kept.reference)
                      IS NOT DISTINCT FROM (i.update_id, i.digest, i.reference)
           )
        """
    )
    cursor.execute("DELETE FROM series WHERE host_id = %(host)s", pair)
    cursor.execute("DROP TABLE moved")


def _merge_days(cursor: Cursor, pair: Mapping[str, object]) -> None:
    """Add up the notifications of the days. Their other numbers are folded again."""
    cursor.execute(
        """
        INSERT INTO days AS d (day, host_id, kind, notifications)
        SELECT day, %(into)s, kind, notifications
          FROM days
         WHERE host_id = %(host)s
        ON CONFLICT (day, host_id, kind) DO UPDATE
           SET notifications = d.notifications + excluded.notifications
        """,
        pair,
    )
    cursor.execute("DELETE FROM days WHERE host_id = %(host)s", pair)
