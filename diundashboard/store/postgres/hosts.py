"""The machines that DIUN reports for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from diundashboard.model import Host, Invalid, UpdateQuery
from diundashboard.store import hosts
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import host_name
from diundashboard.store.postgres.database import Cursor, Database, day_of, firsts, lock_alone, time_of
from diundashboard.store.postgres.days import count_gone
from diundashboard.store.postgres.query import condition
from diundashboard.store.postgres.series import refresh
from diundashboard.text import searchable


class Hosts(hosts.Hosts, Database):
    def hosts(self) -> tuple[Host, ...]:
        now = self._clock()
        with self._snapshot() as cursor:
            where, values = condition(UpdateQuery(), now)
            kinds: dict[str, dict[str, int]] = {}
            for hostname, kind, count in cursor.execute(
                f"SELECT u.hostname, u.kind, count(*) FROM updates AS u WHERE {where} GROUP BY u.kind, u.hostname",
                values,
            ):
                kinds.setdefault(hostname, {})[kind] = count
            rows = cursor.execute(
                """
                SELECT h.id, h.hostname, coalesce(nullif(h.display_name, ''), h.hostname) AS name,
                       ARRAY(SELECT m.hostname FROM hosts AS m WHERE m.merged_into = h.id) AS merged,
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id LIMIT 1)
                           AS first_heard_at,
                       latest.received_at AS last_heard_at,
                       (SELECT coalesce(sum(d.notifications), 0) FROM days AS d WHERE d.host_id = h.id)
                           AS notifications,
                       coalesce(latest.provider, '') AS provider, coalesce(latest.diun_version, '') AS diun_version,
                       (
                           SELECT CASE WHEN count(*) >= 4 THEN max(gap) END
                             FROM (
                                 SELECT day - lag(day) OVER (ORDER BY day) AS gap
                                   FROM days
                                  WHERE host_id = h.id AND day > %s AND notifications > 0
                                  GROUP BY day
                             ) AS gaps
                       ) AS days
                  FROM hosts AS h
                  LEFT JOIN LATERAL (
                      SELECT n.received_at, u.provider, u.diun_version
                        FROM notifications AS n
                        LEFT JOIN updates AS u ON u.id = n.update_id
                       WHERE n.host_id = h.id
                       ORDER BY n.id DESC
                       LIMIT 1
                  ) AS latest ON TRUE
                 WHERE h.merged_into IS NULL AND h.forgotten_at IS NULL
                 ORDER BY lower(coalesce(nullif(h.display_name, ''), h.hostname)), h.hostname
                """,
                (day_of(now) - timedelta(days=90),),
            ).fetchall()
        found = []
        for row in rows:
            gap = None if row.days is None else timedelta(days=row.days)
            found.append(
                Host(
                    id=row.id,
                    hostname=row.hostname,
                    name=row.name,
                    merged=tuple(sorted(row.merged)),
                    kinds=kinds.get(row.hostname, {}),
                    first_heard_at=time_of(row.first_heard_at),
                    last_heard_at=time_of(row.last_heard_at),
                    notifications=row.notifications,
                    provider=row.provider,
                    diun_version=row.diun_version,
                    usual_gap=gap,
                    silent=gap is not None and now - row.last_heard_at > gap + timedelta(days=1),
                )
            )
        return tuple(found)

    def rename_host(self, host_id: int, name: str) -> None:
        name = host_name(name)
        with self._editing() as cursor:
            taken = cursor.execute(
                """
                SELECT
                  FROM hosts
                 WHERE id <> %s AND %s IN (hostname, display_name) AND merged_into IS NULL AND forgotten_at IS NULL
                """,
                (host_id, name),
            ).fetchone()
            if name and taken is not None:
                raise Conflict(f"another host is called {name}; merge the two if they are the same")
            _hostname(cursor, host_id)
            cursor.execute("UPDATE hosts SET display_name = %s WHERE id = %s", (name, host_id))
            name_hosts(cursor, [host_id])

    def merge_hosts(self, host_id: int, into_id: int) -> None:
        if host_id == into_id:
            raise Invalid("a host cannot be merged into itself")
        with self._editing() as cursor:
            lock_alone(cursor)
            _hostname(cursor, host_id)
            pair = {"host": host_id, "into": into_id, "into_hostname": _hostname(cursor, into_id)}
            cursor.execute("SELECT FROM series WHERE host_id IN (%(host)s, %(into)s) ORDER BY id FOR UPDATE", pair)
            _merge_updates(cursor, pair)
            _merge_series(cursor, pair)
            cursor.execute("UPDATE notifications SET host_id = %(into)s WHERE host_id = %(host)s", pair)
            cursor.execute(
                "UPDATE hosts SET merged_into = %(into)s WHERE id = %(host)s OR merged_into = %(host)s", pair
            )
            name_hosts(cursor, [into_id])
            refresh(cursor, firsts(cursor.execute("SELECT DISTINCT kept_id FROM moved").fetchall()))
            cursor.execute("DROP TABLE same, moved")
            _merge_days(cursor, pair)

    def forget_host(self, host_id: int) -> None:
        with self._editing() as cursor:
            lock_alone(cursor)
            _hostname(cursor, host_id)
            rows = cursor.execute("SELECT id FROM series WHERE host_id = %s ORDER BY id FOR UPDATE", (host_id,))
            series_ids = firsts(rows.fetchall())
            count_gone(cursor, "SELECT id, opened_at FROM updates WHERE series_id = ANY(%s)", series_ids)
            cursor.execute("DELETE FROM updates WHERE series_id = ANY(%s)", (series_ids,))
            cursor.execute("DELETE FROM series WHERE id = ANY(%s)", (series_ids,))
            cursor.execute("UPDATE hosts SET forgotten_at = %s WHERE id = %s", (self._clock(), host_id))


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
        SELECT h.display_name, ARRAY(SELECT m.hostname FROM hosts AS m WHERE m.merged_into = h.id), h.id
          FROM hosts AS h
         WHERE h.id = ANY(%s)
         ORDER BY h.id
        """,
        (host_ids,),
    ).fetchall()
    cursor.executemany(
        "UPDATE hosts SET search = %s WHERE id = %s",
        [(searchable(" ".join([name, *sorted(merged)]).strip()), host_id) for name, merged, host_id in rows],
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
    count_gone(
        cursor,
        """
        SELECT gone.id,
               CASE
                   WHEN stays.acknowledged_at IS NULL THEN greatest(gone.opened_at, stays.opened_at)
                   ELSE gone.opened_at
               END AS opened_at
          FROM same
          JOIN updates AS gone ON gone.id = same.loser
          JOIN updates AS stays ON stays.id = same.winner
        """,
    )
    cursor.execute(
        """
        UPDATE updates AS u
           SET notifications = u.notifications + loser.notifications,
               first_seen_at = least(u.first_seen_at, loser.first_seen_at),
               opened_at = CASE
                   WHEN u.acknowledged_at IS NULL AND loser.acknowledged_at IS NULL
                   THEN least(u.opened_at, loser.opened_at)
                   ELSE u.opened_at
               END,
               done_at = greatest(u.done_at, loser.done_at),
               containers = ARRAY(SELECT unnest(u.containers) UNION SELECT unnest(loser.containers))
          FROM same
          JOIN updates AS loser ON loser.id = same.loser
         WHERE u.id = same.winner
        """
    )
    for table in ("notifications", "action_items"):
        cursor.execute(f"UPDATE {table} AS n SET update_id = same.winner FROM same WHERE n.update_id = same.loser")
    cursor.execute("DELETE FROM updates WHERE id IN (SELECT loser FROM same)")


def _merge_series(cursor: Cursor, pair: Mapping[str, object]) -> None:
    """Move the series to the other host, with their updates and actions, and list them in the table `moved`."""
    cursor.execute(
        """
        INSERT INTO series AS s (
            host_id, registry, repository, variant, note, snoozed_until, muted_at, said_version, said_key,
            said_at, heard
        )
        SELECT %(into)s, registry, repository, variant, note, snoozed_until, muted_at, said_version, said_key,
               said_at, heard
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
                  AND (kept.update_id, kept.reference) IS NOT DISTINCT FROM (i.update_id, i.reference)
           )
        """
    )
    cursor.execute("DELETE FROM series WHERE host_id = %(host)s", pair)


def _merge_days(cursor: Cursor, pair: Mapping[str, object]) -> None:
    """Add up the counts of the days.

    Nobody else holds a row of these: that takes a lock on a series of one of the hosts.
    """
    cursor.execute(
        """
        INSERT INTO days AS d (day, host_id, kind, notifications, opened, closed)
        SELECT day, %(into)s, kind, notifications, opened, closed
          FROM days
         WHERE host_id = %(host)s
        ON CONFLICT (day, host_id, kind) DO UPDATE
           SET notifications = d.notifications + excluded.notifications,
               opened = d.opened + excluded.opened,
               closed = d.closed + excluded.closed
        """,
        pair,
    )
    cursor.execute("DELETE FROM days WHERE host_id = %(host)s", pair)
