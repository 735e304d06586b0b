"""Who may log in."""

from __future__ import annotations

import sqlite3

from diundashboard.model import NOBODY, Account, Actor, Level
from diundashboard.store import accounts
from diundashboard.store.accounts import SETUP_CODES
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import account_key, account_name
from diundashboard.store.sqlite.audit import noted
from diundashboard.store.sqlite.database import Database, time_of
from diundashboard.text import storable

_ACCOUNT = "id, name, level, created_at, issuer"


class Accounts(accounts.Accounts, Database):
    def accounts(self) -> tuple[Account, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(f"SELECT {_ACCOUNT} FROM accounts ORDER BY lower(name), id").fetchall()
        return tuple(map(_account_of, rows))

    def credentials(self, name: str) -> tuple[Account, str] | None:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(
                f"SELECT {_ACCOUNT}, password_hash FROM accounts WHERE issuer = '' AND subject = ?",
                (account_key(name),),
            ).fetchone()
        return (_account_of(row), row["password_hash"]) if row else None

    def add_account(self, name: str, level: Level, password_hash: str, by: Actor = NOBODY) -> Account:
        with self._transaction() as cursor:
            return self._add(cursor, name, level, password_hash, by)

    def add_first_account(self, name: str, password_hash: str, code: str | None, by: Actor = NOBODY) -> Account:
        with self._transaction() as cursor:
            if cursor.execute("SELECT 1 FROM accounts LIMIT 1").fetchone():
                raise Conflict("an account already exists")
            if code is not None and not _knows(cursor, code):
                raise NotFound("this link is no longer valid: restart the dashboard to get a new one")
            return self._add(cursor, name, Level.ADMIN, password_hash, by)

    def keep_setup_code(self, code: str) -> bool:
        with self._transaction() as cursor:
            if cursor.execute("SELECT 1 FROM accounts LIMIT 1").fetchone():
                return False
            cursor.execute("INSERT INTO setup_codes (key, created_at) VALUES (?, ?)", (code, self._now()))
            cursor.execute(
                """
                DELETE FROM setup_codes
                 WHERE key NOT IN (SELECT key FROM setup_codes ORDER BY created_at DESC, key LIMIT ?)
                """,
                (SETUP_CODES,),
            )
            return True

    def knows_setup_code(self, code: str) -> bool:
        with self._transaction("DEFERRED") as cursor:
            return _knows(cursor, code)

    def recognize(self, issuer: str, subject: str, name: str, level: Level) -> Account:
        name = account_name(name)
        with self._transaction() as cursor:
            row = cursor.execute(
                "SELECT id, level FROM accounts WHERE issuer = ? AND subject = ?", (issuer, storable(subject))
            ).fetchone()
            if row is None or row["level"] != level:
                event = "account added" if row is None else "level changed"
                noted(cursor, self._now(), Actor(issuer), event, f"{name}, {level}")
            if row and row["level"] != level:
                cursor.execute("DELETE FROM sessions WHERE account_id = ?", (row["id"],))
            return _account_of(
                cursor.execute(
                    f"""
                    INSERT INTO accounts (issuer, subject, name, level, created_at)
                    VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (issuer, subject) DO UPDATE
                       SET name = excluded.name, level = excluded.level
                    RETURNING {_ACCOUNT}
                    """,
                    (issuer, storable(subject), name, level, self._now()),
                ).fetchone()
            )

    def set_password(self, account_id: int, password_hash: str, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            row = cursor.execute(
                "UPDATE accounts SET password_hash = ? WHERE id = ? AND issuer = '' RETURNING name",
                (password_hash, account_id),
            ).fetchone()
            if row is None:
                raise NotFound(f"no account with a password has the id {account_id}")
            cursor.execute("DELETE FROM sessions WHERE account_id = ?", (account_id,))
            cursor.execute("DELETE FROM browsers WHERE account_id = ?", (account_id,))
            noted(cursor, self._now(), by, "password changed", row["name"])

    def renew_hash(self, account_id: int, old: str, new: str) -> None:
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE accounts SET password_hash = ? WHERE id = ? AND password_hash = ?", (new, account_id, old)
            )

    def set_level(self, account_id: int, level: Level, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            if level != Level.ADMIN:
                _keep_an_admin(cursor, account_id)
            found = cursor.execute("SELECT name, level FROM accounts WHERE id = ?", (account_id,)).fetchone()
            if found is None:
                raise NotFound(f"no account has the id {account_id}")
            if found["level"] != level:
                cursor.execute("UPDATE accounts SET level = ? WHERE id = ?", (level, account_id))
                cursor.execute("DELETE FROM sessions WHERE account_id = ?", (account_id,))
                noted(cursor, self._now(), by, "level changed", f"{found['name']}, {level}")

    def remove_account(self, account_id: int, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            _keep_an_admin(cursor, account_id)
            row = cursor.execute("DELETE FROM accounts WHERE id = ? RETURNING name", (account_id,)).fetchone()
            if row is None:
                raise NotFound(f"no account has the id {account_id}")
            noted(cursor, self._now(), by, "account removed", row["name"])

    def _add(self, cursor: sqlite3.Cursor, name: str, level: Level, password_hash: str, by: Actor) -> Account:
        name = account_name(name)
        row = cursor.execute(
            f"""
            INSERT INTO accounts (subject, name, level, password_hash, created_at)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (issuer, subject) DO NOTHING
            RETURNING {_ACCOUNT}
            """,
            (account_key(name), name, level, password_hash, self._now()),
        ).fetchone()
        if row is None:
            raise Conflict(f"an account named {name!r} already exists")
        cursor.execute("DELETE FROM setup_codes")
        noted(cursor, self._now(), by, "account added", f"{name}, {level}")
        return _account_of(row)


def _knows(cursor: sqlite3.Cursor, code: str) -> bool:
    return cursor.execute("SELECT 1 FROM setup_codes WHERE key = ?", (code,)).fetchone() is not None


def _keep_an_admin(cursor: sqlite3.Cursor, account_id: int) -> None:
    """Raise Conflict if this is the last admin."""
    admins = cursor.execute("SELECT id FROM accounts WHERE issuer = '' AND level = ?", (Level.ADMIN,)).fetchall()
    if [row["id"] for row in admins] == [account_id]:
        raise Conflict("this is the last admin: make another account an admin first")


def _account_of(row: sqlite3.Row) -> Account:
    return Account(row["id"], row["name"], Level(row["level"]), time_of(row["created_at"]), row["issuer"])
