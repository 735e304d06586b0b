"""What a person does about updates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import LiteralString

from diundashboard.model import Action, Invalid, Selection
from diundashboard.store import actions
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import action_label, note_text, tag_name
from diundashboard.store.postgres.database import (
    EPOCH,
    Cursor,
    Database,
    firsts,
    lock_alone,
    lock_repositories,
    lock_series,
    lock_shared,
    one,
)
from diundashboard.store.postgres.days import closed_days, count_closed
from diundashboard.store.postgres.query import chosen_ids
from diundashboard.store.postgres.rows import ACTION, action_of
from diundashboard.store.postgres.series import refresh, say, series_in
from diundashboard.store.postgres.tags import assign, retag, tag_named
from diundashboard.store.postgres.undo import reverse
from diundashboard.text import storable


class Actions(actions.Actions, Database):
    def acknowledge(self, selection: Selection, by: str) -> Action:
        with self._acting("acknowledge", "", by) as (cursor, action, at):
            rows = cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT DISTINCT %s::bigint, u.series_id, u.id, to_jsonb(u.done_at)
                  FROM updates AS c
                  JOIN updates AS u ON u.series_id = c.series_id
                 WHERE c.id = ANY(%s::bigint[]) AND u.acknowledged_at IS NULL
                   AND (u.version_key, u.received_at, u.id) <= (c.version_key, c.received_at, c.id)
                RETURNING update_id
                """,
                (action, _lock_chosen(cursor, selection, at)),
            ).fetchall()
            ids = firsts(rows)
            cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = %(at)s, acknowledged_by = %(by)s, done_at = %(at)s
                 WHERE id = ANY(%(ids)s)
                """,
                {"at": at, "by": storable(by), "ids": ids},
            )
            refresh(cursor, series_in(cursor, action))
            count_closed(cursor, closed_days(cursor, ids), 1)
            return _did(cursor, action)

    def reopen(self, selection: Selection, by: str) -> Action:
        with self._acting("reopen", "", by) as (cursor, action, at):
            rows = cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT %s, series_id, id,
                       jsonb_build_array(acknowledged_at, acknowledged_by, done_at, kind, from_version)
                  FROM updates
                 WHERE acknowledged_at IS NOT NULL AND id = ANY(%s::bigint[])
                RETURNING update_id
                """,
                (action, _lock_chosen(cursor, selection, at)),
            ).fetchall()
            ids = firsts(rows)
            closed = closed_days(cursor, ids)
            cursor.execute(
                "UPDATE updates SET acknowledged_at = NULL, acknowledged_by = '', done_at = NULL WHERE id = ANY(%s)",
                (ids,),
            )
            refresh(cursor, series_in(cursor, action))
            count_closed(cursor, closed, -1)
            return _did(cursor, action)

    def snooze(self, selection: Selection, until: datetime | None, by: str) -> Action:
        verb, detail = ("wake", "") if until is None else ("snooze", until.isoformat())
        with self._acting(verb, detail, by) as (cursor, action, at):
            _set_in_series(cursor, action, "snoozed_until", until or EPOCH, selection, at)
            return _did(cursor, action)

    def mute(self, selection: Selection, muted: bool, by: str) -> Action:
        with self._acting("mute" if muted else "unmute", "", by) as (cursor, action, at):
            _set_in_series(cursor, action, "muted_at", at if muted else None, selection, at)
            return _did(cursor, action)

    def annotate(self, selection: Selection, note: str, by: str) -> Action:
        note = note_text(note)
        with self._acting("note", note, by) as (cursor, action, at):
            _set_in_series(cursor, action, "note", note, selection, at)
            return _did(cursor, action)

    def tag_updates(self, selection: Selection, name: str | None, by: str) -> Action:
        name = None if name is None else tag_name(name)
        with self._acting("untag" if name is None else "tag", name or "", by) as (cursor, action, at):
            lock_alone(cursor)
            chosen = chosen_ids(cursor, selection, at)
            names = _names(cursor, chosen)
            lock_repositories(cursor, names)
            known = cursor.execute("SELECT FROM tags WHERE name = %s", (name,)).fetchone()
            tag_id = None if name is None else tag_named(cursor, name)
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, reference, before)
                SELECT DISTINCT %(action)s::bigint, u.series_id, a.reference, jsonb_build_array(a.tag_id, a.source)
                  FROM updates AS u
                  JOIN tag_assignments AS a ON a.reference_key = u.image_key
                 WHERE u.id = ANY(%(chosen)s::bigint[])
                 UNION ALL
                SELECT DISTINCT %(action)s::bigint, u.series_id, u.registry || '/' || u.repository,
                       jsonb_build_array(a.tag_id, a.source, %(tag_id)s::bigint, %(created)s::boolean)
                  FROM updates AS u
                  LEFT JOIN tag_assignments AS a ON a.reference_key = u.repository_key
                 WHERE u.id = ANY(%(chosen)s::bigint[])
                """,
                {"action": action, "chosen": chosen, "tag_id": tag_id, "created": name is not None and known is None},
            )
            cursor.execute(
                """
                DELETE FROM tag_assignments AS a
                 USING action_items AS i
                 WHERE i.action_id = %s AND jsonb_array_length(i.before) = 2 AND a.reference_key = name_key(i.reference)
                """,
                (action,),
            )
            assign(cursor, names, tag_id, "person")
            retag(cursor, names)
            return _did(cursor, action)

    def say_running(self, update_id: int, version: str, by: str) -> Action:
        version = storable(version).strip()
        with self._acting("running", version, by) as (cursor, action, at):
            (series_id,) = _series_of(cursor, _lock_chosen(cursor, Selection((update_id,)), at))
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, before)
                SELECT %s, id, jsonb_build_array(said_version, said_key, said_at)
                  FROM series
                 WHERE id = %s
                """,
                (action, series_id),
            )
            if not version:
                cursor.execute(
                    "UPDATE series SET said_version = '', said_key = '', said_at = NULL WHERE id = %s", (series_id,)
                )
            elif not say(cursor, series_id, version, at):
                raise Invalid(f"the version {version} does not compare with those of this image")
            refresh(cursor, [series_id])
            return _did(cursor, action)

    def undo(self, action_id: int, by: str) -> Action:
        with self._editing() as cursor:
            row = cursor.execute(
                "SELECT verb, detail, at, undone_at FROM actions WHERE id = %s FOR UPDATE", (action_id,)
            ).fetchone()
            if row is None:
                raise NotFound(f"no action has the id {action_id}")
            if row.undone_at is not None:
                raise Conflict("this was undone already")
            reverse(cursor, action_id, row.verb, row.detail, row.at)
            cursor.execute(
                "UPDATE actions SET undone_at = %s, undone_by = %s WHERE id = %s",
                (self._clock(), storable(by), action_id),
            )
            return _action(cursor, action_id)

    def action(self, action_id: int) -> Action:
        with self._snapshot() as cursor:
            return _action(cursor, action_id)

    @contextmanager
    def _acting(self, verb: str, detail: str, by: str) -> Iterator[tuple[Cursor, int, datetime]]:
        """A transaction that inserts an action: the cursor, the action's id, and its time."""
        at = self._clock()
        with self._editing() as cursor:
            cursor.execute(
                "INSERT INTO actions (at, by, verb, detail, count) VALUES (%s, %s, %s, %s, 0) RETURNING id",
                (at, storable(by), verb, detail),
            )
            yield cursor, one(cursor).id, at


def _lock_chosen(cursor: Cursor, selection: Selection, now: datetime) -> list[int]:
    """The ids of a selection, with the rows of their series locked."""
    lock_shared(cursor)
    ids = chosen_ids(cursor, selection, now)
    lock_series(cursor, _series_of(cursor, ids))
    if selection.query is None:
        return ids
    # Before the locks were taken, another transaction could change what was found. An update with a digest that arrived
    # since must not be acknowledged together with those that the person has seen.
    return sorted(set(ids).intersection(chosen_ids(cursor, selection, now)))


def _series_of(cursor: Cursor, ids: list[int]) -> list[int]:
    """The ids of the series of updates."""
    rows = cursor.execute("SELECT DISTINCT series_id FROM updates WHERE id = ANY(%s::bigint[])", (ids,))
    return firsts(rows.fetchall())


def _names(cursor: Cursor, ids: list[int]) -> list[str]:
    """The names of the repositories of updates."""
    rows = cursor.execute(
        "SELECT DISTINCT registry || '/' || repository FROM updates WHERE id = ANY(%s::bigint[])", (ids,)
    )
    return firsts(rows.fetchall())


def _set_in_series(
    cursor: Cursor,
    action: int,
    column: LiteralString,
    value: datetime | str | None,
    selection: Selection,
    now: datetime,
) -> None:
    """Set one column of the series of a selection where it differs, and keep its former value in the action."""
    same: LiteralString = f"{column} IS NOT DISTINCT FROM %(value)s"
    if column == "muted_at" and value is not None:
        same = "muted_at IS NOT NULL"
    values = {"action": action, "value": value, "chosen": _lock_chosen(cursor, selection, now)}
    cursor.execute(
        f"""
        INSERT INTO action_items (action_id, series_id, before)
        SELECT %(action)s, id, to_jsonb({column})
          FROM series
         WHERE NOT ({same})
           AND id IN (SELECT series_id FROM updates WHERE id = ANY(%(chosen)s::bigint[]))
        """,
        values,
    )
    cursor.execute(
        f"""
        UPDATE series
           SET {column} = %(value)s
         WHERE id IN (SELECT series_id FROM action_items WHERE action_id = %(action)s)
        """,
        values,
    )


def _did(cursor: Cursor, action: int) -> Action:
    """Count what an action changed, and return it. An action that changed nothing is deleted."""
    cursor.execute(
        """
        UPDATE actions
           SET count = (
                   SELECT count(DISTINCT CASE WHEN actions.verb = 'reopen' THEN update_id ELSE series_id END)
                     FROM action_items
                    WHERE action_id = actions.id
               )
         WHERE id = %s
        """,
        (action,),
    )
    done = _action(cursor, action)
    if done.count:
        return done
    cursor.execute("DELETE FROM actions WHERE id = %s", (action,))
    return replace(done, id=0)


def _action(cursor: Cursor, action_id: int) -> Action:
    """An action with its label; NotFound if the id is unknown."""
    row = cursor.execute(f"{ACTION} WHERE id = %s", (action_id,)).fetchone()
    if row is None:
        raise NotFound(f"no action has the id {action_id}")
    label = cursor.execute(
        """
        SELECT s.repository, CASE WHEN s.open > 0 THEN u.version END AS version,
               coalesce(nullif(h.display_name, ''), h.hostname) AS host
          FROM action_items AS i
          JOIN series AS s ON s.id = i.series_id
          JOIN hosts AS h ON h.id = s.host_id
          LEFT JOIN updates AS u ON u.id = i.update_id
         WHERE i.action_id = %s
         ORDER BY u.version_key DESC, u.id DESC
         LIMIT 1
        """,
        (action_id,),
    ).fetchone()
    return action_of(row, action_label(**label._asdict()) if label and row.count == 1 else "")
