"""Sessions and login attempts."""

from __future__ import annotations

from datetime import timedelta

from diundashboard.guessing import FORGOTTEN_AFTER, KEPT, wait
from diundashboard.model import NOBODY, Actor, Level, Person
from diundashboard.store import sessions
from diundashboard.store.errors import NotFound
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Database
from diundashboard.store.sessions import BROWSERS, IDLE, LONGEST, NOTED_EVERY, SESSIONS


class Sessions(sessions.Sessions, Database):
    def begin_session(self, account_id: int, key: str, proof: str = "", hint: str = "", address: str = "") -> None:
        now = self._clock()
        with self._transaction() as cursor:
            found = cursor.execute(
                "SELECT name FROM accounts WHERE id = %s AND password_hash = %s FOR SHARE", (account_id, proof)
            )
            row = found.fetchone()
            if row is None:
                raise NotFound("the account was removed, or its password changed")
            cursor.execute(
                "DELETE FROM sessions WHERE seen_at < %s OR created_at < %s",
                (now - IDLE, now - LONGEST),
            )
            cursor.execute(
                "INSERT INTO sessions (key, account_id, created_at, seen_at, hint) VALUES (%s, %s, %s, %s, %s)",
                (key, account_id, now, now, hint),
            )
            cursor.execute(
                """
                DELETE FROM sessions
                 WHERE account_id = %(account)s
                   AND key NOT IN (
                           SELECT key
                             FROM sessions
                            WHERE account_id = %(account)s
                            ORDER BY created_at DESC, key
                            LIMIT %(most)s
                       )
                """,
                {"account": account_id, "most": SESSIONS},
            )
            noted(cursor, now, Actor(row.name, address), "logged in")

    def person_of(self, key: str, used: bool) -> Person | None:
        now = self._clock()
        with self._connection() as connection:
            row = connection.execute(
                """
                SELECT a.id, a.name, a.level, a.issuer, s.seen_at
                  FROM sessions AS s
                  JOIN accounts AS a ON a.id = s.account_id
                 WHERE s.key = %s AND s.seen_at >= %s AND s.created_at >= %s
                """,
                (key, now - IDLE, now - LONGEST),
            ).fetchone()
        if row is None:
            return None
        if used and now - row.seen_at > NOTED_EVERY:
            with self._transaction() as cursor:
                cursor.execute("UPDATE sessions SET seen_at = greatest(seen_at, %s) WHERE key = %s", (now, key))
        return Person(row.name, Level(row.level), row.id, row.issuer)

    def end_session(self, key: str, address: str = "") -> str:
        with self._transaction() as cursor:
            row = cursor.execute(
                """
                DELETE FROM sessions
                 WHERE key = %s
                RETURNING hint, (SELECT name FROM accounts WHERE id = account_id) AS name
                """,
                (key,),
            ).fetchone()
            if row is None:
                return ""
            noted(cursor, self._clock(), Actor(row.name, address), "logged out")
        return str(row.hint)

    def end_sessions(self, account_id: int, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM sessions WHERE account_id = %s", (account_id,))
            noted(cursor, self._clock(), by, "logged out everywhere")

    def attempt(self, key: str) -> timedelta:
        now = self._clock()
        with self._transaction() as cursor:
            cursor.execute("LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute("DELETE FROM attempts WHERE last_at < %s", (now - FORGOTTEN_AFTER,))
            row = cursor.execute("SELECT failures, last_at FROM attempts WHERE key = %s", (key,)).fetchone()
            if row and (left := wait(row.failures, now - row.last_at)):
                return left
            cursor.execute(
                """
                INSERT INTO attempts (key, failures, last_at)
                VALUES (%s, 1, %s)
                ON CONFLICT (key) DO UPDATE
                   SET failures = attempts.failures + 1, last_at = excluded.last_at
                """,
                (key, now),
            )
            cursor.execute(
                """
                DELETE FROM attempts
                 WHERE last_at < (SELECT last_at FROM attempts ORDER BY last_at DESC LIMIT 1 OFFSET %s)
                """,
                (KEPT - 1,),
            )
        return timedelta()

    def succeeded(self, key: str) -> None:
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM attempts WHERE key = %s", (key,))

    def know_browser(self, account_id: int, key: str) -> None:
        with self._transaction() as cursor:
            if cursor.execute("SELECT 1 FROM accounts WHERE id = %s", (account_id,)).fetchone() is None:
                raise NotFound(f"no account has the id {account_id}")
            cursor.execute(
                """
                INSERT INTO browsers (key, account_id, seen_at)
                VALUES (%s, %s, %s)
                ON CONFLICT (key) DO UPDATE
                   SET account_id = excluded.account_id, seen_at = excluded.seen_at
                """,
                (key, account_id, self._clock()),
            )
            cursor.execute(
                """
                DELETE FROM browsers
                 WHERE account_id = %(account)s
                   AND key NOT IN (
                           SELECT key
                             FROM browsers
                            WHERE account_id = %(account)s
                            ORDER BY seen_at DESC, key
                            LIMIT %(most)s
                       )
                """,
                {"account": account_id, "most": BROWSERS},
            )

    def knows_browser(self, account_id: int, key: str) -> bool:
        with self._connection() as connection:
            found = connection.execute("SELECT 1 FROM browsers WHERE key = %s AND account_id = %s", (key, account_id))
            return found.fetchone() is not None
