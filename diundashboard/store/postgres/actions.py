"""What a person does about updates. Only facts are stored; the series decide what follows from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from diundashboard.model import Action, Selection
from diundashboard.series import Event
from diundashboard.store import actions
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.events import (
    Acting,
    Change,
    acknowledging,
    changed,
    items,
    reopening,
    running,
    saying,
)
from diundashboard.store.names import action_label, note_text, tag_name
from diundashboard.store.postgres.bulk import array, ids
from diundashboard.store.postgres.database import Cursor, Database, firsts, one
from diundashboard.store.postgres.locks import lock_alone, lock_repositories, lock_series, lock_shared
from diundashboard.store.postgres.query import chosen_ids
from diundashboard.store.postgres.rows import ACTION, action_of
from diundashboard.store.postgres.states import Days, ahead, keep, loading, parts, unfold
from diundashboard.store.postgres.tags import assign, retag, tag_named, untag
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
        with self._editing() as cursor:
            lock_alone(cursor)
            chosen = chosen_ids(cursor, selection, at)
            names = firsts(
                cursor.execute(
                    "SELECT DISTINCT registry || '/' || repository FROM updates WHERE id = ANY(%s::bigint[])", (chosen,)
                ).fetchall()
            )
            lock_repositories(cursor, names)
            action = _begin(cursor, at, by, "untag" if name is None else "tag", name or "")
            known = cursor.execute("SELECT id FROM tags WHERE name = %s", (name,)).fetchone()
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
                 WHERE i.action_id = %s AND a.reference_key = name_key(i.reference)
                """,
                (action,),
            )
            assign(cursor, names, tag_id, "person")
            retag(cursor, names)
            return _did(cursor, action)

    def undo(self, action_id: int, by: str) -> Action:
        with self._editing() as cursor:
            row = cursor.execute(
                "SELECT verb, undone_at FROM actions WHERE id = %s FOR UPDATE", (action_id,)
            ).fetchone()
            if row is None:
                raise NotFound(f"no action has the id {action_id}")
            if row.undone_at is not None:
                raise Conflict("this was already undone")
            if row.verb in ("tag", "untag"):
                untag(cursor, action_id)
            else:
                lock_shared(cursor)
                rows = cursor.execute(
                    "SELECT DISTINCT series_id FROM action_items WHERE action_id = %s ORDER BY series_id", (action_id,)
                ).fetchall()
                series_ids = firsts(rows)
                lock_series(cursor, series_ids)
                unfold(cursor, action_id, series_ids)
            cursor.execute(
                "UPDATE actions SET undone_at = %s, undone_by = %s WHERE id = %s",
                (self._clock(), storable(by), action_id),
            )
            return _action(cursor, action_id)

    def last_action(self, by: str | None, since: datetime) -> Action | None:
        with self._snapshot() as cursor:
            rows = cursor.execute(
                f"""
                SELECT *
                  FROM ({ACTION}) AS actions
                 WHERE at >= %(since)s AND (%(by)s::text IS NULL OR by = %(by)s) AND can_undo
                 ORDER BY id DESC
                 LIMIT 1
                """,
                {"since": since, "by": None if by is None else storable(by)},
            ).fetchall()
            return next(iter(labelled(cursor, rows)), None)

    def action(self, action_id: int) -> Action:
        with self._snapshot() as cursor:
            if cursor.execute("SELECT id FROM actions WHERE id = %s", (action_id,)).fetchone() is None:
                raise NotFound(f"no action has the id {action_id}")
            return _action(cursor, action_id)

    def _act(self, verb: str, detail: str, by: str, selection: Selection, acting: Acting) -> Action:
        """Append a fact to the history of each series of a selection, and write what follows from it."""
        at = self._clock()
        with self._editing() as cursor:
            chosen = _lock_chosen(cursor, selection, at)
            action, days = _begin(cursor, at, by, verb, detail), Days()
            for stored in ahead(cursor.connection, chosen, loading):
                for part in parts(stored.items()):
                    changes = []
                    for series_id, (host_id, series) in part:
                        event = acting(at, action, series, chosen[series_id])
                        change = None if event is None else changed(series_id, host_id, series, event)
                        if event is not None and change is not None:
                            changes.append((event, change))
                    keep(cursor, [change for _, change in changes], days)
                    _insert_items(cursor, action, changes)
            done = _did(cursor, action)
            days.write(cursor)
            return done


def _lock_chosen(cursor: Cursor, selection: Selection, now: datetime) -> dict[int, set[int]]:
    """The chosen updates of each series, whose rows are locked."""
    lock_shared(cursor)
    rows = cursor.execute(
        "SELECT series_id, id FROM updates WHERE id = ANY(%s::bigint[]) ORDER BY series_id",
        (ids(chosen_ids(cursor, selection, now)),),
    ).fetchall()
    lock_series(cursor, {row.series_id for row in rows})
    if selection.query is not None:
        # Other transactions could change these rows until the locks were held.
        still = set(chosen_ids(cursor, selection, now))
        rows = [row for row in rows if row.id in still]
    found: dict[int, set[int]] = defaultdict(set)
    for series_id, update_id in rows:
        found[series_id].add(update_id)
    return found


def _begin(cursor: Cursor, at: datetime, by: str, verb: str, detail: str) -> int:
    """Insert an action behind the last notification, and return its id. The caller holds the locks of its series."""
    cursor.execute(
        """
        INSERT INTO actions (at, by, verb, detail, count, told)
        SELECT %s, %s, %s, %s, 0, coalesce(max(id), 0)
          FROM notifications
        RETURNING id
        """,
        (at, storable(by), verb, detail),
    )
    action: int = one(cursor).id
    return action


def _insert_items(cursor: Cursor, action: int, changes: Sequence[tuple[Event, Change]]) -> None:
    """Keep what an action did to series. Their rows are written already, so that checking the references is cheap."""
    rows = [(change.series_id, *item) for event, change in changes for item in items(event)]
    if rows:
        cursor.execute(
            """
            INSERT INTO action_items (action_id, series_id, update_id, digest)
            SELECT %s, *
              FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
            """,
            (action, *map(array, zip(*rows, strict=True))),
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
    """An action with its label."""
    return labelled(cursor, cursor.execute(f"{ACTION} WHERE id = %s", (action_id,)).fetchall())[0]


def labelled(cursor: Cursor, rows: Sequence[Any]) -> tuple[Action, ...]:
    """The actions in rows of ACTION, with their labels."""
    # The last version of an action, which `dict` keeps, is the highest.
    labels = {
        action_id: action_label(repository, version, host)
        for action_id, repository, version, host in cursor.execute(
            """
            SELECT i.action_id, s.repository, CASE WHEN s.open > 0 THEN u.version END,
                   coalesce(nullif(h.display_name, ''), h.hostname)
              FROM action_items AS i
              JOIN series AS s ON s.id = i.series_id
              JOIN hosts AS h ON h.id = s.host_id
              LEFT JOIN updates AS u ON u.id = i.update_id
             WHERE i.action_id = ANY(%s::bigint[])
             ORDER BY u.version_key NULLS FIRST, u.id
            """,
            ([row.id for row in rows if row.count == 1],),
        ).fetchall()
    }
    return tuple(action_of(row, labels.get(row.id, "")) for row in rows)
