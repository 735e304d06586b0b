"""Who may log in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diundashboard.model import NOBODY, Account, Actor, Level
from diundashboard.store import accounts
from diundashboard.store.accounts import SETUP_CODES
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import account_key, account_name
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Cursor, Database
from diundashboard.text import storable

_ACCOUNT = "id, name, level, created_at, issuer"


class Accounts(accounts.Accounts, Database):
    def accounts(self) -> tuple[Account, ...]:
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {_ACCOUNT} FROM accounts ORDER BY lower(name), id").fetchall()
        return tuple(map(_account_of, rows))

    def credentials(self, name: str) -> tuple[Account, str] | None:
        with self._connection() as connection:
            row = connection.execute(
                f"SELECT {_ACCOUNT}, password_hash FROM accounts WHERE issuer = '' AND subject = %s",
                (account_key(name),),
            ).fetchone()
        return (_account_of(row), row.password_hash) if row else None

    def add_account(self, name: str, level: Level, password_hash: str, by: Actor = NOBODY) -> Account:
        with self._changing() as cursor:
            return self._add(cursor, name, level, password_hash, by)

    def add_first_account(self, name: str, password_hash: str, code: str | None, by: Actor = NOBODY) -> Account:
        with self._changing() as cursor:
            if cursor.execute("SELECT 1 FROM accounts LIMIT 1").fetchone():
                raise Conflict("an account already exists")
            if code is not None and not _knows(cursor, code):
                raise NotFound("this link is no longer valid: restart the dashboard to get a new one")
            return self._add(cursor, name, Level.ADMIN, password_hash, by)

    def keep_setup_code(self, code: str) -> bool:
        with self._changing() as cursor:
            if cursor.execute("SELECT 1 FROM accounts LIMIT 1").fetchone():
                return False
            cursor.execute("INSERT INTO setup_codes (key, created_at) VALUES (%s, %s)", (code, self._clock()))
            cursor.execute(
                """
                DELETE FROM setup_codes
                 WHERE key NOT IN (SELECT key FROM setup_codes ORDER BY created_at DESC, key LIMIT %s)
                """,
                (SETUP_CODES,),
            )
            return True

    def knows_setup_code(self, code: str) -> bool:
        with self._transaction() as cursor:
            return _knows(cursor, code)

    def recognize(self, issuer: str, subject: str, name: str, level: Level) -> Account:
        name = account_name(name)
        with self._changing() as cursor:
            row = cursor.execute(
                "SELECT id, level FROM accounts WHERE issuer = %s AND subject = %s", (issuer, storable(subject))
            ).fetchone()
            if row is None or row.level != level:
                event = "account added" if row is None else "level changed"
                noted(cursor, self._clock(), Actor(issuer), event, f"{name}, {level}")
            if row and row.level != level:
                cursor.execute("DELETE FROM sessions WHERE account_id = %s", (row.id,))
            return _account_of(
                cursor.execute(
                    f"""
                    INSERT INTO accounts (issuer, subject, name, level, created_at)
                    VALUES (%s, %s, %s, %s, %s)
                    ON CONFLICT (issuer, subject) DO UPDATE
                       SET name = excluded.name, level = excluded.level
                    RETURNING {_ACCOUNT}
                    """,
                    (issuer, storable(subject), name, level, self._clock()),
                ).fetchone()
            )

    def set_password(self, account_id: int, password_hash: str, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            row = cursor.execute(
                "UPDATE accounts SET password_hash = %s WHERE id = %s AND issuer = '' RETURNING name",
                (password_hash, account_id),
            ).fetchone()
            if row is None:
                raise NotFound(f"no account with a password has the id {account_id}")
            cursor.execute("DELETE FROM sessions WHERE account_id = %s", (account_id,))
            cursor.execute("DELETE FROM browsers WHERE account_id = %s", (account_id,))
            noted(cursor, self._clock(), by, "password changed", row.name)

    def renew_hash(self, account_id: int, old: str, new: str) -> None:
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE accounts SET password_hash = %s WHERE id = %s AND password_hash = %s", (new, account_id, old)
            )

    def set_level(self, account_id: int, level: Level, by: Actor = NOBODY) -> None:
        with self._changing() as cursor:
            if level != Level.ADMIN:
                _keep_an_admin(cursor, account_id)
            found = cursor.execute("SELECT name, level FROM accounts WHERE id = %s", (account_id,)).fetchone()
            if found is None:
                raise NotFound(f"no account has the id {account_id}")
            if found.level != level:
                cursor.execute("UPDATE accounts SET level = %s WHERE id = %s", (level, account_id))
                cursor.execute("DELETE FROM sessions WHERE account_id = %s", (account_id,))
                noted(cursor, self._clock(), by, "level changed", f"{found.name}, {level}")

    def remove_account(self, account_id: int, by: Actor = NOBODY) -> None:
        with self._changing() as cursor:
            _keep_an_admin(cursor, account_id)
            row = cursor.execute("DELETE FROM accounts WHERE id = %s RETURNING name", (account_id,)).fetchone()
            if row is None:
                raise NotFound(f"no account has the id {account_id}")
            noted(cursor, self._clock(), by, "account removed", row.name)

    @contextmanager
    def _changing(self) -> Iterator[Cursor]:
        """A transaction while no other one changes accounts: whether one is the first or the last is asked first."""
        with self._transaction() as cursor:
            cursor.execute("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE")
            yield cursor

    def _add(self, cursor: Cursor, name: str, level: Level, password_hash: str, by: Actor) -> Account:
        name = account_name(name)
        row = cursor.execute(
            f"""
            INSERT INTO accounts (subject, name, level, password_hash, created_at)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (issuer, subject) DO NOTHING
            RETURNING {_ACCOUNT}
            """,
            (account_key(name), name, level, password_hash, self._clock()),
        ).fetchone()
        if row is None:
            raise Conflict(f"an account named {name!r} already exists")
        cursor.execute("DELETE FROM setup_codes")
        noted(cursor, self._clock(), by, "account added", f"{name}, {level}")
        return _account_of(row)


def _knows(cursor: Cursor, code: str) -> bool:
    return cursor.execute("SELECT 1 FROM setup_codes WHERE key = %s", (code,)).fetchone() is not None


def _keep_an_admin(cursor: Cursor, account_id: int) -> None:
    """Raise Conflict if this is the last admin."""
    admins = cursor.execute("SELECT id FROM accounts WHERE issuer = '' AND level = %s", (Level.ADMIN,)).fetchall()
    if [row.id for row in admins] == [account_id]:
        raise Conflict("this is the last admin: make another account an admin first")


def _account_of(row: Any) -> Account:
    return Account(row.id, row.name, Level(row.level), row.created_at, row.issuer)
