"""Saved views of the updates page."""

from __future__ import annotations

import sqlite3

from diundashboard.model import View
from diundashboard.store import views
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import check_views, view_name, view_query
from diundashboard.store.sqlite.database import Database


class Views(views.Views, Database):
    def views(self) -> tuple[View, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute("SELECT id, name, query, is_start FROM views ORDER BY lower(name), name").fetchall()
        return tuple(map(_view_of, rows))

    def save_view(self, name: str, query: str, replace: bool = False) -> View:
        name, query = view_name(name), view_query(query)
        with self._editing() as cursor:
            check_views(cursor.execute("SELECT count(*) FROM views WHERE name <> ?", (name,)).fetchone()[0])
            row = cursor.execute(
                """
                INSERT INTO views (name, query)
                VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE
                   SET query = excluded.query
                 WHERE ? OR views.query = excluded.query
                RETURNING id, name, query, is_start
                """,
                (name, query, replace),
            ).fetchone()
            if row is None:
                raise Conflict(f"a view has the name {name!r} already")
        return _view_of(row)

    def delete_view(self, view_id: int) -> None:
        with self._editing() as cursor:
            if not cursor.execute("DELETE FROM views WHERE id = ?", (view_id,)).rowcount:
                raise NotFound(f"no view has the id {view_id}")

    def start_with(self, view_id: int | None) -> None:
        with self._editing() as cursor:
            found = cursor.execute("SELECT 1 FROM views WHERE id = ?", (view_id,)).fetchone()
            if view_id is not None and not found:
                raise NotFound(f"no view has the id {view_id}")
            cursor.execute("UPDATE views SET is_start = coalesce(id = ?, 0)", (view_id,))


def _view_of(row: sqlite3.Row) -> View:
    return View(id=row["id"], name=row["name"], query=row["query"], is_start=bool(row["is_start"]))
