"""What a person does about updates. Only facts are stored; the series decide what follows from them."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

from diundashboard.model import Action, Selection
from diundashboard.store import actions
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.events import Acting, acknowledging, batches, changed, items, reopening, running, saying
from diundashboard.store.names import action_label, note_text, tag_name
from diundashboard.store.sqlite.database import Database, microseconds
from diundashboard.store.sqlite.query import chosen_ids
from diundashboard.store.sqlite.rows import ACTION, action_of
from diundashboard.store.sqlite.states import keep, load, unfold
from diundashboard.store.sqlite.tags import assign, retag, tag_named, untag
from diundashboard.text import storable


class Actions(actions.Actions, Database):
    def acknowledge(self, selection: Selection, by: str) -> Action:
        return self._act("acknowledge", "", by, selection, acknowledging(storable(by)))

    def reopen(self, selection: Selection, by: str) -> Action:
        return self._act("reopen", "", by, selection, reopening)

    def snooze(self, selection: Selection, until: datetime | None, by: str) -> Action:
        verb, detail = ("wake", "") if until is None else ("snooze", until.astimezone(UTC).isoformat())
        return self._act(verb, detail, by, selection, saying(verb, detail))

    def mute(self, selection: Selection, muted: bool, by: str) -> Action:
        verb = "mute" if muted else "unmute"
        return self._act(verb, "", by, selection, saying(verb, ""))

    def annotate(self, selection: Selection, note: str, by: str) -> Action:
        note = note_text(note)
        return self._act("note", note, by, selection, saying("note", note))

    def say_running(self, update_id: int, version: str, by: str) -> Action:
        version = storable(version).strip()
        return self._act("running", version, by, Selection((update_id,)), running(version))

    def tag_updates(self, selection: Selection, name: str | None, by: str) -> Action:
        name = None if name is None else tag_name(name)
        at = self._clock()
        with self._transaction() as cursor:
            chosen = chosen_ids(cursor, selection, microseconds(at))
            action = _begin(cursor, at, by, "untag" if name is None else "tag", name or "")
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

    def undo(self, action_id: int, by: str) -> Action:
        with self._editing() as cursor:
            row = cursor.execute("SELECT verb, undone_at FROM actions WHERE id = ?", (action_id,)).fetchone()
            if row is None:
                raise NotFound(f"no action has the id {action_id}")
            if row["undone_at"] is not None:
                raise Conflict("this was already undone")
            if row["verb"] in ("tag", "untag"):
                untag(cursor, action_id)
            else:
                unfold(cursor, action_id)
            cursor.execute(
                "UPDATE actions SET undone_at = ?, undone_by = ? WHERE id = ?", (self._now(), storable(by), action_id)
            )
            return _action(cursor, action_id)

    def last_action(self, by: str | None, since: datetime) -> Action | None:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                f"""
                {ACTION}
                 WHERE at >= :since AND (:by IS NULL OR by = :by) AND can_undo
                 ORDER BY id DESC
                 LIMIT 1
                """,
                {"since": microseconds(since), "by": None if by is None else storable(by)},
            ).fetchall()
            return next(iter(labelled(cursor, rows)), None)

    def action(self, action_id: int) -> Action:
        with self._transaction("DEFERRED") as cursor:
            if cursor.execute("SELECT 1 FROM actions WHERE id = ?", (action_id,)).fetchone() is None:
                raise NotFound(f"no action has the id {action_id}")
            return _action(cursor, action_id)

    def _act(self, verb: str, detail: str, by: str, selection: Selection, acting: Acting) -> Action:
        """Append a fact to the history of each series of a selection, and write what follows from it."""
        at = self._clock()
        with self._transaction() as cursor:
            chosen = _by_series(cursor, chosen_ids(cursor, selection, microseconds(at)))
            action = _begin(cursor, at, by, verb, detail)
            for batch in batches(chosen):
                changes = []
                for series_id, (host_id, series) in load(cursor, batch).items():
                    event = acting(at, action, series, chosen[series_id])
                    change = None if event is None else changed(series_id, host_id, series, event)
                    if event is not None and change is not None:
                        changes.append((event, change))
                cursor.executemany(
                    "INSERT INTO action_items (action_id, series_id, update_id, digest) VALUES (?, ?, ?, ?)",
                    [(action, change.series_id, *item) for event, change in changes for item in items(event)],
                )
                keep(cursor, [change for _, change in changes])
            return _did(cursor, action)


def _begin(cursor: sqlite3.Cursor, at: datetime, by: str, verb: str, detail: str) -> int:
    """Insert an action behind the last notification, and return its id."""
    action: int = cursor.execute(
        """
        INSERT INTO actions (at, by, verb, detail, count, told)
        SELECT ?, ?, ?, ?, 0, coalesce(max(id), 0)
          FROM notifications
        RETURNING id
        """,
        (microseconds(at), storable(by), verb, detail),
    ).fetchone()[0]
    return action


def _by_series(cursor: sqlite3.Cursor, chosen: str) -> dict[int, set[int]]:
    """The chosen updates of each series."""
    found: dict[int, set[int]] = defaultdict(set)
    for series_id, update_id in cursor.execute(
        "SELECT series_id, id FROM updates WHERE id IN (SELECT value FROM json_each(?)) ORDER BY series_id", (chosen,)
    ):
        found[series_id].add(update_id)
    return found


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
    return labelled(cursor, cursor.execute(f"{ACTION} WHERE id = ?", (action_id,)).fetchall())[0]


def labelled(cursor: sqlite3.Cursor, rows: list[sqlite3.Row]) -> tuple[Action, ...]:
    """The actions in rows of ACTION, with their labels."""
    # The last version of an action, which `dict` keeps, is the highest.
    labels = {
        action_id: action_label(repository, version, host)
        for action_id, repository, version, host in cursor.execute(
            """
            SELECT i.action_id, s.repository, iif(s.open > 0, u.version, NULL),
                   coalesce(nullif(h.display_name, ''), h.hostname)
              FROM action_items AS i
              JOIN series AS s ON s.id = i.series_id
              JOIN hosts AS h ON h.id = s.host_id
              LEFT JOIN updates AS u ON u.id = i.update_id
             WHERE i.action_id IN (SELECT value FROM json_each(?))
             ORDER BY u.version_key, u.id
            """,
            (json.dumps([row["id"] for row in rows if row["count"] == 1]),),
        )
    }
    return tuple(action_of(row, labels.get(row["id"], "")) for row in rows)
