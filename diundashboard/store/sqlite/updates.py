"""Find and count updates."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import replace

from diundashboard.model import (
    COUNTED_DONE,
    STATE_TABS,
    UNTAGGED,
    Choice,
    Choices,
    Group,
    Page,
    Selection,
    Sort,
    State,
    Summary,
    Totals,
    Update,
    UpdateQuery,
)
from diundashboard.store import updates
from diundashboard.store.choices import choices_of, state_choice
from diundashboard.store.sqlite.database import DAY, Database, time_or_none
from diundashboard.store.sqlite.query import AGE, chosen_ids, condition, no_update
from diundashboard.store.sqlite.rows import FROM, UPDATE, update_of
from diundashboard.store.sqlite.states import load

_SORT = {
    Sort.AGE: "",
    Sort.DONE: "u.acknowledged_at DESC, u.id DESC, ",
    Sort.WAITING: "u.waiting_since, ",
    Sort.NAME: "u.name, ",
    Sort.HOST: "lower(coalesce(nullif(h.display_name, ''), h.hostname)), h.hostname, ",
    Sort.KIND: """
        CASE u.kind
            WHEN 'major' THEN 0
            WHEN 'minor' THEN 1
            WHEN 'patch' THEN 2
            WHEN 'build' THEN 3
            WHEN 'rebuild' THEN 4
            WHEN 'new' THEN 5
            ELSE 6
        END,
    """,
}

_GROUP = {
    Group.NOTHING: "",
    Group.TAG: "t.name IS NULL, lower(t.name), t.name, ",
    Group.HOST: _SORT[Sort.HOST],
    Group.STACK: "u.stack = '', u.stack, ",
    Group.REGISTRY: "u.registry, ",
}


_IN_GROUP = {
    Group.TAG: "coalesce(t.name, :untagged)",
    Group.HOST: "u.hostname",
    Group.STACK: "u.stack",
    Group.REGISTRY: "u.registry",
}


class Updates(updates.Updates, Database):
    def updates(self, query: UpdateQuery) -> Page:
        with self._transaction("DEFERRED") as cursor:
            return page(cursor, query, self._now())

    def choices(self, query: UpdateQuery) -> Choices:
        query = replace(query, until=None)
        with self._transaction("DEFERRED") as cursor:
            others = replace(query, host=(), tag=(), registry=(), provider=(), kind=(), age=None)
            now = self._now()
            where, values = condition(others, now)
            ages = ("TRUE" if query.age is None else AGE[query.age], *AGE.values())
            counts = ", ".join(f"count(*) FILTER (WHERE {age}) AS count{number}" for number, age in enumerate(ages))
            counted = ", ".join(f"c.count{number}" for number in range(len(ages)))
            rows = cursor.execute(
                f"""
                SELECT h.hostname, coalesce(nullif(h.display_name, ''), h.hostname), coalesce(t.name, :untagged),
                       c.registry, c.provider, c.kind, {counted}
                  FROM (
                      SELECT u.hostname, u.tag_id, u.registry, u.provider, u.kind, {counts}
                        FROM updates AS u
                       WHERE {where}
                       GROUP BY u.registry, u.kind, u.provider, u.tag_id, u.hostname
                  ) AS c
                  JOIN hosts AS h ON h.hostname = c.hostname
                  LEFT JOIN tags AS t ON t.id = c.tag_id
                """,
                values | {"untagged": UNTAGGED},
            ).fetchall()
            states = _states(cursor, query, now)
        return choices_of(query, rows, states)

    def totals(self) -> Totals:
        with self._transaction("DEFERRED") as cursor:
            (hosts,) = cursor.execute(
                "SELECT count(*) FROM hosts WHERE merged_into IS NULL AND forgotten_at IS NULL"
            ).fetchone()
            return Totals(pending=_count(cursor, UpdateQuery(), self._now()), hosts=hosts)

    def summary(self) -> Summary:
        today = self._now() // DAY
        with self._transaction("DEFERRED") as cursor:
            where, values = condition(UpdateQuery(), self._now())
            rows = cursor.execute(
                f"""
                SELECT u.kind, u.hostname, count(*), min(u.waiting_since)
                  FROM updates AS u
                 WHERE {where}
                 GROUP BY u.kind, u.hostname
                """,
                values,
            ).fetchall()
            done = dict(
                cursor.execute("SELECT day, sum(closed) FROM days WHERE day > ? GROUP BY day", (today - 7,)).fetchall()
            )
        kinds: Counter[str] = Counter()
        for kind, _, count, _ in rows:
            kinds[kind] += count
        return Summary(
            kinds=dict(kinds),
            hosts=len({hostname for _, hostname, _, _ in rows}),
            oldest=time_or_none(min((oldest for *_, oldest in rows), default=None)),
            done=tuple(done.get(day, 0) for day in range(today - 6, today + 1)),
        )

    def update(self, update_id: int) -> Update:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(f"{UPDATE} {FROM} WHERE u.id = :id", {"id": update_id, "now": self._now()}).fetchone()
        if row is None:
            raise no_update(update_id)
        return update_of(row)

    def series(self, update_id: int) -> tuple[Update, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                f"""
                {UPDATE} {FROM}
                 WHERE u.series_id = (SELECT series_id FROM updates WHERE id = :id)
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                 LIMIT 100
                """,
                {"id": update_id, "now": self._now()},
            ).fetchall()
        if not rows:
            raise no_update(update_id)
        return tuple(map(update_of, rows))

    def older(self, update_id: int) -> tuple[Update, ...]:
        with self._transaction("DEFERRED") as cursor:
            found = cursor.execute("SELECT series_id FROM updates WHERE id = ?", (update_id,)).fetchone()
            if found is None:
                raise no_update(update_id)
            folded = load(cursor, found)[found["series_id"]].series.under(update_id)
            rows = cursor.execute(
                f"""
                {UPDATE} {FROM}
                 WHERE u.id IN (SELECT value FROM json_each(:folded))
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                """,
                {"folded": json.dumps(folded), "now": self._now()},
            ).fetchall()
        return tuple(map(update_of, rows))

    def chosen(self, selection: Selection) -> tuple[Update, ...]:
        with self._transaction("DEFERRED") as cursor:
            now = self._now()
            rows = cursor.execute(
                f"""
                {UPDATE} {FROM}
                 WHERE u.id IN (SELECT value FROM json_each(:chosen))
                 ORDER BY {_SORT[Sort.HOST]} u.name, u.id
                 LIMIT 1000
                """,
                {"chosen": chosen_ids(cursor, selection, now), "now": now},
            ).fetchall()
        return tuple(map(update_of, rows))

    def stamp(self) -> str:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(
                """
                SELECT (SELECT max(id) FROM notifications), (SELECT max(id) FROM actions),
                       (SELECT number FROM edits),
                       (SELECT count(*) FROM series WHERE snoozed_until > 0 AND snoozed_until > ?)
                """,
                (self._now(),),
            ).fetchone()
        return "-".join(map(str, row))


def page(cursor: sqlite3.Cursor, query: UpdateQuery, now: int) -> Page:
    """One page of a query."""
    where, values = condition(query, now)
    total = _count(cursor, query, now)
    # An index covers the sort order, so that only the rows of the page are read in full.
    ids = cursor.execute(
        f"""
        SELECT u.id {FROM}
         WHERE {where}
         ORDER BY {_GROUP[query.group]} {_SORT[query.order]} u.received_at DESC, u.id DESC
         LIMIT :limit OFFSET :offset
        """,
        values | {"limit": query.per_page, "offset": (query.page - 1) * query.per_page},
    ).fetchall()
    rows = cursor.execute(
        f"""
        {UPDATE} {FROM}
          JOIN json_each(:ids) AS place ON place.value = u.id
         ORDER BY place.key
        """,
        {"ids": json.dumps([id for (id,) in ids]), "now": values["now"]},
    ).fetchall()
    return Page(tuple(map(update_of, rows)), total, query.page, query.per_page, _groups(cursor, query, now))


def _groups(cursor: sqlite3.Cursor, query: UpdateQuery, now: int) -> dict[str, int]:
    """The number of updates in each group of a query, on all its pages."""
    if query.group == Group.NOTHING:
        return {}
    where, values = condition(query, now)
    rows = cursor.execute(
        f"""
        SELECT {_IN_GROUP[query.group]}, count(*)
          FROM updates AS u
          LEFT JOIN tags AS t ON t.id = u.tag_id
         WHERE {where}
         GROUP BY 1
        """,
        values | {"untagged": UNTAGGED},
    )
    return dict(rows.fetchall())


def _count(cursor: sqlite3.Cursor, query: UpdateQuery, now: int) -> int:
    """The number of updates that a query finds."""
    where, values = condition(query, now)
    number: int = cursor.execute(f"SELECT count(*) FROM updates AS u WHERE {where}", values).fetchone()[0]
    return number


def _states(cursor: sqlite3.Cursor, query: UpdateQuery, now: int) -> dict[State | None, Choice]:
    """The states with their counts as `Choices` describes them; of a filtered query, all but its own state."""
    if query.narrowed:
        return {state: _state(cursor, query, state, now) for state in STATE_TABS if state != query.state}
    opened, every = ("sum(rows)", "sum(rows)") if query.fold else ("sum(open)", "sum(versions)")
    counts = cursor.execute(
        f"""
        SELECT coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until <= :now), 0),
               coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until > :now), 0),
               coalesce(sum(done) FILTER (WHERE muted_at IS NULL), 0),
               coalesce({every} FILTER (WHERE muted_at IS NOT NULL), 0), coalesce({every}, 0)
          FROM series
        """,
        {"now": now},
    ).fetchone()
    return {state: state_choice(state, count) for state, count in zip(STATE_TABS, counts, strict=True)}


def _state(cursor: sqlite3.Cursor, query: UpdateQuery, state: State | None, now: int) -> Choice:
    """One state with its count under the filters of a query."""
    asked, since = replace(query, state=state), None
    if state in (State.ACKNOWLEDGED, None):
        since = cursor.execute(
            f"""
            SELECT received_at
              FROM updates
             WHERE {"acknowledged_at IS NOT NULL" if state else "TRUE"}
             ORDER BY received_at DESC, id DESC
             LIMIT 1 OFFSET {COUNTED_DONE}
            """
        ).fetchone()
    if since is None:
        return state_choice(state, _count(cursor, asked, now))
    where, values = condition(asked, now)
    (count,) = cursor.execute(
        f"SELECT count(*) FROM updates AS u WHERE u.received_at > :since AND {where}", values | {"since": since[0]}
    ).fetchone()
    return state_choice(state, count, at_least=True)
