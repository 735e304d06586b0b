"""Write many rows in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString

from diundashboard.store.postgres.database import Cursor


def update(
    cursor: Cursor,
    table: LiteralString,
    types: Mapping[str, str],
    rows: Sequence[tuple[int, tuple[Any, ...] | None, tuple[Any, ...]]],
) -> None:
    """Write rows of a table: each with its id, and with what its columns were and are. `types` names the columns.

    Columns that do not change in any row are left out, because reading them would take the server as long as writing
    the others. If the old values are None, which means unknown, all columns are written.
    """
    if not rows:
        return
    numbers, before, after = zip(*rows, strict=True)
    new = dict(zip(types, zip(*after, strict=True), strict=True))
    old = {} if None in before else dict(zip(types, zip(*before, strict=True), strict=True))
    changed = {name: column for name, column in new.items() if column != old.get(name)}
    if changed:
        cursor.execute(
            f"""
            UPDATE {table} AS stored
               SET {", ".join(f"{name} = new.{name}" for name in changed)}
              FROM unnest(%s::bigint[], {", ".join(f"%s::{types[name]}[]" for name in changed)})
                   AS new (id, {", ".join(changed)})
             WHERE stored.id = new.id
            """,
            [ids(numbers), *map(array, changed.values())],
        )


def ids(values: Iterable[int]) -> str:
    """The text of an array of ids. The driver would take five times as long to write it."""
    return "{" + ",".join(map(str, values)) + "}"


def array(values: Iterable[Any]) -> str:
    """The text of an array of numbers, texts or times. The driver would take five times as long to write it."""
    known: dict[Any, str] = {}
    return "{" + ",".join([known.get(value) or known.setdefault(value, _element(value)) for value in values]) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
