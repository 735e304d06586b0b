"""What a person does about updates."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from diundashboard.model import Action, Invalid, Selection
from diundashboard.store import actions
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import action_label, note_text, tag_name
from diundashboard.store.sqlite.database import Database, microseconds
from diundashboard.store.sqlite.days import count_closed
from diundashboard.store.sqlite.query import chosen_ids
from diundashboard.store.sqlite.rows import ACTION, action_of, json_of
from diundashboard.store.sqlite.series import refresh, say
from diundashboard.store.sqlite.tags import assign, retag, tag_named
from diundashboard.store.sqlite.undo import clear_acknowledgement, reverse
from diundashboard.text import storable


class Actions(actions.Actions, Database):
    def acknowledge(self, selection: Selection, by: str) -> Action:
        with self._acting("acknowledge", "", by) as (cursor, action, at):
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT ?, series_id, id, json_quote(done_at)
                  FROM updates
                 WHERE acknowledged_at IS NULL
                   AND id IN (
                       SELECT u.id
                         FROM json_each(?) AS chosen
                         JOIN updates AS c ON c.id = chosen.value
                         JOIN updates AS u ON u.series_id = c.series_id
                        WHERE (u.version_key, u.received_at, u.id) <= (c.version_key, c.received_at, c.id)
                   )
                """,
                (action, chosen_ids(cursor, selection, at)),
            )
            ids = _updates_in(cursor, action)
            cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = :at, acknowledged_by = :by, done_at = :at
                 WHERE id IN (SELECT value FROM json_each(:ids))
                """,
                {"at": at, "by": storable(by), "ids": ids},
            )
            count_closed(cursor, ids, 1)
            refresh(cursor, _series_in(cursor, action))
            return _did(cursor, action)

    def reopen(self, selection: Selection, by: str) -> Action:
        with self._acting("reopen", "", by) as (cursor, action, at):
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT ?, series_id, id, json_array(acknowledged_at, acknowledged_by, done_at, kind, from_version)
                  FROM updates
                 WHERE acknowledged_at IS NOT NULL AND id IN (SELECT value FROM json_each(?))
                """,
                (action, chosen_ids(cursor, selection, at)),
            )
            ids = _updates_in(cursor, action)
            clear_acknowledgement(cursor, ids)
            cursor.execute("UPDATE updates SET done_at = NULL WHERE id IN (SELECT value FROM json_each(?))", (ids,))
            refresh(cursor, _series_in(cursor, action))
            return _did(cursor, action)

    def snooze(self, selection: Selection, until: datetime | None, by: str) -> Action:
        verb, detail = ("wake", "") if until is None else ("snooze", until.isoformat())
        with self._acting(verb, detail, by) as (cursor, action, at):
            _set_in_series(cursor, action, "snoozed_until", 0 if until is None else microseconds(until), selection, at)
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
            chosen = chosen_ids(cursor, selection, at)
            known = cursor.execute("SELECT 1 FROM tags WHERE name = ?", (name,)).fetchone()
            tag_id = None if name is None else tag_named(cursor, name)
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, reference, before)
                SELECT DISTINCT :action, u.series_id, a.reference, json_array(a.tag_id, a.source)
                  FROM json_each(:chosen) AS chosen
                  JOIN updates AS u ON u.id = chosen.value
                  JOIN tag_assignments AS a ON a.reference = u.image
                 UNION ALL
                SELECT DISTINCT :action, u.series_id, u.registry || '/' || u.repository,
                       json_array(a.tag_id, a.source, :tag_id, :created)
                  FROM json_each(:chosen) AS chosen
                  JOIN updates AS u ON u.id = chosen.value
                  LEFT JOIN tag_assignments AS a ON a.reference = u.registry || '/' || u.repository
                """,
                {"action": action, "chosen": chosen, "tag_id": tag_id, "created": name is not None and known is None},
            )
            cursor.execute(
                """
                DELETE FROM tag_assignments
                 WHERE reference IN (SELECT reference FROM action_items WHERE action_id = ?)
                """,
                (action,),
            )
            names = [
                row[0]
                for row in cursor.execute(
                    """
                    SELECT DISTINCT registry || '/' || repository
                      FROM updates
                     WHERE id IN (SELECT value FROM json_each(?))
                    """,
                    (chosen,),
                ).fetchall()
            ]
            for reference in names:
                assign(cursor, reference, tag_id, "person")
            retag(cursor, names)
            return _did(cursor, action)

    def say_running(self, update_id: int, version: str, by: str) -> Action:
        version = storable(version).strip()
        with self._acting("running", version, by) as (cursor, action, at):
            (series_id,) = _series_of(cursor, chosen_ids(cursor, Selection((update_id,)), at))
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, before)
                SELECT ?, id, json_array(said_version, said_key, said_at)
                  FROM series
                 WHERE id = ?
                """,
                (action, series_id),
            )
            if not version:
                cursor.execute(
                    "UPDATE series SET said_version = '', said_key = '', said_at = NULL WHERE id = ?", (series_id,)
                )
            elif not say(cursor, series_id, version, at):
                raise Invalid(f"the version {version} does not compare with those of this image")
            refresh(cursor, [series_id])
            return _did(cursor, action)

    def undo(self, action_id: int, by: str) -> Action:
        with self._editing() as cursor:
            row = cursor.execute(
                "SELECT verb, detail, at, undone_at FROM actions WHERE id = ?", (action_id,)
            ).fetchone()
            if row is None:
                raise NotFound(f"no action has the id {action_id}")
            if row["undone_at"] is not None:
                raise Conflict("this was undone already")
            reverse(cursor, action_id, row["verb"], row["detail"], row["at"])
            series = cursor.execute(
                "SELECT DISTINCT series_id FROM action_items WHERE action_id = ? AND series_id IS NOT NULL",
                (action_id,),
            ).fetchall()
            refresh(cursor, [series_id for (series_id,) in series])
            cursor.execute(
                "UPDATE actions SET undone_at = ?, undone_by = ? WHERE id = ?", (self._now(), storable(by), action_id)
            )
            return _action(cursor, action_id)

    def action(self, action_id: int) -> Action:
        with self._transaction("DEFERRED") as cursor:
            if cursor.execute("SELECT 1 FROM actions WHERE id = ?", (action_id,)).fetchone() is None:
                raise NotFound(f"no action has the id {action_id}")
            return _action(cursor, action_id)

    @contextmanager
    def _acting(self, verb: str, detail: str, by: str) -> Iterator[tuple[sqlite3.Cursor, int, int]]:
        """A transaction that inserts an action: the cursor, the action's id, and its time."""
        at = self._now()
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO actions (at, by, verb, detail, count) VALUES (?, ?, ?, ?, 0) RETURNING id",
                (at, storable(by), verb, detail),
            )
            yield cursor, cursor.fetchone()[0], at


def _series_of(cursor: sqlite3.Cursor, chosen: str) -> list[int]:
    rows = cursor.execute(
        "SELECT DISTINCT series_id FROM updates WHERE id IN (SELECT value FROM json_each(?))", (chosen,)
    )
    return [series_id for (series_id,) in rows]


def _updates_in(cursor: sqlite3.Cursor, action: int) -> str:
    """The ids of an action's updates, as JSON."""
    return json_of(cursor.execute("SELECT update_id FROM action_items WHERE action_id = ?", (action,)))


def _series_in(cursor: sqlite3.Cursor, action: int) -> list[int]:
    rows = cursor.execute("SELECT DISTINCT series_id FROM action_items WHERE action_id = ?", (action,))
    return [series_id for (series_id,) in rows]


def _set_in_series(
    cursor: sqlite3.Cursor, action: int, column: str, value: int | str | None, selection: Selection, at: int
) -> None:
    """Set one column of the series of a selection where it differs, and keep its former value in the action."""
    same = f"{column} IS NOT NULL" if column == "muted_at" and value is not None else f"{column} IS :value"
    cursor.execute(
        f"""
        INSERT INTO action_items (action_id, series_id, before)
        SELECT :action, id, json_quote({column})
          FROM series
         WHERE NOT ({same})
           AND id IN (SELECT series_id FROM updates WHERE id IN (SELECT value FROM json_each(:chosen)))
        """,
        {"action": action, "value": value, "chosen": chosen_ids(cursor, selection, at)},
    )
    cursor.execute(
        f"""
        UPDATE series
           SET {column} = ?
         WHERE id IN (SELECT series_id FROM action_items WHERE action_id = ?)
        """,
        (value, action),
    )


def _did(cursor: sqlite3.Cursor, action: int) -> Action:
    """Count what an action changed, and return it. An action that changed nothing is deleted."""
    cursor.execute(
        """
        UPDATE actions
           SET count = (
                   SELECT count(DISTINCT iif(actions.verb = 'reopen', update_id, series_id))
                     FROM action_items
                    WHERE action_id = actions.id
               )
         WHERE id = ?
        """,
        (action,),
    )
    done = _action(cursor, action)
    if done.count:
        return done
    cursor.execute("DELETE FROM actions WHERE id = ?", (action,))
    return replace(done, id=0)


def _action(cursor: sqlite3.Cursor, action_id: int) -> Action:
    """An action with its label."""
    row = cursor.execute(f"{ACTION} WHERE id = ?", (action_id,)).fetchone()
    label = cursor.execute(
        """
        SELECT s.repository, iif(s.open > 0, u.version, NULL) AS version,
               coalesce(nullif(h.display_name, ''), h.hostname) AS host
          FROM action_items AS i
          JOIN series AS s ON s.id = i.series_id
          JOIN hosts AS h ON h.id = s.host_id
          LEFT JOIN updates AS u ON u.id = i.update_id
         WHERE i.action_id = ?
         ORDER BY u.version_key DESC, u.id DESC
         LIMIT 1
        """,
        (action_id,),
    ).fetchone()
    return action_of(row, action_label(**label) if label and row["count"] == 1 else "")
