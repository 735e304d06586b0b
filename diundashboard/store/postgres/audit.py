"""Who did what, and who tried."""

from __future__ import annotations

from datetime import datetime

from diundashboard.model import Actor, Entry
from diundashboard.store import audit
from diundashboard.store.audit import KEPT, row_of
from diundashboard.store.postgres.database import Cursor, Database


class Audit(audit.Audit, Database):
    def note(self, by: Actor, event: str, detail: str = "", refused: bool = False) -> None:
        with self._transaction() as cursor:
            noted(cursor, self._clock(), by, event, detail, refused)

    def audit(self, before: int | None = None, limit: int = 50) -> tuple[Entry, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                """
                SELECT id, at, by, address, event, detail, refused
                  FROM audit
                 WHERE id < %s
                 ORDER BY id DESC
                 LIMIT %s
                """,
                (2**63 - 1 if before is None else before, limit),
            ).fetchall()
        return tuple(Entry(**row._asdict()) for row in rows)


def noted(cursor: Cursor, now: datetime, by: Actor, event: str, detail: str = "", refused: bool = False) -> None:
    """Write a row of the audit, and delete the oldest of its sort if there are too many.

    Rows that another transaction deletes are left to it: nobody waits here while holding other locks.
    """
    cursor.execute(
        "INSERT INTO audit (at, by, address, event, detail, refused) VALUES (%s, %s, %s, %s, %s, %s)",
        (now, *row_of(by, event, detail), refused),
    )
    cursor.execute(
        """
        DELETE FROM audit
         WHERE id IN (
                   SELECT id
                     FROM audit
                    WHERE refused = %(refused)s
                      AND id <= (
                              SELECT id
                                FROM audit
                               WHERE refused = %(refused)s
                               ORDER BY id DESC
                               LIMIT 1 OFFSET %(most)s
                          )
                      FOR UPDATE SKIP LOCKED
               )
        """,
        {"refused": refused, "most": KEPT[refused]},
    )
