"""Saved views of the updates page."""

from __future__ import annotations

from diundashboard.model import View
from diundashboard.store import views
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import check_views, view_name, view_query
from diundashboard.store.postgres.database import Database, firsts, one


class Views(views.Views, Database):
    def views(self) -> tuple[View, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, name, query, is_start FROM views ORDER BY lower(name), name"
            ).fetchall()
        return tuple(View(**row._asdict()) for row in rows)

    def save_view(self, name: str, query: str, replace: bool = False) -> View:
        name, query = view_name(name), view_query(query)
        with self._editing() as cursor:
            cursor.execute("LOCK TABLE views IN SHARE ROW EXCLUSIVE MODE")
            check_views(one(cursor.execute("SELECT count(*) FROM views WHERE name <> %s", (name,)))[0])
            row = cursor.execute(
                """
                INSERT INTO views (name, query)
                VALUES (%s, %s)
                ON CONFLICT (view_key) DO UPDATE
                   SET query = excluded.query
                 WHERE %s OR views.query = excluded.query
                RETURNING id, name, query, is_start
                """,
                (name, query, replace),
            ).fetchone()
            if row is None:
                raise Conflict(f"a view has the name {name!r} already")
        return View(**row._asdict())

    def delete_view(self, view_id: int) -> None:
        with self._editing() as cursor:
            if not cursor.execute("DELETE FROM views WHERE id = %s", (view_id,)).rowcount:
                raise NotFound(f"no view has the id {view_id}")

    def start_with(self, view_id: int | None) -> None:
        with self._editing() as cursor:
            # As `save_view` does, first of all: two that lock rows and then the table wait for each other.
            cursor.execute("LOCK TABLE views IN SHARE ROW EXCLUSIVE MODE")
            known = firsts(cursor.execute("SELECT id FROM views ORDER BY id").fetchall())
            if view_id is not None and view_id not in known:
                raise NotFound(f"no view has the id {view_id}")
            cursor.execute("UPDATE views SET is_start = id IS NOT DISTINCT FROM %s::bigint", (view_id,))
