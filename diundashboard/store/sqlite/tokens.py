"""What programs show instead of logging in."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from diundashboard.model import NOBODY, Actor, Level, Person, Token
from diundashboard.store import tokens
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import token_name
from diundashboard.store.sessions import NOTED_EVERY
from diundashboard.store.sqlite.audit import noted
from diundashboard.store.sqlite.database import MICROSECOND, Database, microseconds, time_of, time_or_none
from diundashboard.store.tokens import TOKENS, bearer, check_token
from diundashboard.text import storable

_COLUMNS = "id, name, level, created_by, created_at, expires_at, used_at"


class Tokens(tokens.Tokens, Database):
    def tokens(self) -> tuple[Token, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY lower(name), name").fetchall()
        return tuple(map(_token_of, rows))

    def add_token(
        self, name: str, level: Level, key: str, expires_at: datetime | None = None, by: Actor = NOBODY
    ) -> Token:
        name, now = token_name(name), self._clock()
        check_token(level, expires_at, now)
        with self._transaction() as cursor:
            if cursor.execute("SELECT count(*) FROM tokens").fetchone()[0] >= TOKENS:
                raise Conflict(f"there are {TOKENS} tokens: remove one first")
            row = cursor.execute(
                f"""
                INSERT INTO tokens (key, name, level, created_by, created_at, expires_at)
                VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (name) DO NOTHING
                RETURNING {_COLUMNS}
                """,
                (key, name, level, storable(by.name), microseconds(now), expires_at and microseconds(expires_at)),
            ).fetchone()
            if row is None:
                raise Conflict(f"a token named {name!r} already exists")
            noted(cursor, microseconds(now), by, "token added", f"{name}, {level}")
        return _token_of(row)

    def remove_token(self, token_id: int, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            row = cursor.execute("DELETE FROM tokens WHERE id = ? RETURNING name", (token_id,)).fetchone()
            if row is None:
                raise NotFound(f"no token has the id {token_id}")
            noted(cursor, self._now(), by, "token removed", row["name"])

    def bearer_of(self, key: str) -> Person | None:
        now = self._now()
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(
                "SELECT name, level, used_at FROM tokens WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)",
                (key, now),
            ).fetchone()
        if row is None:
            return None
        if row["used_at"] is None or now - row["used_at"] > NOTED_EVERY // MICROSECOND:
            with self._transaction() as cursor:
                cursor.execute("UPDATE tokens SET used_at = max(coalesce(used_at, ?1), ?1) WHERE key = ?2", (now, key))
        return bearer(row["name"], row["level"])


def _token_of(row: sqlite3.Row) -> Token:
    return Token(
        row["id"],
        row["name"],
        Level(row["level"]),
        row["created_by"],
        time_of(row["created_at"]),
        time_or_none(row["expires_at"]),
        time_or_none(row["used_at"]),
    )
